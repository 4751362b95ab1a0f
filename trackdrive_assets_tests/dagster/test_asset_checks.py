"""The asset checks: what a check stops, when it runs, which days it checks, and what the UI shows."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq

from trackdrive_assets.dagster.asset_checks import recent_days
from trackdrive_assets.dagster.build import build_definitions
from trackdrive_assets.dagster.sensors import problem_of
from trackdrive_assets.quality.catalog import checks
from trackdrive_assets.settings import Settings
from trackdrive_assets.tables.columns import CALLS
from trackdrive_assets_tests.conftest import Pipeline, why
from trackdrive_assets_tests.support.factories import file_of, folder_of

COMPARED = " or ".join(
    f"key:{key}"
    for key in ("calls", "stats/status", "reports/buyer_id", "reports/offer_id", "reports/traffic_source_id")
)

BLOCKING = {"schema_matches", "uuid_unique", "created_at_in_partition", "row_count_matches_api"}
"""The checks whose violations keep the views from being built."""

Evaluations = Mapping[str, dg.AssetCheckEvaluation]


def evaluations(result: dg.ExecuteInProcessResult) -> Evaluations:
    return {evaluation.check_name: evaluation for evaluation in result.get_asset_check_evaluations()}


def launch(
    pipeline: Pipeline,
    selection: dg.AssetSelection,
    partition: str | None = None,
    other_checks: Sequence[dg.AssetChecksDefinition] = (),
) -> dg.ExecuteInProcessResult:
    """Run a selection, with or without a partition, and with checks of another package."""
    job = dg.define_asset_job("selected", selection)
    ours = build_definitions(pipeline.settings, resources={"trackdrive": pipeline.account})
    definitions = dg.Definitions.merge(ours, dg.Definitions(asset_checks=other_checks, jobs=[job]))
    return definitions.resolve_job_def("selected").execute_in_process(
        instance=pipeline.instance,
        partition_key=partition,
        raise_on_error=False,
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
    )


def examples(evaluation: dg.AssetCheckEvaluation) -> list[dict[str, Any]]:
    """Return the rows of the table in the UI."""
    table = evaluation.metadata["examples"]
    assert isinstance(table, dg.TableMetadataValue)
    return [dict(record.data) for record in table.records]


def test_every_check_is_an_asset_check_with_its_description() -> None:
    graph = build_definitions(Settings()).resolve_asset_graph()
    described = {key.name: graph.get(key).description for key in graph.asset_check_keys}
    assert described == {name: check.description for name, check in checks().items()}
    assert {name for name, check in checks().items() if check.severity == "error"} == BLOCKING


def test_every_check_passes_on_the_sandbox(pipeline: Pipeline) -> None:
    result = pipeline.materialize(COMPARED, "2024-11-12", "2024-11-13", checked=True)
    found = evaluations(result)
    # On this machine's clock, the sandbox's yesterday is long ago.
    assert {name for name, evaluation in found.items() if not evaluation.passed} == {"yesterday_loaded"}
    assert found["uuid_unique"].description == "Passed for 2 days (2024-11-12, 2024-11-13)."
    assert found["uuid_unique"].metadata == {"violation_count": dg.MetadataValue.int(0)}
    assert {(name in BLOCKING, found[name].severity, found[name].blocking) for name in found} == {
        (True, dg.AssetCheckSeverity.ERROR, True),
        (False, dg.AssetCheckSeverity.WARN, False),
    }


def test_views_are_not_built_on_wrong_calls(pipeline: Pipeline) -> None:
    @dg.multi_asset_check(
        specs=[dg.AssetCheckSpec("writer", asset="calls")], op_tags={"dagster/priority": "1"}
    )
    def writer() -> dg.AssetCheckResult:
        """Write a duplicate into the lake before the other checks run."""
        file = file_of(pipeline.lake, "calls", date(2024, 11, 12))
        calls = pq.read_table(file, partitioning=None)
        pq.write_table(pa.concat_tables([calls, calls.slice(0, 1)]), file)
        return dg.AssetCheckResult(passed=True)

    selection = dg.AssetSelection.from_string("key:calls or key:views/*")
    result = launch(pipeline, selection, "2024-11-12", [writer])
    assert not result.success
    assert "calls: uuid_unique" in why(result)
    run = pipeline.instance.get_run_by_id(result.run_id)
    assert run
    assert "failed a check, so no views were built. The check uuid_unique failed. A call appears" in str(
        problem_of(pipeline.instance, run)
    )
    assert list(pipeline.materialized("calls")) == ["2024-11-12"]
    assert not (folder_of(pipeline.lake) / "trackdrive.duckdb").exists()
    # The other checks are evaluated all the same.
    assert evaluations(result).keys() == {"writer", *checks()}


def test_a_warning_stops_nothing(pipeline: Pipeline) -> None:
    uuid = pipeline.sandbox.add_call(datetime(2024, 11, 12, 17, tzinfo=UTC), total_duration=-5)
    result = pipeline.materialize("key:calls or key:views/*", "2024-11-12", checked=True)
    warned = evaluations(result)["durations_not_negative"]
    assert not warned.passed
    assert [(row["date"], row["uuid"], row["total_duration"]) for row in examples(warned)] == [
        ("2024-11-12", uuid, "-5.0")
    ]
    assert (
        warned.description
        == "A duration is negative. 1 row on 1 day (2024-11-12).\nChecked 1 day (2024-11-12)."
    )
    # The warnings come last.
    steps = [event.step_key for event in result.all_events if event.is_step_start]
    assert steps[-2:] == ["views", "calls_are_plausible"]


def test_a_run_of_calls_alone_warns_of_nothing(pipeline: Pipeline) -> None:
    found = evaluations(pipeline.materialize("key:calls", "2024-11-12", checked=True))
    compared = {name: found[name] for name in found if name.startswith("matches_api_")}
    assert len(compared) == 4
    for evaluation in compared.values():
        assert evaluation.passed
        assert str(evaluation.description).startswith("Nothing to compare with yet")


def test_a_refused_report_leaves_its_check_with_nothing_to_compare(pipeline: Pipeline) -> None:
    pipeline.sandbox.refused_categories["buyer_id"] = "not part of this plan"
    found = evaluations(pipeline.materialize(COMPARED, "2024-11-12", fails=True, checked=True))
    refused = found["matches_api_report_buyer_id"]
    # The run fails for the report already.
    assert refused.passed
    assert "Nothing to compare with yet" in str(refused.description)
    # The check waited for the reports of the same run.
    assert found["matches_api_report_offer_id"].passed
    assert found["matches_api_stats"].passed


def test_recent_days_begin_with_the_look_back() -> None:
    days = [date(2024, 6, 19) + timedelta(days=n) for n in range(10)]
    settings = Settings(time_zone="America/New_York", lookback_days=3)
    # In New York it is still the 27th.
    assert recent_days(days, settings, datetime(2024, 6, 28, 3, tzinfo=UTC)) == days[5:]


def test_every_run_checks_recent_days_too(pipeline: Pipeline) -> None:
    now = datetime.now(ZoneInfo(pipeline.settings.time_zone))
    yesterday = (now - timedelta(days=1)).replace(hour=12)
    call = {"uuid": "call", "created_at": yesterday, "ended_at": yesterday, "total_duration": -1.0}
    with pipeline.lake.replace("calls", CALLS.schema, yesterday.date()) as writer:
        writer.write(pa.RecordBatch.from_pylist([call], schema=CALLS.schema))
    found = evaluations(pipeline.materialize("calls", "2024-11-12", checked=True))
    assert found["durations_not_negative"].metadata["days"].value == [yesterday.date().isoformat()]


def test_a_report_that_is_not_configured_is_not_checked() -> None:
    graph = build_definitions(Settings(report_categories=("offer_id",))).resolve_asset_graph()
    names = {key.name for key in graph.asset_check_keys}
    assert "matches_api_report_offer_id" in names
    assert "matches_api_report_buyer_id" not in names


def test_a_check_that_is_launched_alone_checks_every_day(pipeline: Pipeline) -> None:
    first = datetime(2024, 6, 19, 16, tzinfo=UTC)
    instants = [first + timedelta(days=days) for days in range(70)]
    for at in instants:
        call = {"uuid": "call", "created_at": at, "ended_at": at, "total_duration": -1.0}
        with pipeline.lake.replace("calls", CALLS.schema, at.date()) as writer:
            writer.write(pa.RecordBatch.from_pylist([call], schema=CALLS.schema))
    alone = [
        dg.AssetCheckKey(dg.AssetKey("calls"), name)
        for name in ("durations_not_negative", "ended_after_created")
    ]
    found = evaluations(launch(pipeline, dg.AssetSelection.checks(*alone)))
    evaluation = found["durations_not_negative"]
    assert evaluation.description == (
        "A duration is negative. 70 rows on 70 days (2024-06-19 to 2024-08-27).\n"
        "Checked 70 days (2024-06-19 to 2024-08-27)."
    )
    assert evaluation.metadata["violation_count"].value == 70
    assert evaluation.metadata["days"].value == [at.date().isoformat() for at in instants]
    assert evaluation.metadata["violations"].value == {"negative_duration": 70}
    assert len(examples(evaluation)) == 50
    assert found["ended_after_created"].passed


def test_everything_from_the_api_is_due_at_six_in_the_morning() -> None:
    graph = build_definitions(Settings(time_zone="America/New_York")).resolve_asset_graph()
    fetched = [key for key in graph.get_all_asset_keys() if key.path[0] != "views"]
    assert {graph.get(key).freshness_policy for key in fetched} == {
        dg.FreshnessPolicy.cron(
            deadline_cron="0 6 * * *", lower_bound_delta=timedelta(hours=6), timezone="America/New_York"
        )
    }
