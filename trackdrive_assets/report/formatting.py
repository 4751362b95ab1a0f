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


def format_share(part: Number | None, whole: Number | None = 1) -> str:
    """Return a quarter as 25.0%."""
    if part is None or whole is None:
        return UNKNOWN
    return _with_sign(f"{Decimal(part) / Decimal(whole):.1%}") if whole else NO_RATIO


def format_money_per(amount: Number | None, units: Number | None) -> str:
    """Return the money for each unit."""
    if amount is None or units is None:
        return UNKNOWN
    return format_money(Decimal(amount) / Decimal(units)) if units else NO_RATIO


def bar_length(value: Number | None, max_value: Number | None) -> str:
    """Return the length of a bar in percent of the longest one. It is 0 if a number is unknown."""
    if not value or not max_value:
        return "0"
    return f"{max(0, min(100, 100 * Decimal(value) / Decimal(max_value))):.1f}"


def format_time(instant: datetime, zone: ZoneInfo) -> str:
    """Return an instant on the clock of a zone, to the minute."""
    return f"{instant.astimezone(zone):%Y-%m-%d %H:%M}"


def format_days(days: Sequence[date]) -> str:
    """Return ascending days as text. Consecutive days become `first to last`."""
    runs: list[list[date]] = []
    for day in days:
        if runs and day - runs[-1][-1] == timedelta(days=1):
            runs[-1].append(day)
        else:
            runs.append([day])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs)


def without_controls(value: object) -> object:
    """Return a value of the page, a text without control characters.

    Browsers and XML refuse some of them, and those that turn the direction of a text can forge a line.
    """
    return _CONTROLS.sub("", value) if type(value) is str else value


def glossary(descriptions: Mapping[str, str]) -> Mapping[str, str]:
    """Return the words of the page with their meanings: the descriptions of columns, or else those below."""
    words = {
        name.replace("_rate", "").replace("_", " "): descriptions.get(name, meaning)
        for name, meaning in _WORDS.items()
    }
    return words | {
        UNKNOWN: "The account's API does not contain it, on at least one of the days. It is not 0.",
        NO_RATIO: "There is nothing to divide by.",
    }


_WORDS = {
    "calls": "All calls that started on these days.",
    "connected": "Calls that were put through to a number of a buyer.",
    "converted": "Calls that a buyer pays for.",
    "conversion_rate": "Share of all calls that a buyer pays for.",
    "revenue": "What buyers owe.",
    "payout": "What traffic sources are owed.",
    "profit": "Revenue less payout.",
    "margin": "Profit as a share of revenue.",
    "cost": "What Trackdrive and the telephony provider charge.",
}


def _with_sign(digits: str) -> str:
    """Return a number with a typographic minus. A number that is rounded to zero has no sign."""
    if not any(digit in digits for digit in "123456789"):
        return digits.removeprefix("-")
    return digits.replace("-", "\N{MINUS SIGN}")
