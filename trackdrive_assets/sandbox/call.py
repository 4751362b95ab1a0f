"""One call: the parties to it, and the times at which something happens to it.

Not here: which calls exist (`generator.py`), and which fields a call has at a time (`fields.py`).
"""

from dataclasses import dataclass, replace
from typing import Any

from trackdrive_assets.sandbox.reference_data import Buyer, TrackingNumber
from trackdrive_assets.sandbox.times import TICKS

Record = dict[str, Any]
"""The fields of a call at a time. Values are those of the API."""

NEVER = 1 << 62
"""A time after every other."""

_END_FIELDS = frozenset({"ended_at", "status", "total_duration", "answered_duration"})


@dataclass(slots=True)
class Call:
    """One call. All times are milliseconds; a time of None never comes.

    Attributes:
        created: The first ring.
        tick: The tick (0 to 99) within the millisecond of the first ring.
        caller: The number of the caller, see `fields.py`. `repeat` is true if it has called before.
        random_bits: The random bits for every value that has no other cause.
        status: The status after the end.
        forwarded: The time at which the buyer's phone starts to ring. At `connected` the buyer answers.
        converted: The time of the buyer's conversion. It is reversed at `reversed`.
        paid: The time of the traffic source's conversion. It is reversed at `unpaid`.
        override: The fields that a test has set. They replace those of the call.
    """

    id: int
    created: int
    tick: int
    number: TrackingNumber
    caller: int
    repeat: bool
    random_bits: int
    status: str
    ended: int
    buyer: Buyer | None = None
    forwarded: int | None = None
    connected: int | None = None
    recorded: int | None = None
    converted: int | None = None
    reversed: int | None = None
    paid: int | None = None
    unpaid: int | None = None
    override: Record | None = None

    @property
    def position(self) -> int:
        """The first ring in units of 10 microseconds, which is the current API's cursor. It is unique."""
        return self.created * TICKS + self.tick

    def next_change(self, now: int) -> int:
        """Return the first time after `now` at which the call changes."""
        return min((time for time in self._times() if time > now), default=NEVER)

    def last_change(self, now: int) -> int:
        """Return the last time up to `now` at which the call changed."""
        return max((time for time in self._times() if time <= now), default=self.created)

    def hung_up(self, at: int) -> "Call":
        """Return the call as it is when it ends at this time. Everything that would happen later does not."""
        connected = _if_before(self.connected, at)
        kept = {name: value for name, value in (self.override or {}).items() if name not in _END_FIELDS}
        return replace(
            self,
            status="caller-hung-up" if connected is None else "finished",
            ended=at,
            forwarded=_if_before(self.forwarded, at),
            connected=connected,
            recorded=None,
            converted=_if_before(self.converted, at),
            paid=_if_before(self.paid, at),
            override=kept,
        )

    def _times(self) -> list[int]:
        times = (
            self.created, self.forwarded, self.connected, self.ended, self.recorded,
            self.converted, self.reversed, self.paid, self.unpaid,
        )  # fmt: skip
        return [time for time in times if time is not None]


def _if_before(time: int | None, limit: int) -> int | None:
    return time if time is not None and time < limit else None
