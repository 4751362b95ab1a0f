"""Fetch single calls by their uuid, and put them into the files of their days.

This is for calls that are known to have changed. The rest of the day stays as it is. Not here: fetching a
whole day (`calls.py`), which also finds changes that are not known yet.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from trackdrive_assets import clock
from trackdrive_assets.api.client import Client
from trackdrive_assets.api.errors import NotFound, QueryError, UnreadableResponse
from trackdrive_assets.days import Day, exact_day
from trackdrive_assets.ingest.claims import claim_lake
from trackdrive_assets.ingest.day_of_calls import IngestedCalls, replace_calls
from trackdrive_assets.lake.day_file import FetchInfo
from trackdrive_assets.lake.store import ClaimedLake, Lake
from trackdrive_assets.tables.calls import merge_extra, parse_calls
from trackdrive_assets.tables.columns import CALLS
from trackdrive_assets.tables.errors import MalformedRow
from trackdrive_assets.tables.exclusion import NO_EXCLUSIONS, TOKEN_PREFIX, Exclusion

_UUIDS = pa.schema([CALLS.schema.field("uuid")])


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

    @property
    def fetched_at(self) -> datetime:
        """The start of its fetch."""
        fetched_at: datetime = self.values["fetched_at"]
        return fetched_at


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
    client: Client,
    lake: Lake,
    uuids: Iterable[str],
    zone: ZoneInfo,
    *,
    exclude: Exclusion = NO_EXCLUSIONS,
) -> Refetched:
    """Fetch calls, put each into the file of its day, and record what that changes.

    A day's file is read, compared and replaced under one lock. So no fetch of the day by another run is lost.

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
            fetched_at = clock.now()
            call = fetched_call(client.call(uuid), zone, fetched_at, exclude)
        except (NotFound, QueryError, UnreadableResponse, MalformedRow) as error:
            refused[uuid] = str(error)
            continue
        if call.uuid.lower() == uuid.lower():
            days.setdefault(call.day, {})[call.uuid] = call
        else:
            refused[uuid] = "The API returned a call with another uuid. It is not stored."
    stored: dict[Day, tuple[int, IngestedCalls]] = {}
    for day in sorted(days, key=lambda day: day.date):
        ingested, refused_of_day = _patch_day(claim_lake(client, lake, day), day, days[day], exclude)
        refused |= refused_of_day
        if ingested:
            stored[day] = (len(days[day]) - len(refused_of_day), ingested)
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
    # `extra` is merged key by key.
    return column in row or column in {"extra", "fetched_at"}


def _patch_day(
    lake: ClaimedLake, day: Day, calls: Mapping[str, FetchedCall], exclude: Exclusion
) -> tuple[IngestedCalls | None, dict[str, str]]:
    """Replace or add the rows of some calls, and record what that changes.

    Returns:
        The new file, if a call was stored; and for each call that was not, the reason.
    """
    fetched_at = max(call.fetched_at for call in calls.values())
    with (
        lake.stage(CALLS.name, CALLS.schema, day.date, sort_by="created_at", fetched_at=fetched_at) as writer,
        writer.locked() as current,
    ):
        info = current.fetch_info if current else None
        if current is None or info is None or info.is_in_future(datetime.now(UTC)):
            return None, dict.fromkeys(calls, _not_fetched(day))
        rows: dict[str, Mapping[str, Any]] = {}
        for batch in current.batches(CALLS.schema):
            is_patched = pc.is_in(batch["uuid"], value_set=pa.array(calls, pa.string()))
            rows.update({row["uuid"]: row for row in batch.filter(is_patched).to_pylist()})
            writer.write(batch.filter(pc.invert(is_patched)))
        refused = _refused_additions(
            lake, day, [call for uuid, call in calls.items() if uuid not in rows], info
        )
        if len(refused) == len(calls):
            return None, refused
        patched = [
            newest(rows.get(uuid), call, exclude) for uuid, call in calls.items() if uuid not in refused
        ]
        writer.write(pa.RecordBatch.from_pylist(patched, schema=CALLS.schema))
        patch = info.patched(fetched_at, added=writer.rows - current.rows)
        return replace_calls(lake, day, writer, current, exclude, fetch_info=patch), refused


def newest(
    stored: Mapping[str, Any] | None, call: FetchedCall, exclude: Exclusion = NO_EXCLUSIONS
) -> Mapping[str, Any]:
    """Return the row of a call after a response, or the stored row if it was fetched later."""
    if stored is None:
        return call.values
    is_stored_newer = call.fetched_at < stored["fetched_at"] <= datetime.now(UTC)
    if is_stored_newer:
        return stored
    extra = merge_extra(stored.get("extra"), call.values.get("extra"), call.values.keys(), exclude)
    return {**stored, **call.values, "extra": extra}


def _refused_additions(
    lake: ClaimedLake, day: Day, calls: Sequence[FetchedCall], info: FetchInfo
) -> dict[str, str]:
    """Return the reason for each call that must not be added to the file of a day, which lacks it."""
    elsewhere = _days_with(lake, [call.uuid for call in calls])
    refused = {}
    for call in calls:
        if other := elsewhere.get(call.uuid):
            refused[call.uuid] = (
                f"It is stored on {other}, but the API has it on {day} now. Materialize calls of both days."
            )
        elif call.fetched_at < info.fetched_at:
            refused[call.uuid] = f"{day} was fetched by another run meanwhile, and no longer has this call."
    return refused


def _days_with(lake: ClaimedLake, uuids: Sequence[str]) -> dict[str, date]:
    """Return the day of each call that the lake contains. This reads the uuids of every day."""
    if not uuids:
        return {}
    wanted = pa.array(uuids, pa.string())
    found: dict[str, date] = {}
    for day in lake.days(CALLS.name):
        rows = lake.read(CALLS.name, _UUIDS, [day])
        found |= dict.fromkeys(rows["uuid"].filter(pc.is_in(rows["uuid"], value_set=wanted)).to_pylist(), day)
    return found


def _not_fetched(day: Day) -> str:
    return (
        f"Its day, {day}, has not been fetched yet, or its file has no valid time of the fetch. "
        f"Materialize calls of {day}: that fetches this call too."
    )
