"""What the UI shows of a day's file, so that a person sees at a glance whether it looks right.

Read off the file itself, in a few milliseconds, because a backfill shows every day. Nothing of what is shown
tells who called: the event log is read by more people than the lake.
"""

import base64
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from trackdrive_assets.dagster.charts import picture
from trackdrive_assets.tables.columns import CALL_CHANGES, CALLS, REPORTS, STATS, Table

ROWS = 5
"""How many of a file's first rows are shown."""

SHOWN: Mapping[str, tuple[str, ...]] = {
    CALLS.name: (
        "created_at",
        "status",
        "traffic_source",
        "buyer",
        "total_duration",
        "revenue",
        "payout",
    ),
    REPORTS.name: ("group_value", "group_name", "calls", "buyer_conversions", "revenue", "payout", "profit"),
    STATS.name: ("interval_start", "group_value", "count", "revenue", "profit", "cost"),
    CALL_CHANGES.name: ("uuid", "created_at", "field", "detected_at"),
}
"""Of each table, the columns that are shown. A change's values may be a caller's number, so they are not."""

_HOURS = 24


def first_rows(file: Path, table: Table) -> dg.TableMetadataValue:
    """The first rows of a day, as many as fit at a glance."""
    names = SHOWN[table.name]
    kinds = {column.name: column for column in table.columns}
    with pq.ParquetFile(file) as parquet:
        batch = next(parquet.iter_batches(ROWS, columns=list(names)), None)
    rows = batch.to_pylist() if batch is not None else []
    return dg.MetadataValue.table(
        [dg.TableRecord({name: _shown(row[name]) for name in names}) for row in rows],
        dg.TableSchema([dg.TableColumn(name, str(kinds[name].type)) for name in names]),
    )


def picture_of_calls(file: Path, zone: str) -> dg.MarkdownMetadataValue:
    """The day's calls by hour and its revenue by buyer, drawn."""
    with pq.ParquetFile(file) as parquet:
        calls = parquet.read(
            columns=["created_at", "buyer_id", "user_buyer_id", "buyer", "revenue", "buyer_revenue"]
        )
    drawn = base64.b64encode(picture(calls_by_hour(calls, zone), revenue_by_buyer(calls), zone)).decode()
    return dg.MetadataValue.md(f"![Calls by hour, revenue by buyer](data:image/png;base64,{drawn})")


def calls_by_hour(calls: pa.Table, zone: str) -> list[int]:
    """How many calls began in each hour of a zone's clock. When clocks go back, two hours share a number."""
    moments = calls["created_at"].cast(pa.timestamp("us", zone))
    counted = pc.value_counts(pc.hour(moments)).to_pylist()
    by_hour = {entry["values"]: entry["counts"] for entry in counted}
    return [by_hour.get(hour, 0) for hour in range(_HOURS)]


def revenue_by_buyer(calls: pa.Table) -> list[tuple[str, Decimal | None]]:
    """The revenue of each buyer. The older API tells buyers apart by the account's own label, or the name."""
    who = pc.coalesce(calls["buyer_id"].cast(pa.string()), calls["user_buyer_id"], calls["buyer"])
    # The older API has only buyer_revenue; today's repeats it as revenue.
    revenue = pc.coalesce(calls["revenue"], calls["buyer_revenue"])
    named = pa.table({"who": who, "name": pc.coalesce(calls["buyer"], who), "revenue": revenue})
    sums = named.filter(pc.is_valid(who)).group_by("who").aggregate([("name", "max"), ("revenue", "sum")])
    return list(zip(sums["name_max"].to_pylist(), sums["revenue_sum"].to_pylist(), strict=True))


def _shown(value: Any) -> str | int | float | bool | None:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return value if value is None or isinstance(value, str | int | float) else str(value)
