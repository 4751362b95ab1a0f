"""File the recorded changes of calls under the days of another time zone.

The API does not have the changes, so they must survive a kill at any moment. All of them are copied into one
file, before the first file of a day is replaced. Not here: the days of calls, which are fetched again.
"""

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from trackdrive_assets.lake.store import ClaimedLake
from trackdrive_assets.tables.arrow_types import DAY
from trackdrive_assets.tables.columns import CALL_CHANGES

_COPY = "call_changes_before_zone_change.parquet"
"""The copy of all changes, in the folder of the lake. It exists until every change is filed."""


def refile_changes(lake: ClaimedLake) -> None:
    """File all changes under the days of the lake's time zone, if they are under those of another one.

    Raises:
        LakeError: A file of changes can't be read or written. A later call continues.
    """
    stored = lake.days(CALL_CHANGES.name)
    outdated = {day for day in stored if not _is_of_zone(lake, day)}
    changes = _copied_changes(lake)
    if changes is None:
        if not outdated:
            return
        changes = lake.read(CALL_CHANGES.name, CALL_CHANGES.schema, stored)
        _write_copy(lake, changes)
    zone = ZoneInfo(lake.claim.identity.time_zone)
    days = pa.array([moment.astimezone(zone).date() for moment in changes["created_at"].to_pylist()], DAY)
    # A day that is filed already can have later changes, so it is not written again.
    filed = set(stored) - outdated
    for day in sorted(outdated.union(days.to_pylist()) - filed):
        with lake.replace(CALL_CHANGES.name, CALL_CHANGES.schema, day) as writer:
            for batch in changes.filter(pc.equal(days, day)).to_batches():
                writer.write(batch)
    lake.storage.delete(_COPY)


def _is_of_zone(lake: ClaimedLake, day: date) -> bool:
    with lake.open_day(CALL_CHANGES.name, day) as file:
        identity = file.identity if file else None
    return identity is not None and identity.time_zone == lake.claim.identity.time_zone


def _copied_changes(lake: ClaimedLake) -> pa.Table | None:
    """Return the copy of all changes. None if there is none."""
    with lake.storage.open(_COPY) as copy:
        return copy and pq.read_table(copy.path, schema=CALL_CHANGES.schema)


def _write_copy(lake: ClaimedLake, changes: pa.Table) -> None:
    with lake.storage.staging(_COPY) as staging:
        new: Any = staging / _COPY
        pq.write_table(changes, new)
        lake.storage.replace(_COPY, new)
