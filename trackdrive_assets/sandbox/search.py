"""Finds the calls that a request asks for in the generator, a page of them or all.

A date range alone needs no search: days are counted and read from the requested end. Other filters look at
every call of the range; the outcome is remembered for as long as nothing in the range can have changed.
"""

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import replace

from trackdrive_assets.sandbox.call import DAY, TICKS, Call, Record
from trackdrive_assets.sandbox.filters import Criteria
from trackdrive_assets.sandbox.generator import CallGenerator
from trackdrive_assets.sandbox.serializers import sort_value

_REMEMBERED = 16


class Search:
    """Answers criteria from a generator. Calls that begin after `now` are not there yet."""

    def __init__(self, generator: CallGenerator) -> None:
        self._generator = generator
        self._memory: OrderedDict[Criteria, tuple[int, int, list[Call]]] = OrderedDict()

    def forget(self) -> None:
        """To be called when the generator was changed from outside."""
        self._memory.clear()

    def count(self, criteria: Criteria, now: int) -> int:
        """How many calls are asked for."""
        if criteria.checks:
            return len(self._matching(criteria, now))
        return self._generator.count(criteria.start, min(criteria.end, now + 1))

    def records(self, criteria: Criteria, now: int) -> Iterator[Record]:
        """Return the record of every call asked for, oldest first."""
        for call in self.in_order(criteria, now, ascending=True):
            yield self._generator.record(call, now)

    def in_order(
        self,
        criteria: Criteria,
        now: int,
        *,
        ascending: bool = False,
        order_by: str | None = None,
        after: int | None = None,
    ) -> Iterator[Call]:
        """The calls asked for.

        Args:
            criteria: What is asked for.
            now: The moment of the request.
            ascending: Smallest first.
            order_by: The fact to sort by; none: `created_at`.
            after: A cursor's position: only calls strictly below it, or above it if ascending by
                `created_at`. With another order that leaves out calls not shown yet: nobody knows what the
                real server does, and a client had better not combine the two.
        """
        if order_by is not None:
            found = list(self._by_time(criteria, now, ascending=False, after=after))
            found.sort(
                key=lambda call: sort_value(self._generator.record(call, now)[order_by]),
                reverse=not ascending,
            )
            return iter(found)
        return self._by_time(criteria, now, ascending=ascending, after=after)

    def _by_time(self, criteria: Criteria, now: int, *, ascending: bool, after: int | None) -> Iterator[Call]:
        if criteria.checks:
            calls = self._matching(criteria, now)
            if ascending:
                return iter(calls if after is None else calls[bisect_left(calls, after + 1, key=_position) :])
            return reversed(calls if after is None else calls[: bisect_left(calls, after, key=_position)])
        end = min(criteria.end, now + 1)
        if not ascending:
            return self._generator.newest_first(criteria.start, end, below=after)
        start = criteria.start if after is None else max(criteria.start, after // TICKS)
        calls_up = self._generator.oldest_first(start, end)
        return (call for call in calls_up if after is None or call.position > after)

    def _matching(self, criteria: Criteria, now: int) -> list[Call]:
        known = self._memory.get(criteria)
        if known and known[0] <= now < known[1]:
            self._memory.move_to_end(criteria)
            return known[2]
        matching, changes_at = [], 1 << 62
        for call in self._generator.oldest_first(criteria.start, min(criteria.end, now + 1)):
            changes_at = min(changes_at, call.next_change(now))
            if criteria.matches(self._generator.record(call, now)):
                matching.append(call)
        coming = replace(criteria, start=max(criteria.start, now + 1), end=min(criteria.end, now + DAY))
        arrival = next(self._generator.oldest_first(coming.start, coming.end), None)
        changes_at = min(changes_at, arrival.created if arrival else now + DAY)
        self._memory[criteria] = (now, changes_at, matching)
        while len(self._memory) > _REMEMBERED:
            self._memory.popitem(last=False)
        return matching


def _position(call: Call) -> int:
    return call.position
