"""How a number, a day and a moment are written for people. What isn't known is called so, and is never 0."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

UNKNOWN = "unknown"
NOTHING_TO_DIVIDE_BY = "\N{EN DASH}"

Number = int | float | Decimal


def count(number: Number | None) -> str:
    """1234 as 1,234."""
    return UNKNOWN if number is None else _signed(f"{number:,.0f}")


def money(amount: Number | None) -> str:
    """1234.5 as 1,234.50."""
    return UNKNOWN if amount is None else _signed(f"{amount:,.2f}")


def share(part_of: Number | None, whole: Number | None = 1) -> str:
    """A quarter as 25.0%."""
    if part_of is None or whole is None:
        return UNKNOWN
    return _signed(f"{Decimal(part_of) / Decimal(whole):.1%}") if whole else NOTHING_TO_DIVIDE_BY


def per(amount: Number | None, units: Number | None) -> str:
    """Money for each of some units, as money is written."""
    if amount is None or units is None:
        return UNKNOWN
    return money(Decimal(amount) / Decimal(units)) if units else NOTHING_TO_DIVIDE_BY


def part(of: Number | None, whole: Number | None) -> str:
    """How long a bar is beside one of 100: from 0 to 100, and 0 where either is unknown."""
    return f"{max(0, min(100, 100 * Decimal(of) / Decimal(whole))):.1f}" if of and whole else "0"


def moment(instant: datetime | None, zone: ZoneInfo) -> str:
    """An instant on a clock, to the minute."""
    return UNKNOWN if instant is None else f"{instant.astimezone(zone):%Y-%m-%d %H:%M}"


def days_between(days: Sequence[date]) -> str:
    """Ascending days, those in a row as `first to last`."""
    runs: list[list[date]] = []
    for day in days:
        if runs and day - runs[-1][-1] == timedelta(days=1):
            runs[-1].append(day)
        else:
            runs.append([day])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs)


def words(meanings: Mapping[str, str]) -> Mapping[str, str]:
    """What the page's words mean: as the views say it of their columns, else in a sentence of our own."""
    return {
        name.replace("_rate", "").replace("_", " "): meanings.get(name, own) for name, own in _WORDS.items()
    } | {UNKNOWN: _UNKNOWN_MEANS, NOTHING_TO_DIVIDE_BY: "There is nothing to divide by."}


_UNKNOWN_MEANS = "The account's API doesn't tell, on one of the days at least. It is not 0."

_WORDS = {
    "calls": "All calls that began on these days.",
    "connected": "Calls that were put through to a number of a buyer.",
    "converted": "Calls that a buyer pays for.",
    "conversion_rate": "Share of all calls that a buyer pays for.",
    "revenue": "What buyers owe.",
    "payout": "What traffic sources are owed.",
    "profit": "Revenue less payout.",
    "margin": "Profit as a share of the revenue.",
    "cost": "What Trackdrive and the telephone provider charge.",
}


def _signed(digits: str) -> str:
    """With a minus, where there is more than zero behind it."""
    if not any(digit in digits for digit in "123456789"):
        return digits.removeprefix("-")
    return digits.replace("-", "\N{MINUS SIGN}")
