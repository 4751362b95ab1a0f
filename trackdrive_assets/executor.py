"""One process a run, and how a run that was killed gives its place in the pool back.

Dagster keeps the place of a run whose process was killed until somebody ends that run by hand, and every
later run would wait for it. So a run holds a lock for as long as it reads; the lock ends with its process,
however that ends; and each run, before it begins, ends those whose lock is free.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import dagster as dg

_FOLDER = "trackdrive_runs"
_LOCK = ".lock"


@dg.executor(name="in_process", config_schema=dg.in_process_executor.config_schema.as_field())
def one_process(context: dg.InitExecutorContext) -> dg.Executor:
    """All steps in the run's own process: one for each would cost more than a small day takes to read."""
    end_killed_runs(context.instance)
    return dg.in_process_executor.executor_creation_fn(context)  # type: ignore[misc]  # it has one


@contextmanager
def held(instance: dg.DagsterInstance, run_id: str) -> Iterator[None]:
    """Show, for the length of the block, that the process of a run is alive."""
    folder = _folder(instance)
    folder.mkdir(parents=True, exist_ok=True)
    # Locked before it gets the name that others look for, so that nobody finds it free.
    file = folder / f"{run_id}.new"
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        file = file.rename(folder / f"{run_id}{_LOCK}")
        try:
            yield
        finally:
            file.unlink(missing_ok=True)


def end_killed_runs(instance: dg.DagsterInstance) -> None:
    """Mark runs as failed whose process is gone, and free their places in the pool."""
    for file in _folder(instance).glob(f"*{_LOCK}"):
        # Gone, where its run has just ended well; locked, where its process lives.
        with suppress(FileNotFoundError, BlockingIOError), file.open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            run = instance.get_run_by_id(file.stem)
            if run is not None and not run.is_finished:
                instance.report_run_failed(run, "The run's process is gone: killed, or the machine stopped.")
            instance.event_log_storage.free_concurrency_slots_for_run(file.stem)
            file.unlink()


def _folder(instance: dg.DagsterInstance) -> Path:
    return Path(instance.root_directory) / _FOLDER
