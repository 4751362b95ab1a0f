"""Previews of a day: its first rows, and the picture of its calls.

Only the last days of a range have them. They never identify a caller, because more people read the event log
than the lake.
"""

import base64
from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from trackdrive_assets.dagster.charts import draw_day
from trackdrive_assets.lake.day_file import conform
from trackdrive_assets.tables.columns import CALL_CHANGES, CALLS, REFERENCE, REPORTS, STATS, Table
from trackdrive_assets.tables.totals import PARTY, QUARTER_HOUR

SHOWN_COLUMNS: Mapping[str, tuple[str, ...]] = {
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
    REFERENCE.name: ("id", "label", "is_paused", "bid_price", "last_call_at"),
    CALL_CHANGES.name: ("uuid", "created_at", "field", "detected_at"),
}
"""The columns that the UI shows of each table. The values of a change can be a caller's number."""

_HOURS = 24
_LONGEST_TEXT = 200


def first_rows(rows: pa.Table, table: Table, hidden: Collection[str] = ()) -> dg.TableMetadataValue:
    """Return the first rows of a day or of one of its parts, without the hidden columns."""
    names = [name for name in SHOWN_COLUMNS[table.name] if name not in hidden]
    columns = {column.name: column for column in table.columns}
    return dg.MetadataValue.table(
        [
            dg.TableRecord({name: _cell(row[name]) for name in names})
            for row in conform(rows, table.schema).to_pylist()
        ],
        dg.TableSchema([dg.TableColumn(name, columns[name].type) for name in names]),
    )


def picture_of_calls(totals: pa.Table, zone: str) -> dg.MarkdownMetadataValue:
    """Return a picture of a day's calls by hour and its revenue by buyer, drawn from the sums of the day."""
    png = draw_day(calls_by_hour(totals, zone), revenue_by_buyer(totals), zone)
    encoded = base64.b64encode(png).decode()
    return dg.MetadataValue.md(f"![Calls by hour, revenue by buyer](data:image/png;base64,{encoded})")


def calls_by_hour(totals: pa.Table, zone: str) -> list[int]:
    """Return the calls of each hour of a zone's clock. When clocks go back, two hours are one."""
    quarters = totals.filter(pc.field("group_by") == QUARTER_HOUR)
    hours = pc.hour(quarters["interval_start"].cast(pa.timestamp("us", zone)))
    counts = [0] * _HOURS
    for hour, calls in zip(hours.to_pylist(), quarters["calls"].to_pylist(), strict=True):
        counts[hour] += calls
    return counts


def revenue_by_buyer(totals: pa.Table) -> list[tuple[str, Decimal | None]]:
    """Return the name and the revenue of each buyer."""
    parties = totals.filter((pc.field("group_by") == PARTY) & pc.field("buyer_key").is_valid())
    key, revenue = parties["buyer_key"], parties["revenue_owed"]
    table = pa.table({"key": key, "name": pc.coalesce(parties["buyer"], key), "revenue": revenue})
    sums = table.group_by("key").aggregate([("name", "max"), ("revenue", "sum")])
    return list(zip(sums["name_max"].to_pylist(), sums["revenue_sum"].to_pylist(), strict=True))


def _cell(value: Any) -> str | int | float | bool | None:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, str):
        return value if len(value) <= _LONGEST_TEXT else f"{value[:_LONGEST_TEXT]}…"
    return value if value is None or isinstance(value, int | float) else str(value)
