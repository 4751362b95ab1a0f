"""The search for the calls of a request: their number, a page of them, or all.

A range of dates needs no search: its days are counted, and read from the requested end. Any other filter
looks at every call of the range. Its result is cached for as long as no call of the range can change, and so
are the records of a small range, because all reports of a day are made of the same ones.
"""

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from operator import attrgetter

from trackdrive_assets.sandbox.call import NEVER, Call, Record
from trackdrive_assets.sandbox.filters import Criteria
from trackdrive_assets.sandbox.generator import CallGenerator
from trackdrive_assets.sandbox.serializers import sort_key
from trackdrive_assets.sandbox.times import DAY, TICKS

_MAX_CACHED = 16
_MAX_CACHED_RECORDS = 1000
_position = attrgetter("position")


class Search:
    """A search in the calls of a generator. A call that is created after `now` does not exist yet."""

    def __init__(self, generator: CallGenerator) -> None:
        self._generator = generator
        self._cache: OrderedDict[Criteria, tuple[int, int, list[Call]]] = OrderedDict()
        self._records: OrderedDict[Criteria, tuple[int, int, list[Record]]] = OrderedDict()

    def clear(self) -> None:
        """Clear the cache. Needed after every change to the generator."""
        self._cache.clear()
        self._records.clear()

    def count(self, criteria: Criteria, now: int) -> int:
        """Return the number of calls."""
        if criteria.filters:
            return len(self._matching(criteria, now))
        return self._generator.count(criteria.start, min(criteria.end, now + 1))

    def records(self, criteria: Criteria, now: int) -> Sequence[Record]:
        """Return the record of every call, oldest first."""
        cached = self._records.get(criteria)
        if cached and cached[0] <= now < cached[1]:
            return cached[2]
        calls = list(self.in_order(criteria, now, ascending=True))
        records = [self._generator.record(call, now) for call in calls]
        if len(records) <= _MAX_CACHED_RECORDS:
            self._records[criteria] = (now, self._next_event(criteria, now), records)
            if len(self._records) > _MAX_CACHED:
                self._records.popitem(last=False)
        return records

    def in_order(
        self,
        criteria: Criteria,
        now: int,
        *,
        ascending: bool = False,
        order_by: str | None = None,
        after: int | None = None,
    ) -> Iterator[Call]:
        """Return the calls sorted by a field; None for `created_at`.

        `after` is the position of a cursor. The result has only calls below it, or above it if ascending by
        `created_at`. With any other order, calls are lost between pages. The real server's behavior is not
        known, and a client should not combine the two.
        """
        if order_by is None:
            return self._by_time(criteria, now, ascending=ascending, after=after)
        calls = list(self._by_time(criteria, now, ascending=False, after=after))
        keys = {call.id: sort_key(self._generator.record(call, now)[order_by]) for call in calls}
        return iter(sorted(calls, key=lambda call: keys[call.id], reverse=not ascending))

    def _by_time(self, criteria: Criteria, now: int, *, ascending: bool, after: int | None) -> Iterator[Call]:
        if criteria.filters:
            calls = self._matching(criteria, now)
            if ascending:
                return iter(calls if after is None else calls[bisect_left(calls, after + 1, key=_position) :])
            return reversed(calls if after is None else calls[: bisect_left(calls, after, key=_position)])
        end = min(criteria.end, now + 1)
        if not ascending:
            return self._generator.newest_first(criteria.start, end, below=after)
        start = criteria.start if after is None else max(criteria.start, after // TICKS)
        oldest_first = self._generator.oldest_first(start, end)
        return (call for call in oldest_first if after is None or call.position > after)

    def _matching(self, criteria: Criteria, now: int) -> list[Call]:
        cached = self._cache.get(criteria)
        if cached and cached[0] <= now < cached[1]:
            self._cache.move_to_end(criteria)
            return cached[2]
        matching = [
            call
            for call in self._generator.oldest_first(criteria.start, min(criteria.end, now + 1))
            if criteria.matches(self._generator.record(call, now))
        ]
        self._cache[criteria] = (now, self._next_event(criteria, now), matching)
        if len(self._cache) > _MAX_CACHED:
            self._cache.popitem(last=False)
        return matching

    def _next_event(self, criteria: Criteria, now: int) -> int:
        """Return when a call of the range changes or is created next, or a day from now."""
        existing = self._generator.oldest_first(criteria.start, min(criteria.end, now + 1))
        next_change = min((call.next_change(now) for call in existing), default=NEVER)
        future = self._generator.oldest_first(max(criteria.start, now + 1), min(criteria.end, now + DAY))
        next_call = next(future, None)
        return min(next_change, next_call.created if next_call else now + DAY)
