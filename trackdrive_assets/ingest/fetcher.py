"""Send the requests of one day from several threads, and hand what they bring to the thread of the day.

The threads may be more than the requests in flight: that limit is the client's (`api/rate_limit.py`), which
serves the earliest day first. Not here: which requests a day needs (`calls.py`, `reports.py`, `stats.py`),
and which days are ingested at the same time (`concurrency.py`).
"""

import math
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any, Generic, NamedTuple, TypeVar

from trackdrive_assets.api.client import Client
from trackdrive_assets.api.usage import RequestGroup

_MOST_WAITING = 2
"""Items that wait for the thread of the day before the others stop asking for more."""

Item = TypeVar("Item")


class Cancelled(Exception):
    """The end of a day that is given up: an earlier day has failed, or its caller has stopped."""


@dataclass(frozen=True)
class Progress:
    """How much of a day was fetched.

    Attributes:
        done: The number of calls or responses so far.
        expected: Their total number; None while it is unknown.
    """

    done: int = 0
    expected: int | None = None


class Update(NamedTuple):
    """Something new about a day, for the thread that waits for all days.

    Attributes:
        fetcher: The fetcher of the day.
        is_response: Whether a response has come. Otherwise the day has no more requests, or has ended.
    """

    fetcher: "Fetcher"
    is_response: bool = False


@dataclass(frozen=True)
class ConcurrentDays:
    """What the days that are ingested at the same time share.

    Attributes:
        fetching: The fetchers of the days that still send requests.
        updates: What is new about the days.
    """

    fetching: "set[Fetcher]" = field(default_factory=set)
    updates: "SimpleQueue[Update]" = field(default_factory=SimpleQueue)


class Fetcher:
    """The requests of one day: sent from several threads, counted together, and cancelled together.

    Args:
        client: The client that sends the requests.
        days: The days that are ingested at the same time; by default, this one alone.
        position: The position of the day among them. Requests of the lowest position are sent first.

    Attributes:
        group: The group of the requests, for the methods of the client.
        progress: How much of the day was fetched.
    """

    def __init__(self, client: Client, days: ConcurrentDays | None = None, position: int = 0) -> None:
        self.group = RequestGroup(position)
        self.progress = Progress()
        self._max_concurrency = client.options.max_concurrency
        self._days = days or ConcurrentDays()
        self._days.fetching.add(self)
        self._stream: _Stream[Any] | None = None

    @property
    def share(self) -> int:
        """The number of requests that this day can have in flight while the others have as many."""
        return math.ceil(self._max_concurrency / max(1, len(self._days.fetching)))

    @contextmanager
    def fetch(self, sources: Iterable[Iterator[Item]]) -> Iterator[Iterator[Item]]:
        """Consume iterators in threads of their own, and give their items in the order in which they come.

        Args:
            sources: The iterators. Each is consumed by one thread, the first ones first.

        Raises:
            Cancelled: The day is given up. An error of an iterator is raised too.
        """
        stream: _Stream[Item] = _Stream(self._max_concurrency)
        self._stream = stream
        try:
            self._check_not_cancelled()
            stream.add(sources)
            yield iter(stream)
        finally:
            stream.stop()

    def fetch_too(self, sources: Iterable[Iterator[Item]]) -> None:
        """Consume more iterators. An iterator that is being consumed can call this for what it leaves out."""
        if self._stream is not None:
            self._stream.add(sources)

    def on_response(self, progress: Progress) -> None:
        """Record how much was fetched when one more response has come."""
        self.progress = progress
        self._days.updates.put(Update(self, is_response=True))

    def finish(self) -> None:
        """Record that all requests were answered, so that another day may begin while this one is stored.

        Raises:
            Cancelled: The day is given up.
        """
        self._check_not_cancelled()
        self._days.fetching.discard(self)
        self._days.updates.put(Update(self))

    def cancel(self) -> None:
        """Give up the day unless all its requests were answered. Requests in flight are not waited for."""
        self.group.cancel()
        if self._stream is not None:
            self._stream.stop(Cancelled())

    def _check_not_cancelled(self) -> None:
        if self.group.is_cancelled:
            raise Cancelled


class _Stream(Generic[Item]):
    """A bounded queue from the threads that consume iterators to the thread that takes the items.

    Args:
        most_threads: The largest number of threads.
    """

    def __init__(self, most_threads: int) -> None:
        self._most_threads = most_threads
        self._threads = 0
        self._sources: deque[Iterator[Item]] = deque()
        self._items: deque[Item] = deque()
        self._is_stopped = False
        self._error: BaseException | None = None
        self._changed = threading.Condition()

    def add(self, sources: Iterable[Iterator[Item]]) -> None:
        """Consume these iterators too. Each thread takes the next one when it has consumed its last."""
        with self._changed:
            self._sources.extend(sources)
            more = min(len(self._sources), self._most_threads - self._threads)
            self._threads += more
        for _ in range(more):
            # Daemons, because a process that ends should not wait for the responses to its last requests.
            threading.Thread(target=self._consume, name="fetch", daemon=True).start()

    def stop(self, error: BaseException | None = None) -> None:
        """Stop consuming. The thread that takes the items gets the error."""
        with self._changed:
            if not self._is_stopped:
                self._is_stopped, self._error = True, error
            self._changed.notify_all()

    def __iter__(self) -> Iterator[Item]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._items or self._is_stopped or not self._threads)
                if self._error is not None:
                    raise self._error
                if self._is_stopped or not self._items:
                    return
                item = self._items.popleft()
                self._changed.notify_all()
            yield item

    def _consume(self) -> None:
        try:
            while (source := self._next_source()) is not None:
                for item in source:
                    if not self._put(item):
                        return
        except BaseException as error:  # noqa: BLE001  it is raised where the items are taken
            self.stop(error)
        finally:
            with self._changed:
                self._threads -= 1
                self._changed.notify_all()

    def _next_source(self) -> Iterator[Item] | None:
        with self._changed:
            return self._sources.popleft() if self._sources and not self._is_stopped else None

    def _put(self, item: Item) -> bool:
        """Add an item when there is room for it. Return False if the stream was stopped."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._items) < _MOST_WAITING or self._is_stopped)
            self._items.append(item)
            self._changed.notify_all()
            return not self._is_stopped
