"""Ingest several days at the same time: which begin, and what the error of one day ends.

Each day runs in a thread of its own from its first request until it is stored. Not here: how a day is
ingested (`calls.py`, `reports.py`, `stats.py`), and the threads of its requests (`fetcher.py`).
"""

import gc
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from queue import Empty
from typing import Generic, TypeVar

import pyarrow as pa

from trackdrive_assets.api.client import Client
from trackdrive_assets.api.usage import Usage
from trackdrive_assets.ingest.errors import EXPLAINED
from trackdrive_assets.ingest.fetcher import Cancelled, ConcurrentDays, Fetcher, Progress, Update
from trackdrive_assets.ingest.parts import PartsFailed

_EXPLAINED = (*EXPLAINED, PartsFailed)
"""Errors that fail a day. Any other error is a bug, and ends everything."""

_MOST_STORED = 2
"""The number of days that may be stored while others are fetched."""

_SECONDS_BETWEEN_SIGNALS = 1
"""The longest time until a signal ends the wait for the days."""

_COLLECTION_THRESHOLDS = (100_000, 20, 100)
"""The thresholds of the garbage collection while days are fetched."""

Key = TypeVar("Key")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Outcome(Generic[Key, Result]):
    """The end of one day.

    Attributes:
        key: The key of the day.
        result: What was stored; None if the day failed.
        error: Why the day failed; None if it was stored.
        progress: How much of the day was fetched.
        usage: The requests of the day.
        seconds: The time that the day took.
    """

    key: Key
    result: Result | None
    error: Exception | None
    progress: Progress
    usage: Usage
    seconds: float


def _always(_: Exception) -> bool:
    return True


def _ignore(_: Sequence[Progress]) -> None:
    pass


def _never() -> bool:
    return False


def _go_on() -> None:
    pass


def has_room(fetching: int, running: int, most_fetching: int, *, is_pausing: bool) -> bool:
    """Return whether another day may begin.

    Args:
        fetching: The number of days that still send requests.
        running: The number of days that have begun and not ended.
        most_fetching: The largest number of days that may send requests.
        is_pausing: Whether the next day begins after a pause, which comes when no day is running.
    """
    if is_pausing:
        return running == 0
    return fetching < most_fetching and running < most_fetching + _MOST_STORED


def run_concurrently(
    client: Client,
    keys: Iterable[Key],
    ingest: Callable[[Key, Fetcher], Result],
    *,
    is_fatal: Callable[[Exception], bool] = _always,
    on_progress: Callable[[Sequence[Progress]], None] = _ignore,
    wants_pause: Callable[[], bool] = _never,
    pause: Callable[[], None] = _go_on,
) -> Iterator[Outcome[Key, Result]]:
    """Ingest days, as many at the same time as the client may have requests in flight.

    A later day begins only when the earlier days leave a request unused, so memory is bounded by the requests
    in flight and not by the number of days.

    Args:
        client: The client that sends the requests.
        keys: The keys of the days, the most important day first.
        ingest: Ingests the day of a key, in a thread of its own.
        is_fatal: Returns whether an error of one day concerns all days. Then later days are given up, earlier
            days are completed, and the failure comes last: of several, that of the earliest day.
        on_progress: Is called after each response, with the progress of all days that have begun.
        wants_pause: Is called when a day could begin, and returns whether a pause must come before it.
        pause: Returns when the pause is over. During it no day is running. No pause follows the last day.

    Returns:
        The outcomes, in the order in which the days end. Closing the iterator gives up all days.
    """
    pool = _DayPool(client, keys, ingest)
    failure: Outcome[Key, Result] | None = None
    first_failed = math.inf
    with _rare_garbage_collection(), closing(pool):
        pool.start_days(pause)
        pool.prepare_arrow()
        while pool.start_days(pause):
            fetcher, is_response = _next_update(pool.days)
            if is_response:
                on_progress([running.progress for running in pool.running])
                continue
            pool.is_pausing = pool.is_pausing or wants_pause()
            if outcome := pool.take_ended(fetcher):
                if outcome.error is None or not is_fatal(outcome.error):
                    yield outcome
                elif fetcher.group.priority < first_failed:
                    first_failed, failure = fetcher.group.priority, outcome
                    pool.give_up_after(first_failed)
        if failure is not None:
            yield failure


def _next_update(days: ConcurrentDays) -> Update:
    """Wait for an update, and look now and then whether a signal has come.

    Python handles signals between its instructions, so one that comes just before a wait would not end it.
    """
    while True:
        with suppress(Empty):
            return days.updates.get(timeout=_SECONDS_BETWEEN_SIGNALS)


@contextmanager
def _rare_garbage_collection() -> Iterator[None]:
    """Collect garbage rarely during the block, because the values of a page are many and not in cycles.

    The collection is not off: errors have cycles, and can keep whole pages in memory.
    """
    thresholds = gc.get_threshold()
    gc.set_threshold(*_COLLECTION_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)


@dataclass(frozen=True)
class _RunningDay(Generic[Key, Result]):
    """A day that has begun and not ended."""

    key: Key
    future: Future[Result]
    began: float


class _DayPool(Generic[Key, Result]):
    """The threads of the days.

    Attributes:
        days: What the days share.
        running: The days that have begun and not ended.
        is_pausing: Whether a pause comes before the next day.
    """

    def __init__(self, client: Client, keys: Iterable[Key], ingest: Callable[[Key, Fetcher], Result]) -> None:
        self.days = ConcurrentDays(client.options.max_concurrency)
        self.running: dict[Fetcher, _RunningDay[Key, Result]] = {}
        self.is_pausing = False
        self._client = client
        self._coming = enumerate(keys)
        self._ingest = ingest
        self._most_fetching = client.options.max_concurrency
        self._threads = ThreadPoolExecutor(self._most_fetching + _MOST_STORED, "day")
        self._accepts_days = True

    def start_days(self, pause: Callable[[], None]) -> bool:
        """Start the days for which there is room. Return whether any day has begun and not ended."""
        while self._accepts_days and has_room(
            len(self.days.fetching), len(self.running), self._most_fetching, is_pausing=self.is_pausing
        ):
            if (coming := next(self._coming, None)) is None:
                self._accepts_days = False
                break
            if self.is_pausing:
                pause()
                self.is_pausing = False
            self._start(*coming)
        return bool(self.running)

    def prepare_arrow(self) -> None:
        """Let Arrow make its first array in a thread of the pool.

        For it, Arrow imports pandas if it is installed. That takes a third of a second, which is better spent
        while the first responses are on their way. It is no work for the main thread, because Python can lose
        a signal that comes during an import.
        """
        self._threads.submit(pa.array, [0])

    def take_ended(self, fetcher: Fetcher) -> Outcome[Key, Result] | None:
        """Return the outcome of a day that has just ended; None if it has not, or was given up."""
        day = self.running.get(fetcher)
        if day is None or not day.future.done():
            return None
        del self.running[fetcher]
        self.days.fetching.discard(fetcher)
        error = day.future.exception()
        if isinstance(error, Cancelled):
            return None
        if error is not None and not isinstance(error, _EXPLAINED):
            raise error
        result = day.future.result() if error is None else None
        seconds = round(time.monotonic() - day.began, 3)
        return Outcome(day.key, result, error, fetcher.progress, fetcher.group.usage, seconds)

    def give_up_after(self, position: float) -> None:
        """Start no more days, and give up those that come after a position."""
        self._accepts_days = False
        for fetcher in self.running:
            if fetcher.group.priority > position:
                fetcher.cancel()

    def close(self) -> None:
        """Give up all days, and wait until they have removed what they had written."""
        self.give_up_after(-1)
        # A signal may have come just before a day that had begun was recorded as running.
        for fetcher in list(self.days.fetching):
            fetcher.cancel()
        self._threads.shutdown()

    def _start(self, position: int, key: Key) -> None:
        fetcher = Fetcher(self._client, self.days, position)
        future = self._threads.submit(self._ingest, key, fetcher)
        self.running[fetcher] = _RunningDay(key, future, time.monotonic())
        future.add_done_callback(lambda _: self.days.updates.put(Update(fetcher)))
