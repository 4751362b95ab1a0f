"""Replace a day of calls, together with what is computed from it: its changes and its sums.

These are three files, which cannot be replaced in one step. All contain the same time of the fetch. If the
process dies between them, `changes.py` and `lake/totals.py` notice the difference.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa

from trackdrive_assets.days import Day
from trackdrive_assets.ingest.changes import NEVER, RecordedChanges, record_changes
from trackdrive_assets.lake.day_file import DayFile, FetchInfo
from trackdrive_assets.lake.day_writer import DayWriter, WriteResult
from trackdrive_assets.lake.store import ClaimedLake
from trackdrive_assets.tables.columns import CALL_TOTALS
from trackdrive_assets.tables.exclusion import Exclusion
from trackdrive_assets.tables.totals import call_totals, sum_totals


@dataclass(frozen=True)
class IngestedCalls:
    """A day of calls that was stored.

    Attributes:
        written: The file of the calls.
        changes: What has changed since the day was fetched before.
        totals: The sums of the calls. None if the calls of a later fetch were kept.
    """

    written: WriteResult
    changes: RecordedChanges
    totals: pa.Table | None


def replace_calls(
    lake: ClaimedLake,
    day: Day,
    writer: DayWriter,
    current: DayFile | None,
    exclude: Exclusion,
    *,
    fetch_info: FetchInfo | None = None,
) -> IngestedCalls:
    """Replace the calls of a day, its changes and its sums. Only the holder of the lock may do so.

    Args:
        lake: The lake to write to.
        day: The day.
        writer: The writer of the calls, which has all of them.
        current: The current file of the calls.
        exclude: The columns that are not stored.
        fetch_info: The fetch of the calls. The default is that of the writer.

    Raises:
        LakeError: A file cannot be written. The current calls are unchanged.
    """
    parts: list[pa.Table] = []
    with writer.save(current, fetch_info, on_rows=lambda calls: parts.append(call_totals(calls))) as new:
        changes = record_changes(lake, day, current, new, exclude)
        totals = sum_totals(parts, new.fetch_info.fetched_at if new.fetch_info else None)
        with _saved_totals(lake, day, totals, new) as totals_writer:
            writer.commit()
            totals_writer.commit()
    return IngestedCalls(writer.result, changes, totals)


@contextmanager
def _saved_totals(lake: ClaimedLake, day: Day, totals: pa.Table, calls: DayFile) -> Iterator[DayWriter]:
    """Save the sums of a new file of calls, and return the writer that replaces the current sums."""
    fetched_at = calls.fetch_info.updated_at if calls.fetch_info else NEVER
    with lake.stage(CALL_TOTALS.name, CALL_TOTALS.schema, day.date, fetched_at=fetched_at) as writer:
        for batch in totals.to_batches():
            writer.write(batch)
        # The lock of the calls is that of the sums too.
        with writer.save(None, FetchInfo(fetched_at, fetched_at)):
            yield writer
