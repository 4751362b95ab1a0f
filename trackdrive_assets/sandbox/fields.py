"""The fields of a call at a time: a pure function of both, so a test moves the clock to see a later state.

Types are those of the captured responses, the awkward ones included: `"Converted"` or null, an int 0 among
floats, costs with binary noise, money that is null unless converted, and sometimes a text. Not here: which
fields a response contains, and in which envelope (`serializers.py`).
"""

import math
from functools import cache

from trackdrive_assets.api.catalog import CALL_COLUMNS
from trackdrive_assets.sandbox.call import Call, Record
from trackdrive_assets.sandbox.reference_data import PLACES, Place
from trackdrive_assets.sandbox.times import SECOND, timestamp

UNLISTED = (
    "hangup_reason", "direction", "sub_status", "contact_id", "contact_state", "contact_country",
    "provider_configuration_id", "buyer_group_ids", "placed_on_hold", "buyer_conversion_duplicated_call",
    "offer_conversion_duplicated_call",
)  # fmt: skip
"""Fields that are not a column of the current API. Filters, orders, groups and the legacy API use them."""

_FIRST_NAMES = ("Ada", "Ben", "Carla", "Dev", "Elena", "Frank", "Grace", "Hugo")
_PROVIDERS = (("plivo", 601), ("telnyx", 602))


def listed_fields(call: Call, uuid: str, now: int) -> Record:
    """Return the columns and tags of the current API, at a time at or after the first ring.

    A column that is not set here is null in every captured response.
    """
    live = now < call.ended
    rung = _has_happened(call.forwarded, now)
    talking = _has_happened(call.connected, now)
    converted = _has_happened(call.converted, now) and not _has_happened(call.reversed, now)
    paid = _has_happened(call.paid, now) and not _has_happened(call.unpaid, now)
    buyer = call.buyer if rung else None
    number, source, offer = call.number, call.number.source, call.number.offer
    place, caller = _caller(call.caller)
    bits = call.random_bits
    seconds = (call.ended - call.created) / SECOND
    minutes = math.ceil(seconds / 60)
    revenue = buyer.price if converted and buyer else None
    payout = source.payout if paid else None
    status = call.status if not live else "forwarded" if rung else "initiated"
    no_buyer = status.startswith("no-buyer")
    noise = bits % 9973 / 1e7
    ivr = ((call.forwarded or call.ended) - call.created) / SECOND + noise
    sub_id = (None, "s12", "4471", None)[bits >> 3 & 3]
    tokens = _tokens(call, place, sub_id)
    fields: Record = dict.fromkeys(CALL_COLUMNS) | {
        "id": call.id,
        "type": "Call",
        "uuid": uuid,
        "created_at": timestamp(call.created),
        "updated_at": timestamp(call.last_change(now)),
        "routes_show_path": f"/calls/{call.id}",
        "routes_edit_path": f"/calls/{call.id}/edit",
        "name": caller,
        "recording_url": (
            f"https://recordings.example.com/{uuid}.mp3" if _has_happened(call.recorded, now) else None
        ),
        "number_called": number.phone,
        "number_id": number.id,
        "connected_to": buyer.phone if buyer else None,
        "caller_number": caller,
        "offer": offer.name,
        "user_offer_id": offer.user_id,
        "offer_id": offer.id,
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
        "sub_id": sub_id,
        "schedule_id": offer.schedule_id,
        "schedule_name": offer.schedule_name,
        "ring_pool_id": number.ring_pool_id,
        "status": status,
        "buyer_converted": "Converted" if converted else None,
        "buyer_repeat_caller": "Repeat" if call.repeat and buyer else None,
        "buyer_revenue": revenue,
        "revenue": f"{revenue:.2f}" if revenue is not None and bits & 7 == 0 else revenue,
        "traffic_source_converted": "Converted" if paid else None,
        "traffic_source_repeat_caller": "Repeat" if call.repeat else None,
        "traffic_source_payout": payout,
        "payout": f"{payout:.2f}" if payout is not None and bits & 7 == 1 else payout,
        "trackdrive_cost": None if live else 0.025 * minutes,
        "provider_cost": None if live else (0.024 if call.connected else 0.021) * minutes,
        "call_sid": f"{bits:016x}-{call.id}",
        "provider": _provider(call)[0],
        "outgoing_webhooks_count": 1 if converted else 0,
        "ended_at": None if live else timestamp(call.ended),
        "disposition_id": 41 if no_buyer else None,
        "disposition_key": "no-buyer" if no_buyer else None,
        "disposition_name": "No Buyer" if no_buyer else None,
        "hangup_cause": None if live else "NORMAL_CLEARING" if call.connected else "ORIGINATOR_CANCEL",
    }
    return fields | {f"token-{key}": value for key, value in tokens.items()}


def unlisted_fields(call: Call, now: int) -> Record:
    """Return the fields of `UNLISTED` at a time."""
    live = now < call.ended
    buyer = call.buyer if _has_happened(call.forwarded, now) else None
    talking = _has_happened(call.connected, now)
    duplicated = call.repeat and talking
    place, _ = _caller(call.caller)
    hangup_reason = (None, "caller", "buyer")[call.random_bits % 3 if call.connected else 1]
    return {
        "hangup_reason": None if live else hangup_reason,
        "direction": "inbound",
        "sub_status": None if live else "repeat" if call.repeat else "first-time",
        "contact_id": 50_000_000 + call.caller,
        "contact_state": place.state,
        "contact_country": "US",
        "provider_configuration_id": _provider(call)[1],
        "buyer_group_ids": buyer.group_id if buyer else None,
        "placed_on_hold": call.status.startswith("hold-queue") or (talking and call.random_bits % 4 == 0),
        "buyer_conversion_duplicated_call": bool(duplicated and buyer and buyer.rejects_repeat_callers),
        "offer_conversion_duplicated_call": duplicated,
    }


def _has_happened(time: int | None, now: int) -> bool:
    return time is not None and time <= now


def _provider(call: Call) -> tuple[str, int]:
    return _PROVIDERS[call.random_bits % 5 == 0]


@cache
def _caller(caller: int) -> tuple[Place, str]:
    """Return the place and the phone number of a caller."""
    place = PLACES[caller // 100]
    return place, f"+1{place.area_code}55501{caller % 100:02d}"


def _tokens(call: Call, place: Place, sub_id: str | None) -> dict[str, str]:
    """Return the tags of a call. Calls differ in which tags they have."""
    bits = call.random_bits
    tokens = {"state": place.state, "geo_state": f"us-{place.state.lower()}", "zip": place.zip}
    if sub_id:
        tokens["sub_id"] = sub_id
    if bits >> 5 & 3 == 0:
        tokens["first_name"] = _FIRST_NAMES[bits >> 7 & 7]
    if bits >> 10 & 3 == 0:
        tokens["jornaya_leadid"] = f"{bits:016X}"
    return tokens
