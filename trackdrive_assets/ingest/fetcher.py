"""Send the requests of days from threads, and hand what they bring to the thread of each day.

Not here: which requests a day needs (`calls.py`, `reports.py`, `stats.py`), which days are ingested at the
same time (`concurrency.py`), and the limit of requests in flight (`api/rate_limit.py`).
"""

import heapq
import itertools
import math
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, Generic, NamedTuple, TypeVar

from trackdrive_assets.api.client import Client
from trackdrive_assets.api.usage import RequestGroup

_MOST_WAITING = 2
"""Items that wait for the thread of a day before no more are fetched for it."""

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


class ConcurrentDays:
    """What the days that are ingested at the same time share, like the threads that send their requests.

    A thread takes one item of the first iterator, then looks again for the first. So memory is bounded by the
    number of threads, whatever the number of days and windows.

    Args:
        max_concurrency: The number of threads.

    Attributes:
        fetching: The fetchers of the days that still send requests.
        refused: The parts that the account refuses on every day, like a report. None means all.
        updates: What is new about the days.
    """

    def __init__(self, max_concurrency: int) -> None:
        self.fetching: set[Fetcher] = set()
        self.refused: set[str | None] = set()
        self.updates: SimpleQueue[Update] = SimpleQueue()
        self._most_threads = max_concurrency
        self._threads = 0
        self._numbers = itertools.count()
        self._sources: list[_Source] = []
        self._lock = threading.Lock()

    def consume(self, iterators: Sequence[Iterator[Any]], stream: "_Stream[Any]", position: int) -> None:
        """Consume iterators. Those of the day with the lowest position go first, then the oldest."""
        with self._lock:
            for items in iterators:
                heapq.heappush(self._sources, (position, next(self._numbers), stream, items))
            more = min(len(self._sources), self._most_threads - self._threads)
            self._threads += more
        for _ in range(more):
            # Daemons, because a process that ends should not wait for the responses to its last requests.
            threading.Thread(target=self._work, name="fetch", daemon=True).start()

    def _work(self) -> None:
        source = self._exchange(None)
        while source is not None:
            _, _, stream, items = source
            source = self._exchange(source if stream.put_next(items) else None)

    def _exchange(self, unfinished: "_Source | None") -> "_Source | None":
        """Return the first iterator, which may be the unfinished one. None ends the thread."""
        with self._lock:
            if unfinished is not None:
                return heapq.heappushpop(self._sources, unfinished)
            if self._sources:
                return heapq.heappop(self._sources)
            self._threads -= 1
            return None


class Fetcher:
    """The requests of one day, which are counted together and cancelled together.

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
        self._days = days or ConcurrentDays(self._max_concurrency)
        self._days.fetching.add(self)
        self._stream: _Stream[Any] = _Stream()

    def refuse(self, part: str | None) -> None:
        """Fetch a part of a day, such as a report, on no other day. None is every part."""
        self._days.refused.add(part)

    def is_refused(self, part: str) -> bool:
        """Return whether a part was refused on any day."""
        return not self._days.refused.isdisjoint({part, None})

    @property
    def share(self) -> int:
        """The number of requests that this day can have in flight while the others have as many."""
        return math.ceil(self._max_concurrency / max(1, len(self._days.fetching)))

    @contextmanager
    def fetch(self, sources: Iterable[Iterator[Item]]) -> Iterator[Iterator[Item]]:
        """Consume iterators in other threads, and give their items in the order in which they come.

        Raises:
            Cancelled: The day is given up. An error of an iterator is raised too.
        """
        stream: _Stream[Item] = _Stream()
        self._stream = stream
        try:
            self._check_not_cancelled()
            self.fetch_too(sources)
            yield iter(stream)
        finally:
            stream.stop()

    def fetch_too(self, sources: Iterable[Iterator[Any]]) -> None:
        """Consume more iterators. An iterator that is being consumed can call this for what it leaves out."""
        iterators = list(sources)
        self._stream.expect(len(iterators))
        self._days.consume(iterators, self._stream, self.group.priority)

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
        self._stream.stop(Cancelled())

    def _check_not_cancelled(self) -> None:
        if self.group.is_cancelled:
            raise Cancelled


class _Stream(Generic[Item]):
    """A bounded queue from the threads that fetch to the thread of a day."""

    def __init__(self) -> None:
        self._items: deque[Item] = deque()
        self._source_count = 0
        self._is_stopped = False
        self._error: BaseException | None = None
        self._changed = threading.Condition()

    def expect(self, more: int) -> None:
        """Wait for the end of more iterators."""
        with self._changed:
            self._source_count += more

    def put_next(self, items: Iterator[Item]) -> bool:
        """Add the next item of an iterator when there is room. Return whether the iterator may have more."""
        if self._is_stopped:
            return False
        try:
            item = next(items)
        except StopIteration:
            with self._changed:
                self._source_count -= 1
                self._changed.notify_all()
            return False
        except BaseException as error:  # noqa: BLE001  it is raised where the items are taken
            self.stop(error)
            return False
        with self._changed:
            self._changed.wait_for(lambda: len(self._items) < _MOST_WAITING or self._is_stopped)
            self._items.append(item)
            self._changed.notify_all()
            return not self._is_stopped

    def stop(self, error: BaseException | None = None) -> None:
        """Take no more items. The thread of the day gets the error."""
        with self._changed:
            if not self._is_stopped:
                self._is_stopped, self._error = True, error
            self._changed.notify_all()

    def __iter__(self) -> Iterator[Item]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._items or self._is_stopped or not self._source_count)
                if self._error is not None:
                    raise self._error
                if self._is_stopped or not self._items:
                    return
                item = self._items.popleft()
                self._changed.notify_all()
            yield item


_Source = tuple[int, int, _Stream[Any], Iterator[Any]]
"""The position of a day, the number of an iterator, where its items go, and the iterator."""
