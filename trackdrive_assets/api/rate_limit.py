"""How fast a process may ask: one pace and one limit of requests in flight for each account.

Pure: what a tempo becomes when the server refuses (`slower`), and when it no longer does (`faster`).
`RateLimiter` acts on it for all threads together.
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

# One refusal may be chance: then the pause is enough. Another within so many seconds shows a limit.
_CHANCE = 60.0
# Then: a little under what the server let through in the second before.
_PRUDENT = 0.95
_STEP_DOWN = 0.9
_STEP_UP = 1.25
_FIRST_PATIENCE = 60.0
_LONGEST_PATIENCE = 600.0
_PAUSE_WITHOUT_A_WORD = 1.0

# Requests take unequally long to arrive. With a little more between them, no second sees one too many.
_ON_THE_WAY = 1.03

# More than are sent in the second that a refusal looks back on.
_MOST_REMEMBERED = 1_000


@dataclass(frozen=True)
class Rate:
    """How fast is asked at present.

    Attributes:
        rate: Requests a second; infinite where nothing limits them.
        patience: Seconds without a refusal until it may be a little faster again. Doubles with each refusal,
            so that a limit that stays is not run into again and again.
        since: When the server last refused, or the rate was last raised.
    """

    rate: float
    patience: float = _FIRST_PATIENCE
    since: float = float("-inf")

    @property
    def interval(self) -> float:
        """Seconds between two requests: spread evenly, not all of a second's at once."""
        return _ON_THE_WAY / self.rate


def slower(tempo: Rate, configured: float, *, sent: int, refused: int, now: float) -> Rate:
    """The tempo after a refusal.

    Args:
        tempo: Until now.
        configured: Requests a second that are allowed to us by the settings.
        sent: How many requests were sent in the second up to the one that was refused.
        refused: How many of them were refused.
        now: In seconds.
    """
    if tempo.rate >= configured and now - tempo.since > _CHANCE:
        return replace(tempo, since=now)
    allowed = sent - refused
    if allowed < 1:
        # Nothing at all was let through, which tells of an outage and of no rate. The pause must do.
        return replace(tempo, since=now)
    return Rate(
        min(tempo.rate * _STEP_DOWN, allowed * _PRUDENT),
        patience=min(tempo.patience * 2, _LONGEST_PATIENCE),
        since=now,
    )


def faster(tempo: Rate, configured: float, now: float) -> Rate:
    """The tempo after some time without a refusal, never above what is configured."""
    if tempo.rate >= configured or now - tempo.since < tempo.patience:
        return tempo
    rate = tempo.rate * _STEP_UP
    return replace(tempo, rate=rate, since=now) if rate < configured else Rate(configured, since=now)


class Clock:
    """The time, and how to wait.

    Waiting ends early once somebody has called `wake`.
    """

    def __init__(self) -> None:
        self._awake = threading.Event()

    def now(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
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
    """Lets requests through one by one.

    Args:
        requests_per_second: At most, spread evenly over the second; 0 is unpaced.
        max_concurrency: Requests in flight at most.
    """

    def __init__(self, requests_per_second: float, max_concurrency: int) -> None:
        self._slots = Slots(max_concurrency)
        self._configured = requests_per_second or float("inf")
        self._changing = threading.Lock()
        self._tempo = self._before = Rate(self._configured)
        self._next = self._quiet_until = float("-inf")
        self._slowings = 0
        self._sent: deque[float] = deque(maxlen=_MOST_REMEMBERED)
        self._refused: deque[float] = deque(maxlen=_MOST_REMEMBERED)

    @contextmanager
    def turn(self, clock: Clock, priority: int = 0) -> Iterator[float]:
        """Wait for a turn; the slot is free again when the block is left.

        Gives when the request is sent, to name it by in `refused`.

        Args:
            clock: The time.
            priority: The lowest number gets the next free slot.
        """
        with self._slots.held(priority):
            yield self._wait(clock)

    def refused(self, sent_at: float, retry_after: float | None, now: float) -> None:
        """Slow everybody down, because the server has refused a request for being one too many.

        Args:
            sent_at: When it was sent.
            retry_after: Seconds for which the server wants to be left alone; None when it did not say.
            now: By the clock that `sent_at` is by.
        """
        with self._changing:
            self._refused.append(sent_at)
            self._quiet_until = max(self._quiet_until, now + (retry_after or _PAUSE_WITHOUT_A_WORD))
            self._next = self._quiet_until
            self._slowings += 1
            if sent_at > self._tempo.since:
                self._before = self._tempo
            # One that was on its way when another slowed everybody down is part of the same refusal.
            self._tempo = slower(
                self._before,
                self._configured,
                sent=_in_the_second_before(sent_at, self._sent),
                refused=_in_the_second_before(sent_at, self._refused),
                now=now,
            )

    def _wait(self, clock: Clock) -> float:
        while True:
            with self._changing:
                now = clock.now()
                self._tempo = faster(self._tempo, self._configured, now)
                mine = max(now, self._next)
                self._next = mine + self._tempo.interval
                slowings = self._slowings
            if mine > now:
                clock.sleep(mine - now)
            with self._changing:
                # Who was slowed down meanwhile has to wait again.
                if slowings == self._slowings:
                    self._sent.append(mine)
                    return mine


def _in_the_second_before(moment: float, moments: Iterable[float]) -> int:
    return sum(moment - 1 < other <= moment for other in moments)


@cache
def shared_rate_limiter(base_url: str, requests_per_second: float, max_concurrency: int) -> RateLimiter:  # noqa: ARG001
    """The pace of this process for one account: clients that are made one after another share it."""
    return RateLimiter(requests_per_second, max_concurrency)
