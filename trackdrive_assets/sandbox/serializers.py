"""How calls are shown: columns, pages and cursors, CSV, and the bodies of reports and stats.

Pure functions from calls to what is sent. Where the evidence ends (reports, stats, CSV, error bodies) the
shape is assumed, and can be chosen. Not here: which calls are asked for (`filters.py`), and HTTP
(`server.py`).
"""

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Literal

from trackdrive_assets.api.catalog import CALL_COLUMNS, LEGACY_CALL_COLUMNS, ORDER_FIELDS
from trackdrive_assets.sandbox.call import TICKS, Call, Record
from trackdrive_assets.sandbox.filters import Refused
from trackdrive_assets.sandbox.generator import CallGenerator

Row = dict[str, Any]
ApiVersion = Literal["current", "legacy"]
ReportShape = Literal["objects", "map", "bare"]
StatsShape = Literal["map", "pairs", "series", "bare_map"]

_DEFAULT_PER_PAGE = 25
_ORDER_FACTS = {
    "cost": "trackdrive_cost",
    "charge": "trackdrive_cost",
    "charge_total": "trackdrive_cost",
    "third_party_cost": "provider_cost",
    "end_time": "ended_at",
    "offer_converted": "traffic_source_converted",
    "lead_id": "contact_id",
    "start_app_duration": "ivr_duration",
}
_CATEGORY_FACTS = {
    "buyer_id": ("buyer_id", "buyer"),
    "offer_id": ("offer_id", "offer"),
    "traffic_source_id": ("traffic_source_id", "traffic_source"),
    "number_id": ("number_id", "number_called"),
    "contact_id": ("contact_id", "caller_number"),
    "provider_configuration_id": ("provider_configuration_id", "provider"),
    "offer_converted": ("traffic_source_converted", "traffic_source_converted"),
    "in_progress": ("in_progress", "in_progress"),
}


@dataclass(frozen=True)
class Page:
    """Which page a request asks for.

    Attributes:
        number: From 1.
        size: Rows at most.
        cursor: What was sent, digit for digit; none: the first page, or page mode.
    """

    number: int
    size: int
    cursor: str | None


def asked_page(params: Mapping[str, str], per_page_limit: int) -> Page:
    """Reads `page`, `per_page` and `cursor`. A larger page than the limit becomes one of the limit.

    Raises:
        Refused: for what is no number.
    """
    number, size = _whole(params, "page", 1), _whole(params, "per_page", _DEFAULT_PER_PAGE)
    cursor = params.get("cursor", "").strip()
    return Page(number, min(size, per_page_limit), None if cursor in {"", "-1"} else cursor)


def _whole(params: Mapping[str, str], name: str, default: int) -> int:
    text = params.get(name, "").strip()
    if not text:
        return default
    if not text.isdecimal() or int(text) < 1:
        raise Refused(name, "Must be a number.")
    return int(text)


def asked_columns(params: Mapping[str, str], api_version: ApiVersion) -> tuple[str, ...] | None:
    """The known ones among the columns asked for, in the order asked; none if the request does not choose."""
    if not params.get("columns", "").strip():
        return None
    known = LEGACY_CALL_COLUMNS if api_version == "legacy" else CALL_COLUMNS
    return tuple(name for name in map(str.strip, params["columns"].split(",")) if name in known)


def row(
    generator: CallGenerator, call: Call, now: int, api_version: ApiVersion, columns: Sequence[str] | None
) -> Row:
    """A call as the wire shows it at a moment.

    The current API adds every `token-*` key, and every key that a test has made up, unless columns were
    chosen.
    """
    if api_version == "current":
        shown = generator.row(call, now)
        return shown if columns is None else {name: shown[name] for name in columns}
    known = generator.record(call, now)
    return {name: known[name] for name in (LEGACY_CALL_COLUMNS if columns is None else columns)}


def cursor_of(call: Call, api_version: ApiVersion, *, ties_lost: bool) -> float | int:
    """The cursor that continues after this call.

    Today's is a JSON float: `created_at` in units of 10 microseconds. Those are unique unless `ties_lost`,
    which rounds them to the millisecond, so that of several calls of one millisecond only some are ever seen.
    """
    if api_version == "legacy":
        return call.id
    return float(call.position // TICKS * TICKS if ties_lost else call.position)


def order_key(params: Mapping[str, str]) -> str | None:
    """The fact to sort by; none for the default, newest first, and for a field that nobody knows."""
    field = params.get("order", "created_at")
    if field == "created_at" or field not in ORDER_FIELDS:
        return None
    return _ORDER_FACTS.get(field, field)


def is_ascending(params: Mapping[str, str]) -> bool:
    """Whether `order_dir` asks for the smallest first. Anything but `asc` does not."""
    return params.get("order_dir", "desc").lower() == "asc"


def sort_value(value: Any) -> tuple[int, float, str]:
    """A key by which values of mixed kinds can be sorted: none, numbers, texts."""
    if value is None:
        return 0, 0.0, ""
    if isinstance(value, (int, float)):
        return 1, float(value), ""
    return 2, 0.0, str(value)


def metadata(
    params: Mapping[str, str], root: str, page: Page, total: int, next_cursor: float | None
) -> dict[str, Any]:
    """The `metadata` of a list, with the parameters echoed.

    `total_pages` is one too high, as it was in every capture.
    """
    echo = {"time_zone": "Etc/UTC", "order_dir": "desc", "per_page": str(_DEFAULT_PER_PAGE), **params}
    echo.pop("auth_token", None)
    result = {
        "company": "Sandbox",
        "root": root,
        "page": page.number,
        "total_pages": math.ceil(total / page.size) + 1,
        "per_page": page.size,
        "total_count": total,
    }
    if next_cursor is not None:
        result["next_cursor"] = next_cursor
    return {**result, "params": echo}


def csv_text(rows: Sequence[Row]) -> str:
    """Rows as RFC 4180: comma, CRLF, a header of every key in order of appearance. Assumed."""
    header = list(dict.fromkeys(name for each in rows for name in each))
    text = io.StringIO()
    writer = csv.DictWriter(text, header, restval="", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def report_rows(found: Iterable[Record], category: str) -> list[Row]:
    """One row per value of the category, most calls first. Assumed.

    `cost` is Trackdrive's and the provider's; `profit` is revenue less payout, without the cost.
    """
    value_of, name_of = _CATEGORY_FACTS.get(category, (category, category))
    groups: dict[Any, list[Record]] = {}
    for record in found:
        value = record["ended_at"] is None if category == "in_progress" else record[value_of]
        groups.setdefault(value, []).append(record)
    rows = []
    for value, calls in groups.items():
        name = value if category == "in_progress" else calls[-1][name_of]
        revenue, payout = _total(calls, _revenue), _total(calls, _payout)
        rows.append(
            {
                category: value,
                "name": None if name is None else str(name),
                "calls": len(calls),
                "buyer_conversions": sum(bool(each["buyer_converted"]) for each in calls),
                "traffic_source_conversions": sum(bool(each["traffic_source_converted"]) for each in calls),
                "revenue": revenue,
                "payout": payout,
                "cost": _total(calls, _cost),
                "profit": round(revenue - payout, 6),
                "average_duration": round(
                    math.fsum(each["total_duration"] or 0 for each in calls) / len(calls), 2
                ),
            }
        )
    return sorted(rows, key=lambda each: (-each["calls"], sort_value(each[category])))


def report_body(rows: list[Row], category: str, about: dict[str, Any], shape: ReportShape) -> Any:
    """The body of a report in one of the shapes that it may have."""
    if shape == "bare":
        return rows
    if shape == "map":
        named = {
            _group_text(each[category]): {k: v for k, v in each.items() if k != category} for each in rows
        }
        return {"status": 200, "metadata": about, "reports": named}
    return {"status": 200, "metadata": about, "reports": rows}


def stat_by_group(found: Iterable[Record], group_by: str, stat: str) -> dict[str, float]:
    """One number per group. A call that has not converted is of the group `""`. Assumed."""
    groups: dict[str, list[Record]] = {}
    for record in found:
        groups.setdefault(_group_text(_group_of(record, group_by)), []).append(record)
    return {group: _stat(calls, stat) for group, calls in sorted(groups.items())}


def stats_body(stats: dict[str, float], since: str, shape: StatsShape) -> Any:
    """The body of stats in one of the shapes that it may have."""
    match shape:
        case "bare_map":
            return stats
        case "pairs":
            return {"status": 200, "stats": list(stats.items())}
        case "series":
            return {
                "status": 200,
                "stats": [{"name": group, "data": {since: number}} for group, number in stats.items()],
            }
        case _:
            return {"status": 200, "stats": stats}


def window(calls: Iterable[Call], page: Page, *, skip: bool) -> list[Call]:
    """The calls of one page; in page mode those of the earlier pages are skipped."""
    first = (page.number - 1) * page.size if skip else 0
    return list(islice(calls, first, first + page.size))


def _group_of(record: Record, group_by: str) -> Any:
    if not group_by.startswith("created_at_"):
        return record["traffic_source_converted" if group_by == "offer_converted" else group_by]
    created = datetime.fromisoformat(record["created_at"]).replace(second=0, microsecond=0)
    midnight = created.replace(hour=0, minute=0)
    begin = {
        "created_at_five_minutes": created - timedelta(minutes=created.minute % 5),
        "created_at_day": midnight,
        "created_at_week": midnight - timedelta(days=created.weekday()),
        "created_at_month": midnight.replace(day=1),
    }[group_by]
    return begin.strftime("%Y-%m-%d %H:%M:%S UTC")


def _group_text(value: Any) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _stat(calls: list[Record], stat: str) -> float:
    match stat:
        case "count":
            return len(calls)
        case "revenue":
            return _total(calls, _revenue)
        case "cost":
            return _total(calls, _cost)
        case _:
            return round(_total(calls, _revenue) - _total(calls, _payout), 6)


def _total(calls: list[Record], amount: Any) -> float:
    return round(math.fsum(amount(record) for record in calls), 6)


def _revenue(record: Record) -> float:
    return float(record["revenue"] or record["buyer_revenue"] or 0)


def _payout(record: Record) -> float:
    return float(record["payout"] or record["traffic_source_payout"] or 0)


def _cost(record: Record) -> float:
    return float(record["trackdrive_cost"] or 0) + float(record["provider_cost"] or 0)
