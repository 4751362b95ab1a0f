"""File locks in the Dagster home: one run at a time uses the API, and runs of dead processes are found.

Dagster's pool delays runs in the daemon's queue. Runs from a shell do not pass that queue, and Dagster shows
a run whose process was killed as started for ever. The operating system releases these locks when their
process ends, however it ends. They apply to the runs of one Dagster home.
"""

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from trackdrive_assets.dagster.runs import WAITS_FOR_ANOTHER_RUN, is_ours

_FOLDER = "trackdrive_runs"
_LIVENESS_SUFFIX = ".alive"
_ACCOUNT_LOCK = "account"
_LAUNCHED_TAG = ".dagster/grpc_info"
_TIME_TO_REACH_EXECUTOR = timedelta(minutes=5)

_liveness_locks: dict[Path, int] = {}
"""The liveness locks of this process. Their descriptors stay open until the process ends."""


@contextmanager
def account_lock(instance: dg.DagsterInstance, log: logging.Logger) -> Iterator[None]:
    """Hold the lock of the account during the block. Waits until no other run of this home uses the API."""
    with (_folder(instance) / _ACCOUNT_LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.info(WAITS_FOR_ANOTHER_RUN)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def hold_liveness_lock(instance: dg.DagsterInstance, run_id: str) -> None:
    """Hold a lock with the run's id until this process ends. Only `fail_dead_runs` removes its file."""
    with _registry_lock(instance) as folder:
        path = folder / f"{run_id}{_LIVENESS_SUFFIX}"
        if path not in _liveness_locks:
            descriptor = os.open(path, os.O_CREAT | os.O_WRONLY)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            _liveness_locks[path] = descriptor


def fail_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """Mark the unfinished runs of dead processes as failed, and return their ids."""
    dead = []
    with _registry_lock(instance) as folder:
        for early in _runs_without_process(instance, folder, datetime.now(UTC)):
            instance.report_run_failed(early, "The run's process ended before its first step.")
            dead.append(early.run_id)
        for path in folder.glob(f"*{_LIVENESS_SUFFIX}"):
            # The lock of a living process is held, and this raises BlockingIOError.
            with suppress(BlockingIOError), path.open() as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                run = instance.get_run_by_id(path.stem)
                if run is not None and not run.is_finished:
                    instance.report_run_failed(
                        run, "The run's process is gone. It was killed, or the machine stopped."
                    )
                    dead.append(run.run_id)
                path.unlink()
    return dead


def _runs_without_process(
    instance: dg.DagsterInstance, folder: Path, now: datetime
) -> Iterator[dg.DagsterRun]:
    """Yield the runs that a launcher started some minutes ago, and that have not reached their executor.

    The executor creates the file of the lock. A run in a shell or a test has no launcher.
    """
    started = dg.RunsFilter(
        statuses=[dg.DagsterRunStatus.STARTED], updated_before=now - _TIME_TO_REACH_EXECUTOR
    )
    for run in instance.get_runs(started):
        if (
            is_ours(instance, run)
            and _LAUNCHED_TAG in run.tags
            and not (folder / f"{run.run_id}{_LIVENESS_SUFFIX}").exists()
        ):
            yield run


@contextmanager
def _registry_lock(instance: dg.DagsterInstance) -> Iterator[Path]:
    """Lock the folder of the liveness locks, because a file without its lock looks like a dead run."""
    folder = _folder(instance)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield folder
    finally:
        os.close(descriptor)


def _folder(instance: dg.DagsterInstance) -> Path:
    folder = Path(instance.root_directory) / _FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    return folder
