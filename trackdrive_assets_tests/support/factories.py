"""Rows that are written by hand into a lake, and queries of its views."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from trackdrive_assets.lake.database import connect
from trackdrive_assets.lake.day_parts import fetched_part
from trackdrive_assets.lake.identity import LakeIdentity, LakeRecord, read_record, write_record
from trackdrive_assets.lake.layout import LAYOUT, day_key
from trackdrive_assets.lake.ownership import claim
from trackdrive_assets.lake.sql_catalog import referenced_tables
from trackdrive_assets.lake.store import ClaimedLake, Lake
from trackdrive_assets.tables.columns import schemas

Row = dict[str, object]

DAY = date(2024, 6, 19)


def lake_at(root: str | Path, time_zone: str = "UTC") -> ClaimedLake:
    """Return the lake of the sandbox in a folder, for writing."""
    return claim(Lake(root), LakeIdentity("localhost/Sandbox", time_zone))


def folder_of(lake: Lake) -> Path:
    """Return the folder of a local lake."""
    return Path(lake.root)


def file_of(lake: Lake, table: str, day: date) -> Path:
    """Return the path of a day's file in a local lake. The file may not exist."""
    return Path(lake.storage.url(day_key(table, day)))


def write_day(
    lake: ClaimedLake,
    table: str,
    rows: Sequence[Row],
    *,
    day: date = DAY,
    fetched_at: datetime | None = None,
    part: str | None = None,
    api_count: int | None = None,
) -> None:
    """Replace a day of a table, or a part of it. A column that a row lacks is null."""
    schema = schemas()[table]
    if part is None:
        with lake.replace(table, schema, day, fetched_at=fetched_at) as writer:
            writer.api_count = api_count
            writer.write(pa.RecordBatch.from_pylist(list(rows), schema=schema))
        return
    named = [{LAYOUT[table].part_column: part, **row} for row in rows]
    batch = pa.RecordBatch.from_pylist(named, schema=schema)
    new = fetched_part(batch, fetched_at or datetime.now(UTC), api_count)
    lake.replace_parts(table, schema, day, {part: new})


def set_time_zone(lake: Lake, time_zone: str) -> None:
    """Make a lake that has days one of another time zone, although its files are not."""
    if read_record(lake.storage):
        write_record(lake.storage, LakeRecord(LakeIdentity("localhost/Sandbox", time_zone)))


def query(lake: Lake, sql: str, *, time_zone: str = "UTC", setting: str = "") -> list[dict[str, Any]]:
    """Return the rows of a query, sorted by all columns. `setting` is a statement that is run first.

    The lake gets the time zone, so that tests of views write no days for it.
    """
    set_time_zone(lake, time_zone)
    with connect(lake, schemas(), time_zone=time_zone, names=referenced_tables(sql)) as connection:
        connection.execute(setting)
        result = connection.execute(f"FROM ({sql}) ORDER BY ALL")
        columns = [column[0] for column in result.description or ()]
        return [dict(zip(columns, row, strict=True)) for row in result.fetchall()]


def view_rows(
    folder: Path,
    view: str,
    calls: Sequence[Row],
    *,
    day: date = DAY,
    time_zone: str = "UTC",
    setting: str = "",
) -> list[dict[str, Any]]:
    """Store a day of calls in a lake, and return the rows of a view."""
    lake = lake_at(folder, time_zone)
    write_day(lake, "calls", calls, day=day)
    return query(lake, f"FROM {view}", time_zone=time_zone, setting=setting)


def dollars(amount: str) -> Decimal:
    """Return an amount."""
    return Decimal(amount)


def a_call(**fields: object) -> Row:
    """Return an ended call that reached no buyer. `fields` are those that matter."""
    return {
        "created_at": datetime(2024, 6, 19, 15, 30, tzinfo=UTC),
        "status": "finished",
        "buyer_converted": False,
        "traffic_source_converted": False,
        "buyer_repeat_caller": False,
        "traffic_source_repeat_caller": False,
        "total_duration": 10.0,
        "answered_duration": 0.0,
        "ended_at": datetime(2024, 6, 19, 15, 31, tzinfo=UTC),
        "trackdrive_cost": Decimal("0.025"),
        "provider_cost": Decimal("0.02"),
    } | fields


def a_sale(revenue: str, payout: str | None, **fields: object) -> Row:
    """Return a call that reached a buyer and converted."""
    sold: Row = {
        "connected_to": "+17195550100",
        "buyer_converted": True,
        "traffic_source_converted": payout is not None,
        "revenue": Decimal(revenue),
        "payout": payout and Decimal(payout),
        "total_duration": 100.0,
        "answered_duration": 90.0,
    }
    return a_call(**(sold | fields))


def a_deal(**fields: object) -> Row:
    """Return a sale. Its traffic source, offer and buyer have ids."""
    parties: Row = {"traffic_source_id": 1, "offer_id": 2, "buyer_id": 3, "buyer": "Harbor"}
    return a_sale("10", "4", **(parties | fields))
