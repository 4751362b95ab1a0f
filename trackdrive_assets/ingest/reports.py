"""Ingest one day of reports: the API's totals by category. Not here: the shapes of their rows (`api/`)."""

from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from trackdrive_assets import clock
from trackdrive_assets.api.client import Client
from trackdrive_assets.api.errors import IncompleteResponse
from trackdrive_assets.api.usage import RequestGroup
from trackdrive_assets.days import Day
from trackdrive_assets.ingest.attempts import check_not_gone, range_of, until_complete
from trackdrive_assets.ingest.doubts import Fetched, reason_to_doubt
from trackdrive_assets.ingest.fetcher import Fetcher, Progress
from trackdrive_assets.ingest.parts import FetchedParts, IngestedPart
from trackdrive_assets.lake.day_parts import Part, fetched_part
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.tables.columns import REPORTS
from trackdrive_assets.tables.reports import parse_report


def ingest_reports(
    client: Client, lake: Lake, day: Day, categories: Sequence[str], *, fetcher: Fetcher | None = None
) -> Mapping[str, IngestedPart]:
    """Replace reports of a day by what the API answers now.

    Totals cannot be cut to the day afterwards, so the requests end one microsecond before the day does. That
    is right whether the API includes the end or not. A report with an error stays as it was, also if most of
    its calls are gone and the API does not count so. All others are stored together.

    Args:
        client: The client of the account.
        lake: The lake to write to.
        day: The day.
        categories: The category of each report.
        fetcher: The threads of the day's requests; by default, as many as the client allows.

    Returns:
        The result of each report.

    Raises:
        PartsFailed: Reports that were refused, incomplete or unreadable. The others are stored.
    """
    fetcher = fetcher or Fetcher(client)
    fetched = FetchedParts(fetcher)
    fetcher.progress = Progress(0, len(categories))
    sources = (_add_report(client, lake, day, category, fetched) for category in categories)
    with fetcher.fetch(sources) as ended:
        for count, _ in enumerate(ended, start=1):
            fetcher.on_response(Progress(count, len(categories)))
    return fetched.store(client, lake, day, REPORTS)


def _add_report(client: Client, lake: Lake, day: Day, category: str, fetched: FetchedParts) -> Iterator[str]:
    """Fetch the report of a day, and fetch it again while it is incomplete or in doubt."""
    doubted: list[Fetched] = []
    fetched.add(
        category,
        lambda group: until_complete(
            f"the report {category} of {day}",
            lambda _: _fetch_report(client, lake, day, category, group=group, doubted=doubted),
        ),
    )
    yield category


def _fetch_report(
    client: Client, lake: Lake, day: Day, category: str, *, group: RequestGroup, doubted: list[Fetched]
) -> Part:
    """Fetch the report once. If it is in doubt, add it to `doubted`."""
    fetched_at = clock.now()
    report = client.reports(category, range_of(client, day), group=group)
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
        client, lake, day, REPORTS, batch, counts="calls", group=group, doubted=doubted, part=category
    )
    # A count below the number of groups is that of a page, or has a limit.
    return fetched_part(batch, fetched_at, None if groups.has_surplus else report.total_count)


def groups_missing(batch: pa.RecordBatch, total_count: int | None) -> int:
    """Return how many groups are missing that the API counts.

    Whether a report counts its groups or their calls is not documented. So nothing is missing if the count is
    the number of calls, or may be.
    """
    calls = pc.sum(batch.column("calls")).as_py()
    if total_count is None or total_count == calls or (calls is None and batch.num_rows):
        return 0
    return max(0, total_count - int(batch.num_rows))
