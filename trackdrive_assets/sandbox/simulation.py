"""The simulation of a day: how many calls arrive, and what happens to each of them.

Pure functions of the seed and the day. The order of the random draws is part of the result: another order
gives other calls. Not here: storing and finding calls (`generator.py`).
"""

from datetime import date
from hashlib import blake2b
from itertools import accumulate
from random import Random

from trackdrive_assets.sandbox.call import Call
from trackdrive_assets.sandbox.reference_data import NUMBERS, PLACES, Buyer
from trackdrive_assets.sandbox.times import DAY, HOUR, MINUTE, SECOND, midnight

HASH_BITS = 48
LONGEST_CALL = 2 * HOUR
LATEST_CHANGE = 40 * DAY
"""The longest time from the first ring of a call to its last change."""

_HOURLY_WEIGHTS = (2, 1, 1, 1, 1, 1, 1, 1, 1, 2, 3, 5, 9, 16, 26, 32, 34, 34, 33, 32, 29, 24, 15, 6)
_WEEKDAY_WEIGHTS = (1.2, 1.2, 1.15, 1.1, 1.0, 0.75, 0.6)
_CUMULATIVE_HOURS = tuple(accumulate(_HOURLY_WEIGHTS))
_CUMULATIVE_NUMBERS = tuple(accumulate(number.weight for number in NUMBERS))

# Chances. The second one includes the first. The third is for sources without a minimum of their own.
_BLOCKED = 0.01
_BLOCKED_OR_HUNG_UP_EARLY = 0.07
_SOURCE_IS_PAID = 0.92


def seeded_hash(seed: int, subject: str) -> int:
    """Return 48 bits that depend only on the seed and the subject."""
    return int.from_bytes(blake2b(f"{seed} {subject}".encode(), digest_size=HASH_BITS // 8).digest())


def daily_volume(seed: int, day: date, calls_per_day: int) -> int:
    """Return the number of calls of a day."""
    variation = 0.95 + seeded_hash(seed, f"volume {day}") % 1000 / 10_000
    return round(calls_per_day * _WEEKDAY_WEIGHTS[day.weekday()] * variation)


def simulate_day(seed: int, day: date, *, calls_per_day: int, volume: int, first_id: int) -> list[Call]:
    """Return the calls of a day, oldest first.

    The buyers' daily caps are a share of the average volume, `calls_per_day`. `volume` is that of this day.
    """
    draw = Random(seeded_hash(seed, f"calls {day}"))  # noqa: S311  # no secret
    start = midnight(day)
    hours = draw.choices(range(24), cum_weights=_CUMULATIVE_HOURS, k=volume)
    times = sorted(start + hour * HOUR + int(draw.random() * HOUR) for hour in hours)
    numbers = draw.choices(NUMBERS, cum_weights=_CUMULATIVE_NUMBERS, k=volume)
    buyers = {buyer for number in NUMBERS for buyer in number.offer.buyers}
    capacity = {buyer.id: max(1, round(buyer.daily_share * calls_per_day)) for buyer in buyers}
    calls: list[Call] = []
    for index, (created, number) in enumerate(zip(times, numbers, strict=True)):
        bits = draw.getrandbits(HASH_BITS)
        tick = bits % 50
        if calls and calls[-1].created == created:
            tick = calls[-1].tick + 1
        repeat = bool(calls) and draw.random() < number.source.repeat_rate
        caller = calls[bits % len(calls)].caller if repeat else int(draw.random() * 100 * len(PLACES))
        call = Call(first_id + index, created, tick, number, caller, repeat, bits, "caller-hung-up", created)
        _simulate_call(call, draw, capacity)
        calls.append(call)
    return calls


def _simulate_call(call: Call, draw: Random, capacity: dict[int, int]) -> None:
    """Decide which buyer takes a call, how long it lasts, and who pays for it and when."""
    chance = draw.random()
    if chance < _BLOCKED:
        call.status, call.ended = "blocked", call.created + 40
        return
    greeting = 1500 + int(draw.random() * 9 * SECOND)
    call.ended = call.created + greeting
    if chance < _BLOCKED_OR_HUNG_UP_EARLY:
        return
    hour = call.created // HOUR % 24
    open_buyers = [buyer for buyer in call.number.offer.buyers if buyer.is_open(hour)]
    buyer = next((buyer for buyer in open_buyers if capacity[buyer.id] > 0), None)
    if buyer is None:
        call.status = "no-buyer" if open_buyers else "not-open"
        return
    capacity[buyer.id] -= 1
    call.buyer, call.forwarded = buyer, call.ended
    ringing = 2 * SECOND + int(draw.random() * 12 * SECOND)
    if draw.random() > buyer.answer_rate:
        call.status = "no-answer" if call.random_bits & 3 else "hold-queue-waited-too-long"
        call.ended = call.forwarded + ringing + 30 * SECOND
        return
    mean_seconds = 30 + 260 * call.number.source.quality
    talk = min(int(draw.expovariate(1 / mean_seconds) * SECOND) + 700, LONGEST_CALL - 2 * MINUTE)
    call.status = "finished"
    call.connected = call.forwarded + ringing
    call.ended = call.connected + talk
    call.recorded = call.ended + MINUTE + int(draw.random() * 20 * MINUTE)
    _simulate_conversions(call, buyer, talk // SECOND, draw)


def _simulate_conversions(call: Call, buyer: Buyer, talk_seconds: int, draw: Random) -> None:
    """Decide when the buyer and the traffic source convert, and whether that is reversed."""
    source = call.number.source
    if talk_seconds >= buyer.minimum_seconds and not (call.repeat and buyer.rejects_repeat_callers):
        if not buyer.reports_sales_later:
            call.converted = call.ended
        elif draw.random() < 0.1 + 0.4 * source.quality:
            call.converted = call.ended + HOUR + int(draw.random() ** 2 * 30 * DAY)
        if call.converted and draw.random() < buyer.reversal_rate:
            call.reversed = call.converted + HOUR + int(draw.random() * 3 * DAY)
    if call.repeat:
        return
    if source.minimum_seconds is not None and talk_seconds >= source.minimum_seconds:
        call.paid = call.ended
    elif source.minimum_seconds is None and call.converted and draw.random() < _SOURCE_IS_PAID:
        call.paid, call.unpaid = call.converted, call.reversed
