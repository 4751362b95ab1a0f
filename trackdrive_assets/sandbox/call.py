"""One call: the moments at which something happens to it, and what it looks like at any of them.

What it looks like is a pure function of the call and the moment, so a test lets three days pass by moving the
clock. All moments are milliseconds since 1970 in UTC. Not here: which calls there are (`generator.py`), and
which columns of them are shown, in what envelope (`serializers.py`).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from typing import Any

from trackdrive_assets.sandbox.reference_data import PLACES, Buyer, Place, TrackingNumber

Record = dict[str, Any]
"""What is known of a call at a moment, by name. Values are as on the wire."""

UNLISTED = frozenset(
    {
        "hangup_reason",
        "direction",
        "sub_status",
        "contact_id",
        "contact_state",
        "contact_country",
        "provider_configuration_id",
        "buyer_group_ids",
        "placed_on_hold",
        "buyer_conversion_duplicated_call",
        "offer_conversion_duplicated_call",
    }
)
"""Fields that are no column today: they can be filtered, ordered or grouped by, and one was a column once."""

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

TICKS = 100
"""Calls of one millisecond that can be told apart."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_NAMES = ("Ada", "Ben", "Carla", "Dev", "Elena", "Frank", "Grace", "Hugo")
_PROVIDERS = (("plivo", 601), ("telnyx", 602))


def milliseconds(moment: datetime) -> int:
    """An aware datetime as a moment."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def timestamp(moment: int) -> str:
    """A moment as the API writes it: `2024-06-28T21:41:35.977+00:00`."""
    days, of_day = divmod(moment, DAY)
    seconds, fraction = divmod(of_day, SECOND)
    return f"{_day_text(days)}T{_clock_text(seconds)}.{fraction:03d}+00:00"


@cache
def _day_text(days: int) -> str:
    return (_EPOCH + timedelta(days=days)).date().isoformat()


@lru_cache(maxsize=86_400)
def _clock_text(seconds: int) -> str:
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def day_of(moment: int) -> date:
    """The UTC day of a moment."""
    return (_EPOCH + timedelta(milliseconds=moment)).date()


def midnight(day: date) -> int:
    """The moment at which a UTC day begins."""
    return (day - _EPOCH.date()).days * DAY


@dataclass(slots=True)
class Call:
    """One call: who, and the moments at which something happens to it. `None` moments never come.

    Attributes:
        created: First ring. `tick` (0 to 99) tells apart calls of one millisecond, in units of 10
            microseconds.
        forwarded: The buyer begins to ring.
        connected: The buyer answers.
        converted: The buyer's conversion; `reversed` takes it back.
        paid: The traffic source's conversion; `unpaid` takes it back.
        status: What it is in the end.
        chance: Random bits for what has no other cause.
        override: What a test has said of it: wins over everything else.
    """

    id: int
    created: int
    tick: int
    number: TrackingNumber
    caller: int
    repeat: bool
    chance: int
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
        """Its place in time in units of 10 microseconds: unique, and what today's cursor is made of."""
        return self.created * TICKS + self.tick

    def moments(self) -> Iterator[int]:
        """Every moment at which something about it changes."""
        for moment in (
            self.created, self.forwarded, self.connected, self.ended, self.recorded,
            self.converted, self.reversed, self.paid, self.unpaid,
        ):  # fmt: skip
            if moment is not None:
                yield moment

    def next_change(self, now: int) -> int:
        """The first moment after `now` at which it changes; far away when it is done."""
        return min((moment for moment in self.moments() if moment > now), default=1 << 62)

    def last_change(self, now: int) -> int:
        """The last moment up to `now` at which it changed."""
        last = self.created
        for moment in self.moments():
            if last < moment <= now:
                last = moment
        return last

    def hung_up(self, at: int) -> "Call":
        """The same call, ended at this moment: nothing that was to come later comes."""

        def unless_later(moment: int | None) -> int | None:
            return moment if moment is not None and moment < at else None

        connected = unless_later(self.connected)
        ending = {"ended_at", "status", "total_duration", "answered_duration"}
        return replace(
            self,
            status="caller-hung-up" if connected is None else "finished",
            ended=at,
            forwarded=unless_later(self.forwarded),
            connected=connected,
            recorded=None,
            converted=unless_later(self.converted),
            paid=unless_later(self.paid),
            override={k: v for k, v in self.override.items() if k not in ending} if self.override else None,
        )


def row(call: Call, uuid: str, now: int) -> Record:
    """Today's columns and tags of a call, at a moment at or after its first ring.

    Types are those that were seen on the wire, the awkward ones included: `"Converted"` or null, an int 0
    among floats, costs with binary noise, money that is null unless converted and now and then text.
    """
    live = now < call.ended
    rung = call.forwarded is not None and call.forwarded <= now
    talking = call.connected is not None and call.connected <= now
    converted = _stands(call.converted, call.reversed, now)
    paid = _stands(call.paid, call.unpaid, now)
    buyer = call.buyer if rung else None
    number, source, offer = call.number, call.number.source, call.number.offer
    place, caller = _caller(call.caller)
    chance = call.chance
    seconds = (call.ended - call.created) / SECOND
    minutes = math.ceil(seconds / 60)
    revenue = buyer.price if converted and buyer else None
    payout = source.payout if paid else None
    status = call.status if not live else "forwarded" if rung else "initiated"
    no_buyer = status.startswith("no-buyer")
    noise = chance % 9973 / 1e7
    ivr = ((call.forwarded or call.ended) - call.created) / SECOND + noise
    sub_id = (None, "s12", "4471", None)[chance >> 3 & 3]
    tokens = _tokens(call, place.state, place.zip, sub_id)
    result: Record = {
        "id": call.id,
        "legacy_id": None,
        "type": "Call",
        "uuid": uuid,
        "created_at": timestamp(call.created),
        "updated_at": timestamp(call.last_change(now)),
        "deleted_at": None,
        "user_updated_at": None,
        "routes_show_path": f"/calls/{call.id}",
        "routes_edit_path": f"/calls/{call.id}/edit",
        "external_record_id": None,
        "name": caller,
        "recording_url": (
            f"https://recordings.example.com/{uuid}.mp3"
            if call.recorded is not None and call.recorded <= now
            else None
        ),
        "category": None,
        "number_called": number.phone,
        "number_id": number.id,
        "connected_to": buyer.phone if buyer else None,
        "caller_number": caller,
        "offer": offer.name,
        "user_offer_id": offer.user_id,
        "offer_id": offer.id,
        "quality_assurance_user_id": None,
        "quality_assurance_name": None,
        "quality_assurance_id": None,
        "agent_id": None,
        "traffic_source": source.name,
        "user_traffic_source_id": source.user_id,
        "traffic_source_id": source.id,
        "buyer": buyer.name if buyer else None,
        "user_buyer_id": buyer.user_id if buyer else None,
        "buyer_id": buyer.id if buyer else None,
        "obfuscated_caller_number": f"{caller[:8]}XXXX",
        "caller_city": place.city,
        "caller_country": "US",
        "token_values": ",".join(f"{key}:{value}" for key, value in tokens.items()),
        "total_duration": None if live else round(seconds),
        "hold_duration": (call.connected - call.forwarded) / SECOND + noise
        if talking and call.connected and call.forwarded
        else 0,
        "ivr_duration": None if live and not rung else ivr,
        "attempted_duration": "" if buyer is None else None if talking else round(seconds, 1),
        "answered_duration": (
            None if live else float(round((call.ended - call.connected) / SECOND)) if call.connected else 0.0
        ),
        "agent_duration": None,
        "sub_id": sub_id,
        "schedule_id": offer.schedule_id,
        "schedule_name": offer.schedule_name,
        "ring_pool_id": number.ring_pool_id,
        "status": status,
        "buyer_converted": "Converted" if converted else None,
        "buyer_repeat_caller": "Repeat" if call.repeat and buyer else None,
        "buyer_revenue": revenue,
        "revenue": f"{revenue:.2f}" if revenue is not None and chance & 7 == 0 else revenue,
        "traffic_source_converted": "Converted" if paid else None,
        "traffic_source_repeat_caller": "Repeat" if call.repeat else None,
        "traffic_source_payout": payout,
        "payout": f"{payout:.2f}" if payout is not None and chance & 7 == 1 else payout,
        "trackdrive_cost": None if live else 0.025 * minutes,
        "provider_cost": None if live else (0.024 if call.connected else 0.021) * minutes,
        "call_sid": f"{chance:016x}-{call.id}",
        "provider": _provider(call)[0],
        "outgoing_webhooks_count": 1 if converted else 0,
        "ended_at": None if live else timestamp(call.ended),
        "contact_field_type": None,
        "disposition_id": 41 if no_buyer else None,
        "disposition_key": "no-buyer" if no_buyer else None,
        "disposition_name": "No Buyer" if no_buyer else None,
        "disposition_notes": None,
        "hangup_cause": None if live else "NORMAL_CLEARING" if call.connected else "ORIGINATOR_CANCEL",
    }
    for key, value in tokens.items():
        result[f"token-{key}"] = value
    if call.override:
        result.update({name: value for name, value in call.override.items() if name not in UNLISTED})
    return result


def unlisted(call: Call, now: int) -> Record:
    """What else is known of a call at a moment: `UNLISTED`."""
    live = now < call.ended
    buyer = call.buyer if call.forwarded is not None and call.forwarded <= now else None
    talking = call.connected is not None and call.connected <= now
    duplicated = call.repeat and talking
    place, _ = _caller(call.caller)
    result: Record = {
        "hangup_reason": None
        if live
        else (None, "caller", "buyer")[call.chance % 3 if call.connected else 1],
        "direction": "inbound",
        "sub_status": None if live else "repeat" if call.repeat else "first-time",
        "contact_id": 50_000_000 + call.caller,
        "contact_state": place.state,
        "contact_country": "US",
        "provider_configuration_id": _provider(call)[1],
        "buyer_group_ids": buyer.group_id if buyer else None,
        "placed_on_hold": call.status.startswith("hold-queue") or (talking and call.chance % 4 == 0),
        "buyer_conversion_duplicated_call": bool(duplicated and buyer and buyer.refuses_repeats),
        "offer_conversion_duplicated_call": duplicated,
    }
    if call.override:
        result.update({name: value for name, value in call.override.items() if name in UNLISTED})
    return result


def _stands(since: int | None, until: int | None, now: int) -> bool:
    return since is not None and since <= now and (until is None or now < until)


def _provider(call: Call) -> tuple[str, int]:
    return _PROVIDERS[call.chance % 5 == 0]


@cache
def _caller(caller: int) -> tuple[Place, str]:
    """Where a caller lives, and their number."""
    place = PLACES[caller // 100]
    return place, f"+1{place.area_code}55501{caller % 100:02d}"


def _tokens(call: Call, state: str, zip_code: str, sub_id: str | None) -> dict[str, str]:
    """The tags of a call. Which ones it has differs from call to call."""
    tokens = {"state": state, "geo_state": f"us-{state.lower()}", "zip": zip_code}
    if sub_id:
        tokens["sub_id"] = sub_id
    if call.chance >> 5 & 3 == 0:
        tokens["first_name"] = _FIRST_NAMES[call.chance >> 7 & 7]
    if call.chance >> 10 & 3 == 0:
        tokens["jornaya_leadid"] = f"{call.chance:016X}"
    return tokens
