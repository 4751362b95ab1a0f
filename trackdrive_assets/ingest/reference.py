"""Ingest today's reference lists: the buyers, offers, traffic sources and tracking numbers of the account.

The API has only their current state. So a day that is over cannot be fetched, and keeps the state that was
fetched on it.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from trackdrive_assets import clock
from trackdrive_assets.api.client import Client
from trackdrive_assets.api.errors import AccessDenied, IncompleteResponse, Rejected
from trackdrive_assets.api.usage import RequestGroup
from trackdrive_assets.days import Day
from trackdrive_assets.ingest.attempts import until_complete
from trackdrive_assets.ingest.errors import DayIsOver
from trackdrive_assets.ingest.fetcher import Fetcher, Progress
from trackdrive_assets.ingest.parts import FetchedParts, IngestedPart
from trackdrive_assets.lake.day_parts import Part, fetched_part
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.tables.columns import REFERENCE
from trackdrive_assets.tables.exclusion import NO_EXCLUSIONS, Exclusion
from trackdrive_assets.tables.reference import parse_reference


def ingest_reference(
    client: Client,
    lake: Lake,
    day: Day,
    lists: Sequence[str],
    *,
    fetcher: Fetcher | None = None,
    exclude: Exclusion = NO_EXCLUSIONS,
) -> Mapping[str, IngestedPart]:
    """Replace lists of today by what the API answers now.

    A list with an error stays as it was. All others are stored together.

    Args:
        client: The client of the account.
        lake: The lake to write to.
        day: The day, which must be today.
        lists: Some of `api.catalog.REFERENCE_LISTS`.
        fetcher: The threads of the day's requests; by default, as many as the client allows.
        exclude: The columns that are never stored.

    Returns:
        The result of each list.

    Raises:
        DayIsOver: The day is not today. Nothing was requested.
        PartsFailed: Lists that were refused, incomplete or unreadable. The others are stored.
    """
    check_is_today(day, clock.now())
    fetcher = fetcher or Fetcher(client)
    fetched = FetchedParts(fetcher)
    fetcher.progress = Progress(0, len(lists))
    sources = (_add_list(client, lake, day, name, fetched=fetched, exclude=exclude) for name in lists)
    with fetcher.fetch(sources) as ended:
        for count, _ in enumerate(ended, start=1):
            fetcher.on_response(Progress(count, len(lists)))
    return fetched.store(client, lake, day, REFERENCE)


def check_is_today(day: Day, now: datetime) -> None:
    """Check that a day is not over, so that the account of today is not stored as that of another day.

    Raises:
        DayIsOver: The day is over.
    """
    if day.end <= now:
        raise DayIsOver(
            f"{day} is over, and the API has the reference lists only as they are now. The day was not "
            f"changed. Materialize the partition of today, {now.astimezone(day.zone).date()}."
        )


def _add_list(
    client: Client, lake: Lake, day: Day, name: str, *, fetched: FetchedParts, exclude: Exclusion
) -> Iterator[str]:
    """Fetch a list, and fetch it again while it is incomplete."""
    fetched.add(
        name,
        lambda group: until_complete(
            f"the list {name}", lambda _: _fetch_list(client, lake, day, name, group=group, exclude=exclude)
        ),
    )
    yield name


def _fetch_list(
    client: Client, lake: Lake, day: Day, name: str, *, group: RequestGroup, exclude: Exclusion
) -> Part:
    """Fetch a list once.

    Raises:
        IncompleteResponse: The list is empty, although the lake has rows of it from earlier today.
        Rejected: The key has no permission for this list. It may have the permission for the others.
    """
    fetched_at = clock.now()
    try:
        rows = client.reference_list(name, group=group)
    except AccessDenied as error:
        raise Rejected(str(error), request=error.request, status=error.status) from None
    batch = parse_reference(rows, list_name=name, fetched_at=fetched_at, exclude=exclude)
    current = lake.stored(REFERENCE.name, REFERENCE.schema, day.date, name)
    if not batch.num_rows and current:
        raise IncompleteResponse(
            f"The API sent no {name.replace('_', ' ')}, but {len(current)} of today are stored. They stay."
        )
    return fetched_part(batch, fetched_at)
