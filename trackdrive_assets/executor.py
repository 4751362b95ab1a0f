"""One process a run; one run at a time that asks the API; and what becomes of a run that was killed.

Dagster's pool holds runs back in its queue, which the daemon keeps. Runs from a shell pass no queue, and a
run whose process was killed counts as started for ever. Both are settled here with locks of the file system,
which end with their process, however that ends. They lie in the Dagster home and bind the runs of one home.
"""

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import dagster as dg

_FOLDER = "trackdrive_runs"
_ALIVE = ".alive"
_TURN = "asking"

_alive: dict[Path, int] = {}
"""The locks of this process: descriptors that nobody closes, so that they end when it does."""


@dg.executor(name="in_process", config_schema=dg.in_process_executor.config_schema.as_field())
def one_process(context: dg.InitExecutorContext) -> dg.Executor:
    """All steps in the run's own process: one for each would cost more than a small day takes to read."""
    end_killed_runs(context.instance)
    return dg.in_process_executor.executor_creation_fn(context)  # type: ignore[misc]  # it has one


@contextmanager
def turn_to_ask(instance: dg.DagsterInstance, run_id: str, log: logging.Logger) -> Iterator[None]:
    """Wait until no other run of this home asks the API. From here on the process shows that it lives."""
    folder = _folder(instance)
    folder.mkdir(parents=True, exist_ok=True)
    _show_life(folder, run_id)
    with (folder / _TURN).open("w") as turn:
        try:
            fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.info("Another run is asking the API. This one begins when that one has ended.")
            fcntl.flock(turn, fcntl.LOCK_EX)
        yield


def end_killed_runs(instance: dg.DagsterInstance) -> None:
    """Mark runs as failed whose process is gone."""
    for file in _folder(instance).glob(f"*{_ALIVE}"):
        # Locked where its process lives; gone where somebody else has just looked.
        with suppress(BlockingIOError, FileNotFoundError), file.open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            run = instance.get_run_by_id(file.stem)
            if run is not None and not run.is_finished:
                instance.report_run_failed(run, "The run's process is gone: killed, or the machine stopped.")
            file.unlink()


def _show_life(folder: Path, run_id: str) -> None:
    """Hold a lock under the run's name until this process ends. Only `end_killed_runs` removes the file."""
    file = folder / f"{run_id}{_ALIVE}"
    if file in _alive:
        return
    # Locked before it gets the name that others look for, so that nobody finds it free.
    new = folder / f"{run_id}.new"
    lock = os.open(new, os.O_CREAT | os.O_WRONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    _alive[new.rename(file)] = lock


def _folder(instance: dg.DagsterInstance) -> Path:
    return Path(instance.root_directory) / _FOLDER
