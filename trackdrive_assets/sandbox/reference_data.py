"""The parties of the sandbox: buyers, offers, traffic sources, tracking numbers, and where callers live.

Constants only. Every phone number is reserved for fiction (555-0100 to 555-0199). One name contains `&amp;`,
as some names of the real API do. Not here: what happens to a call (`simulation.py`).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Buyer:
    """A company that pays for calls.

    Attributes:
        group_id: The group for the `buyer_group_ids` filter.
        user_id: The account owner's own label: a text, a number as text, or None.
        price: The dollars that it pays for a converted call.
        minimum_seconds: The talk time at which a call converts; 0 for every answered call.
        daily_share: The daily cap as a share of the day's average calls.
        opening_hour: The first hour of the UTC day at which it takes calls, for `open_hours` hours.
        reports_sales_later: Whether it reports sales days later, instead of paying by talk time.
        reversal_rate: The chance that a conversion is reversed later.
    """

    id: int
    name: str
    user_id: str | None
    group_id: int
    phone: str
    price: float
    minimum_seconds: int
    daily_share: float
    opening_hour: int
    open_hours: int
    answer_rate: float
    reports_sales_later: bool
    reversal_rate: float
    rejects_repeat_callers: bool

    def is_open(self, hour: int) -> bool:
        """Return whether the buyer takes calls in this hour of a UTC day."""
        return (hour - self.opening_hour) % 24 < self.open_hours


@dataclass(frozen=True)
class Offer:
    """A product for sale. The buyers are in order of preference."""

    id: int
    name: str
    user_id: str | None
    schedule_id: int | None
    schedule_name: str | None
    buyers: tuple[Buyer, ...]


@dataclass(frozen=True)
class TrafficSource:
    """A company that brings calls.

    Attributes:
        quality: A number from 0 to 1: how long its callers talk, and how often they buy.
        payout: The dollars that it gets for a conversion.
        minimum_seconds: The talk time at which it is paid; None if it is paid when the buyer converts.
        repeat_rate: The share of its calls from callers who have called before.
    """

    id: int
    name: str
    user_id: str | None
    quality: float
    payout: float
    minimum_seconds: int | None
    repeat_rate: float


@dataclass(frozen=True)
class TrackingNumber:
    """An advertised phone number. A call to it belongs to one source and one offer."""

    id: int
    phone: str
    source: TrafficSource
    offer: Offer
    ring_pool_id: int | None
    weight: int


@dataclass(frozen=True)
class Place:
    """A city where 100 callers live."""

    area_code: str
    city: str
    state: str
    zip: str


NORTHWIND = Buyer(
    10160398, "Northwind Insurance", "1070", 301, "+18665550145",
    price=24.5, minimum_seconds=90, daily_share=0.22, opening_hour=13, open_hours=12, answer_rate=0.93,
    reports_sales_later=False, reversal_rate=0.04, rejects_repeat_callers=True,
)  # fmt: skip
BLUEBIRD = Buyer(
    10160412, "Bluebird Auto &amp; Home", None, 301, "+18665550146",
    price=18.0, minimum_seconds=60, daily_share=0.3, opening_hour=12, open_hours=14, answer_rate=0.9,
    reports_sales_later=False, reversal_rate=0.03, rejects_repeat_callers=True,
)  # fmt: skip
HARBOR = Buyer(
    10160427, "Harbor Home Services", "hta-08", 302, "+18665550147",
    price=85.0, minimum_seconds=45, daily_share=0.25, opening_hour=11, open_hours=16, answer_rate=0.85,
    reports_sales_later=True, reversal_rate=0.12, rejects_repeat_callers=False,
)  # fmt: skip
SUMMIT = Buyer(
    10160455, "Summit Solar", "2044", 302, "+18665550148",
    price=140.0, minimum_seconds=120, daily_share=0.12, opening_hour=15, open_hours=8, answer_rate=0.8,
    reports_sales_later=True, reversal_rate=0.15, rejects_repeat_callers=True,
)  # fmt: skip
OVERFLOW = Buyer(
    10160499, "Overflow Call Center", None, 303, "+18665550149",
    price=10.5, minimum_seconds=0, daily_share=0.35, opening_hour=0, open_hours=23, answer_rate=0.97,
    reports_sales_later=False, reversal_rate=0.0, rejects_repeat_callers=False,
)  # fmt: skip

AUTO = Offer(10026786, "Auto &amp; Home", "1001", 501, "Business hours", (NORTHWIND, BLUEBIRD, OVERFLOW))
REPAIR = Offer(10026790, "Home Repair", None, None, None, (HARBOR, OVERFLOW))
SOLAR = Offer(10026801, "Solar Quotes", "solarWest", 502, "Evenings", (SUMMIT, HARBOR))

# Quality, payout, minimum_seconds and repeat_rate are the last four.
EXAMPLE_MEDIA = TrafficSource(10455172, "Example Media", "tsUSCA", 0.75, 9.25, None, 0.08)
BRIGHT_CLICKS = TrafficSource(10455180, "Bright Clicks +17195550100", "1071", 0.55, 12.0, None, 0.12)
RADIO_ROW = TrafficSource(10455196, "Radio Row", None, 0.9, 15.5, None, 0.05)
COUPON_BARN = TrafficSource(10455203, "Coupon Barn", "9", 0.2, 4.0, 30, 0.35)

NUMBERS = (
    TrackingNumber(14755793, "+18005550123", EXAMPLE_MEDIA, AUTO, None, 30),
    TrackingNumber(14755794, "+18005550124", EXAMPLE_MEDIA, REPAIR, 7701, 14),
    TrackingNumber(14755795, "+18885550125", BRIGHT_CLICKS, AUTO, 7702, 18),
    TrackingNumber(14755796, "+18885550126", BRIGHT_CLICKS, SOLAR, 7702, 8),
    TrackingNumber(14755797, "+18775550127", RADIO_ROW, REPAIR, None, 9),
    TrackingNumber(14755798, "+18775550128", RADIO_ROW, SOLAR, None, 5),
    TrackingNumber(14755799, "+18005550129", COUPON_BARN, AUTO, None, 16),
)

PLACES = (
    Place("719", "Colorado Springs", "CO", "80903"), Place("303", "Denver", "CO", "80202"),
    Place("512", "Austin", "TX", "78701"), Place("713", "Houston", "TX", "77002"),
    Place("214", "Dallas", "TX", "75201"), Place("210", "San Antonio", "TX", "78205"),
    Place("213", "Los Angeles", "CA", "90012"), Place("619", "San Diego", "CA", "92101"),
    Place("415", "San Francisco", "CA", "94103"), Place("916", "Sacramento", "CA", "95814"),
    Place("602", "Phoenix", "AZ", "85004"), Place("520", "Tucson", "AZ", "85701"),
    Place("305", "Miami", "FL", "33130"), Place("407", "Orlando", "FL", "32801"),
    Place("813", "Tampa", "FL", "33602"), Place("904", "Jacksonville", "FL", "32202"),
    Place("404", "Atlanta", "GA", "30303"), Place("912", "Savannah", "GA", "31401"),
    Place("212", "New York", "NY", "10007"), Place("716", "Buffalo", "NY", "14202"),
    Place("312", "Chicago", "IL", "60602"), Place("614", "Columbus", "OH", "43215"),
    Place("216", "Cleveland", "OH", "44114"), Place("215", "Philadelphia", "PA", "19107"),
    Place("412", "Pittsburgh", "PA", "15219"), Place("617", "Boston", "MA", "02108"),
    Place("206", "Seattle", "WA", "98104"), Place("503", "Portland", "OR", "97204"),
    Place("702", "Las Vegas", "NV", "89101"), Place("801", "Salt Lake City", "UT", "84111"),
    Place("704", "Charlotte", "NC", "28202"), Place("615", "Nashville", "TN", "37201"),
    Place("313", "Detroit", "MI", "48226"), Place("612", "Minneapolis", "MN", "55415"),
    Place("314", "St. Louis", "MO", "63103"), Place("504", "New Orleans", "LA", "70112"),
    Place("405", "Oklahoma City", "OK", "73102"), Place("505", "Albuquerque", "NM", "87102"),
    Place("208", "Boise", "ID", "83702"), Place("808", "Honolulu", "HI", "96813"),
)  # fmt: skip
