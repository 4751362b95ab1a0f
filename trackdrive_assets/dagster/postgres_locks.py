"""Advisory locks in Dagster's own Postgres, for an instance whose runs are on several machines.

Postgres releases them when the session of their process ends. A session ends too when the network or the
server fails, and then another run can take the locks. So a run whose session is lost is stopped, before
Postgres notices on its side. What the locks are for is in `locks.py`.
"""

import json
import os
import select
import signal
import threading
import time
from typing import Any

import dagster as dg
import psycopg2
from psycopg2.extensions import POLL_OK, POLL_READ

_SECONDS_BETWEEN_PINGS = 10
_SECONDS_TO_STOP = 20
"""Seconds from the signal to the end of the process."""

# At most 50 seconds from the last ping to the end of a run: 10 to the next, 20 without an answer, 20 to stop.
_CLIENT_OPTIONS: dict[str, Any] = {
    "application_name": "trackdrive_assets",
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 20_000,
}
_SECONDS_TO_CONNECT = 20

# Postgres keeps a session without an answer for at least 60 seconds, and not for two hours as by default.
_SERVER_SETTINGS = {
    "tcp_keepalives_idle": "60",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "90s",
    # A session that waits for a lock ends when its process does.
    "client_connection_check_interval": "5s",
    "idle_session_timeout": "0",
    "lock_timeout": "0",
    "statement_timeout": "0",
}

_TRY = "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))"
_ACQUIRE = "SELECT pg_advisory_lock(hashtextextended(%s, 0))"
_RELEASE = "SELECT pg_advisory_unlock(hashtextextended(%s, 0))"
# Older servers do not have all settings.
_CONFIGURE = """
    SELECT set_config(wanted.key, wanted.value, false)
    FROM json_each_text(%s) AS wanted JOIN pg_settings ON pg_settings.name = wanted.key
"""

_LIVENESS_TAG = ".dagster/trackdrive_liveness_lock"
"""The tag of a run that took its liveness lock. The UI does not show it."""

_UNFINISHED = [
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


_lost = threading.Event()
"""Whether this process has lost a session. Its other steps must not begin."""


class PostgresLocks:
    """The locks of one session, which are released together at the latest.

    Args:
        instance: The instance, whose runs have the liveness locks.
        url: The URL of its database.

    Raises:
        dg.Failure: The database cannot be reached.
    """

    def __init__(self, instance: dg.DagsterInstance, url: str) -> None:
        self._instance = instance
        self._in_use = threading.Lock()
        self._is_closed = threading.Event()
        scheme, _, rest = url.partition("://")
        try:
            # A connection that is not asynchronous waits in C, where a signal does not end it.
            self._connection = psycopg2.connect(
                f"{scheme.partition('+')[0]}://{rest}", async_=1, **_CLIENT_OPTIONS
            )
            _wait(self._connection, _SECONDS_TO_CONNECT)
        except psycopg2.Error as error:
            raise _unreachable(error) from None
        self._execute(_CONFIGURE, json.dumps(_SERVER_SETTINGS))

    @property
    def is_lost(self) -> bool:
        """Whether this process has lost a session while it was watched."""
        return _lost.is_set()

    def acquire(self, name: str) -> None:
        """Take a lock. Wait until no other session has it."""
        self._execute(_ACQUIRE, _key(name))

    def try_acquire(self, name: str) -> bool:
        """Take a lock. Return whether it was free."""
        return bool(self._execute(_TRY, _key(name)))

    def release(self, name: str) -> None:
        """Release a lock."""
        self._execute(_RELEASE, _key(name))

    def close(self) -> None:
        """End the session, and release its locks."""
        self._is_closed.set()
        self._connection.close()

    def watch(self) -> None:
        """Stop the run of this process when the session is lost."""
        threading.Thread(target=self._watch, name="session", daemon=True).start()

    def acquire_liveness(self, run_id: str) -> None:
        """Take the liveness lock of a run, and tag the run."""
        self.acquire(run_id)
        self._instance.add_run_tags(run_id, {_LIVENESS_TAG: "true"})

    def try_acquire_liveness(self, run_id: str) -> bool:
        """Take the liveness lock of a run. Return whether it was free."""
        return self.try_acquire(run_id)

    def runs_with_liveness(self) -> set[str]:
        """Return the unfinished runs that took their liveness lock, whether their processes live or not."""
        tagged = dg.RunsFilter(statuses=_UNFINISHED, tags={_LIVENESS_TAG: "true"})
        return {run.run_id for run in self._instance.get_runs(tagged)}

    def release_liveness(self, run_id: str) -> None:
        """Release the liveness lock of a run that has ended."""
        self.release(run_id)

    def _watch(self) -> None:
        while not self._is_closed.is_set():
            try:
                # A session that ends can be read at once. So can the answer to a statement of another thread.
                select.select([self._connection], [], [], _SECONDS_BETWEEN_PINGS)
                self._execute("SELECT 1")
            except (dg.Failure, psycopg2.Error, OSError, ValueError):
                break
        if not self._is_closed.is_set():
            _lost.set()
            _stop_process()

    def _execute(self, statement: str, *values: str) -> object:
        """Execute a statement, and return the first value of its first row."""
        with self._in_use:
            try:
                with self._connection.cursor() as cursor:
                    cursor.execute(statement, values)
                    _wait(self._connection)
                    row = cursor.fetchone()
            except psycopg2.Error as error:
                raise _unreachable(error) from None
        return row[0] if row else None


def _stop_process() -> None:
    """Stop this process as Ctrl-C does, and kill it if it has not ended after some seconds.

    Dagster tries for minutes to store the end of a run in a database that is gone. The lake survives a kill.
    """
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_SECONDS_TO_STOP)
    os.kill(os.getpid(), signal.SIGKILL)


def _key(name: str) -> str:
    """Return the text whose hash is the key of a lock. Others may use the same database."""
    return f"trackdrive_assets/{name}"


def _wait(connection: Any, seconds: float | None = None) -> None:
    """Wait for the answer of the server, so that a signal ends the waiting.

    Raises:
        psycopg2.OperationalError: The connection is lost, or the answer did not come in time.
    """
    end = None if seconds is None else time.monotonic() + seconds
    while (state := connection.poll()) != POLL_OK:
        left = None if end is None else max(0.0, end - time.monotonic())
        read, write = ([connection], []) if state == POLL_READ else ([], [connection])
        if not any(select.select(read, write, [], left)):
            raise psycopg2.OperationalError("it does not answer")


def _unreachable(error: psycopg2.Error) -> dg.Failure:
    """Return the failure of a run that cannot take its locks. The error has no password."""
    reason = " ".join(str(error).split()) or type(error).__name__
    return dg.Failure(
        f"Dagster's database, which has the locks of runs, cannot be reached: {reason}. Check the server and "
        "the network, and run again.",
        allow_retries=False,
    )
