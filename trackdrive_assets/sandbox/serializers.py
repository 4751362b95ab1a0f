"""Lists of calls as the API sends them: columns, pages, cursors, metadata, CSV.

Pure functions. CSV is assumed, because no response was ever published. Not here: which calls a request is for
(`filters.py`), reports and statistics (`aggregates.py`), and HTTP (`server.py`).
"""

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

from trackdrive_assets.api.catalog import CALL_COLUMNS, LEGACY_CALL_COLUMNS, ORDER_FIELDS
from trackdrive_assets.sandbox.call import Call
from trackdrive_assets.sandbox.generator import CallGenerator
from trackdrive_assets.sandbox.parameters import InvalidParameter
from trackdrive_assets.sandbox.times import TICKS

Row = dict[str, Any]
ApiVersion = Literal["current", "legacy"]

_DEFAULT_PER_PAGE = 25
_ORDER_FIELDS = {
    "cost": "trackdrive_cost",
    "charge": "trackdrive_cost",
    "charge_total": "trackdrive_cost",
    "third_party_cost": "provider_cost",
    "end_time": "ended_at",
    "offer_converted": "traffic_source_converted",
    "lead_id": "contact_id",
    "start_app_duration": "ivr_duration",
}
"""The field of each order whose name is not that of a field."""


@dataclass(frozen=True)
class PageRequest:
    """The page that a request is for: its number from 1, the largest number of rows, and the cursor as sent.

    The cursor is None for the first page, and in page mode.
    """

    number: int
    size: int
    cursor: str | None

    def of(self, rows: Iterable[Any]) -> list[Any]:
        """Return the rows of this page. In page mode the rows of earlier pages are skipped."""
        start = (self.number - 1) * self.size if self.cursor is None else 0
        return list(islice(rows, start, start + self.size))


def parse_page(params: Mapping[str, str], per_page_limit: int) -> PageRequest:
    """Parse `page`, `per_page` and `cursor`. A `per_page` above the limit is reduced to it."""
    number, size = _number(params, "page", 1), _number(params, "per_page", _DEFAULT_PER_PAGE)
    cursor = params.get("cursor", "").strip()
    return PageRequest(number, min(size, per_page_limit), None if cursor in {"", "-1"} else cursor)


def parse_columns(params: Mapping[str, str], api_version: ApiVersion) -> tuple[str, ...] | None:
    """Return the existing columns of `columns` in their order; None if the request does not choose."""
    if not params.get("columns", "").strip():
        return None
    existing = LEGACY_CALL_COLUMNS if api_version == "legacy" else CALL_COLUMNS
    return tuple(name for name in map(str.strip, params["columns"].split(",")) if name in existing)


def parse_order(params: Mapping[str, str]) -> str | None:
    """Return the field to sort by; None for the default, newest first, and for an unknown order."""
    order = params.get("order", "created_at")
    if order == "created_at" or order not in ORDER_FIELDS:
        return None
    return _ORDER_FIELDS.get(order, order)


def is_ascending(params: Mapping[str, str]) -> bool:
    """Return whether `order_dir` is `asc`."""
    return params.get("order_dir", "desc").lower() == "asc"


def sort_key(value: Any) -> tuple[int, float, str]:
    """Return a sort key for values of mixed types: None, then numbers, then texts."""
    if value is None:
        return 0, 0.0, ""
    if isinstance(value, (int, float)):
        return 1, float(value), ""
    return 2, 0.0, str(value)


def row(
    generator: CallGenerator, call: Call, now: int, api_version: ApiVersion, columns: Sequence[str] | None
) -> Row:
    """Return a call as the API sends it at a time.

    Unless the request chooses columns, the current API adds every `token-*` key, and every key of a test.
    """
    if api_version == "current":
        listed = generator.row(call, now)
        return listed if columns is None else {name: listed[name] for name in columns}
    record = generator.record(call, now)
    return {name: record[name] for name in (LEGACY_CALL_COLUMNS if columns is None else columns)}


def cursor_after(call: Call, api_version: ApiVersion, *, ties_lost: bool) -> float | int:
    """Return the cursor that continues after a call.

    The current API's is a float: `created_at` in units of 10 microseconds, which is unique. `ties_lost`
    rounds it to the millisecond, so that some calls of the same millisecond are on no page.
    """
    if api_version == "legacy":
        return call.id
    return float(call.position // TICKS * TICKS if ties_lost else call.position)


def metadata(
    params: Mapping[str, str], root: str, page: PageRequest, total: int, next_cursor: float | None
) -> dict[str, Any]:
    """Return the `metadata` of a list, with the parameters of the request.

    `total_pages` is one too high, as it is in every captured response.
    """
    echo = {"time_zone": "Etc/UTC", "order_dir": "desc", "per_page": str(_DEFAULT_PER_PAGE), **params}
    echo.pop("auth_token", None)
    result = {
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
    """Return rows as RFC 4180: commas, CRLF, and a header of every key in order of appearance."""
    header = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, header, restval="", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _number(params: Mapping[str, str], name: str, default: int) -> int:
    text = params.get(name, "").strip()
    if not text:
        return default
    if not text.isdecimal() or int(text) < 1:
        raise InvalidParameter(name, "Must be a number.")
    return int(text)
