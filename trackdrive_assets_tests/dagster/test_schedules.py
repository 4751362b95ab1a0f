"""The schedules: the days of their runs, their cost, and the ticks that start no run."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.remote_origin import InProcessCodeLocationOrigin, RemoteRepositoryOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon

from trackdrive_assets.cost import describe_days
from trackdrive_assets.dagster.account import DagsterAccount
from trackdrive_assets.dagster.build import build_definitions
from trackdrive_assets.dagster.schedules import build_schedules
from trackdrive_assets.settings import FETCHED_TABLES, Settings
from trackdrive_assets_tests.conftest import Pipeline, days_between, why
from trackdrive_assets_tests.support.processes import dagster_home

NEW_YORK = Settings(time_zone="America/New_York")
EVERY_NAME = ["intraday", "nightly", "look_back"]
FIRST, LAST = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dagster_home(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    with dagster_home(tmp_path_factory.mktemp("idle")) as made:
        yield made


@pytest.fixture
def idle(shared: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> dg.DagsterInstance:
    """An instance for all tests that run nothing."""
    monkeypatch.setenv("DAGSTER_HOME", shared.root_directory)
    return shared


def schedule(name: str, settings: Settings = NEW_YORK) -> dg.ScheduleDefinition:
    (found,) = [made for made in build_schedules(DagsterAccount(settings)) if made.name == name]
    return found


def tick(
    instance: dg.DagsterInstance, name: str, instant: str, settings: Settings = NEW_YORK
) -> Mapping[str, str] | str:
    """Return the tags of the run that a tick requests, or the reason why it requests none."""
    scheduled = datetime.fromisoformat(instant)
    with dg.build_schedule_context(instance, scheduled_execution_time=scheduled) as context:
        data = schedule(name, settings).evaluate_tick(context)
    if data.skip_message:
        return data.skip_message
    (request,) = data.run_requests or []
    return request.tags


def requested_days(
    instance: dg.DagsterInstance, name: str, instant: str, settings: Settings = NEW_YORK
) -> tuple[str, str]:
    tags = tick(instance, name, instant, settings)
    assert not isinstance(tags, str), tags
    return tags[FIRST], tags[LAST]


@pytest.mark.parametrize("name", EVERY_NAME)
def test_a_schedule_is_off_until_it_is_turned_on(name: str) -> None:
    assert schedule(name).default_status is dg.DefaultScheduleStatus.STOPPED


@pytest.mark.parametrize("name", EVERY_NAME)
def test_a_schedule_follows_the_accounts_clock(name: str) -> None:
    assert schedule(name).execution_timezone == "America/New_York"


def test_the_schedule_of_the_lists_fetches_those_of_today(idle: dg.DagsterInstance) -> None:
    settings = replace(NEW_YORK, reference_tables=("buyers", "offers"))
    description = schedule("reference", settings).description
    assert description is not None
    assert "A day costs 2 requests or more: 2 for reference lists." in description
    # Eleven in the evening in New York.
    days = requested_days(idle, "reference", "2026-11-27 04:00+00:00", settings)
    assert days == ("2026-11-26", "2026-11-26")


@pytest.mark.parametrize(("name", "cron"), [("nightly", "0 3 * * *"), ("look_back", "0 4 * * *")])
def test_finished_days_are_fetched_again_at_night(name: str, cron: str) -> None:
    assert schedule(name).cron_schedule == cron


@pytest.mark.parametrize(
    ("minutes", "cron"), [(5, "*/5 * * * *"), (15, "*/15 * * * *"), (30, "*/30 * * * *"), (60, "0 * * * *")]
)
def test_intraday_has_the_interval_of_the_setting(minutes: int, cron: str) -> None:
    assert schedule("intraday", Settings(intraday_minutes=minutes)).cron_schedule == cron


@pytest.mark.parametrize(
    ("instant", "days"),
    [
        ("2026-06-10 00:00-04:00", ("2026-06-09", "2026-06-10")),
        ("2026-06-10 05:45-04:00", ("2026-06-09", "2026-06-10")),
        ("2026-06-10 06:00-04:00", ("2026-06-10", "2026-06-10")),
        ("2026-06-10 23:45-04:00", ("2026-06-10", "2026-06-10")),
        # 23 hours: six o'clock comes after five hours.
        ("2026-03-08 09:45+00:00", ("2026-03-07", "2026-03-08")),
        ("2026-03-08 10:00+00:00", ("2026-03-08", "2026-03-08")),
        # 25 hours: six o'clock comes after seven hours.
        ("2026-11-01 10:45+00:00", ("2026-10-31", "2026-11-01")),
        ("2026-11-01 11:00+00:00", ("2026-11-01", "2026-11-01")),
        ("2026-11-02 04:45+00:00", ("2026-11-01", "2026-11-01")),
    ],
)
def test_intraday_fetches_today_and_before_six_yesterday_too(
    idle: dg.DagsterInstance, instant: str, days: tuple[str, str]
) -> None:
    assert requested_days(idle, "intraday", instant) == days


@pytest.mark.parametrize(
    ("instant", "days"),
    [
        ("2026-06-10 03:00-04:00", ("2026-06-03", "2026-06-09")),
        ("2026-03-08 07:00+00:00", ("2026-03-01", "2026-03-07")),
        ("2026-11-01 08:00+00:00", ("2026-10-25", "2026-10-31")),
        ("2026-11-02 08:00+00:00", ("2026-10-26", "2026-11-01")),
    ],
)
def test_nightly_fetches_the_last_seven_finished_days(
    idle: dg.DagsterInstance, instant: str, days: tuple[str, str]
) -> None:
    assert requested_days(idle, "nightly", instant) == days


@pytest.mark.parametrize(
    ("instant", "lookback_days", "days"),
    [
        ("2026-06-10 04:00-04:00", 30, ("2026-05-11", "2026-06-09")),
        ("2026-06-10 04:00-04:00", 1, ("2026-06-09", "2026-06-09")),
        ("2026-03-08 08:00+00:00", 3, ("2026-03-05", "2026-03-07")),
        ("2026-11-01 09:00+00:00", 3, ("2026-10-29", "2026-10-31")),
    ],
)
def test_look_back_fetches_the_days_of_the_setting(
    idle: dg.DagsterInstance, instant: str, lookback_days: int, days: tuple[str, str]
) -> None:
    settings = replace(NEW_YORK, lookback_days=lookback_days)
    assert requested_days(idle, "look_back", instant, settings) == days


def test_today_is_the_date_on_the_accounts_clock(idle: dg.DagsterInstance) -> None:
    tokyo = Settings(time_zone="Asia/Tokyo")
    assert requested_days(idle, "nightly", "2026-06-09 18:00+00:00", tokyo) == ("2026-06-03", "2026-06-09")


def test_no_day_before_the_start_date_is_fetched(idle: dg.DagsterInstance) -> None:
    settings = replace(NEW_YORK, start_date=date(2026, 6, 8))
    night, morning = "2026-06-10 03:00-04:00", "2026-06-08 05:00-04:00"
    assert requested_days(idle, "nightly", night, settings) == ("2026-06-08", "2026-06-09")
    assert requested_days(idle, "look_back", night, settings) == ("2026-06-08", "2026-06-09")
    assert requested_days(idle, "intraday", morning, settings) == ("2026-06-08", "2026-06-08")


@pytest.mark.parametrize("name", ["nightly", "look_back"])
def test_on_the_start_date_no_finished_day_is_fetched(idle: dg.DagsterInstance, name: str) -> None:
    settings = replace(NEW_YORK, start_date=date(2026, 6, 10))
    assert tick(idle, name, "2026-06-10 04:00-04:00", settings) == (
        "There is no day to fetch yet. TRACKDRIVE_START_DATE is 2026-06-10, and "
        f"{name} fetches the days up to "
        "2026-06-09 now."
    )


@pytest.mark.parametrize(
    ("status", "doing"),
    [
        (dg.DagsterRunStatus.QUEUED, "queued"),
        (dg.DagsterRunStatus.STARTING, "running"),
        (dg.DagsterRunStatus.STARTED, "running"),
        (dg.DagsterRunStatus.CANCELING, "running"),
    ],
)
def test_a_tick_starts_no_run_while_one_is_queued_or_running(
    instance: dg.DagsterInstance, status: dg.DagsterRunStatus, doing: str
) -> None:
    run = run_of("nightly", instance, status)
    assert tick(instance, "nightly", "2026-06-10 03:00-04:00") == (
        f"Run {run.run_id} of nightly is still {doing}, so no other run starts."
    )


@pytest.mark.parametrize(
    "status",
    [
        dg.DagsterRunStatus.SUCCESS,
        dg.DagsterRunStatus.FAILURE,
        dg.DagsterRunStatus.CANCELED,
        dg.DagsterRunStatus.NOT_STARTED,
    ],
)
def test_a_run_that_has_ended_or_never_began_blocks_no_tick(
    instance: dg.DagsterInstance, status: dg.DagsterRunStatus
) -> None:
    run_of("nightly", instance, status)
    assert requested_days(instance, "nightly", "2026-06-10 03:00-04:00")


def test_a_run_of_another_job_blocks_no_tick(instance: dg.DagsterInstance) -> None:
    run_of("look_back", instance, dg.DagsterRunStatus.STARTED)
    assert requested_days(instance, "nightly", "2026-06-10 03:00-04:00")


def test_a_killed_run_is_marked_as_failed_and_blocks_no_tick(instance: dg.DagsterInstance) -> None:
    killed = run_of("nightly", instance, dg.DagsterRunStatus.STARTED)
    life = Path(instance.root_directory, "trackdrive_runs", f"{killed.run_id}.alive")
    life.parent.mkdir()
    life.touch()
    assert requested_days(instance, "nightly", "2026-06-10 03:00-04:00")
    found = instance.get_run_by_id(killed.run_id)
    assert found is not None
    assert found.status is dg.DagsterRunStatus.FAILURE


def run_of(name: str, instance: dg.DagsterInstance, status: dg.DagsterRunStatus) -> dg.DagsterRun:
    @dg.job(name=name)
    def job() -> None:
        """A job of which only the name matters."""

    return made_run(job, instance, status)


def made_run(
    job: dg.JobDefinition,
    instance: dg.DagsterInstance,
    status: dg.DagsterRunStatus,
    tags: Mapping[str, str] | None = None,
) -> dg.DagsterRun:
    # Dagster queues only runs with a code location.
    location = InProcessCodeLocationOrigin(LoadableTargetOrigin(module_name="trackdrive_assets.definitions"))
    origin = RemoteRepositoryOrigin(location, "__repository__").get_job_origin(job.name)
    return instance.create_run_for_job(job, status=status, remote_job_origin=origin, tags=tags)


def test_nightly_selects_every_asset() -> None:
    definitions = build_definitions(NEW_YORK)
    assert selected(definitions, "nightly") == definitions.resolve_asset_graph().get_all_asset_keys()


@pytest.mark.parametrize("name", ["intraday", "look_back"])
def test_intraday_and_look_back_select_no_statistics(name: str) -> None:
    definitions = build_definitions(NEW_YORK)
    left_out = definitions.resolve_asset_graph().get_all_asset_keys() - selected(definitions, name)
    assert {key.path[0] for key in left_out} == {"stats"}
    assert len(left_out) == 3


def test_intraday_selects_the_tables_of_the_setting() -> None:
    definitions = build_definitions(replace(NEW_YORK, intraday_tables=("calls", "stats")))
    left_out = definitions.resolve_asset_graph().get_all_asset_keys() - selected(definitions, "intraday")
    assert {key.path[0] for key in left_out} == {"reports"}


@pytest.mark.parametrize("name", EVERY_NAME)
def test_an_asset_of_the_users_is_not_in_the_jobs(name: str) -> None:
    @dg.asset(group_name="api", partitions_def=dg.MonthlyPartitionsDefinition(start_date="2026-01-01"))
    def invoices() -> None:
        """An asset with other partitions, which cannot be in the same run."""

    merged = dg.Definitions.merge(build_definitions(NEW_YORK), dg.Definitions(assets=[invoices]))
    assert dg.AssetKey("calls") in selected(merged, name)
    assert dg.AssetKey("invoices") not in selected(merged, name)


@pytest.mark.parametrize("name", EVERY_NAME)
def test_the_jobs_contain_the_checks_of_their_assets(name: str) -> None:
    @dg.asset_check(asset="calls")
    def plausible() -> dg.AssetCheckResult:
        """A check that always passes."""
        return dg.AssetCheckResult(passed=True)

    merged = dg.Definitions.merge(build_definitions(NEW_YORK), dg.Definitions(asset_checks=[plausible]))
    assert "calls_plausible" in merged.resolve_job_def(name).graph.node_dict


def selected(definitions: dg.Definitions, name: str) -> set[dg.AssetKey]:
    return set(definitions.resolve_job_def(name).asset_layer.executable_asset_keys)


def test_a_scheduled_run_materializes_its_days_and_the_views(pipeline: Pipeline) -> None:
    settings = replace(pipeline.settings, report_categories=("buyer_id",), lookback_days=3)
    run(pipeline, "look_back", "2024-11-20 04:00-05:00", settings)
    three_days = days_between("2024-11-17", "2024-11-19")
    assert list(pipeline.materialized("calls")) == three_days
    assert list(pipeline.materialized("reports/buyer_id")) == three_days
    assert pipeline.ask("SELECT DISTINCT date::VARCHAR FROM calls ORDER BY 1") == [
        (day,) for day in three_days
    ]
    assert not pipeline.materialized("stats/status")
    assert len(pipeline.instance.get_runs()) == 1


def test_a_run_has_the_requests_of_the_description(pipeline: Pipeline) -> None:
    settings = replace(
        pipeline.settings, report_categories=("buyer_id", "status"), start_date=date(2024, 11, 18)
    )
    result = run(pipeline, "nightly", "2024-11-20 03:00-05:00", settings)
    spent: dict[str, int] = {"calls": 0, "reports": 0, "stats": 0}
    for key in {event.asset_key for event in result.get_asset_materialization_events()}:
        if key is not None and key.path[0] in spent:
            of_days = pipeline.materialized(key.to_user_string()).values()
            spent[key.path[0]] += sum(int(str(metadata["requests"])) for metadata in of_days)
    # Two days: a page each, two reports each, and 12 series of four intervals each.
    assert spent == {"calls": 2, "reports": 2 * 2, "stats": 2 * 12 * 4}
    assert describe_days(settings, FETCHED_TABLES, 2).startswith("A day costs 51 requests or more")


def run(pipeline: Pipeline, name: str, instant: str, settings: Settings) -> dg.ExecuteInProcessResult:
    """Run what a tick requests, as the daemon does."""
    tags = tick(pipeline.instance, name, instant, settings)
    assert not isinstance(tags, str), tags
    result = (
        build_definitions(settings, resources={"trackdrive": pipeline.account})
        .resolve_job_def(name)
        .execute_in_process(
            instance=pipeline.instance,
            tags=dict(tags),
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
    )
    assert result.success, why(result)
    return result


@pytest.mark.parametrize(
    ("name", "description"),
    [
        (
            "intraday",
            "Every 15 minutes: calls and reports of today, and until 06:00 of yesterday too. A day costs 17 "
            "requests or more: 1 for each 250 calls, 16 for reports. 2 days take at least 7 s at 5 requests "
            "per second.",
        ),
        (
            "nightly",
            "At 03:00: all tables of the last 7 finished days. A day costs 305 requests or more: 1 for each "
            "250 calls, 16 for reports, 288 for statistics. 7 days take at least 8 min at 5 requests per "
            "second.",
        ),
        (
            "look_back",
            "At 04:00: calls and reports of the last 30 finished days, no statistics. A day costs 17 "
            "requests or more: 1 for each 250 calls, 16 for reports. 30 days take at least 2 min at 5 "
            "requests per second.",
        ),
    ],
)
def test_a_schedule_describes_its_days_its_time_and_its_cost(name: str, description: str) -> None:
    assert schedule(name).description == description
    job = build_definitions(Settings()).resolve_job_def(name)
    assert job.description
    assert description in job.description


def test_a_scheduled_run_leaves_the_queue_before_runs_of_backfills(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A run counts until it ends, not only at its beginning.
    monkeypatch.setenv("DAGSTER_OP_CONCURRENCY_KEYS_ALLOTTED_FOR_STARTED_RUN_SECONDS", "0")
    job = build_definitions(NEW_YORK).resolve_job_def("nightly")
    queued = dg.DagsterRunStatus.QUEUED
    first, second, _ = (
        [made_run(job, instance, queued, {"dagster/backfill": name}).run_id for _ in range(2)]
        for name in ("first", "second", "third")
    )
    tags = tick(instance, "intraday", "2026-06-10 03:15-04:00")
    assert not isinstance(tags, str), tags
    scheduled = made_run(job, instance, queued, tags).run_id
    # Dagster registers a pool when it first reads the queue. Until then only the account lock holds.
    leaving_the_queue(instance)

    leaving = leaving_the_queue(instance)
    assert [run.run_id for run in leaving] == [scheduled, first[0], second[0]]
    for run in leaving:
        report(instance, run, dg.DagsterEventType.RUN_START)
    assert leaving_the_queue(instance) == []
    report(instance, leaving[1], dg.DagsterEventType.RUN_SUCCESS)
    assert [run.run_id for run in leaving_the_queue(instance)] == [first[1]]


def report(instance: dg.DagsterInstance, run: dg.DagsterRun, event: dg.DagsterEventType) -> None:
    instance.report_dagster_event(dg.DagsterEvent(event.value, job_name=run.job_name), run.run_id)


def leaving_the_queue(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """Return the runs that the daemon would start next."""
    return QueuedRunCoordinatorDaemon(interval_seconds=0)._get_runs_to_dequeue(
        instance, instance.get_concurrency_config(), fixed_iteration_time=None
    )
