"""One process a run; one run at a time that asks the API; and what becomes of a run that was killed.

Dagster's pool holds runs back in its queue, which the daemon keeps. Runs from a shell pass no queue, and a
run whose process was killed counts as started for ever. Both are settled here with locks of the file system,
which end with their process, however that ends. They lie in the Dagster home and bind the runs of one home.
"""

import fcntl
import gc
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import dagster as dg

_FOLDER = "trackdrive_runs"
_ALIVE = ".alive"
_TURN = "asking"

_alive: dict[Path, int] = {}
"""The locks of this process: descriptors that nobody closes, so that they end when it does."""


@dg.executor(name="in_process", config_schema=dg.in_process_executor.config_schema.as_field())
def one_process(context: dg.InitExecutorContext) -> dg.Executor:
    """All steps in the run's own process: one for each would cost more than a small day takes to read."""
    fail_dead_runs(context.instance)
    return LivenessExecutor(dg.in_process_executor.executor_creation_fn(context))  # type: ignore[misc]  # it has one


class LivenessExecutor(dg.Executor):
    """An executor that shows that its process lives, from before the first step."""

    def __init__(self, steps: dg.Executor) -> None:
        self._steps = steps

    # Dagster's own types of these are private.
    def execute(self, plan_context: Any, execution_plan: Any) -> Iterator[dg.DagsterEvent]:
        """Run the steps while the liveness lock is held."""
        _hold_liveness_lock(plan_context.instance, plan_context.run_id)
        # What Dagster has loaded stays loaded, and is large. Looking through it again and again for garbage
        # takes a tenth of a run.
        gc.freeze()
        try:
            yield from self._steps.execute(plan_context, execution_plan)
        finally:
            gc.unfreeze()

    @property
    def retries(self) -> Any:
        """Return the retry mode of the steps."""
        return self._steps.retries


@contextmanager
def account_lock(instance: dg.DagsterInstance, log: logging.Logger) -> Iterator[None]:
    """Wait until no other run of this home asks the API."""
    with (_folder(instance) / _TURN).open("w") as turn:
        try:
            fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.info("Another run is asking the API. This one begins when that one has ended.")
            fcntl.flock(turn, fcntl.LOCK_EX)
        yield


def fail_dead_runs(instance: dg.DagsterInstance) -> None:
    """Mark runs as failed whose process is gone."""
    with _registry_lock(instance) as folder:
        for file in folder.glob(f"*{_ALIVE}"):
            with suppress(BlockingIOError), file.open() as lock:  # locked where its process lives
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                run = instance.get_run_by_id(file.stem)
                if run is not None and not run.is_finished:
                    instance.report_run_failed(
                        run, "The run's process is gone: killed, or the machine stopped."
                    )
                file.unlink()


def _hold_liveness_lock(instance: dg.DagsterInstance, run_id: str) -> None:
    """Hold a lock under the run's name until this process ends. Only `fail_dead_runs` removes the file."""
    with _registry_lock(instance) as folder:
        file = folder / f"{run_id}{_ALIVE}"
        if file not in _alive:
            lock = os.open(file, os.O_CREAT | os.O_WRONLY)
            fcntl.flock(lock, fcntl.LOCK_EX)
            _alive[file] = lock


@contextmanager
def _registry_lock(instance: dg.DagsterInstance) -> Iterator[Path]:
    """The folder of the locks, one process at a time: a file that is there and not yet locked looks dead."""
    folder = _folder(instance)
    look = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(look, fcntl.LOCK_EX)
        yield folder
    finally:
        os.close(look)


def _folder(instance: dg.DagsterInstance) -> Path:
    folder = Path(instance.root_directory) / _FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    return folder
