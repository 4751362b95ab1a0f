"""Log how far a long run is: how much was fetched, how fast, and how long the rest will take.

A run of up to a year logs each day that is done. Not here: what is fetched, and when.
"""

import logging
import time
from collections.abc import Callable, Sequence

from trackdrive_assets.cost import format_duration
from trackdrive_assets.days import Day
from trackdrive_assets.ingest.fetcher import Progress

RESPONSES_PER_LINE = 40
"""The number of responses between two lines: 10,000 calls at 250 per page."""

MOST_DAYS_WITH_LINE = 366
"""The most days of a run that logs a line for each. Dagster stores each line, and takes a millisecond."""


def seconds_left(share: float, elapsed: float) -> float | None:
    """Return how long the rest takes if it goes on as before; None while that is unknown.

    Args:
        share: The share of the whole that is done, 0 to 1.
        elapsed: The seconds since the beginning.
    """
    return elapsed * (1 - share) / share if share > 0 else None


class ProgressLog:
    """The progress of a run in its log.

    Args:
        log: The log of the run.
        unit: The unit that is counted: `calls` or `responses`.
        days: The days of the run.
        clock: The time in seconds.
    """

    def __init__(
        self,
        log: logging.Logger,
        unit: str,
        days: Sequence[Day],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log
        self._unit = unit
        self._clock = clock
        self._began = clock()
        self._day_count = len(days)
        self._ended_count = 0
        self._response_count = 0
        self._fetched = 0

    def on_response(self, in_progress: Sequence[Progress]) -> None:
        """Count one more response, and log the progress from time to time.

        Args:
            in_progress: The progress of all days that have begun and not ended.
        """
        self._response_count += 1
        if self._response_count % RESPONSES_PER_LINE:
            return
        done = sum(progress.done for progress in in_progress)
        expected = sum(max(progress.expected or 0, progress.done) for progress in in_progress)
        share = sum(_share(progress) for progress in in_progress) + self._ended_count
        self._log.info(
            "Fetched %s of %s %s of the days in progress; %d of %d days are done; %s.",
            f"{done:,}",
            f"{expected:,}",
            self._unit,
            self._ended_count,
            self._day_count,
            self._rate(self._fetched + done, share / self._day_count),
            # For a program that shows the progress, such as `trackdrive materialize`.
            extra={"share": share / self._day_count, "fetched": self._fetched + done},
        )

    def on_end(self, day: Day, fetched: int = 0, *, cost: str | None = None, failed: bool = False) -> None:
        """Count one more day that has ended. Log it if it has failed, or if the run has up to a year of days.

        Args:
            day: The day.
            fetched: What was fetched of it, in the unit that is counted.
            cost: What was stored, and what it took. None if an earlier attempt stored it.
            failed: Whether a part of the day was not stored.
        """
        self._fetched += fetched
        self._ended_count += 1
        if failed or self._day_count <= MOST_DAYS_WITH_LINE:
            self._log.info(
                "%s %s: %s. Day %d of %d.",
                day,
                "has failed" if failed else "is done",
                cost or "stored before",
                self._ended_count,
                self._day_count,
            )

    def _rate(self, fetched: int, share: float) -> str:
        elapsed = self._clock() - self._began
        rate = f"{fetched / elapsed:,.0f} per second" if elapsed else "in no time"
        left = seconds_left(share, elapsed)
        return f"{rate}, about {format_duration(left)} left" if left is not None else rate


def _share(progress: Progress) -> float:
    return min(1.0, progress.done / progress.expected) if progress.expected else 0.0
