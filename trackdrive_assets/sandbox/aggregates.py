"""The bodies of reports and statistics, computed from the records of calls.

Their shapes are assumed, because no response was ever published; each can be chosen. Not here: lists of calls
(`serializers.py`).
"""

import math
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Literal

from trackdrive_assets.sandbox.call import Record
from trackdrive_assets.sandbox.serializers import Row, sort_key

ReportShape = Literal["objects", "map", "bare"]
StatsShape = Literal["map", "pairs", "series", "bare_map"]

_CATEGORY_FIELDS = {
    "buyer_id": ("buyer_id", "buyer"),
    "offer_id": ("offer_id", "offer"),
    "traffic_source_id": ("traffic_source_id", "traffic_source"),
    "number_id": ("number_id", "number_called"),
    "contact_id": ("contact_id", "caller_number"),
    "provider_configuration_id": ("provider_configuration_id", "provider"),
    "offer_converted": ("traffic_source_converted", "traffic_source_converted"),
}
"""The fields of the value and of the name of each category. Any other category is itself a field."""


def report_rows(records: Iterable[Record], category: str) -> list[Row]:
    """Return one row per value of the category, most calls first.

    `cost` is that of Trackdrive and of the provider together. `profit` is revenue minus payout, without the
    cost.
    """
    groups: dict[Any, list[Record]] = {}
    for record in records:
        groups.setdefault(_category_value(record, category), []).append(record)
    rows = [_report_row(value, calls, category) for value, calls in groups.items()]
    return sorted(rows, key=lambda row: (-row["calls"], sort_key(row[category])))


def report_body(rows: list[Row], category: str, metadata: dict[str, Any], shape: ReportShape) -> Any:
    """Return the body of a report in a shape."""
    if shape == "bare":
        return rows
    if shape == "objects":
        return {"status": 200, "metadata": metadata, "reports": rows}
    by_group = {
        _group_text(row[category]): {name: value for name, value in row.items() if name != category}
        for row in rows
    }
    return {"status": 200, "metadata": metadata, "reports": by_group}


def stat_by_group(records: Iterable[Record], group_by: str, stat: str) -> dict[str, float]:
    """Return one number per group. The group of unconverted calls is `""`."""
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(_group_text(_stat_group(record, group_by)), []).append(record)
    return {group: _stat(calls, stat) for group, calls in sorted(groups.items())}


def stats_body(stats: dict[str, float], since: str, shape: StatsShape) -> Any:
    """Return the body of statistics in a shape. `since` is the start of the range, for `series`."""
    if shape == "bare_map":
        return stats
    content: Any = stats
    if shape == "pairs":
        content = list(stats.items())
    elif shape == "series":
        content = [{"name": group, "data": {since: number}} for group, number in stats.items()]
    return {"status": 200, "stats": content}


def _category_value(record: Record, category: str) -> Any:
    if category == "in_progress":
        return record["ended_at"] is None
    value_field, _ = _CATEGORY_FIELDS.get(category, (category, category))
    return record[value_field]


def _report_row(value: Any, calls: list[Record], category: str) -> Row:
    _, name_field = _CATEGORY_FIELDS.get(category, (category, category))
    name = value if category == "in_progress" else calls[-1][name_field]
    revenue, payout = _revenue(calls), _payout(calls)
    return {
        category: value,
        "name": None if name is None else str(name),
        "calls": len(calls),
        "buyer_conversions": sum(bool(call["buyer_converted"]) for call in calls),
        "traffic_source_conversions": sum(bool(call["traffic_source_converted"]) for call in calls),
        "revenue": revenue,
        "payout": payout,
        "cost": _cost(calls),
        "profit": round(revenue - payout, 6),
        "average_duration": round(math.fsum(call["total_duration"] or 0 for call in calls) / len(calls), 2),
    }


def _stat_group(record: Record, group_by: str) -> Any:
    if not group_by.startswith("created_at_"):
        return record["traffic_source_converted" if group_by == "offer_converted" else group_by]
    created = datetime.fromisoformat(record["created_at"]).replace(second=0, microsecond=0)
    midnight = created.replace(hour=0, minute=0)
    start = {
        "created_at_five_minutes": created - timedelta(minutes=created.minute % 5),
        "created_at_day": midnight,
        "created_at_week": midnight - timedelta(days=created.weekday()),
        "created_at_month": midnight.replace(day=1),
    }[group_by]
    return start.strftime("%Y-%m-%d %H:%M:%S UTC")


def _group_text(value: Any) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _stat(calls: list[Record], stat: str) -> float:
    match stat:
        case "count":
            return len(calls)
        case "revenue":
            return _revenue(calls)
        case "cost":
            return _cost(calls)
        case _:
            return round(_revenue(calls) - _payout(calls), 6)


def _revenue(calls: list[Record]) -> float:
    return _sum(float(call["revenue"] or call["buyer_revenue"] or 0) for call in calls)


def _payout(calls: list[Record]) -> float:
    return _sum(float(call["payout"] or call["traffic_source_payout"] or 0) for call in calls)


def _cost(calls: list[Record]) -> float:
    return _sum(float(call["trackdrive_cost"] or 0) + float(call["provider_cost"] or 0) for call in calls)


def _sum(amounts: Iterable[float]) -> float:
    return round(math.fsum(amounts), 6)
