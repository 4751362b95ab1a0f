"""How fast a process may ask: one pace and one limit of requests in flight for each account."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from pyrate_limiter import Limiter, Rate

_FINEST_SLICE_MS = 1


class Pace:
    """Lets requests through one by one.

    Attributes:
        requests_per_second: Spread evenly over the second; 0 is unpaced.
        max_concurrency: Requests in flight at most.
    """

    def __init__(self, requests_per_second: float, max_concurrency: int) -> None:
        self._places = threading.BoundedSemaphore(max_concurrency)
        # One request in each slice of time, not all of a second's at once: kinder to the server.
        self._limiter = (
            Limiter(Rate(1, max(_FINEST_SLICE_MS, round(1000 / requests_per_second))), buffer_ms=1)
            if requests_per_second
            else None
        )

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn; the place is free again when the block is left."""
        with self._places:
            if self._limiter is not None:
                self._limiter.try_acquire()
            yield


@cache
def shared_pace(base_url: str, requests_per_second: float, max_concurrency: int) -> Pace:  # noqa: ARG001
    """The pace of this process for one account: clients that are made one after another share it."""
    return Pace(requests_per_second, max_concurrency)
