"""The periods of the page: its days, or weeks or months if there are too many days for a chart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby

from trackdrive_assets.report.totals import Totals

MAX_PERIODS = 62
"""Two months of days, or a year of weeks. More columns are not legible in a chart."""


@dataclass(frozen=True)
class Period:
    """A day, a week or a month, or the part of it that the page covers.

    `totals` has the sums of those of its days that are in the lake. None if there are none.
    """

    first: date
    last: date
    totals: Totals | None


@dataclass(frozen=True)
class Periods:
    """The periods of the page in order. The unit is `day`, `week` (from Monday on) or `month`."""

    unit: str
    rows: Sequence[Period]


def periods_between(first: date, last: date, totals: Mapping[date, Totals]) -> Periods:
    """Return the days from `first` to `last`; their weeks if these are too many, or else their months."""
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    weeks = [list(group) for _, group in groupby(days, key=_monday)]
    months = [list(group) for _, group in groupby(days, key=lambda day: day.replace(day=1))]
    if len(days) <= MAX_PERIODS:
        unit, groups = "day", [[day] for day in days]
    elif len(weeks) <= MAX_PERIODS:
        unit, groups = "week", weeks
    else:
        unit, groups = "month", months
    return Periods(unit, [Period(group[0], group[-1], _sum(group, totals)) for group in groups])


def _sum(days: Sequence[date], totals: Mapping[date, Totals]) -> Totals | None:
    stored = [totals[day] for day in days if day in totals]
    return Totals.sum(stored) if stored else None


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())
