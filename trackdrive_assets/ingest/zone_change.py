"""File the recorded changes of calls under the days of another time zone.

The API does not have the changes, so they must survive a kill at any moment. All of them are copied into one
file, before the first file of a day is replaced. Not here: the days of calls, which are fetched again.
"""

from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from trackdrive_assets.lake.atomic import atomic_replace, staging_dir
from trackdrive_assets.lake.day_file import DayFile
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
    copy = lake.root / _COPY
    stored = lake.days(CALL_CHANGES.name)
    outdated = {day for day in stored if not _is_of_zone(lake, day)}
    if not outdated and not copy.exists():
        return
    if not copy.exists():
        _write_copy(lake.read(CALL_CHANGES.name, CALL_CHANGES.schema, stored), copy)
    changes = pq.read_table(copy, schema=CALL_CHANGES.schema)
    zone = ZoneInfo(lake.claim.identity.time_zone)
    days = pa.array([moment.astimezone(zone).date() for moment in changes["created_at"].to_pylist()], DAY)
    # A day that is filed already can have later changes, so it is not written again.
    filed = set(stored) - outdated
    for day in sorted(outdated.union(days.to_pylist()) - filed):
        with lake.replace(CALL_CHANGES.name, CALL_CHANGES.schema, day) as writer:
            for batch in changes.filter(pc.equal(days, day)).to_batches():
                writer.write(batch)
    copy.unlink()


def _is_of_zone(lake: ClaimedLake, day: date) -> bool:
    with DayFile(lake.file(CALL_CHANGES.name, day)) as file:
        return file.identity is not None and file.identity.time_zone == lake.claim.identity.time_zone


def _write_copy(changes: pa.Table, copy: Path) -> None:
    with staging_dir(copy) as staging:
        new: Any = staging / copy.name
        pq.write_table(changes, new)
        atomic_replace(new, copy)
