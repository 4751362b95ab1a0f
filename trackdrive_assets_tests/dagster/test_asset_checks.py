"""What Dagster makes of the findings: what a check stops, when it runs, its days, and what the UI shows."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq

from trackdrive_assets.dagster.asset_checks import ASSET, BLOCKING, WARNING, recent
from trackdrive_assets.definitions import build_definitions
from trackdrive_assets.quality.checks import questions
from trackdrive_assets.settings import Settings
from trackdrive_assets.tables.columns import CALLS
from trackdrive_assets_tests.conftest import Pipeline, why

COMPARED = " or ".join(
    f"key:{key}"
    for key in ("calls", "stats/status", "reports/buyer_id", "reports/offer_id", "reports/traffic_source_id")
)

Evaluations = Mapping[str, dg.AssetCheckEvaluation]


def evaluations(result: dg.ExecuteInProcessResult) -> Evaluations:
    return {evaluation.check_name: evaluation for evaluation in result.get_asset_check_evaluations()}


def launch(
    pipeline: Pipeline,
    selection: dg.AssetSelection,
    partition: str | None = None,
    others: Sequence[dg.AssetChecksDefinition] = (),
) -> dg.ExecuteInProcessResult:
    """Run a selection, with or without a partition, and beside checks of others."""
    job = dg.define_asset_job("selected", selection)
    ours = build_definitions(pipeline.settings, resources={"trackdrive": pipeline.account})
    definitions = dg.Definitions.merge(ours, dg.Definitions(asset_checks=others, jobs=[job]))
    return definitions.resolve_job_def("selected").execute_in_process(
        instance=pipeline.instance,
        partition_key=partition,
        raise_on_error=False,
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
    )


def examples(evaluation: dg.AssetCheckEvaluation) -> list[dict[str, Any]]:
    """The rows of the table in the UI."""
    table = evaluation.metadata["examples"]
    assert isinstance(table, dg.TableMetadataValue)
    return [dict(record.data) for record in table.records]


def test_every_question_is_a_check_and_says_what_holds() -> None:
    graph = build_definitions(Settings()).resolve_asset_graph()
    described = {key.name: graph.get(key).description for key in graph.asset_check_keys}
    assert described == {name: question.description for name, question in questions().items()}
    assert described.keys() == {*BLOCKING, *WARNING}


def test_on_honest_days_everything_holds(pipeline: Pipeline) -> None:
    result = pipeline.materialize(COMPARED, "2024-11-12", "2024-11-13", checked=True)
    told = evaluations(result)
    # By this machine's clock the sandbox's yesterday is long ago.
    assert {name for name, evaluation in told.items() if not evaluation.passed} == {"yesterday_loaded"}
    assert told["uuid_unique"].description == "It holds.\nLooked at 2024-11-12, 2024-11-13."
    assert told["uuid_unique"].metadata == {"found": dg.MetadataValue.int(0)}
    assert {(name in BLOCKING, told[name].severity, told[name].blocking) for name in told} == {
        (True, dg.AssetCheckSeverity.ERROR, True),
        (False, dg.AssetCheckSeverity.WARN, False),
    }


def test_views_are_not_built_on_calls_that_are_wrong(pipeline: Pipeline) -> None:
    @dg.multi_asset_check(
        specs=[dg.AssetCheckSpec("stranger", asset=ASSET)], op_tags={"dagster/priority": "1"}
    )
    def stranger() -> dg.AssetCheckResult:
        """Writes into the lake, before the others look at it."""
        file = pipeline.lake.file("calls", date(2024, 11, 12))
        calls = pq.read_table(file, partitioning=None)
        pq.write_table(pa.concat_tables([calls, calls.slice(0, 1)]), file)
        return dg.AssetCheckResult(passed=True)

    selection = dg.AssetSelection.from_string("key:calls or key:views/*")
    result = launch(pipeline, selection, "2024-11-12", [stranger])
    assert not result.success
    assert "calls: uuid_unique" in why(result)
    assert list(pipeline.materialized("calls")) == ["2024-11-12"]
    assert not (pipeline.lake.root / "trackdrive.duckdb").exists()
    # The others have their say all the same.
    assert evaluations(result).keys() == {"stranger", *BLOCKING, *WARNING}


def test_a_warning_stops_nothing(pipeline: Pipeline) -> None:
    uuid = pipeline.sandbox.add_call(datetime(2024, 11, 12, 17, tzinfo=UTC), total_duration=-5)
    result = pipeline.materialize("key:calls or key:views/*", "2024-11-12", checked=True)
    warned = evaluations(result)["durations_not_negative"]
    assert not warned.passed
    assert [(row["date"], row["uuid"], row["total_duration"]) for row in examples(warned)] == [
        ("2024-11-12", uuid, "-5.0")
    ]
    assert warned.description == ("A duration is negative. (1 on 2024-11-12)\nLooked at 2024-11-12.")
    # Whatever else there is to do comes first.
    steps = [event.step_key for event in result.all_events if event.is_step_start]
    assert steps[-2:] == ["views", "calls_are_plausible"]


def test_a_refused_report_is_told_of_in_the_run_that_was_refused_it(pipeline: Pipeline) -> None:
    pipeline.sandbox.refused_categories["buyer_id"] = "not part of this plan"
    told = evaluations(pipeline.materialize(COMPARED, "2024-11-12", fails=True, checked=True))
    refused = told["matches_api_report_buyer_id"]
    assert not refused.passed
    assert "reports/buyer_id cannot be read: the day has no file" in str(refused.description)
    # What came in the same run is compared: the check waited for it.
    assert told["matches_api_report_offer_id"].passed
    assert told["matches_api_stats"].passed


def test_a_run_of_today_does_not_hide_what_is_wrong_with_the_days_before() -> None:
    days = [date(2024, 6, 19) + timedelta(days=n) for n in range(10)]
    settings = Settings(time_zone="America/New_York", lookback_days=3)
    # In New York it is still the 27th.
    assert recent(days, settings, datetime(2024, 6, 28, 3, tzinfo=UTC)) == days[5:]


def test_recent_days_are_looked_at_with_every_run(pipeline: Pipeline) -> None:
    now = datetime.now(ZoneInfo(pipeline.settings.time_zone))
    yesterday = (now - timedelta(days=1)).replace(hour=12)
    call = {"uuid": "call", "created_at": yesterday, "ended_at": yesterday, "total_duration": -1.0}
    with pipeline.lake.replace("calls", CALLS.schema, yesterday.date()) as writer:
        writer.write(pa.RecordBatch.from_pylist([call], schema=CALLS.schema))
    told = evaluations(pipeline.materialize("calls", "2024-11-12", checked=True))
    assert told["durations_not_negative"].metadata["days"].value == [yesterday.date().isoformat()]


def test_a_report_that_is_not_configured_is_not_checked() -> None:
    graph = build_definitions(Settings(report_categories=("offer_id",))).resolve_asset_graph()
    names = {key.name for key in graph.asset_check_keys}
    assert "matches_api_report_offer_id" in names
    assert "matches_api_report_buyer_id" not in names


def test_launched_alone_a_check_looks_at_every_day(pipeline: Pipeline) -> None:
    first = datetime(2024, 6, 19, 16, tzinfo=UTC)
    instants = [first + timedelta(days=days) for days in range(70)]
    for at in instants:
        call = {"uuid": "call", "created_at": at, "ended_at": at, "total_duration": -1.0}
        with pipeline.lake.replace("calls", CALLS.schema, at.date()) as writer:
            writer.write(pa.RecordBatch.from_pylist([call], schema=CALLS.schema))
    alone = [dg.AssetCheckKey(ASSET, name) for name in ("durations_not_negative", "ended_after_created")]
    told = evaluations(launch(pipeline, dg.AssetSelection.checks(*alone)))
    evaluation = told["durations_not_negative"]
    assert evaluation.description == (
        "A duration is negative. (70 on 2024-06-19 … 2024-08-27, 70 days)\nLooked at every day in the lake."
    )
    assert evaluation.metadata["found"].value == 70
    assert evaluation.metadata["days"].value == [at.date().isoformat() for at in instants]
    assert evaluation.metadata["by_finding"].value == {"A duration is negative.": 70}
    # Enough to see what it is.
    assert len(examples(evaluation)) == 50
    assert told["ended_after_created"].passed


def test_whatever_is_read_from_the_api_is_due_by_six_in_the_morning() -> None:
    graph = build_definitions(Settings(time_zone="America/New_York")).resolve_asset_graph()
    read = [key for key in graph.get_all_asset_keys() if key.path[0] != "views"]
    assert {graph.get(key).freshness_policy for key in read} == {
        dg.FreshnessPolicy.cron(
            deadline_cron="0 6 * * *", lower_bound_delta=timedelta(hours=6), timezone="America/New_York"
        )
    }
