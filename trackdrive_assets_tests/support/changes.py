"""Changes of calls that are written by hand into a lake."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from trackdrive_assets.lake.store import ClaimedLake
from trackdrive_assets_tests.support.factories import DAY, Row, lake_at, write_day

MIDNIGHT = datetime(2024, 6, 20, tzinfo=UTC)
"""The end of `DAY` in UTC."""

SIX = MIDNIGHT + timedelta(hours=6)
"""The next morning. Changes that were detected earlier belong to `DAY`."""

A_SECOND = timedelta(seconds=1)

FIRST = MIDNIGHT - timedelta(hours=2)
LAST = MIDNIGHT + timedelta(days=31)


def a_change(uuid: str, field: str, old: str | None, new: str | None, detected_at: datetime) -> Row:
    """Return a change of a call of `DAY`."""
    return {
        "uuid": uuid,
        "created_at": datetime(2024, 6, 19, 15, 30, tzinfo=UTC),
        "field": field,
        "old_value": old,
        "new_value": new,
        "detected_at": detected_at,
    }


def fetched_twice(
    folder: Path,
    calls: Sequence[Row],
    changes: Sequence[Row] = (),
    *,
    day: date = DAY,
    first: datetime = FIRST,
    last: datetime = LAST,
) -> ClaimedLake:
    """Return a lake with a day of calls that was fetched twice, and the changes in between."""
    lake = lake_at(folder)
    for fetched_at in (first, last):
        write_day(lake, "calls", calls, day=day, fetched_at=fetched_at)
    write_day(lake, "call_changes", changes, day=day, fetched_at=last)
    return lake
