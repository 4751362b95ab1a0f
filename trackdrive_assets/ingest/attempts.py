"""How often a day is fetched before it fails, and what is compared with the stored day until then.

Not here: the decisions (`doubts.py`).
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from trackdrive_assets.api.client import Client
from trackdrive_assets.api.errors import IncompleteResponse
from trackdrive_assets.api.query import Query
from trackdrive_assets.api.usage import RequestGroup
from trackdrive_assets.days import Day, last_instant
from trackdrive_assets.ingest.doubts import Fetched, is_mostly_gone, reason_to_doubt
from trackdrive_assets.ingest.errors import PatchedMeanwhile
from trackdrive_assets.lake.errors import DamagedFileError
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.tables.arrow_types import MONEY
from trackdrive_assets.tables.columns import Table

MAX_ATTEMPTS = 3
"""The number of times that a day is fetched: most incomplete responses pass by themselves."""

_log = logging.getLogger(__name__)
Result = TypeVar("Result")


def until_complete(what: str, fetch_day: Callable[[int], Result]) -> Result:
    """Fetch a day, and fetch it again while it is incomplete, in doubt or patched meanwhile.

    Args:
        what: A description of the day, for the log.
        fetch_day: Fetches the day and stores it. It gets the number of the attempt, from 1.

    Raises:
        IncompleteResponse: Even the last attempt was incomplete or in doubt.
        PatchedMeanwhile: Single calls were stored during every attempt.
    """
    for attempt in range(1, MAX_ATTEMPTS):
        try:
            return fetch_day(attempt)
        except (IncompleteResponse, PatchedMeanwhile) as error:
            _log.warning("Fetching %s again, attempt %d of %d: %s", what, attempt + 1, MAX_ATTEMPTS, error)
    return fetch_day(MAX_ATTEMPTS)


def stored_rows(lake: Lake, table: str, day: Day) -> int:
    """Return the number of rows that the lake has of a day, in the day's time zone.

    A damaged file has none.
    """
    with suppress(DamagedFileError), lake.open_day(table, day.date) as file:
        if file and (file.identity is None or file.identity.time_zone == day.zone.key):
            return file.rows
    return 0


def range_of(client: Client, day: Day) -> Query:
    """Return the query of a day whose totals cannot be cut afterwards."""
    until = last_instant(day.end, client.options.date_precision)
    return Query(created_at_from=day.start, created_at_to=until)


def check_not_gone(
    client: Client,
    lake: Lake,
    day: Day,
    table: Table,
    batch: pa.RecordBatch,
    *,
    counts: str,
    group: RequestGroup,
    doubted: list[Fetched],
    part: str,
) -> None:
    """Compare the totals of a day with the stored ones, if most of their calls are gone.

    Totals have no count of calls of their own. So the list of calls is asked for its count.

    Args:
        client: The client of the account.
        lake: The lake that has the stored day.
        day: The day.
        table: The table of the totals.
        batch: The totals that were fetched.
        counts: The column with the number of calls.
        group: The group of the requests.
        doubted: The fetches of the day that were in doubt. Another one is added.
        part: The part of the day that was fetched, like a category.

    Raises:
        IncompleteResponse: The count does not confirm the totals, or not often enough yet.
    """
    if not stored_rows(lake, table.name, day):
        return
    current = lake.stored(table.name, table.schema, day.date, part)
    if current is None:
        return
    stored, found = _calls_of(current.column(counts)), _calls_of(batch.column(counts))
    if not is_mostly_gone(stored, found):
        _check_amounts(table, current, batch)
        return
    fetched = Fetched(found, client.count_calls(range_of(client, day), group=group))
    if doubt := reason_to_doubt(fetched, doubted, stored=stored, is_finished=False):
        doubted.append(fetched)
        raise IncompleteResponse(doubt)


def _check_amounts(table: Table, current: pa.Table, batch: pa.RecordBatch) -> None:
    """Compare the amounts of a day with the stored ones, if their calls are still there.

    Raises:
        IncompleteResponse: Most amounts of a column are gone.
    """
    for column in table.columns:
        stored = len(current) - current[column.name].null_count
        found = len(batch) - batch.column(column.name).null_count
        if column.arrow_type == MONEY and is_mostly_gone(stored, found):
            raise IncompleteResponse(
                f"{stored} rows are stored with {column.name}, but the API now sends it for {found}. The day "
                "stays as it is in the lake. Check whether the key still has the permission for it."
            )


def _calls_of(counts: pa.Array | pa.ChunkedArray) -> int:
    """Return the sum of the calls of all groups; the number of groups if they have no calls."""
    return int(pc.sum(counts).as_py() or len(counts))
