"""Numbers, days and times as text for people. An unknown number is "unknown", never 0."""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

UNKNOWN = "unknown"
NO_RATIO = "\N{EN DASH}"

_CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]"
)

Number = int | float | Decimal


def format_count(number: Number | None) -> str:
    """Return 1234 as 1,234."""
    return UNKNOWN if number is None else _with_sign(f"{number:,.0f}")


def format_money(amount: Number | None) -> str:
    """Return 1234.5 as 1,234.50."""
    return UNKNOWN if amount is None else _with_sign(f"{amount:,.2f}")


def format_dollars(amount: Number | None) -> str:
    """Return 1234.5 as $1,234.50."""
    return UNKNOWN if amount is None else re.sub("([0-9])", r"$\1", format_money(amount), count=1)


def format_change(now: Number | None, before: Number | None) -> str:
    """Return the change from 4 to 5 as +25.0%."""
    if now is None or before is None:
        return UNKNOWN
    return _plus(format_share(Decimal(now) - Decimal(before), abs(Decimal(before))))


def format_points(difference: float | None) -> str:
    """Return a difference of two shares in percentage points: 0.02 as +2.0."""
    return UNKNOWN if difference is None else _plus(_with_sign(f"{100 * difference:.1f}"))


def format_share(part: Number | None, whole: Number | None = 1) -> str:
    """Return a quarter as 25.0%."""
    if part is None or whole is None:
        return UNKNOWN
    return _with_sign(f"{Decimal(part) / Decimal(whole):.1%}") if whole else NO_RATIO


def format_dollars_per(amount: Number | None, units: Number | None) -> str:
    """Return the dollars for each unit."""
    if amount is None or units is None:
        return UNKNOWN
    return format_dollars(Decimal(amount) / Decimal(units)) if units else NO_RATIO


def bar_length(value: Number | None, max_value: Number | None) -> str:
    """Return the length of a bar in percent of the longest one. It is 0 if a number is unknown."""
    if not value or not max_value:
        return "0"
    return f"{max(0, min(100, 100 * Decimal(value) / Decimal(max_value))):.1f}"


def format_time(instant: datetime, zone: ZoneInfo) -> str:
    """Return an instant on the clock of a zone, to the minute."""
    return f"{instant.astimezone(zone):%Y-%m-%d %H:%M}"


def format_span(first: date, last: date) -> str:
    """Return `first to last`, or the one day."""
    return str(first) if first == last else f"{first} to {last}"


def format_days(days: Sequence[date]) -> str:
    """Return ascending days as text. Consecutive days become `first to last`."""
    runs: list[list[date]] = []
    for day in days:
        if runs and day - runs[-1][-1] == timedelta(days=1):
            runs[-1].append(day)
        else:
            runs.append([day])
    return ", ".join(format_span(run[0], run[-1]) for run in runs)


def without_controls(value: object) -> object:
    """Return a value of the page, a text without control characters.

    Browsers and XML refuse some of them, and those that turn the direction of a text can forge a line.
    """
    return _CONTROLS.sub("", value) if type(value) is str else value


GLOSSARY: Mapping[str, str] = {
    "calls": "All calls that started on these days.",
    "connected": "Calls that were put through to a number of a buyer.",
    "missed": "Calls that ended and that neither a buyer nor an agent answered.",
    "converted": "Calls that a buyer pays for.",
    "conversion": "Share of all calls that a buyer pays for.",
    "revenue": "What buyers owe.",
    "payout": "What traffic sources are owed.",
    "profit": "Revenue less payout.",
    "margin": "Profit as a share of revenue.",
    "cost": "What Trackdrive and the telephony provider charge.",
    UNKNOWN: "The account's API does not contain it, on at least one of the days. It is not 0.",
    NO_RATIO: "There is nothing to divide by.",
}
"""The words of the page with their meanings."""


def _plus(text: str) -> str:
    """Return a number with its sign. Zero and what is no number have none."""
    return f"+{text}" if text[0].isdigit() and re.search("[1-9]", text) else text


def _with_sign(digits: str) -> str:
    """Return a number with a typographic minus. A number that is rounded to zero has no sign."""
    if not any(digit in digits for digit in "123456789"):
        return digits.removeprefix("-")
    return digits.replace("-", "\N{MINUS SIGN}")
