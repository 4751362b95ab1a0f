"""Record what has changed in a day of calls, in a file of its own next to the calls.

Two files cannot be replaced in one step. The changes are written first, with the time of the fetch that
detected them; the file of the calls carries the same time. If the process dies in between, the two times
differ. The next fetch drops what that fetch detected, and detects it again. Not here: what counts as a change
(`tables/changes.py`).
"""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from trackdrive_assets.days import Day
from trackdrive_assets.lake.day_file import DayFile, FetchInfo
from trackdrive_assets.lake.day_writer import WriteResult, result_of
from trackdrive_assets.lake.errors import DamagedFileError
from trackdrive_assets.lake.layout import day_key
from trackdrive_assets.lake.store import ClaimedLake
from trackdrive_assets.tables.arrow_types import INSTANT
from trackdrive_assets.tables.changes import call_changes
from trackdrive_assets.tables.columns import CALL_CHANGES
from trackdrive_assets.tables.exclusion import Exclusion

NEVER = datetime.min.replace(tzinfo=UTC)
"""The fetch time of a file that another program wrote: it is older than any other."""

_TICK = timedelta(microseconds=1)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RecordedChanges:
    """The changes of a day.

    Attributes:
        written: The file, with all changes that were ever detected.
        new_count: The number of changes that this fetch detected.
    """

    written: WriteResult
    new_count: int


def record_changes(
    lake: ClaimedLake, day: Day, before: DayFile | None, after: DayFile, exclude: Exclusion
) -> RecordedChanges:
    """Add to a day's changes what is different in its new file of calls, before that replaces the current.

    Only the holder of the lock of the day's calls may do so.

    Args:
        lake: The lake to write to.
        day: The day of the calls.
        before: The current file; None at the first fetch, which changes nothing.
        after: The new file.
        exclude: The columns that are not stored. Earlier changes of these columns are removed.

    Raises:
        LakeError: The changes cannot be written; then the calls must not be replaced either.
    """
    detected_at = after.fetch_info.updated_at if after.fetch_info else NEVER
    detected = _detect(before, after, detected_at, exclude)
    with (
        lake.stage(CALL_CHANGES.name, CALL_CHANGES.schema, day.date, fetched_at=detected_at) as writer,
        writer.locked() as current,
    ):
        # Read after `locked`, so that a file that is replaced in between is not replaced again.
        kept = _earlier_changes(lake, day, before, detected_at, exclude)
        for batch in pa.concat_tables([kept, detected]).to_batches():
            writer.write(batch)
        with writer.save(current, FetchInfo(detected_at, detected_at)):
            writer.commit()
    return RecordedChanges(writer.result, detected.num_rows)


def recorded_changes(lake: ClaimedLake, day: Day) -> RecordedChanges:
    """Return the changes that a day has already, if a fetch detects none because a later one was stored."""
    with lake.open_day(CALL_CHANGES.name, day.date) as file:
        if file:
            return RecordedChanges(result_of(file), 0)
    url = lake.storage.url(day_key(CALL_CHANGES.name, day.date))
    return RecordedChanges(WriteResult(url, 0, 0, CALL_CHANGES.schema.empty_table()), 0)


def _detect(before: DayFile | None, after: DayFile, detected_at: datetime, exclude: Exclusion) -> pa.Table:
    """Return what is different now; nothing if there is no earlier file to compare with."""
    if before is not None:
        try:
            return call_changes(
                before.column,
                after.column,
                [name for name in after.schema.names if name in before.schema.names],
                old_fetched_at=_fetch_time(before, datetime.now(UTC)),
                detected_at=detected_at,
                exclude=exclude,
            )
        except DamagedFileError as error:
            _log.warning("%s It is replaced now, without comparing.", error)
    return CALL_CHANGES.schema.empty_table()


def _fetch_time(file: DayFile, now: datetime) -> datetime:
    """Return when a file of calls was fetched. Calls that were created later are new and have not changed.

    If the clock was wrong, that time is unknown. The fetch was then not earlier than its last call.
    """
    if file.fetch_info is None:
        return NEVER
    if not file.fetch_info.is_in_future(now):
        return file.fetch_info.fetched_at
    last_call: datetime | None = pc.max(file.column("created_at")).as_py()
    return NEVER if last_call is None else last_call + _TICK


def _earlier_changes(
    lake: ClaimedLake, day: Day, before: DayFile | None, detected_at: datetime, exclude: Exclusion
) -> pa.Table:
    """Return the changes that the current file of calls has, without those whose file never followed.

    A change that a wrong clock recorded in the future gets the latest time that is possible.
    """
    try:
        with lake.open_day(CALL_CHANGES.name, day.date) as changes:
            if changes is None:
                return CALL_CHANGES.schema.empty_table()
            recorded_at = changes.fetch_info.fetched_at if changes.fetch_info else None
            stored = changes.read(CALL_CHANGES.schema)
    except DamagedFileError as error:
        damaged = lake.keep_damaged(CALL_CHANGES.name, day.date)
        _log.warning("%s The API does not have its changes, so it is kept as %s.", error, damaged)
        return CALL_CHANGES.schema.empty_table()
    kept_fields = [field for field in pc.unique(stored["field"]).to_pylist() if not exclude.excludes(field)]
    kept = stored.filter(pc.is_in(stored["field"], value_set=pa.array(kept_fields, pa.string())))
    # Only a file of calls with a fetch time shows what never followed. Another program may have written it.
    if recorded_at and before and before.fetch_info and recorded_at != before.fetch_info.updated_at:
        kept = kept.filter(pc.not_equal(kept["detected_at"], pa.scalar(recorded_at, INSTANT)))
    moments, latest = kept["detected_at"], pa.scalar(detected_at - _TICK, INSTANT)
    position = kept.schema.get_field_index("detected_at")
    known = pc.if_else(pc.greater(moments, latest), latest, moments)
    return kept.set_column(position, kept.schema.field(position), known)
