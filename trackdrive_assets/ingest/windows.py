"""Divide a day of calls into windows, and decide which calls are inside a window.

Not here: the windows themselves (`days.py`), and their requests (`calls.py`).
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from trackdrive_assets.api.page_decisions import missing_count
from trackdrive_assets.api.pagination import Page
from trackdrive_assets.api.rows import Rows
from trackdrive_assets.days import Window, divide, is_newest_first, part_count, rest_of
from trackdrive_assets.tables.values import instant


def windows_after(first: Page, whole: Window, share: int) -> list[Window]:
    """Divide what is left of a day after its first page into windows, newest first.

    Args:
        first: The first page, which has the newest calls.
        whole: The day.
        share: The number of requests that the day can have in flight.

    Returns:
        The windows. None if few pages are left, or if the first page does not show what is left.
    """
    metadata = first.metadata
    left = missing_count(metadata.total_count, len(first.rows))
    if not left:
        return []
    moments = [moment for moment in created(first.rows) if moment is not None]
    is_clear = len(moments) == len(first.rows) and is_newest_first(moments)
    if not moments or not is_clear or moments[-1] not in whole:
        return []
    pages_left = math.ceil(left / (metadata.per_page or len(moments)))
    windows = divide(rest_of(whole, moments[-1]), part_count(pages_left, share))
    return windows if len(windows) > 1 else []


def are_inside(moments: pa.Array[Any], window: Window) -> bool:
    """Return whether all moments are in a window. Their order does not matter."""
    ends = pc.min_max(moments)
    return all(end.as_py() in window for end in ends.values()) if len(moments) else True


def created(rows: Rows) -> list[datetime | None]:
    """Return when each call was created, in UTC; None for a value that cannot be parsed.

    Calls that cannot be typed are cut to their day by this, so that they fail only that day.
    """
    return [_created(value) for value in rows.column("created_at")]


def _created(value: object) -> datetime | None:
    try:
        return instant(value)
    except (TypeError, ValueError, OverflowError):
        return None


def describe_ignored_range(requested: Window, moment: datetime) -> str:
    """Return the message about a call of a moment outside the range that was requested."""
    since, until = requested.query_range
    return (
        f"The API was asked for calls from {since.isoformat()} to {until.isoformat()}, but sent one of "
        f"{moment.isoformat()}. It does not apply this range, so calls may be missing. If it happens again, "
        f"report it to Trackdrive's support."
    )
