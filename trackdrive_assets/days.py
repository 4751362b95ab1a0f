"""Exact days and windows of time: their first and last instants, and their division. Pure functions.

A calendar day of a zone has 23, 24 or 25 hours. A list of calls is divided by creation time, because a
cursor goes in one direction only. Nothing is fetched here.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

YEARS = range(2000, 2100)
"""The years whose days an account can have. With others, the arithmetic of days and zones can overflow."""

# All intervals start at a multiple of five minutes, in every zone. The offsets of zones are multiples of 15.
_TICK = timedelta(minutes=5)


@dataclass(frozen=True)
class Day:
    """A calendar day of a zone. It has 24 hours, or 23 or 25 if the clock changes.

    Attributes:
        date: The date of the partition.
        zone: The time zone of the day.
        start: The first instant, in UTC.
        end: The first instant of the next day, in UTC.
    """

    date: date
    zone: ZoneInfo
    start: datetime
    end: datetime

    def __str__(self) -> str:
        return self.date.isoformat()

    def intervals(self, minutes: int) -> list[tuple[datetime, datetime]]:
        """Divide the day where the wall clock shows a multiple of `minutes`.

        If the clock changes, an interval longer than the change gets shorter or longer by the change. Six
        hours become five or seven. One hour becomes half an hour longer in a zone that changes by half an
        hour.

        Returns:
            The start and end of each interval, in UTC.
        """
        ticks = int((self.end - self.start) / _TICK)
        instants = (self.start + tick * _TICK for tick in range(ticks))
        starts = [instant for instant in instants if self._is_on_grid(instant, minutes)]
        if not starts or starts[0] != self.start:
            starts.insert(0, self.start)
        return list(zip(starts, [*starts[1:], self.end], strict=True)) if ticks else []

    def _is_on_grid(self, instant: datetime, minutes: int) -> bool:
        local = instant.astimezone(self.zone)
        return (local.hour * 60 + local.minute) % minutes == 0


def exact_day(day: date, zone: ZoneInfo) -> Day:
    """Return a calendar day of a zone. If the clock skips midnight, the day starts after the skipped time."""
    return Day(day, zone, _midnight(day, zone), _midnight(day + timedelta(days=1), zone))


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


def last_instant(end: datetime, precision: str) -> datetime:
    """Return the last instant before the end of an interval, as the end of a range in a request.

    Totals cannot be cut afterwards, and whether the API includes `created_at_to` is not documented. One
    microsecond earlier is right in either case. An account that ignores fractions of a second would lose the
    last second. It gets the end itself, and a call of exactly that instant may count twice.
    """
    return end - timedelta(microseconds=1) if precision == DATE_PRECISIONS[0] else end


def not_begun(days: Sequence[Day], now: datetime) -> list[Day]:
    """Return the days that have not begun, so that they have no data yet."""
    return [day for day in days if day.start > now]


QUERY_MARGIN = timedelta(seconds=1)
"""The time by which a query is wider than its window, on both sides. It is not documented whether the API
includes `created_at_to`, and what it does with fractions of a second. With the margin neither matters."""

_SECOND = timedelta(seconds=1)

DATE_PRECISIONS = ("microsecond", "second")
"""What a date in a request can have: fractions of a second, or whole seconds only."""

MAX_PAGES_PER_PART = 16
"""The number of pages above which a window is divided, even if no thread is free. So an earlier day ends
before the next day has many pages. Each part costs about half a page, because its last page is not full."""

MIN_PAGES_PER_PART = 1.5
"""The smallest number of pages of a part. A smaller part costs more in requests than it saves in time."""


@dataclass(frozen=True)
class Window:
    """A span of time, from `start` to before `end`, in UTC."""

    start: datetime
    end: datetime

    def __contains__(self, moment: object) -> bool:
        return isinstance(moment, datetime) and self.start <= moment < self.end

    @property
    def query_range(self) -> tuple[datetime, datetime]:
        """The range to query, in whole seconds. It is wide enough to contain every call of the window."""
        first, last = self.start - QUERY_MARGIN, self.end + QUERY_MARGIN
        return first.replace(microsecond=0), last.replace(microsecond=0) + _SECOND * bool(last.microsecond)

    def may_contain(self, moment: datetime) -> bool:
        """Return whether a server that was asked for the query range can return a call of this moment.

        A server that ignores fractions of a second can be off by one second.
        """
        first, last = self.query_range
        return first - _SECOND <= moment < last + _SECOND


def part_count(pages_left: int, slots: int) -> int:
    """Return the number of parts to divide the rest of a window into; 1 if it should not be divided.

    Calls are not spread evenly over a day, so there are twice as many parts as slots. While one thread
    fetches a part with many calls, another fetches two parts with few.

    Args:
        pages_left: The number of pages that are left.
        slots: The number of requests that may be in flight for them.
    """
    wanted = max(math.ceil(pages_left / MAX_PAGES_PER_PART), 2 * slots if slots > 1 else 1)
    return max(1, min(wanted, int(pages_left / MIN_PAGES_PER_PART)))


def divide(window: Window, parts: int) -> list[Window]:
    """Divide a window into parts of the same length, newest first.

    The parts begin and end at whole seconds. A window that is too short has fewer parts.
    """
    length = (window.end - window.start) / parts
    cuts = [(window.start + number * length).replace(microsecond=0) for number in range(1, parts)]
    inner = [cut for cut in dict.fromkeys(cuts) if window.start < cut < window.end]
    edges = [window.start, *inner, window.end]
    return [Window(start, end) for start, end in pairwise(edges)][::-1]


def is_newest_first(moments: Sequence[datetime]) -> bool:
    """Return whether calls are in descending order of their creation time."""
    return all(newer >= older for newer, older in pairwise(moments))


def rest_of(window: Window, oldest: datetime) -> Window:
    """Return the rest of a window after a page whose last call was created at `oldest`.

    The rest includes that instant, because the next page can contain more calls of it.
    """
    return Window(window.start, min(window.end, oldest.astimezone(UTC) + timedelta(microseconds=1)))
