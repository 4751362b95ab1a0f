"""The rate and the number of requests in flight of one account, for all threads of a process.

The rate is decreased after a 429 and increased later: `decrease` and `increase` decide by how much. They are
pure functions. `RateLimiter` applies them.
"""

import heapq
import itertools
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache

# A single 429 only pauses. A second 429 within so many seconds means that our rate is too high.
_BURST_WINDOW = 60.0
# The new rate is a little below what the server allowed in the second before the 429.
_SAFETY_MARGIN = 0.95
_DECREASE_FACTOR = 0.9
_INCREASE_FACTOR = 1.25
_FIRST_COOLDOWN = 60.0
_LONGEST_COOLDOWN = 600.0
# The pause after a 429 without a Retry-After header.
_DEFAULT_PAUSE = 1.0

# Requests take different times to arrive. With a little more time between them, no second has too many.
_SPACING_FACTOR = 1.03

# More requests than are sent in the second before a 429.
_MOST_REMEMBERED = 1_000


@dataclass(frozen=True)
class Rate:
    """The current rate of requests.

    Attributes:
        per_second: The number of requests per second; infinite without a limit.
        cooldown: The seconds without a 429 after which the rate is increased. It doubles with each 429, so
            that a permanent limit is hit less and less often.
        since: The time of the last 429 or of the last increase.
    """

    per_second: float
    cooldown: float = _FIRST_COOLDOWN
    since: float = float("-inf")

    @property
    def interval(self) -> float:
        """The seconds between two requests, which are spread evenly over a second."""
        return _SPACING_FACTOR / self.per_second


def decrease(rate: Rate, configured: float, *, sent: int, refused: int, now: float) -> Rate:
    """Return the rate after a 429.

    Args:
        rate: The rate before.
        configured: The requests per second of the settings.
        sent: The number of requests that were sent in the second up to the refused request.
        refused: The number of them that were refused.
        now: The time in seconds.
    """
    if rate.per_second >= configured and now - rate.since > _BURST_WINDOW:
        return replace(rate, since=now)
    allowed = sent - refused
    if allowed < 1:
        # The server allowed no request at all. That is an outage and no limit, so the pause is enough.
        return replace(rate, since=now)
    return Rate(
        min(rate.per_second * _DECREASE_FACTOR, allowed * _SAFETY_MARGIN),
        cooldown=min(rate.cooldown * 2, _LONGEST_COOLDOWN),
        since=now,
    )


def increase(rate: Rate, configured: float, now: float) -> Rate:
    """Return the rate after some time without a 429. It is never above the configured one."""
    if rate.per_second >= configured or now - rate.since < rate.cooldown:
        return rate
    per_second = rate.per_second * _INCREASE_FACTOR
    if per_second >= configured:
        return Rate(configured, since=now)
    return replace(rate, per_second=per_second, since=now)


class Clock:
    """The time, and a way to wait. `wake` ends all waiting early."""

    def __init__(self) -> None:
        self._awake = threading.Event()

    def now(self) -> float:
        """Return the time in seconds, from an arbitrary start."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait, unless `wake` was called."""
        self._awake.wait(seconds)

    def wake(self) -> None:
        """End all waiting, now and later."""
        self._awake.set()


class Slots:
    """A semaphore whose waiting threads are served by priority, and in order of arrival within one.

    Args:
        count: The number of threads that hold a slot at the same time.
    """

    def __init__(self, count: int) -> None:
        self._free = count
        self._lock = threading.Lock()
        self._arrivals = itertools.count()
        self._waiting: list[tuple[int, int, threading.Event]] = []

    @contextmanager
    def held(self, priority: int) -> Iterator[None]:
        """Hold a slot for the duration of the block. The lowest priority number goes first."""
        self._acquire(priority)
        try:
            yield
        finally:
            self._release()

    @property
    def waiting_count(self) -> int:
        """The number of threads that wait for a slot."""
        return len(self._waiting)

    def _acquire(self, priority: int) -> None:
        with self._lock:
            if self._free:
                self._free -= 1
                return
            handed_over = threading.Event()
            heapq.heappush(self._waiting, (priority, next(self._arrivals), handed_over))
        handed_over.wait()

    def _release(self) -> None:
        with self._lock:
            if self._waiting:
                _, _, handed_over = heapq.heappop(self._waiting)
                handed_over.set()
            else:
                self._free += 1


class RateLimiter:
    """The limits of one account: requests per second, and requests in flight.

    Args:
        requests_per_second: The highest rate, spread evenly over the second; 0 means no limit.
        max_concurrency: The highest number of requests in flight.
    """

    def __init__(self, requests_per_second: float, max_concurrency: int) -> None:
        self._slots = Slots(max_concurrency)
        self._configured = requests_per_second or float("inf")
        self._lock = threading.Lock()
        self._rate = self._rate_before = Rate(self._configured)
        self._next_at = self._paused_until = float("-inf")
        self._refusal_count = 0
        self._sent: deque[float] = deque(maxlen=_MOST_REMEMBERED)
        self._refused: deque[float] = deque(maxlen=_MOST_REMEMBERED)

    @contextmanager
    def acquire(self, clock: Clock, priority: int = 0) -> Iterator[float]:
        """Wait until a request may be sent. Its slot is free again at the end of the block.

        Yields the time of sending, which identifies the request in `record_refusal`.

        Args:
            clock: The clock to wait by.
            priority: The waiting request with the lowest number gets the next free slot.
        """
        with self._slots.held(priority):
            yield self._wait(clock)

    def record_refusal(self, sent_at: float, retry_after: float | None, now: float) -> None:
        """Pause all threads and, if necessary, decrease the rate, because the server answered 429.

        Args:
            sent_at: The time of sending of the refused request.
            retry_after: The seconds for which the server demands a pause; None without a demand.
            now: The time on the same clock.
        """
        with self._lock:
            self._refused.append(sent_at)
            self._paused_until = max(self._paused_until, now + (retry_after or _DEFAULT_PAUSE))
            self._next_at = self._paused_until
            self._refusal_count += 1
            if sent_at > self._rate.since:
                self._rate_before = self._rate
            # A request that was in flight at the time of an earlier 429 belongs to the same refusal.
            self._rate = decrease(
                self._rate_before,
                self._configured,
                sent=_count_in_second_before(sent_at, self._sent),
                refused=_count_in_second_before(sent_at, self._refused),
                now=now,
            )

    def _wait(self, clock: Clock) -> float:
        while True:
            with self._lock:
                now = clock.now()
                self._rate = increase(self._rate, self._configured, now)
                send_at = max(now, self._next_at)
                self._next_at = send_at + self._rate.interval
                refusal_count = self._refusal_count
            if send_at > now:
                clock.sleep(send_at - now)
            with self._lock:
                # After a refusal in the meantime, the thread has to wait again.
                if refusal_count == self._refusal_count:
                    self._sent.append(send_at)
                    return send_at


def _count_in_second_before(end: float, times: Iterable[float]) -> int:
    return sum(end - 1 < time_ <= end for time_ in times)


@cache
def shared_rate_limiter(
    base_url: str,  # noqa: ARG001  part of the cache's key
    requests_per_second: float,
    max_concurrency: int,
) -> RateLimiter:
    """Return the limiter of this process for one account. All clients of the account share it."""
    return RateLimiter(requests_per_second, max_concurrency)
