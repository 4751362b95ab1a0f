"""The job that deletes old runs, and what Dagster still shows of days, views and checks."""

import asyncio
import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.loader import LoadingContextForTest

from trackdrive_assets.dagster.account import DagsterAccount
from trackdrive_assets.dagster.build import build_definitions
from trackdrive_assets.dagster.history import delete_old_runs
from trackdrive_assets.dagster.history_job import (
    FEWEST_KEPT_DAYS,
    KEPT_DAYS,
    MOST_KEPT_DAYS,
    build_history_schedule,
)
from trackdrive_assets.settings import Settings
from trackdrive_assets_tests.conftest import Pipeline, why

OLD, YOUNG = "2024-11-12", "2024-11-13"
TABLES = "key:calls or key:reports/status or key:views/calls"
LOG = logging.getLogger("history")


def shown_checks(pipeline: Pipeline) -> Mapping[str, tuple[str, str | None]]:
    """Return the last result of each check, as the UI shows it."""
    keys = build_definitions(pipeline.settings).resolve_asset_graph().asset_check_keys
    storage = pipeline.instance.event_log_storage
    histories = {key: storage.get_asset_check_execution_history(key, limit=1) for key in keys}
    return {
        key.name: (records[0].status.value, getattr(records[0].evaluation, "description", None))
        for key, records in histories.items()
        if records
    }


def are_about_the_latest_days(pipeline: Pipeline) -> bool:
    """Return whether the UI shows every result, as it does for results about the latest event of an asset."""
    keys = build_definitions(pipeline.settings).resolve_asset_graph().asset_check_keys
    storage = pipeline.instance.event_log_storage
    context = LoadingContextForTest(pipeline.instance)
    records = [record for key in keys for record in storage.get_asset_check_execution_history(key, limit=1)]
    return all(asyncio.run(record.targets_latest_materialization(context)) for record in records)


def shown_days(pipeline: Pipeline) -> Mapping[str, object]:
    """Return the materialized days of the assets with their metadata."""
    return {key: pipeline.materialized(key) for key in ("calls", "call_changes", "reports/status")}


def latest(pipeline: Pipeline, key: str) -> tuple[float, str | None]:
    """Return the time and the day of the latest materialization of an asset."""
    event = pipeline.instance.get_latest_materialization_event(dg.AssetKey.from_user_string(key))
    assert event is not None
    assert event.asset_materialization is not None
    return event.timestamp, event.asset_materialization.partition


def bytes_of(folder: str) -> int:
    return sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())


@pytest.fixture
def two_runs(pipeline: Pipeline) -> tuple[Pipeline, str, datetime]:
    """A pipeline with two runs. Return the id of the young run, and a time between the two."""
    pipeline.materialize(TABLES, OLD, YOUNG, checked=True)
    between = datetime.now(UTC)
    young = pipeline.materialize("key:calls", YOUNG)
    return pipeline, young.run_id, between


def test_an_old_run_is_deleted_with_its_files_and_days_stay_materialized(
    two_runs: tuple[Pipeline, str, datetime],
) -> None:
    pipeline, young, between = two_runs
    instance = pipeline.instance
    days, checks = shown_days(pipeline), shown_checks(pipeline)
    last = {key: latest(pipeline, key) for key in ("calls", "reports/status", "views/calls")}
    size = bytes_of(instance.root_directory)

    assert delete_old_runs(instance, between, LOG) == 1

    assert [run.run_id for run in instance.get_runs()] == [young]
    assert shown_days(pipeline) == days
    assert shown_checks(pipeline) == checks != {}
    assert are_about_the_latest_days(pipeline)
    # Neither the time nor the day of an asset's latest materialization has changed.
    assert {key: latest(pipeline, key) for key in last} == last
    assert {file.stem for file in Path(instance.root_directory, "history", "runs").glob("*-*.db")} == {young}
    assert {folder.name for folder in Path(instance.root_directory, "storage").iterdir()} == {young}
    assert bytes_of(instance.root_directory) < size


def test_a_day_stays_materialized_when_all_runs_are_deleted_twice(
    two_runs: tuple[Pipeline, str, datetime],
) -> None:
    pipeline, _, _ = two_runs
    days, checks = shown_days(pipeline), shown_checks(pipeline)
    assert delete_old_runs(pipeline.instance, datetime.now(UTC), LOG) == 2
    assert delete_old_runs(pipeline.instance, datetime.now(UTC), LOG) == 0
    assert shown_days(pipeline) == days
    assert shown_checks(pipeline) == checks
    assert are_about_the_latest_days(pipeline)


def test_of_the_results_of_a_check_only_the_last_is_kept(pipeline: Pipeline) -> None:
    for _ in range(2):
        pipeline.materialize("key:calls", OLD, checked=True)
    delete_old_runs(pipeline.instance, datetime.now(UTC), LOG)
    history = pipeline.instance.event_log_storage.get_asset_check_execution_history
    assert len(history(dg.AssetCheckKey(dg.AssetKey("calls"), "uuid_unique"), limit=9)) == 1


@dg.job(name="nightly")
def nightly() -> None:
    """A job with a name of ours."""


@dg.job(name="invoices")
def invoices() -> None:
    """A job of another project in the same home."""


@pytest.mark.parametrize(
    ("job", "status"),
    [(nightly, dg.DagsterRunStatus.STARTED), (invoices, dg.DagsterRunStatus.SUCCESS)],
)
def test_a_run_that_has_not_ended_or_is_of_another_project_is_kept(
    pipeline: Pipeline, job: dg.JobDefinition, status: dg.DagsterRunStatus
) -> None:
    run = pipeline.instance.create_run_for_job(job, status=status)
    assert delete_old_runs(pipeline.instance, datetime.now(UTC) + timedelta(days=1), LOG) == 0
    assert [kept.run_id for kept in pipeline.instance.get_runs()] == [run.run_id]


def test_the_job_keeps_the_runs_of_the_last_days(pipeline: Pipeline) -> None:
    kept = pipeline.instance.create_run_for_job(nightly, status=dg.DagsterRunStatus.SUCCESS)
    result = pipeline.launch("prune_history", {"days": FEWEST_KEPT_DAYS})
    assert result.success, why(result)
    assert pipeline.instance.get_run_by_id(kept.run_id)


@pytest.mark.parametrize("days", [FEWEST_KEPT_DAYS - 1, MOST_KEPT_DAYS + 1])
def test_the_job_refuses_other_numbers_of_days(pipeline: Pipeline, days: int) -> None:
    result = pipeline.launch("prune_history", {"days": days})
    assert f"`days` is {days}, so no run was deleted. Use 7 to 36500." in why(result)


def test_the_schedule_is_weekly_and_off_until_it_is_turned_on() -> None:
    schedule = build_history_schedule(DagsterAccount(Settings(time_zone="America/New_York")))
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("5 12 * * 0", "America/New_York")
    assert f"older than {KEPT_DAYS} days" in (schedule.description or "")
    job = build_definitions(Settings()).resolve_job_def("prune_history")
    assert (job.run_config or {})["ops"] == {"delete_runs": {"config": {"days": KEPT_DAYS}}}


def test_the_assets_of_other_accounts_are_not_read(
    two_runs: tuple[Pipeline, str, datetime], monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline, _, between = two_runs
    pipeline.instance.report_runless_asset_event(dg.AssetMaterialization(dg.AssetKey(["zenith", "calls"])))
    read, last_event = set[str](), dg.DagsterInstance.get_latest_materialization_event

    def record(instance: dg.DagsterInstance, key: dg.AssetKey) -> dg.EventLogEntry | None:
        read.add(key.to_user_string())
        return last_event(instance, key)

    monkeypatch.setattr(dg.DagsterInstance, "get_latest_materialization_event", record)
    assert delete_old_runs(pipeline.instance, between, LOG) == 1
    assert "calls" in read
    assert "zenith/calls" not in read
