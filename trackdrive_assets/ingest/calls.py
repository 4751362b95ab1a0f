"""One day of calls: read page by page, kept inside the day, each once, and counted against the API."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from trackdrive_assets.api.client import Client
from trackdrive_assets.api.envelope import Row
from trackdrive_assets.api.query import Query
from trackdrive_assets.ingest.changes import Recorded, record_changes
from trackdrive_assets.ingest.days import Day
from trackdrive_assets.ingest.readings import until_whole
from trackdrive_assets.lake.day_file import DayFile
from trackdrive_assets.lake.store import Lake, Written
from trackdrive_assets.tables.columns import CALLS
from trackdrive_assets.tables.parse import NOTHING, Exclusion, call_batch, instant

# Whether the API counts `created_at_to` in, and what it does with fractions of a second, is not documented.
# Asking wider than the day on both sides makes it not matter.
MARGIN = timedelta(seconds=1)


@dataclass(frozen=True)
class CallsRead:
    """A day of calls that was read.

    Attributes:
        written: The file of the calls.
        changes: What had changed since the reading before.
    """

    written: Written
    changes: Recorded


def ingest_calls(client: Client, lake: Lake, day: Day, *, exclude: Exclusion = NOTHING) -> CallsRead:
    """Replace a day of calls with what the API holds now, and record what that changes.

    Raises:
        IncompleteAnswer: Even the last reading brought fewer calls than the API counts.
        MalformedRow: A value cannot be understood; it names the call and the field.
        LakeError: The file cannot be written.

    On any error the day's old file stays as it was.
    """
    return until_whole(lambda reading: _read_day(client, lake, day, exclude, reading), f"the calls of {day}")


def _read_day(client: Client, lake: Lake, day: Day, exclude: Exclusion, reading: int) -> CallsRead:
    recorded: list[Recorded] = []

    def record(before: DayFile | None, after: DayFile) -> None:
        recorded.append(record_changes(lake, day, before, after, exclude))

    outside = 0
    asked = Query(
        created_at_from=day.start - MARGIN,
        created_at_to=day.end + MARGIN,
        # The older API loses calls of one instant that a page's edge divides. Next time, edges lie elsewhere.
        per_page=max(1, client.per_page - (reading - 1)),
    )
    with lake.replace(CALLS.name, CALLS.schema, day.date, sort_by="created_at", beforehand=record) as writer:
        for number, page in enumerate(client.call_pages(asked)):
            if number == 0:
                writer.api_count = page.metadata.total_count
            rows = [row for row in page.rows if within(row, day)]
            outside += len(page.rows) - len(rows)
            writer.write(call_batch(rows, fetched_at=datetime.now(UTC), exclude=exclude))
        if writer.api_count is not None:
            writer.api_count -= outside
    return CallsRead(writer.written, recorded[0])


def within(row: Row, day: Day) -> bool:
    """Whether a call was created from the day's first instant to before its end.

    Decided before the row is typed, so that a malformed call of a neighbouring day is that day's affair. When
    a call was created that does not say so is for the typing to complain of.
    """
    try:
        created_at = instant(row.get("created_at"))
    except (TypeError, ValueError, OverflowError):
        return True
    return created_at is None or day.start <= created_at < day.end
