"""Which calls there are: those of each day, drawn from the seed when the day is asked for.

A day's calls are a pure function of (seed, day, calls per day). So a day is forgotten when it is not needed,
and comes out the same again, after a restart too. Only `place` and `hang_up` change anything, and both are
kept. Not here: what a call looks like (`call.py`), and which ones a request asks for (`filters.py`).
"""

import uuid as uuids
from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Iterator
from datetime import date, timedelta
from hashlib import blake2b
from itertools import accumulate, islice
from random import Random
from typing import Any, NamedTuple

from trackdrive_assets.sandbox.call import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    TICKS,
    Call,
    Record,
    day_of,
    midnight,
    row,
    timestamp,
    unlisted,
)
from trackdrive_assets.sandbox.reference_data import NUMBERS, PLACES, Buyer

LONGEST_CALL = 2 * HOUR
LATEST_CHANGE = 40 * DAY
"""No call changes later than this after its first ring."""

_FIRST_ID_DAY = date(2013, 1, 1)
_HOURLY = (2, 1, 1, 1, 1, 1, 1, 1, 1, 2, 3, 5, 9, 16, 26, 32, 34, 34, 33, 32, 29, 24, 15, 6)
_WEEKDAYS = (1.2, 1.2, 1.15, 1.1, 1.0, 0.75, 0.6)
_DAYS_KEPT = 400
_CALLS_KEPT = 1_500_000
_HASH_BITS = 48


class Change(NamedTuple):
    """One field of one call that shows another value than before."""

    uuid: str
    field: str
    old: Any
    new: Any


class CallGenerator:
    """All calls since a first day.

    Args:
        seed: Another seed, other calls.
        calls_per_day: How many a day on the average of a week. Mondays bring twice as many as Sundays.
        first_day: There are no calls before this UTC day.
    """

    def __init__(self, seed: int, calls_per_day: int, first_day: date) -> None:
        self.calls_per_day = calls_per_day
        self.first_day = first_day
        self._seed = seed
        # Ids of one day stay apart from those of the next, and are as long as real ones.
        self._ids_per_day = max(100_000, 2 * calls_per_day)
        self._volumes: dict[date, int] = {}
        self._drawn: OrderedDict[date, list[Call]] = OrderedDict()
        self._placed: dict[date, list[Call]] = {}
        self._hung_up: dict[int, int] = {}

    def row(self, call: Call, now: int) -> Record:
        """Today's columns and tags of a call at a moment."""
        return row(call, self.uuid(call.id), now)

    def record(self, call: Call, now: int) -> Record:
        """All that can be known of a call at a moment: its row, and what is unlisted."""
        return {**self.row(call, now), **unlisted(call, now)}

    def uuid(self, call_id: int) -> str:
        """The uuid of a call. It excludes the id, so that a call is found by it without an index."""
        top = int.from_bytes(self._hash(f"uuid {call_id}"))
        mask = self._mask(top)
        digits = f"{call_id ^ mask:012x}"
        return f"{top >> 16:08x}-{top & 0xFFFF:04x}-4{mask >> 36:03x}-a{mask >> 24 & 0xFFF:03x}-{digits}"

    def find(self, key: str) -> Call | None:
        """The call with this uuid or id, whenever it is; none if there is no such call."""
        if key.isdecimal():
            return self._by_id(int(key))
        try:
            number = uuids.UUID(key).int
        except ValueError:
            return None
        call_id = (number & (1 << _HASH_BITS) - 1) ^ self._mask(number >> 80)
        return self._by_id(call_id) if self.uuid(call_id) == key.lower() else None

    def count(self, start: int, end: int) -> int:
        """How many calls begin in [start, end). Whole days are counted without being generated."""
        total = 0
        for day in self._days(start, end):
            if start <= midnight(day) and midnight(day) + DAY <= end:
                total += self._volume(day) + len(self._placed.get(day, ()))
            else:
                calls = self._calls(day)
                total += _index(calls, end) - _index(calls, start)
        return total

    def oldest_first(self, start: int, end: int) -> Iterator[Call]:
        """The calls that begin in [start, end), ascending. Days are generated as they are reached."""
        for day in self._days(start, end):
            calls = self._calls(day)
            yield from islice(calls, _index(calls, start), _index(calls, end))

    def newest_first(self, start: int, end: int, below: int | None = None) -> Iterator[Call]:
        """The calls that begin in [start, end), descending.

        Args:
            start: First moment.
            end: The moment after the last.
            below: Only calls whose `position` is less than this.
        """
        if below is not None:
            end = min(end, below // TICKS + 1)
        for day in reversed(self._days(start, end)):
            calls = self._calls(day)
            last = _index(calls, end)
            if below is not None:
                last = min(last, bisect_left(calls, below, key=_position))
            # No slice: it would copy what is left of the day for every page.
            for index in range(last - 1, _index(calls, start) - 1, -1):
                yield calls[index]

    def add_call(self, created: int, override: Record) -> Call:
        """Adds one call at this moment, and returns it."""
        day = day_of(created)
        if day < self.first_day:
            raise ValueError(f"The sandbox begins on {self.first_day}: no call can be placed on {day}.")
        placed = self._placed.setdefault(day, [])
        before = self._calls(day)
        ties = before[_index(before, created) : _index(before, created + 1)]
        tick = ties[-1].tick + 1 if ties else 0
        if tick >= TICKS:
            raise ValueError(f"There is no room for another call at {timestamp(created)}.")
        chance = int.from_bytes(self._hash(f"placed {created} {len(ties)}"))
        call = Call(
            id=self._first_id(day) + self._ids_per_day - 1 - len(placed),
            created=created,
            tick=tick,
            number=NUMBERS[chance % len(NUMBERS)],
            caller=chance % (100 * len(PLACES)),
            repeat=False,
            chance=chance,
            status="no-buyer",
            ended=created + 20 * SECOND,
            override=override,
        )
        placed.append(call)
        insort(self._calls(day), call, key=_position)
        return call

    def hang_up(self, call: Call, at: int) -> Call:
        """Ends a live call at this moment for good, and returns it as it is then."""
        self._hung_up[call.id] = at
        self._drawn.pop(day_of(call.created), None)
        return call.hung_up(at)

    def changes(self, since: int, until: int) -> list[Change]:
        """What shows another value at `until` than at `since`, on the calls that were there at `since`."""
        found = []
        for call in self.oldest_first(since - LATEST_CHANGE, since + 1):
            if call.next_change(since) > until:
                continue
            before, after = self.row(call, since), self.row(call, until)
            found += [
                Change(before["uuid"], name, before[name], after[name])
                for name in before
                if before[name] != after[name]
            ]
        return found

    def _by_id(self, call_id: int) -> Call | None:
        offset, index = divmod(call_id, self._ids_per_day)
        if offset > (date.max - _FIRST_ID_DAY).days:
            return None
        day = _FIRST_ID_DAY + timedelta(days=offset)
        if day < self.first_day or (index >= self._volume(day) and day not in self._placed):
            return None
        return next((call for call in self._calls(day) if call.id == call_id), None)

    def _first_id(self, day: date) -> int:
        return (day - _FIRST_ID_DAY).days * self._ids_per_day

    def _days(self, start: int, end: int) -> list[date]:
        if end <= start:
            return []
        first, last = max(self.first_day, day_of(start)), day_of(end - 1)
        return [first + timedelta(days=offset) for offset in range((last - first).days + 1)]

    def _hash(self, subject: str) -> bytes:
        """48 bits that depend on the seed and the subject, and on nothing else."""
        return blake2b(f"{self._seed} {subject}".encode(), digest_size=_HASH_BITS // 8).digest()

    def _mask(self, top: int) -> int:
        return int.from_bytes(self._hash(f"mask {top}"))

    def _volume(self, day: date) -> int:
        if day not in self._volumes:
            wobble = 0.95 + int.from_bytes(self._hash(f"volume {day}")) % 1000 / 10_000
            self._volumes[day] = round(self.calls_per_day * _WEEKDAYS[day.weekday()] * wobble)
        return self._volumes[day]

    def _calls(self, day: date) -> list[Call]:
        """The calls of a day, ascending. The days asked for last are kept."""
        calls = self._drawn.get(day)
        if calls is None:
            calls = sorted([*self._draw(day), *self._placed.get(day, ())], key=_position)
            for index, call in enumerate(calls):
                if (at := self._hung_up.get(call.id)) is not None:
                    calls[index] = call.hung_up(at)
            self._drawn[day] = calls
            kept = sum(map(len, self._drawn.values()))
            while len(self._drawn) > 1 and (kept > _CALLS_KEPT or len(self._drawn) > _DAYS_KEPT):
                kept -= len(self._drawn.popitem(last=False)[1])
        else:
            self._drawn.move_to_end(day)
        return calls

    def _draw(self, day: date) -> list[Call]:
        volume = self._volume(day)
        draw = Random(int.from_bytes(self._hash(f"calls {day}")))  # noqa: S311  # synthetic calls, no secret
        start, first_id = midnight(day), self._first_id(day)
        hours = draw.choices(range(24), cum_weights=_HOURS_SO_FAR, k=volume)
        created = sorted(start + hour * HOUR + int(draw.random() * HOUR) for hour in hours)
        numbers = draw.choices(NUMBERS, cum_weights=_NUMBERS_SO_FAR, k=volume)
        room = {
            buyer.id: max(1, round(buyer.daily_share * self.calls_per_day))
            for number in NUMBERS
            for buyer in number.offer.buyers
        }
        calls: list[Call] = []
        for index, (moment, number) in enumerate(zip(created, numbers, strict=True)):
            chance = draw.getrandbits(48)
            tick = chance % 50
            if calls and calls[-1].created == moment:
                tick = calls[-1].tick + 1
            repeat = bool(calls) and draw.random() < number.source.repeats
            caller = calls[chance % len(calls)].caller if repeat else int(draw.random() * 100 * len(PLACES))
            call = Call(
                first_id + index, moment, tick, number, caller, repeat, chance, "caller-hung-up", moment
            )
            _simulate(call, draw, room)
            calls.append(call)
        return calls


def _simulate(call: Call, draw: Random, room: dict[int, int]) -> None:
    """Decides what becomes of a call: who takes it, how long it lasts, who pays and when."""
    luck = draw.random()
    if luck < 0.01:  # noqa: PLR2004  # one call in a hundred is on a block list
        call.status, call.ended = "blocked", call.created + 40
        return
    welcome = 1500 + int(draw.random() * 9 * SECOND)
    call.ended = call.created + welcome
    if luck < 0.07:  # noqa: PLR2004  # six in a hundred hang up while they are greeted
        return
    hour = call.created // HOUR % 24
    awake = [buyer for buyer in call.number.offer.buyers if buyer.is_open(hour)]
    buyer = next((buyer for buyer in awake if room[buyer.id] > 0), None)
    if buyer is None:
        call.status = "no-buyer" if awake else "not-open"
        return
    room[buyer.id] -= 1
    call.buyer, call.forwarded = buyer, call.ended
    ringing = 2 * SECOND + int(draw.random() * 12 * SECOND)
    if draw.random() > buyer.answers:
        call.status = "no-answer" if call.chance & 3 else "hold-queue-waited-too-long"
        call.ended = call.forwarded + ringing + 30 * SECOND
        return
    quality = call.number.source.quality
    talk = min(int(draw.expovariate(1 / (30 + 260 * quality)) * SECOND) + 700, LONGEST_CALL - 2 * MINUTE)
    call.status = "finished"
    call.connected = call.forwarded + ringing
    call.ended = call.connected + talk
    call.recorded = call.ended + MINUTE + int(draw.random() * 20 * MINUTE)
    _settle(call, buyer, talk // SECOND, draw)


def _settle(call: Call, buyer: Buyer, talk: int, draw: Random) -> None:
    """Decides when the buyer and the traffic source convert, and whether that is taken back."""
    source = call.number.source
    if talk >= buyer.minimum and not (call.repeat and buyer.refuses_repeats):
        if not buyer.pays_late:
            call.converted = call.ended
        elif draw.random() < 0.1 + 0.4 * source.quality:
            call.converted = call.ended + HOUR + int(draw.random() ** 2 * 30 * DAY)
        if call.converted and draw.random() < buyer.takes_back:
            call.reversed = call.converted + HOUR + int(draw.random() * 3 * DAY)
    if call.repeat:
        return
    if source.minimum is not None and talk >= source.minimum:
        call.paid = call.ended
    elif source.minimum is None and call.converted and draw.random() < 0.92:  # noqa: PLR2004  # some go unpaid
        call.paid, call.unpaid = call.converted, call.reversed


def _position(call: Call) -> int:
    return call.position


def _created(call: Call) -> int:
    return call.created


def _index(calls: list[Call], moment: int) -> int:
    return bisect_left(calls, moment, key=_created)


_HOURS_SO_FAR = tuple(accumulate(_HOURLY))
_NUMBERS_SO_FAR = tuple(accumulate(number.weight for number in NUMBERS))
