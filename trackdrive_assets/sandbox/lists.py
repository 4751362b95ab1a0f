"""The reference lists of the sandbox: the rows of its buyers, offers, traffic sources and tracking numbers.

The names of the keys are documented, except those of offers and of the caps. Some rows have contacts and
keys, as those of the real API can. Not here: pages and metadata (`endpoints.py`).
"""

from collections.abc import Mapping

from trackdrive_assets.sandbox.reference_data import NUMBERS, Buyer, Offer, TrackingNumber, TrafficSource
from trackdrive_assets.sandbox.serializers import Row

_CREATED_AT = "2023-11-02T15:04:05.000+00:00"
_DORMANT = Buyer(
    10160520, "Dormant Dental", "2050", 303, "+18665550150",
    price=32.0, minimum_seconds=60, daily_share=0.0, opening_hour=0, open_hours=0, answer_rate=0.0,
    reports_sales_later=False, reversal_rate=0.0, rejects_repeat_callers=False,
)  # fmt: skip
"""A buyer without calls."""


def _common(id_: int, name: str) -> Row:
    return {"id": id_, "name": name, "created_at": _CREATED_AT, "updated_at": _CREATED_AT, "deleted_at": None}


def _row(party: Buyer | Offer | TrafficSource) -> Row:
    common = _common(party.id, party.name)
    match party:
        case Buyer():
            return common | {
                "user_buyer_id": party.user_id,
                "email": f"billing-{party.id}@example.com",
                "number": party.phone,
                "paused": party is _DORMANT,
                "time_zone": "Eastern Time (US & Canada)",
                "bid_price": str(party.price),
                "buyer_group_ids": [party.group_id],
                "concurrency_cap_limit": 10,
                "concurrency_cap_used": 0,
                # A captured response has the first as a number, and the second as a text.
                "revenue_daily_used": 0.0,
                "earned_revenue_daily_used": "0.0",
            }
        case TrafficSource():
            return common | {
                "user_traffic_source_id": party.user_id,
                "first_name": "Sam",
                "last_name": "Example",
                "company_name": party.name,
                "paused": False,
                "number_limit": 5,
                "numbers_count": sum(number.source is party for number in NUMBERS),
                "last_call_at": None,
            }
        case Offer():
            return common | {"user_offer_id": party.user_id, "paused": False}


def _number_row(number: TrackingNumber) -> Row:
    return _common(number.id, number.phone) | {
        "number": number.phone,
        "offer_id": number.offer.id,
        "traffic_source_id": number.source.id,
        "ring_pool_id": number.ring_pool_id,
        "provider_auth_key": "not-to-be-stored",
        "country": "US",
        "last_call_at": None,
    }


_BUYERS = {buyer.id: buyer for number in NUMBERS for buyer in number.offer.buyers} | {_DORMANT.id: _DORMANT}
_OFFERS = {number.offer.id: number.offer for number in NUMBERS}
_SOURCES = {number.source.id: number.source for number in NUMBERS}

LISTS: Mapping[str, tuple[str, list[Row]]] = {
    "buyers": ("buyers", list(map(_row, _BUYERS.values()))),
    "offers": ("offers", list(map(_row, _OFFERS.values()))),
    "traffic_sources": ("traffic_sources", list(map(_row, _SOURCES.values()))),
    "phone_numbers": ("numbers", [_number_row(number) for number in NUMBERS]),
}
"""The root and the rows of each list, by its path. Captured responses have the roots, without that of offers.
"""
