"""A lake of rows made by hand, and what its views say of them."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from trackdrive_assets.lake.database import connect
from trackdrive_assets.lake.sql_catalog import referenced_tables
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.tables.columns import SCHEMAS

Row = dict[str, object]

DAY = date(2024, 6, 19)


def write(
    lake: Lake,
    table: str,
    rows: Sequence[Row],
    *,
    day: date = DAY,
    fetched_at: datetime | None = None,
    **hive: Any,
) -> None:
    """Replace a day of a table; what a row does not give is null."""
    schema = SCHEMAS[table]
    with lake.replace(table, schema, day, fetched_at=fetched_at, **hive) as writer:
        writer.write(pa.RecordBatch.from_pylist(list(rows), schema=schema))


def ask(lake: Lake, question: str, *, time_zone: str = "UTC", setting: str = "") -> list[dict[str, Any]]:
    """The answer's rows, in the order of their values, by column."""
    with connect(lake, SCHEMAS, time_zone=time_zone, names=referenced_tables(question)) as connection:
        connection.execute(setting)
        answer = connection.execute(f"FROM ({question}) ORDER BY ALL")
        columns = [column[0] for column in answer.description or ()]
        return [dict(zip(columns, row, strict=True)) for row in answer.fetchall()]


def dollars(amount: str) -> Decimal:
    return Decimal(amount)


def a_call(**fields: object) -> Row:
    """An ended call that reached nobody; the fields that matter are given."""
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
    """A call that reached a buyer and converted."""
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
