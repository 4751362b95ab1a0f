"""One day of calls: read page by page, kept inside the day, each once, and counted against the API."""

from datetime import UTC, datetime, timedelta

from trackdrive_assets.api.client import Client
from trackdrive_assets.api.envelope import Row
from trackdrive_assets.api.query import Query
from trackdrive_assets.ingest.days import Day
from trackdrive_assets.ingest.readings import until_whole
from trackdrive_assets.lake.store import Lake, Written
from trackdrive_assets.tables.columns import CALLS
from trackdrive_assets.tables.parse import NOTHING, Exclusion, call_batch, instant

# Whether the API counts `created_at_to` in, and what it does with fractions of a second, is not documented.
# Asking wider than the day on both sides makes it not matter.
MARGIN = timedelta(seconds=1)


def ingest_calls(
    client: Client, lake: Lake, day: Day, *, exclude: Exclusion = NOTHING
) -> tuple[Written, int | None]:
    """Replace a day of calls with what the API holds now.

    Returns:
        The file, and how many calls of the day the API counts (None when it does not count).

    Raises:
        IncompleteAnswer: Even the last reading brought fewer calls than the API counts.
        MalformedRow: A value cannot be understood; it names the call and the field.
        LakeError: The file cannot be written.

    On any error the day's old file stays as it was.
    """
    return until_whole(lambda: _read_day(client, lake, day, exclude), f"the calls of {day}")


def _read_day(client: Client, lake: Lake, day: Day, exclude: Exclusion) -> tuple[Written, int | None]:
    counted: int | None = None
    outside = 0
    asked = Query(created_at_from=day.start - MARGIN, created_at_to=day.end + MARGIN)
    with lake.replace(CALLS.name, CALLS.schema, day.date, sort_by="created_at") as writer:
        for number, page in enumerate(client.call_pages(asked)):
            if number == 0:
                counted = page.metadata.total_count
            rows = [row for row in page.rows if within(row, day)]
            outside += len(page.rows) - len(rows)
            writer.write(call_batch(rows, fetched_at=datetime.now(UTC), exclude=exclude))
    return writer.written, None if counted is None else counted - outside


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
