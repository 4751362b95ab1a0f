"""Fetch single calls by their uuid, and put them into the files of their days.

This is for calls that are known to have changed. The rest of the day stays as it is. Not here: fetching a
whole day (`calls.py`), which also finds changes that are not known yet.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from trackdrive_assets.api.client import Client
from trackdrive_assets.api.errors import NotFound, QueryError, UnreadableResponse
from trackdrive_assets.days import Day, exact_day
from trackdrive_assets.ingest.calls import IngestedCalls
from trackdrive_assets.ingest.changes import RecordedChanges, record_changes
from trackdrive_assets.lake.day_file import DayFile
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.tables.calls import parse_calls
from trackdrive_assets.tables.columns import CALLS
from trackdrive_assets.tables.errors import MalformedRow
from trackdrive_assets.tables.exclusion import NO_EXCLUSIONS, TOKEN_PREFIX, Exclusion


@dataclass(frozen=True)
class FetchedCall:
    """One call, as the API has it now.

    Attributes:
        uuid: The uuid of the call.
        day: The day on which it was created.
        values: Its values by column. A column that the response lacks has no entry, and keeps its value.
    """

    uuid: str
    day: Day
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Refetched:
    """The calls that were stored, and those that could not be.

    Attributes:
        stored: By day, the number of calls that were put into its file, and the file.
        refused: By requested uuid, the reason why the call was not stored.
    """

    stored: Mapping[Day, tuple[int, IngestedCalls]]
    refused: Mapping[str, str]


def refetch_calls(
    client: Client, lake: Lake, uuids: Iterable[str], zone: ZoneInfo, *, exclude: Exclusion = NO_EXCLUSIONS
) -> Refetched:
    """Fetch calls, put each into the file of its day, and record what that changes.

    No other program may replace these days meanwhile: what it fetched in between would be lost.

    Args:
        client: The client of the account.
        lake: The lake that has the days.
        uuids: The uuids of the calls.
        zone: The time zone of the account.
        exclude: The columns that are not stored.

    Raises:
        TrackdriveError: The API cannot be reached, or refuses every request. Nothing is stored.
        LakeError: A file cannot be read or written. The days before it are stored.
    """
    days: dict[Day, dict[str, FetchedCall]] = {}
    refused: dict[str, str] = {}
    for uuid in dict.fromkeys(uuids):
        try:
            call = fetched_call(client.call(uuid), zone, datetime.now(UTC), exclude)
        except (NotFound, QueryError, UnreadableResponse, MalformedRow) as error:
            refused[uuid] = str(error)
            continue
        if _was_fetched(lake, call.day):
            # The key is the uuid of the response, because a call can also be requested by its number.
            days.setdefault(call.day, {})[call.uuid] = call
        else:
            refused[uuid] = (
                f"Its day, {call.day}, has not been fetched yet, and a file of single calls would look like "
                f"the whole day. Materialize calls of {call.day}: that fetches this call too."
            )
    stored = {
        day: (len(days[day]), _patch_day(lake, day, days[day], exclude))
        for day in sorted(days, key=lambda day: day.date)
    }
    return Refetched(stored, refused)


def fetched_call(
    row: Mapping[str, object], zone: ZoneInfo, fetched_at: datetime, exclude: Exclusion
) -> FetchedCall:
    """Type a single call.

    Raises:
        MalformedRow: A value cannot be parsed, or uuid or created_at is missing.
    """
    columns = {key: [value] for key, value in row.items()}
    (values,) = parse_calls(columns, 1, fetched_at=fetched_at, exclude=exclude).to_pylist()
    day = exact_day(values["created_at"].astimezone(zone).date(), zone)
    known = {name: value for name, value in values.items() if _has(row, name) or exclude.excludes(name)}
    return FetchedCall(values["uuid"], day, known)


def _has(row: Mapping[str, object], column: str) -> bool:
    """Return whether a response has a column. A column that it lacks is unknown, not empty."""
    if column == "tokens":
        return any(key.startswith(TOKEN_PREFIX) for key in row)
    if column == "extra":
        return any(not key.startswith(TOKEN_PREFIX) and key not in CALLS.schema.names for key in row)
    return column in row or column == "fetched_at"


def _was_fetched(lake: Lake, day: Day) -> bool:
    path = lake.file(CALLS.name, day.date)
    if not path.exists():
        return False
    with DayFile(path) as file:
        return file.fetch_info is not None


def _patch_day(lake: Lake, day: Day, calls: Mapping[str, FetchedCall], exclude: Exclusion) -> IngestedCalls:
    """Replace or add the rows of some calls, and record what that changes."""
    changes: list[RecordedChanges] = []

    def record(before: DayFile | None, after: DayFile) -> None:
        changes.append(record_changes(lake, day, before, after, exclude))

    current: dict[str, Mapping[str, Any]] = {}
    with lake.replace(
        CALLS.name, CALLS.schema, day.date, sort_by="created_at", is_patch=True, before_commit=record
    ) as writer:
        for batch in lake.batches(CALLS.name, CALLS.schema, day.date):
            is_patched = pc.is_in(batch["uuid"], value_set=pa.array(calls, pa.string()))
            current.update({row["uuid"]: row for row in batch.filter(is_patched).to_pylist()})
            writer.write(batch.filter(pc.invert(is_patched)))
        patched = [{**current.get(uuid, {}), **call.values} for uuid, call in calls.items()]
        writer.write(pa.RecordBatch.from_pylist(patched, schema=CALLS.schema))
    return IngestedCalls(writer.result, changes[0])
