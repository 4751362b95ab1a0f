"""The calls of an account: those of each day, simulated from the seed when the day is needed.

The calls of a day are a pure function of (seed, day, calls per day). So a day can be dropped from memory,
and is the same when it is simulated again, also after a restart. Only `add_call` and `hang_up` change an
account, and the generator keeps both. Not here: the simulation (`simulation.py`), the fields of a call
(`fields.py`), and which calls a request is for (`filters.py`).
"""

import uuid as uuids
from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import islice
from operator import attrgetter
from typing import Any, NamedTuple

from trackdrive_assets.sandbox.call import Call, Record
from trackdrive_assets.sandbox.fields import UNLISTED, listed_fields, unlisted_fields
from trackdrive_assets.sandbox.reference_data import NUMBERS, PLACES
from trackdrive_assets.sandbox.simulation import (
    HASH_BITS,
    LATEST_CHANGE,
    daily_volume,
    seeded_hash,
    simulate_day,
)
from trackdrive_assets.sandbox.times import DAY, SECOND, TICKS, day_of, midnight, timestamp

_FIRST_ID_DAY = date(2013, 1, 1)
_MAX_CACHED_DAYS = 400
_MAX_CACHED_CALLS = 1_500_000

_created = attrgetter("created")
_position = attrgetter("position")


class Change(NamedTuple):
    """A field of a call whose value has changed."""

    uuid: str
    field: str
    old: Any
    new: Any


class CallGenerator:
    """All calls since a first UTC day. A Monday has twice as many calls as a Sunday."""

    def __init__(self, seed: int, calls_per_day: int, first_day: date) -> None:
        self.calls_per_day = calls_per_day
        self.first_day = first_day
        self._seed = seed
        # The ids of a day do not overlap with those of the next, and are as long as real ones.
        self._ids_per_day = max(100_000, 2 * calls_per_day)
        self._volumes: dict[date, int] = {}
        self._cache: OrderedDict[date, list[Call]] = OrderedDict()
        self._added: dict[date, list[Call]] = {}
        self._hung_up: dict[int, int] = {}

    def row(self, call: Call, now: int) -> Record:
        """Return the current API's columns and tags of a call at a time."""
        fields = listed_fields(call, self.uuid(call.id), now)
        return fields | {name: value for name, value in (call.override or {}).items() if name not in UNLISTED}

    def record(self, call: Call, now: int) -> Record:
        """Return all fields of a call at a time, those without a column too."""
        return self.row(call, now) | unlisted_fields(call, now) | (call.override or {})

    def uuid(self, call_id: int) -> str:
        """Return the uuid of a call. It contains the masked id, so that finding a call needs no index."""
        top = self._hash(f"uuid {call_id}")
        mask = self._hash(f"mask {top}")
        digits = f"{call_id ^ mask:012x}"
        return f"{top >> 16:08x}-{top & 0xFFFF:04x}-4{mask >> 36:03x}-a{mask >> 24 & 0xFFF:03x}-{digits}"

    def find(self, key: str) -> Call | None:
        """Return the call with this uuid or id at any time; None if it does not exist."""
        if key.isdecimal():
            return self._find_id(int(key))
        try:
            number = uuids.UUID(key).int
        except ValueError:
            return None
        call_id = (number & (1 << HASH_BITS) - 1) ^ self._hash(f"mask {number >> 80}")
        return self._find_id(call_id) if self.uuid(call_id) == key.lower() else None

    def count(self, start: int, end: int) -> int:
        """Return the number of calls created in [start, end). Whole days are counted without a simulation."""
        total = 0
        for day in self._days(start, end):
            if start <= midnight(day) and midnight(day) + DAY <= end:
                total += self._volume(day) + len(self._added.get(day, ()))
            else:
                calls = self._calls(day)
                total += _index(calls, end) - _index(calls, start)
        return total

    def oldest_first(self, start: int, end: int) -> Iterator[Call]:
        """Return the calls created in [start, end), oldest first. A day is simulated when it is reached."""
        for day in self._days(start, end):
            calls = self._calls(day)
            yield from islice(calls, _index(calls, start), _index(calls, end))

    def newest_first(self, start: int, end: int, below: int | None = None) -> Iterator[Call]:
        """Return the calls created in [start, end), newest first, and only those with a position `below`."""
        if below is not None:
            end = min(end, below // TICKS + 1)
        for day in reversed(self._days(start, end)):
            calls = self._calls(day)
            last = _index(calls, end)
            if below is not None:
                last = min(last, bisect_left(calls, below, key=_position))
            # No slice, because it would copy the rest of the day for every page.
            for index in range(last - 1, _index(calls, start) - 1, -1):
                yield calls[index]

    def add_call(self, created: int, override: Record) -> Call:
        """Add a call at this time, with these fields, and return it."""
        day = day_of(created)
        if day < self.first_day:
            raise ValueError(
                f"The sandbox starts on {self.first_day}. Add the call on that day or later, not on {day}."
            )
        added = self._added.setdefault(day, [])
        existing = self._calls(day)
        ties = existing[_index(existing, created) : _index(existing, created + 1)]
        tick = ties[-1].tick + 1 if ties else 0
        if tick >= TICKS:
            raise ValueError(f"{timestamp(created)} has no free tick for another call.")
        bits = self._hash(f"placed {created} {len(ties)}")
        call = Call(
            id=self._first_id(day) + self._ids_per_day - 1 - len(added),
            created=created,
            tick=tick,
            number=NUMBERS[bits % len(NUMBERS)],
            caller=bits % (100 * len(PLACES)),
            repeat=False,
            random_bits=bits,
            status="no-buyer",
            ended=created + 20 * SECOND,
            override=override,
        )
        added.append(call)
        insort(existing, call, key=_position)
        return call

    def hang_up(self, call: Call, at: int) -> Call:
        """End a live call at this time, and return it as it is then."""
        self._hung_up[call.id] = at
        self._cache.pop(day_of(call.created), None)
        return call.hung_up(at)

    def changes(self, since: int, until: int) -> list[Change]:
        """Return the fields that differ between two times, for the calls that existed at the first."""
        changes = []
        for call in self.oldest_first(since - LATEST_CHANGE, since + 1):
            if call.next_change(since) > until:
                continue
            before, after = self.row(call, since), self.row(call, until)
            changed = (name for name in before if before[name] != after[name])
            changes += [Change(before["uuid"], name, before[name], after[name]) for name in changed]
        return changes

    def _find_id(self, call_id: int) -> Call | None:
        offset, index = divmod(call_id, self._ids_per_day)
        if offset > (date.max - _FIRST_ID_DAY).days:
            return None
        day = _FIRST_ID_DAY + timedelta(days=offset)
        if day < self.first_day or (index >= self._volume(day) and day not in self._added):
            return None
        return next((call for call in self._calls(day) if call.id == call_id), None)

    def _first_id(self, day: date) -> int:
        return (day - _FIRST_ID_DAY).days * self._ids_per_day

    def _days(self, start: int, end: int) -> list[date]:
        if end <= start:
            return []
        first, last = max(self.first_day, day_of(start)), day_of(end - 1)
        return [first + timedelta(days=offset) for offset in range((last - first).days + 1)]

    def _hash(self, subject: str) -> int:
        return seeded_hash(self._seed, subject)

    def _volume(self, day: date) -> int:
        if day not in self._volumes:
            self._volumes[day] = daily_volume(self._seed, day, self.calls_per_day)
        return self._volumes[day]

    def _calls(self, day: date) -> list[Call]:
        """Return the calls of a day, oldest first, from the cache if it has them."""
        calls = self._cache.get(day)
        if calls is not None:
            self._cache.move_to_end(day)
            return calls
        volume, first_id = self._volume(day), self._first_id(day)
        calls = simulate_day(
            self._seed, day, calls_per_day=self.calls_per_day, volume=volume, first_id=first_id
        )
        calls = sorted([*calls, *self._added.get(day, ())], key=_position)
        calls = [call.hung_up(self._hung_up[call.id]) if call.id in self._hung_up else call for call in calls]
        self._cache[day] = calls
        count = sum(map(len, self._cache.values()))
        while len(self._cache) > 1 and (count > _MAX_CACHED_CALLS or len(self._cache) > _MAX_CACHED_DAYS):
            count -= len(self._cache.popitem(last=False)[1])
        return calls


def _index(calls: list[Call], time: int) -> int:
    return bisect_left(calls, time, key=_created)
