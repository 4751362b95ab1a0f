"""Dagster's event log in SQLite files, with connections that stay open between two events.

For each event, Dagster makes an engine and a connection, waits for the disk, and closes the connection, so
that SQLite deletes its write-ahead log. That takes most of the time of a year of small days. The files are
the same with either class, so `dagster.yaml` can go back to Dagster's own at any time.
"""

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationPlanned
from dagster._core.storage.event_log import SqliteEventLogStorage
from sqlalchemy import Connection, Engine, StaticPool, create_engine

MAX_OPEN = 4
"""The number of files that stay open: the index of all runs, and the runs that were used last."""

_FOLDER = Path("history", "runs")
_SECONDS_TO_WAIT_FOR_LOCK = 30


class PooledSqliteEventLogStorage(SqliteEventLogStorage):
    """The event log in the folder of the Dagster instance, where Dagster's own class has it."""

    def __init__(self, inst_data: Any = None) -> None:
        self._engines: dict[str, Engine] = {}
        self._engines_lock = threading.Lock()
        self._asset_columns: set[str] = set()
        # Dagster reads it before it registers the instance.
        self._inst_data = inst_data

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Return the configuration in `dagster.yaml`: none. The instance has the folder."""
        return {}

    @classmethod
    def from_config_value(
        cls,
        inst_data: Any,
        config_value: Any,  # noqa: ARG003  it is empty
    ) -> "PooledSqliteEventLogStorage":
        """Return the event log. Its files are opened when the instance is registered."""
        return cls(inst_data)

    def register_instance(self, instance: dg.DagsterInstance) -> None:
        """Open the event log of an instance: of a Dagster home, or of a temporary folder without one."""
        super().__init__(str(Path(instance.root_directory, _FOLDER)), self._inst_data)
        super().register_instance(instance)

    def store_event(self, event: Any) -> None:
        """Store an event. The UI watches the file of the run, but SQLite writes to another one beside it."""
        super().store_event(event)
        os.utime(self.path_for_shard(event.run_id))

    def store_asset_check_event(self, event: dg.EventLogEntry, event_id: int | None) -> None:
        """Store that a check is planned or what it found: once, because a result covers all days of a run.

        Dagster plans a check for each day, and the result is for none of them. So each day of a year would
        have 15 rows that stay planned.
        """
        found = event.get_dagster_event()
        planned = found.event_specific_data
        if isinstance(planned, AssetCheckEvaluationPlanned):
            once = AssetCheckEvaluationPlanned(asset_key=planned.asset_key, check_name=planned.check_name)
            event = event._replace(dagster_event=found._replace(event_specific_data=once))
        super().store_asset_check_event(event, event_id)

    def dispose(self) -> None:
        """Close the files."""
        super().dispose()
        with self._engines_lock:
            while self._engines:
                self._engines.popitem()[1].dispose()

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._engines_lock, self._engine(shard).begin() as connection:
            yield connection

    def _has_asset_key_col_on_connection(self, conn: Connection, column_name: str) -> bool:
        """Return whether the table of assets has a column. Dagster looks it up for each event of an asset."""
        if column_name not in self._asset_columns:
            if not super()._has_asset_key_col_on_connection(conn, column_name):
                return False
            self._asset_columns.add(column_name)
        return True

    def _engine(self, shard: str) -> Engine:
        """Return the engine of a file. Dagster creates the file and its tables."""
        engine = self._engines.pop(shard, None)
        if engine and not Path(self.path_for_shard(shard)).exists():
            # The run was deleted. Nothing would find what is written to a deleted file.
            engine.dispose()
            self._initialized_dbs.discard(shard)
            engine = None
        if engine is None:
            with super()._connect(shard):
                pass
            connect = partial(_connect_to, self.path_for_shard(shard))
            engine = create_engine("sqlite://", creator=connect, poolclass=StaticPool)
        self._engines[shard] = engine
        if len(self._engines) > MAX_OPEN:
            self._engines.pop(next(iter(self._engines))).dispose()
        return engine


def _connect_to(path: str) -> sqlite3.Connection:
    """Connect to a file. One thread at a time uses the connection."""
    connection = sqlite3.connect(path, timeout=_SECONDS_TO_WAIT_FOR_LOCK, check_same_thread=False)
    # With a write-ahead log, only a machine that loses its power can lose the last events.
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection
