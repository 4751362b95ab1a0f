"""The locks of runs: one run of an account at a time uses the API, and runs of dead processes are found.

Dagster's pool delays runs in the daemon's queue. Runs from a shell do not pass that queue, and Dagster shows
a run whose process was killed as started for ever. These locks are released when their process ends, however
it ends. They apply to the runs of one Dagster instance: as files in its home (`file_locks.py`), or if it is
on Postgres, in its database, for all machines (`postgres_locks.py`).
"""

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Protocol

import dagster as dg

from trackdrive_assets.dagster.file_locks import FileLocks
from trackdrive_assets.dagster.runs import WAITS_FOR_ANOTHER_RUN, is_ours

_REGISTRY = "registry"
"""The lock of the liveness locks, because a run without its lock looks dead."""

_LAUNCHED_TAG = ".dagster/grpc_info"
_TIME_TO_REACH_EXECUTOR = timedelta(minutes=5)

PROCESS_GONE = "The run's process is gone. It was killed, or the machine stopped."
"""Why a run failed whose process ended before the run did."""

_LOST = (
    "The session with Dagster's database ended, and with it the lock of the account. So this run stopped. "
    "Its finished days are stored, and the next run goes on."
)

_alive: dict[str, "Locks"] = {}
"""The liveness locks of this process, by run. They are held until the process ends."""


class Locks(Protocol):
    """Locks that are taken together, and released together at the latest."""

    @property
    def is_lost(self) -> bool:
        """Whether this process has lost locks while it held them."""

    def acquire(self, name: str) -> None:
        """Take a lock. Wait until no other process has it."""

    def try_acquire(self, name: str) -> bool:
        """Take a lock. Return whether it was free."""

    def release(self, name: str) -> None:
        """Release a lock."""

    def close(self) -> None:
        """Release all locks."""

    def watch(self) -> None:
        """Stop the run of this process when the locks are lost."""

    def acquire_liveness(self, run_id: str) -> None:
        """Take the liveness lock of a run, and leave a sign of it."""

    def try_acquire_liveness(self, run_id: str) -> bool:
        """Take the liveness lock of a run. Return whether it was free."""

    def runs_with_liveness(self) -> set[str]:
        """Return the runs that took their liveness lock, except those whose end is known."""

    def release_liveness(self, run_id: str) -> None:
        """Release the liveness lock of a run that has ended, and remove the sign of it."""


class AccountLock:
    """The lock of an account. Runs that wait for it get it in turn, also while one run has many days.

    A run that waits has a second lock, `next`, until it has the account. So the run that has the account sees
    that another one waits, and cannot take the account again before it.
    """

    def __init__(self, locks: Locks, account: str | None, log: logging.Logger) -> None:
        self._locks = locks
        self._account = f"account-{account}" if account else "account"
        self._next = f"{self._account}.next"
        self._log = log

    def take(self) -> None:
        """Take the lock. Wait until no other run uses the API."""
        has_waited = False
        for name in (self._next, self._account):
            if not self._locks.try_acquire(name):
                if not has_waited:
                    self._log.info(WAITS_FOR_ANOTHER_RUN)
                has_waited = True
                self._locks.acquire(name)
        self._locks.release(self._next)

    def is_wanted(self) -> bool:
        """Return whether another run waits for the account."""
        if not self._locks.try_acquire(self._next):
            return True
        self._locks.release(self._next)
        return False

    def pass_on(self) -> None:
        """Let the run that waits use the API, and take the lock again after it."""
        self._locks.release(self._account)
        self.take()
        self._log.info("This run uses the API again.")


@contextmanager
def account_lock(
    instance: dg.DagsterInstance, log: logging.Logger, account: str | None = None
) -> Iterator[AccountLock]:
    """Hold the lock of an account during the block. Waits until no other run of the instance uses its API.

    Args:
        instance: The instance of the run.
        log: The log of the run.
        account: The host of the account; None if no account is set.

    Raises:
        dg.Failure: The lock was lost, now or in an earlier step of the run.
    """
    with closing(_open_locks(instance)) as locks:
        lock = AccountLock(locks, account, log)
        try:
            if not locks.is_lost:
                locks.watch()
                lock.take()
                yield lock
        finally:
            if locks.is_lost:
                raise dg.Failure(_LOST, allow_retries=False) from None


def hold_liveness_lock(instance: dg.DagsterInstance, run_id: str) -> None:
    """Hold the liveness lock of a run until this process ends."""
    if run_id not in _alive:
        locks = _open_locks(instance)
        locks.acquire(_REGISTRY)
        locks.acquire_liveness(run_id)
        locks.release(_REGISTRY)
        _alive[run_id] = locks


def fail_dead_runs(instance: dg.DagsterInstance, account: str | None = None) -> list[str]:
    """Mark the unfinished runs of dead processes as failed, and return their ids.

    Args:
        instance: The instance.
        account: The name of the account whose runs are expected to take a liveness lock. Of other runs, only
            those are found that took one.
    """
    dead = []
    with closing(_open_locks(instance)) as locks:
        locks.acquire(_REGISTRY)
        shown = locks.runs_with_liveness()
        for run in _late_runs(instance, account, datetime.now(UTC)):
            if run.run_id not in shown:
                instance.report_run_failed(run, "The run's process ended before its first step.")
                dead.append(run.run_id)
        for run_id in filter(locks.try_acquire_liveness, sorted(shown)):
            found = instance.get_run_by_id(run_id)
            if found is not None and not found.is_finished:
                instance.report_run_failed(found, PROCESS_GONE)
                dead.append(run_id)
            locks.release_liveness(run_id)
    return dead


def _late_runs(instance: dg.DagsterInstance, account: str | None, now: datetime) -> Iterator[dg.DagsterRun]:
    """Yield the runs that a launcher started so long ago that they have reached their executor, or died.

    The executor takes the liveness lock. A run in a shell or a test has no launcher.
    """
    started = dg.RunsFilter(
        statuses=[dg.DagsterRunStatus.STARTED], updated_before=now - _TIME_TO_REACH_EXECUTOR
    )
    for run in instance.get_runs(started):
        if is_ours(instance, run, account) and _LAUNCHED_TAG in run.tags:
            yield run


def _open_locks(instance: dg.DagsterInstance) -> Locks:
    """Return the locks of an instance, none of which is taken."""
    url = getattr(instance.run_storage, "postgres_url", None)
    if url is None:
        return FileLocks(instance)
    from trackdrive_assets.dagster.postgres_locks import PostgresLocks  # noqa: PLC0415  # imports psycopg2

    return PostgresLocks(instance, url)
