"""What becomes of runs that were killed, and how runs of one home take turns."""

import fcntl
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from trackdrive_assets.dagster import locks
from trackdrive_assets.dagster.executor import in_process_executor
from trackdrive_assets.dagster.locks import fail_dead_runs


@dg.job
def nothing() -> None:
    """A job to have a run of."""


@dg.op
def look_for_dead_runs(context: dg.OpExecutionContext) -> None:
    """As another run does when it begins."""
    fail_dead_runs(context.instance)


@dg.job(executor_def=in_process_executor)
def anything() -> None:
    """A job that does not ask the API."""
    look_for_dead_runs()


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as made:
        yield made


@pytest.fixture
def run(instance: dg.DagsterInstance) -> dg.DagsterRun:
    """A run that counts as started."""
    return instance.create_run_for_job(nothing, status=dg.DagsterRunStatus.STARTED)


@pytest.fixture
def lock(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Path:
    """The file by which the run's process shows that it lives."""
    file = Path(instance.root_directory) / "trackdrive_runs" / f"{run.run_id}.alive"
    file.parent.mkdir()
    file.touch()
    return file


def status(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dg.DagsterRunStatus:
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    return found.status


def test_a_run_whose_process_is_gone_is_marked_as_failed(
    instance: dg.DagsterInstance, run: dg.DagsterRun, lock: Path
) -> None:
    fail_dead_runs(instance)
    assert status(instance, run) is dg.DagsterRunStatus.FAILURE
    assert not lock.exists()


def test_a_run_whose_process_lives_is_left_alone(
    instance: dg.DagsterInstance, run: dg.DagsterRun, lock: Path
) -> None:
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        fail_dead_runs(instance)
    assert status(instance, run) is dg.DagsterRunStatus.STARTED
    assert lock.exists()


def test_a_run_that_has_ended_well_stays_so(
    instance: dg.DagsterInstance, run: dg.DagsterRun, lock: Path
) -> None:
    instance.report_dagster_event(
        dg.DagsterEvent(dg.DagsterEventType.RUN_SUCCESS.value, job_name=run.job_name), run_id=run.run_id
    )
    fail_dead_runs(instance)
    assert status(instance, run) is dg.DagsterRunStatus.SUCCESS
    assert not lock.exists()


@pytest.mark.usefixtures("lock")
def test_a_home_without_runs_has_none_to_end(tmp_path: Path) -> None:
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    with dg.DagsterInstance.local_temp(str(fresh)) as instance:
        fail_dead_runs(instance)


@pytest.mark.parametrize(
    ("ends", "shown"),
    [
        (("2024-06-19", "2024-06-25"), "2024-06-19...2024-06-25"),
        (("2024-06-19",) * 2, "2024-06-19"),
        ((), None),
    ],
)
def test_the_list_of_runs_shows_the_days_of_a_range(
    instance: dg.DagsterInstance, ends: Sequence[str], shown: str | None
) -> None:
    names = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
    tags = dict(zip(names, ends, strict=False))
    with dg.execute_job(dg.reconstructable(anything), instance=instance, tags=tags) as result:
        run = instance.get_run_by_id(result.run_id)
    # The UI shows tags without the prefix of Dagster.
    assert run
    assert run.tags.get("days") == shown


def test_a_run_shows_that_it_lives_whatever_it_does(instance: dg.DagsterInstance) -> None:
    with dg.execute_job(dg.reconstructable(anything), instance=instance) as result:
        assert result.success
    shown = Path(instance.root_directory) / "trackdrive_runs" / f"{result.run_id}.alive"
    assert shown.exists()


@dg.job(name="nightly")
def nightly() -> None:
    """A job with the name of one of ours."""


@pytest.mark.parametrize(
    ("tags", "has_lock", "waited", "expected"),
    [
        ({".dagster/grpc_info": "x"}, False, True, dg.DagsterRunStatus.FAILURE),
        ({".dagster/grpc_info": "x"}, False, False, dg.DagsterRunStatus.STARTED),
        ({".dagster/grpc_info": "x"}, True, True, dg.DagsterRunStatus.STARTED),
        # A run in a shell has no launcher, and may have another executor.
        ({}, False, True, dg.DagsterRunStatus.STARTED),
    ],
)
def test_a_run_that_never_reached_its_executor_is_dead_after_minutes(
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    tags: dict[str, str],
    *,
    has_lock: bool,
    waited: bool,
    expected: dg.DagsterRunStatus,
) -> None:
    monkeypatch.setattr(locks, "_TIME_TO_REACH_EXECUTOR", timedelta(0) if waited else timedelta(minutes=5))
    run = instance.create_run_for_job(nightly, status=dg.DagsterRunStatus.STARTED, tags=tags)
    if has_lock:
        locks.hold_liveness_lock(instance, run.run_id)
    assert fail_dead_runs(instance) == ([run.run_id] if expected is dg.DagsterRunStatus.FAILURE else [])
    assert status(instance, run) is expected


def test_runs_of_other_projects_are_left_alone(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "_TIME_TO_REACH_EXECUTOR", timedelta(0))
    started = dg.DagsterRunStatus.STARTED
    run = instance.create_run_for_job(nothing, status=started, tags={".dagster/grpc_info": "x"})
    assert fail_dead_runs(instance) == []
    assert status(instance, run) is started
