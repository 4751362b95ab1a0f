"""The executor: all steps of a run in one process, which holds a liveness lock."""

import signal
import threading
from collections.abc import Iterator
from typing import Any

import dagster as dg

from trackdrive_assets.dagster.garbage import frozen_objects
from trackdrive_assets.dagster.locks import fail_dead_runs, hold_liveness_lock
from trackdrive_assets.dagster.runs import shown_days


@dg.executor(name="in_process", config_schema=dg.in_process_executor.config_schema.as_field())
def in_process_executor(context: dg.InitExecutorContext) -> dg.Executor:
    """Run all steps in the run's process. A process for each step takes longer than fetching a small day."""
    fail_dead_runs(context.instance)
    steps = dg.in_process_executor.executor_creation_fn(context)  # type: ignore[misc]  # it has one
    return LivenessExecutor(steps)


class LivenessExecutor(dg.Executor):
    """An executor that holds the liveness lock of its run from before the first step.

    It also tags the run with its days, because a backfill does not.
    """

    def __init__(self, steps: dg.Executor) -> None:
        self._steps = steps

    # Dagster's own types of these arguments are private.
    def execute(self, plan_context: Any, execution_plan: Any) -> Iterator[dg.DagsterEvent]:
        """Run the steps."""
        instance, run = plan_context.instance, plan_context.dagster_run
        hold_liveness_lock(instance, run.run_id)
        instance.add_run_tags(run.run_id, shown_days(run.tags))
        _end_by_hangup()
        with frozen_objects():
            yield from self._steps.execute(plan_context, execution_plan)

    @property
    def retries(self) -> Any:
        """The retry mode of the steps."""
        return self._steps.retries


def _end_by_hangup() -> None:
    """Let SIGHUP end the run as Ctrl-C does. Dagster has no handler for the end of a terminal."""
    is_main = threading.current_thread() is threading.main_thread()
    if is_main and signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGINT))
