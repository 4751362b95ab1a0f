"""What the benchmark of accounts asks of Dagster. It is called in child processes, because Dagster is large.

Not here: the runs (`accounts.py`).
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple

LEFT = "left"
"""The name of the events without a run, which `prune_history` leaves."""


class Events(NamedTuple):
    """The number of rows of events, and the bytes of their texts."""

    rows: int
    size: int


class Tick(NamedTuple):
    """A run that is due: schedule, minute of the day, first and last day, both included, and tables."""

    schedule: str
    minute: int
    first: date
    last: date
    tables: tuple[str, ...]


def ticks(day: date, values: dict[str, Any]) -> list[Tick]:
    """Return the runs that are due on a UTC day with some settings, without `prune_history`."""
    from trackdrive_assets import Settings  # noqa: PLC0415  # imports Dagster
    from trackdrive_assets.dagster.schedules import schedule_days  # noqa: PLC0415
    from trackdrive_assets.settings import FETCHED_TABLES  # noqa: PLC0415

    settings = Settings(**values)
    due = [
        ("intraday", minute, settings.intraday_tables) for minute in range(0, 1440, settings.intraday_minutes)
    ]
    due += [("nightly", 180, FETCHED_TABLES), ("look_back", 240, ("calls", "reports"))]
    midnight = datetime.combine(day, time(), UTC)
    found = []
    for name, minute, tables in due:
        days = schedule_days(name, settings, midnight + timedelta(minutes=minute))
        found.append(Tick(name, minute, days.first, days.last, tables))
    return found


def count_events() -> dict[str, Events]:
    """Return the events of the instance by the tag `benchmark` of their run, and those without a run."""
    import dagster as dg  # noqa: PLC0415
    from dagster._core.storage.event_log import SqlEventLogStorage  # noqa: PLC0415
    from dagster._core.storage.event_log.schema import SqlEventLogStorageTable  # noqa: PLC0415
    from sqlalchemy import func, select  # noqa: PLC0415

    table = SqlEventLogStorageTable.c
    query = select(func.count(), func.sum(func.length(table.event)))
    found: dict[str, Events] = {}
    with dg.DagsterInstance.get() as instance:
        storage = instance.event_log_storage
        assert isinstance(storage, SqlEventLogStorage)  # noqa: S101  # SQLite or Postgres
        for run in instance.get_runs():
            with storage.run_connection(run.run_id) as connection:
                rows, size = connection.execute(query.where(table.run_id == run.run_id)).one()
            before = found.get(run.tags["benchmark"], Events(0, 0))
            found[run.tags["benchmark"]] = Events(before.rows + rows, before.size + int(size or 0))
        with storage.index_connection() as connection:
            rows, size = connection.execute(query.where(table.run_id == "")).one()
        found[LEFT] = Events(rows, int(size or 0))
    return found


def delete_runs(accounts: list[str]) -> int:
    """Delete all runs of some accounts as the job `prune_history` does. Return their number."""
    import logging  # noqa: PLC0415

    import dagster as dg  # noqa: PLC0415

    from trackdrive_assets.dagster.history import delete_old_runs  # noqa: PLC0415

    log = logging.getLogger(__name__)
    with dg.DagsterInstance.get() as instance:
        now = datetime.now(UTC)
        return sum(delete_old_runs(instance, now, log, account) for account in accounts)
