"""A clock whose pauses take no time."""

import threading

from trackdrive_assets.api.rate_limit import Clock


class FakeClock(Clock):
    """A clock that advances at once when it should wait.

    Attributes:
        pauses: The pauses in seconds.
    """

    def __init__(self) -> None:
        super().__init__()
        self.pauses: list[float] = []
        self._lock = threading.Lock()
        self._time = 0.0

    def now(self) -> float:
        return self._time

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.pauses.append(seconds)
            self._time += seconds
