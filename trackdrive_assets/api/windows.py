"""How a list of calls is divided by time, so that its parts can be read side by side.

A cursor leads from page to page and cannot be followed from two ends. What divides a list is the time when
calls were created. Pure decisions; who reads the parts is `ingest/`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

# Whether the API counts `created_at_to` in, and what it does with fractions of a second, is not documented.
# Asking wider on both sides, and in whole seconds, makes it not matter.
MARGIN = timedelta(seconds=1)
_SECOND = timedelta(seconds=1)

LARGEST_PART = 16
"""Pages in a part, about. A window that holds more is divided even if nobody else could read: so an earlier
day comes to its end before a later one has gone far. Each part costs half a page, because its last is not
full."""

SMALLEST_PART = 2
"""Pages in a part at least: below it, another request costs what it saves."""


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
    """Into how many parts what is left of a window should be divided; 1 is not at all.

    Args:
        pages_left: How much is left.
        places: How many requests may be sent now, this window's next among them.
    """
    wanted = max(math.ceil(pages_left / LARGEST_PART), places)
    return max(1, min(wanted, pages_left // SMALLEST_PART))


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
