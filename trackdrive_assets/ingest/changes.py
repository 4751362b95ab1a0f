"""Recording what changed in a day of calls, beside the calls themselves.

There are two files and no way to replace both in one step. The changes are written first, with the instant of
the reading that found them; the calls' file carries the same instant. If the calls' file never follows,
because the process died in between, the changes it was to bring are later than the file that stands: they are
taken back by the next reading, which finds them again. What counts as a change is in `tables.changes`.
"""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from trackdrive_assets.days import Day
from trackdrive_assets.lake.day_file import DayFile
from trackdrive_assets.lake.day_writer import WriteResult
from trackdrive_assets.lake.errors import DamagedFileError
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.tables.changes import call_changes
from trackdrive_assets.tables.columns import CALL_CHANGES
from trackdrive_assets.tables.exclusion import Exclusion

_NEVER = datetime.min.replace(tzinfo=UTC)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recorded:
    """The changes of a day.

    Attributes:
        written: The file, with all that was ever seen.
        new: How many changes this reading found.
    """

    written: WriteResult
    new: int


def record_changes(
    lake: Lake, day: Day, before: DayFile | None, after: DayFile, exclude: Exclusion
) -> Recorded:
    """Add to a day's changes what is different in its new file of calls, which is about to take its place.

    Args:
        lake: Takes the changes.
        day: Of the calls.
        before: The file that stands; None at the first reading, which changes nothing.
        after: The file that is to follow.
        exclude: What is not stored, neither of these changes nor of earlier ones.

    Raises:
        LakeError: The changes cannot be written; then the calls must not be replaced either.
    """
    detected_at = _changed_at(after)
    found = _found(before, after, detected_at, exclude)
    kept = _kept(lake, day, before, exclude)
    with lake.replace(CALL_CHANGES.name, CALL_CHANGES.schema, day.date, fetched_at=detected_at) as writer:
        for batch in pa.concat_tables([kept, found]).to_batches():
            writer.write(batch)
    return Recorded(writer.result, found.num_rows)


def _read_at(file: DayFile) -> datetime:
    """When a day was read. A file that doesn't tell is older than anything."""
    return file.fetch_info.fetched_at if file.fetch_info else _NEVER


def _changed_at(file: DayFile) -> datetime:
    """Up to when its changes are recorded."""
    return file.fetch_info.updated_at if file.fetch_info else _NEVER


def _found(before: DayFile | None, after: DayFile, detected_at: datetime, exclude: Exclusion) -> pa.Table:
    """What is different now; nothing where there is nothing to compare with."""
    if before is not None:
        try:
            return call_changes(
                before.column,
                after.column,
                [name for name in after.schema.names if name in before.schema.names],
                old_fetched_at=_read_at(before),
                detected_at=detected_at,
                exclude=exclude,
            )
        except DamagedFileError as error:
            _log.warning("%s It is replaced now, without comparing.", error)
    return CALL_CHANGES.schema.empty_table()


def _kept(lake: Lake, day: Day, before: DayFile | None, exclude: Exclusion) -> pa.Table:
    """The changes that the standing file of calls shows, without those that never came to stand."""
    file = lake.file(CALL_CHANGES.name, day.date)
    if not file.exists():
        return CALL_CHANGES.schema.empty_table()
    try:
        stored = lake.read(CALL_CHANGES.name, CALL_CHANGES.schema, [day.date])
    except DamagedFileError as error:
        aside = file.replace(file.with_name(f"{file.name}.damaged"))
        _log.warning("%s Its changes cannot be had from the API again, so it is kept as %s.", error, aside)
        return CALL_CHANGES.schema.empty_table()
    hidden = [field for field in pc.unique(stored["field"]).to_pylist() if exclude.excludes(field)]
    shown = stored.filter(pc.invert(pc.is_in(stored["field"], value_set=pa.array(hidden, pa.string()))))
    if before is None or before.fetch_info is None:
        # Only the file of calls could tell; it is gone, or somebody else wrote it. Nothing is thrown away.
        return shown
    return shown.filter(
        pc.less_equal(shown["detected_at"], pa.scalar(_changed_at(before), shown["detected_at"].type))
    )
