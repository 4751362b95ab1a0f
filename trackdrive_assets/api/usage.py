"""The number of requests: `Usage` is the count, and `RequestGroup` counts requests that belong together."""

import threading
from dataclasses import dataclass


@dataclass(frozen=True)
class Usage:
    """The number of requests.

    Attributes:
        requests: The requests that were sent, retries included.
        retries: The retries among them.
    """

    requests: int = 0
    retries: int = 0

    def __add__(self, more: "Usage") -> "Usage":
        return Usage(self.requests + more.requests, self.retries + more.retries)


class RequestGroup:
    """Requests that belong together, like all those of one day.

    Args:
        priority: The waiting request with the lowest number gets the next free slot.
        whole: The group that all requests of this one belong to as well.

    Attributes:
        usage: The requests of the group so far.
    """

    def __init__(self, priority: int = 0, whole: "RequestGroup | None" = None) -> None:
        self.priority = priority
        self.usage = Usage()
        self._whole = whole
        self._is_cancelled = False
        self._lock = threading.Lock()

    @property
    def is_cancelled(self) -> bool:
        """Whether no more requests of the group are sent."""
        return self._is_cancelled or (self._whole is not None and self._whole.is_cancelled)

    def count(self, more: Usage) -> None:
        """Add to the usage."""
        with self._lock:
            self.usage += more
        if self._whole is not None:
            self._whole.count(more)

    def cancel(self) -> None:
        """Send no more requests. Requests in flight are not interrupted."""
        self._is_cancelled = True
