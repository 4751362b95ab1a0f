"""Ingest one day of one report: the API's totals by a category. Not here: the shapes of its rows (`api/`)."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from trackdrive_assets.api.client import Client, Report
from trackdrive_assets.api.errors import IncompleteResponse
from trackdrive_assets.days import Day
from trackdrive_assets.ingest.attempts import check_not_gone, range_of, until_complete
from trackdrive_assets.ingest.claims import claim_lake
from trackdrive_assets.ingest.doubts import Fetched, reason_to_doubt
from trackdrive_assets.ingest.fetcher import Fetcher, Progress
from trackdrive_assets.lake.day_parts import fetched_part
from trackdrive_assets.lake.day_writer import WriteResult
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.tables.columns import REPORTS
from trackdrive_assets.tables.reports import parse_report


def ingest_report(
    client: Client, lake: Lake, day: Day, category: str, *, fetcher: Fetcher | None = None
) -> WriteResult:
    """Replace a day of a report by what the API answers now.

    Totals cannot be cut to the day afterwards, so the request ends one microsecond before the day does. That
    is right whether the API includes the end or not. On any error the day's old file stays as it was, also if
    most of its calls are gone and the API does not count so.

    Args:
        client: The client of the account.
        lake: The lake to write to.
        day: The day.
        category: The category.
        fetcher: The thread of the day's requests.

    Raises:
        Rejected: The account refuses the category.
        IncompleteResponse: Even the last attempt brought fewer rows than the API counts.
        UnreadableResponse: The report has an unknown shape.
        MalformedRow: A row names no group, or a number cannot be parsed.
    """
    fetcher = fetcher or Fetcher(client)
    doubted: list[Fetched] = []
    return until_complete(
        f"the report {category} of {day}",
        lambda _: _replace_day(client, lake, day, category, fetcher=fetcher, doubted=doubted),
    )


def _replace_day(
    client: Client, lake: Lake, day: Day, category: str, *, fetcher: Fetcher, doubted: list[Fetched]
) -> WriteResult:
    """Fetch the report once, and write it unless it is in doubt. Then add it to `doubted`."""
    fetched_at = datetime.now(UTC)
    fetcher.progress = Progress(0, 1)
    with fetcher.fetch([_fetch_report(client, day, category, fetcher)]) as reports:
        (report,) = reports
    fetcher.on_response(Progress(1, 1))
    batch = parse_report(report.rows, category=category)
    if missing := groups_missing(batch, report.total_count):
        raise IncompleteResponse(
            f"The API counted {report.total_count} rows but sent {batch.num_rows}: {missing} are missing. "
            f"Asking again usually brings them."
        )
    groups = Fetched(
        batch.num_rows, report.total_count, hash(frozenset(batch.column("group_value").to_pylist()))
    )
    if doubt := reason_to_doubt(groups, doubted, stored=0, is_finished=day.end <= fetched_at):
        doubted.append(groups)
        raise IncompleteResponse(doubt)
    check_not_gone(
        client, lake, day, REPORTS, batch, counts="calls", fetcher=fetcher, doubted=doubted, part=category
    )
    fetcher.finish()
    # A count below the number of groups is that of a page, or has a limit.
    part = fetched_part(batch, fetched_at, None if groups.has_surplus else report.total_count)
    lake = claim_lake(client, lake, day)
    return lake.replace_parts(REPORTS.name, REPORTS.schema, day.date, {category: part})[category]


def _fetch_report(client: Client, day: Day, category: str, fetcher: Fetcher) -> Iterator[Report]:
    """Fetch the report of a day."""
    yield client.reports(category, range_of(client, day), group=fetcher.group)


def groups_missing(batch: pa.RecordBatch, total_count: int | None) -> int:
    """Return how many groups are missing that the API counts.

    Whether a report counts its groups or their calls is not documented. So nothing is missing if the count is
    the number of calls, or may be.
    """
    calls = pc.sum(batch.column("calls")).as_py()
    if total_count is None or total_count == calls or (calls is None and batch.num_rows):
        return 0
    return max(0, total_count - int(batch.num_rows))
