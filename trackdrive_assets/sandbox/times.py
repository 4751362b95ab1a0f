"""Times as integers: milliseconds since 1970 in UTC. Not here: what happens at them (`call.py`)."""

from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

TICKS = 100
"""Ticks of a millisecond. A tick of 10 microseconds distinguishes calls of the same millisecond."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def milliseconds(instant: datetime) -> int:
    """Return an aware datetime in milliseconds."""
    return (instant - _EPOCH) // timedelta(milliseconds=1)


def timestamp(time: int) -> str:
    """Return a time as the API writes it: `2024-06-28T21:41:35.977+00:00`."""
    days, remainder = divmod(time, DAY)
    seconds, fraction = divmod(remainder, SECOND)
    return f"{_format_day(days)}T{_format_clock(seconds)}.{fraction:03d}+00:00"


def day_of(time: int) -> date:
    """Return the UTC day of a time."""
    return (_EPOCH + timedelta(milliseconds=time)).date()


def midnight(day: date) -> int:
    """Return the time at which a UTC day starts."""
    return (day - _EPOCH.date()).days * DAY


@cache
def _format_day(days: int) -> str:
    return (_EPOCH + timedelta(days=days)).date().isoformat()


@lru_cache(maxsize=86_400)
def _format_clock(seconds: int) -> str:
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
