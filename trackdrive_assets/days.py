"""Exact days and windows of time: first and last instants, and how each is divided. Pure functions.

A calendar day of a zone is 23, 24 or 25 hours. A list of calls is divided by creation time, because
a cursor cannot be followed from two ends. Not here: fetching anything.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

# Every cut falls on a multiple of this, in every zone: offsets are multiples of 15 minutes.
_FINEST = timedelta(minutes=5)


@dataclass(frozen=True)
class Day:
    """A calendar day of a zone: 24 hours, or 23 and 25 when the clock is changed.

    Attributes:
        date: The partition.
        zone: Where it is that day.
        start: First instant, in UTC.
        end: First instant of the next day, in UTC.
    """

    date: date
    zone: ZoneInfo
    start: datetime
    end: datetime

    def __str__(self) -> str:
        return self.date.isoformat()

    def intervals(self, minutes: int) -> list[tuple[datetime, datetime]]:
        """The day cut where the wall clock shows a multiple of `minutes`: start and end of each, in UTC.

        Intervals follow the wall clock. When it is changed, one that is longer than the change is shorter or
        longer by it: six hours become five or seven; one hour is half an hour longer where the clock moves by
        half an hour.
        """
        ticks = int((self.end - self.start) / _FINEST)
        instants = (self.start + tick * _FINEST for tick in range(ticks))
        cuts = [instant for instant in instants if self._on_the_clock(instant, minutes)]
        if not cuts or cuts[0] != self.start:
            cuts.insert(0, self.start)
        return list(zip(cuts, [*cuts[1:], self.end], strict=True)) if ticks else []

    def _on_the_clock(self, instant: datetime, minutes: int) -> bool:
        local = instant.astimezone(self.zone)
        return (local.hour * 60 + local.minute) % minutes == 0


def exact_day(day: date, zone: ZoneInfo) -> Day:
    """A calendar day of a zone. Where midnight is skipped, the day starts when the clock has jumped."""
    return Day(day, zone, _midnight(day, zone), _midnight(day + timedelta(days=1), zone))


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


def not_begun(days: Sequence[Day], now: datetime) -> list[Day]:
    """The days that have not begun: nothing can be known of them."""
    return [day for day in days if day.start > now]


# Whether the API counts `created_at_to` in, and what it does with fractions of a second, is not documented.
# Asking wider on both sides, and in whole seconds, makes it not matter.
MARGIN = timedelta(seconds=1)
_SECOND = timedelta(seconds=1)

LARGEST_PART = 16
"""The number of pages in a part, about. A window that has more is divided even if no thread is free, so that
an earlier day ends before a later one has gone far. Each part costs half a page: its last is not full."""

SMALLEST_PART = 1.5
"""The least number of pages in a part. In a smaller part, the request that it costs takes what it saves."""


@dataclass(frozen=True)
class Window:
    """A span of time, from `start` to before `end`, in UTC."""

    start: datetime
    end: datetime

    def __contains__(self, moment: object) -> bool:
        return isinstance(moment, datetime) and self.start <= moment < self.end

    @property
    def asked(self) -> tuple[datetime, datetime]:
        """What to ask the API for, so that nothing of the window is missing."""
        first, last = self.start - MARGIN, self.end + MARGIN
        return first.replace(microsecond=0), last.replace(microsecond=0) + _SECOND * bool(last.microsecond)


def how_many_parts(pages_left: int, places: int) -> int:
    """Return into how many parts to divide what is left of a window; 1 if it should stay whole.

    Calls are not spread evenly over a day, so there are twice as many parts as requests: while one thread
    fetches a full part, another fetches two that are not.

    Args:
        pages_left: The number of pages that are left.
        places: The number of requests that may be in flight for them.
    """
    wanted = max(math.ceil(pages_left / LARGEST_PART), 2 * places if places > 1 else 1)
    return max(1, min(wanted, int(pages_left / SMALLEST_PART)))


def divided(window: Window, parts: int) -> list[Window]:
    """Divide into parts of the same length, newest first, at whole seconds; fewer where it is too short."""
    length = (window.end - window.start) / parts
    cuts = [(window.start + number * length).replace(microsecond=0) for number in range(1, parts)]
    inner = [cut for cut in dict.fromkeys(cuts) if window.start < cut < window.end]
    edges = [window.start, *inner, window.end]
    return [Window(start, end) for start, end in pairwise(edges)][::-1]


def newest_first(moments: Sequence[datetime]) -> bool:
    """Whether calls came in the order that lets the last of a page tell what is left."""
    return all(earlier >= later for earlier, later in pairwise(moments))


def below(window: Window, oldest: datetime) -> Window:
    """What is left of a window when the page is read that ends with the call created at `oldest`.

    Other calls of that very moment may be to come, so it counts as left.
    """
    return Window(window.start, min(window.end, oldest.astimezone(UTC) + timedelta(microseconds=1)))
