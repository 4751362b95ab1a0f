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
from pathlib import Path

import dagster as dg

_FOLDER = "trackdrive_runs"
_LIVENESS_SUFFIX = ".alive"
_ACCOUNT_LOCK = "account"

_liveness_locks: dict[Path, int] = {}
"""The liveness locks of this process. Their descriptors stay open until the process ends."""


@contextmanager
def account_lock(instance: dg.DagsterInstance, log: logging.Logger) -> Iterator[None]:
    """Hold the lock of the account during the block. Waits until no other run of this home uses the API."""
    with (_folder(instance) / _ACCOUNT_LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.info("Another run uses the API. This run starts when the other one has ended.")
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


def fail_dead_runs(instance: dg.DagsterInstance) -> None:
    """Mark the unfinished runs of dead processes as failed."""
    with _registry_lock(instance) as folder:
        for path in folder.glob(f"*{_LIVENESS_SUFFIX}"):
            # The lock of a living process is held, and this raises BlockingIOError.
            with suppress(BlockingIOError), path.open() as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                run = instance.get_run_by_id(path.stem)
                if run is not None and not run.is_finished:
                    instance.report_run_failed(
                        run, "The run's process is gone. It was killed, or the machine stopped."
                    )
                path.unlink()


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
