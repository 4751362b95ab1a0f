"""Single calls, read again one by one and put into their day's file. The rest of the day stays as it was.

For a call of which somebody knows that it has changed. Not here: reading a whole day again (`calls.py`),
which is what finds calls that nobody knows of.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from trackdrive_assets.api.client import Client
from trackdrive_assets.api.errors import NotFound, QueryError, UnreadableResponse
from trackdrive_assets.days import Day, exact_day
from trackdrive_assets.ingest.calls import CallsRead
from trackdrive_assets.ingest.changes import Recorded, record_changes
from trackdrive_assets.lake.day_file import DayFile
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.tables.calls import parse_calls
from trackdrive_assets.tables.columns import CALLS
from trackdrive_assets.tables.errors import MalformedRow
from trackdrive_assets.tables.exclusion import NO_EXCLUSIONS, TOKEN_PREFIX, Exclusion

_KEYS_OF: Mapping[str, Callable[[str], bool]] = {
    "tokens": lambda key: key.startswith(TOKEN_PREFIX),
    "extra": lambda key: not key.startswith(TOKEN_PREFIX) and key not in CALLS.schema.names,
}


@dataclass(frozen=True)
class FetchedCall:
    """One call, as the API shows it now.

    Attributes:
        uuid: Which call.
        day: On which it was created.
        values: By column. One that did not come has no entry: the file keeps what it has.
    """

    uuid: str
    day: Day
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Refetched:
    """What became of the calls that were asked for.

    Attributes:
        stored: By day, how many of its calls were put into its file, and the file.
        refused: By what was asked for, why it could not be done.
    """

    stored: Mapping[Day, tuple[int, CallsRead]]
    refused: Mapping[str, str]


def refetch_calls(
    client: Client, lake: Lake, uuids: Iterable[str], zone: ZoneInfo, *, exclude: Exclusion = NO_EXCLUSIONS
) -> Refetched:
    """Read calls again and put each into its day's file; what changes by that is recorded.

    Nobody else may replace these days meanwhile: what they read in between would be lost.

    Args:
        client: Asks the API.
        lake: Holds the days.
        uuids: Which calls.
        zone: Whose days they are.
        exclude: What is not stored.

    Raises:
        TrackdriveError: The API can't be asked at all. Nothing is stored.
        LakeError: A file can't be read or written. The days before it are stored.
    """
    days: dict[Day, dict[str, FetchedCall]] = {}
    refused: dict[str, str] = {}
    for uuid in dict.fromkeys(uuids):
        try:
            call = fetched_call(client.call(uuid), zone, datetime.now(UTC), exclude)
        except (NotFound, QueryError, UnreadableResponse, MalformedRow) as error:
            refused[uuid] = str(error)
            continue
        if _is_read(lake, call.day):
            # By the uuid that came: a call can be asked for by its number too.
            days.setdefault(call.day, {})[call.uuid] = call
        else:
            refused[uuid] = (
                f"Its day, {call.day}, has not been read yet, and a file of single calls would look like the "
                f"whole day. Materialize calls of {call.day}: that reads this call too."
            )
    return Refetched(
        {
            day: (len(calls), _put(lake, day, calls, exclude))
            for day, calls in sorted(days.items(), key=_date)
        },
        refused,
    )


def fetched_call(
    row: Mapping[str, object], zone: ZoneInfo, fetched_at: datetime, exclude: Exclusion
) -> FetchedCall:
    """Type a call that came by itself.

    Raises:
        MalformedRow: A value can't be understood, or there is no uuid or created_at.
    """
    batch = parse_calls(
        {key: [value] for key, value in row.items()}, 1, fetched_at=fetched_at, exclude=exclude
    )
    (values,) = batch.to_pylist()
    day = exact_day(values["created_at"].astimezone(zone).date(), zone)
    return FetchedCall(
        values["uuid"],
        day,
        {name: value for name, value in values.items() if _came(name, row) or exclude.excludes(name)},
    )


def _came(column: str, row: Mapping[str, object]) -> bool:
    """Whether an answer says anything of a column. What it lacks is unknown, not gone."""
    if is_part := _KEYS_OF.get(column):
        return any(is_part(key) for key in row)
    return column in row or column == "fetched_at"


def _is_read(lake: Lake, day: Day) -> bool:
    file = lake.file(CALLS.name, day.date)
    if not file.exists():
        return False
    with DayFile(file) as standing:
        return standing.fetch_info is not None


def _put(lake: Lake, day: Day, calls: Mapping[str, FetchedCall], exclude: Exclusion) -> CallsRead:
    """Replace the rows of the calls, or add them, and record what that changes."""
    recorded: list[Recorded] = []

    def record(before: DayFile | None, after: DayFile) -> None:
        recorded.append(record_changes(lake, day, before, after, exclude))

    fetched = {uuid: call.values for uuid, call in calls.items()}
    with lake.replace(
        CALLS.name, CALLS.schema, day.date, sort_by="created_at", is_patch=True, before_commit=record
    ) as writer:
        standing: dict[str, Mapping[str, Any]] = {}
        for batch in lake.batches(CALLS.name, CALLS.schema, day.date):
            again = pc.is_in(batch["uuid"], value_set=pa.array(fetched, pa.string()))
            standing.update({row["uuid"]: row for row in batch.filter(again).to_pylist()})
            writer.write(batch.filter(pc.invert(again)))
        writer.write(pa.RecordBatch.from_pylist(list(_merged(standing, fetched)), schema=CALLS.schema))
    return CallsRead(writer.result, recorded[0])


def _merged(
    standing: Mapping[str, Mapping[str, Any]], fetched: Mapping[str, Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    for uuid, values in fetched.items():
        yield {**standing.get(uuid, {}), **values}


def _date(item: tuple[Day, object]) -> Any:
    return item[0].date
