"""The data of the page. `loading.py` queries the views for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from trackdrive_assets.report.totals import Groups, Totals


@dataclass(frozen=True)
class Before:
    """The same number of days before those of the page.

    Attributes:
        totals: The sums of these days. None if some of them are not in the lake, or were not over.
    """

    first: date
    last: date
    totals: Totals | None


@dataclass(frozen=True)
class Hour:
    """The calls of an hour of the account's clock, 0 to 23, on all days of the page."""

    hour: int
    totals: Totals


@dataclass(frozen=True)
class MissedCalls:
    """The missed calls with a reason."""

    reason: str
    calls: int


@dataclass(frozen=True)
class Comparison:
    """The conversion of a group in seven days and in the seven days before.

    Attributes:
        kind: What the calls are grouped by: `account`, `buyer`, `traffic_source` or `offer`.
        is_significant: Whether chance does not explain the change. None if `reason` has the reason.
    """

    kind: str
    name: str
    period_start: date
    period_end: date
    calls: int | None
    previous_calls: int | None
    conversion_rate: float | None
    previous_conversion_rate: float | None
    conversion_rate_change: float | None
    is_significant: bool | None
    reason: str | None


@dataclass(frozen=True)
class Statement:
    """What a buyer owes, or a traffic source is owed, for a half-month.

    Attributes:
        conversions: The number of calls that the party pays or is paid for.
        amount: The amount of the calls as they are now.
        adjusted_later: The part of it that changed after the half-month was over.
        carried_over: What changed of earlier half-months after they were over.
        amount_due: The amount of the statement. Later changes are carried over to later statements.
        days_missing: The number of days that are not in the lake, or were last fetched before their end.
    """

    period_start: date
    period_end: date
    name: str
    calls: int
    conversions: int | None
    amount: Decimal | None
    adjusted_later: Decimal
    carried_over: Decimal
    amount_due: Decimal | None
    days_missing: int


@dataclass(frozen=True)
class Lag:
    """The lag of a buyer's revenue in settled calls.

    `known` has the known share of the final revenue, by the number of days after the call. None if the lake
    did not have the calls by then.
    """

    name: str
    settled_calls: int
    final_revenue: Decimal
    known: Mapping[int, float | None]


@dataclass(frozen=True)
class VerdictCounts:
    """The numbers of verdicts on one report or series, or on all if `source` is empty.

    `not_compared` counts the verdicts `not_comparable` and `unreadable`.
    """

    source: str
    match: int
    mismatch: int
    not_compared: int


@dataclass(frozen=True)
class Difference:
    """A number of the API that differs from the calls. `difference` is the calls' number less the API's."""

    date: date
    source: str
    group: str | None
    figure: str
    calls_value: Decimal
    api_value: Decimal
    difference: Decimal


@dataclass(frozen=True)
class ReportData:
    """Everything that the page shows.

    Attributes:
        days: The totals of each day that is in the lake.
        missing: The days that are not in the lake.
        unfinished: The days that were last fetched before their end.
        fetched: The first and the last time of the days' last fetches. None if no file contains the time.
        before: The days before, with which the page compares.
        comparisons: The conversion of the last seven days compared with the seven before, most certain first.
        hours: The hours with calls.
        missed: The missed calls by reason, most first.
        buyer_statements: What buyers owe for the last half-months.
        source_statements: What traffic sources are owed for the last half-months.
        lag_days: The first and the last day that the lag covers.
        lag: The lag of each buyer. The buyers with the most revenue come first. Empty if no day is settled.
        differences: The largest differences. `verdicts` has their number.
    """

    first: date
    last: date
    days: Mapping[date, Totals]
    missing: Sequence[date]
    unfinished: Sequence[date]
    fetched: tuple[datetime, datetime] | None
    before: Before
    comparisons: Sequence[Comparison]
    hours: Sequence[Hour]
    missed: Sequence[MissedCalls]
    buyers: Groups
    sources: Groups
    offers: Groups
    buyer_statements: Sequence[Statement]
    source_statements: Sequence[Statement]
    lag_days: tuple[date, date]
    lag: Sequence[Lag]
    verdicts: Sequence[VerdictCounts]
    differences: Sequence[Difference]

    @property
    def unknown(self) -> Sequence[date]:
        """The days with unknown conversions or amounts. Every sum over such a day is unknown too."""
        known_by_day = {day: (t.converted, t.revenue, t.payout) for day, t in self.days.items()}
        return sorted(day for day, known in known_by_day.items() if None in known)

    @property
    def total(self) -> Totals:
        """The totals of all days."""
        return Totals.sum(self.days.values())

    @property
    def all_verdicts(self) -> VerdictCounts:
        """The verdicts on all numbers."""
        return VerdictCounts(
            source="",
            match=sum(verdicts.match for verdicts in self.verdicts),
            mismatch=sum(verdicts.mismatch for verdicts in self.verdicts),
            not_compared=sum(verdicts.not_compared for verdicts in self.verdicts),
        )
