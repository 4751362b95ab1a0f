"""A clock for tests that have no time."""

import threading

from trackdrive_assets.api.rate_limit import Clock


class Hurry(Clock):
    """Waits by moving its own hands.

    Attributes:
        pauses: What was waited, in seconds.
    """

    def __init__(self) -> None:
        super().__init__()
        self.pauses: list[float] = []
        self._moving = threading.Lock()
        self._time = 0.0

    def now(self) -> float:
        return self._time

    def sleep(self, seconds: float) -> None:
        with self._moving:
            self.pauses.append(seconds)
            self._time += seconds
