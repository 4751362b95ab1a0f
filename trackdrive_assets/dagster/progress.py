"""How far a long run is: what was read, how fast, and how long the rest will take, in words for its log.

A short run says nothing but which days are done. Not here: what is read, nor when the API is asked.
"""

import logging
import math
import time
from collections.abc import Callable, Sequence

from trackdrive_assets.days import Day
from trackdrive_assets.ingest.concurrency import Amount

ANSWERS = 40
"""How many answers of the API stand between two lines: 10,000 calls at 250 a page."""

_MINUTE = 60
_HOUR = 60 * _MINUTE


def seconds_left(share: float, elapsed: float) -> float | None:
    """How long the rest takes if it goes on as so far; None where that can't be told yet.

    Args:
        share: Of the whole that is done, 0 to 1.
        elapsed: Seconds since it began.
    """
    return elapsed * (1 - share) / share if share > 0 else None


def in_words(seconds: float) -> str:
    """A span of time as people say it: `40 s`, `3 min`, `2 h 10 min`."""
    if seconds < _MINUTE:
        return f"{math.ceil(seconds)} s"
    minutes = math.ceil(seconds / _MINUTE)
    return f"{minutes} min" if seconds < _HOUR else f"{minutes // 60} h {minutes % 60} min"


class Progress:
    """Tells the log how far a run is.

    Args:
        log: The run's.
        noun: What is counted: `calls`, or `answers`.
        days: Of the run.
        readings: How many readings a day has.
        clock: Seconds, from any beginning.
    """

    def __init__(
        self,
        log: logging.Logger,
        noun: str,
        days: Sequence[Day],
        readings: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log
        self._noun = noun
        self._left = dict.fromkeys(days, readings)
        self._clock = clock
        self._began = clock()
        self._readings = len(days) * readings
        self._readings_done = 0
        self._answers = 0
        self._read = 0

    def read(self, amounts: Sequence[Amount]) -> None:
        """An answer has come; so far are the readings that are under way."""
        self._answers += 1
        if self._answers % ANSWERS:
            return
        done = sum(amount.done for amount in amounts)
        expected = sum(max(amount.expected or 0, amount.done) for amount in amounts)
        share = sum(_share(amount) for amount in amounts) + self._readings_done
        self._log.info(
            "%s of %s %s of what is being read; %d of %d days are done; %s.",
            f"{done:,}",
            f"{expected:,}",
            self._noun,
            self._days_done,
            len(self._left),
            self._pace(self._read + done, share / self._readings),
        )

    def ended(self, day: Day, read: int = 0) -> None:
        """A reading of a day has ended, and brought so much."""
        self._read += read
        self._readings_done += 1
        self._left[day] -= 1
        if not self._left[day]:
            self._log.info("%s is done: day %d of %d.", day, self._days_done, len(self._left))

    @property
    def _days_done(self) -> int:
        return sum(not left for left in self._left.values())

    def _pace(self, read: int, share: float) -> str:
        elapsed = self._clock() - self._began
        rate = f"{read / elapsed:,.0f} a second" if elapsed else "in no time"
        left = seconds_left(share, elapsed)
        return f"{rate}, about {in_words(left)} left" if left is not None else rate


def _share(amount: Amount) -> float:
    return min(1.0, amount.done / amount.expected) if amount.expected else 0.0
