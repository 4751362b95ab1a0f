"""What the page shows, as the lake's views say it.

The views give it by day. Here it is summed up over the days of the page; a sum of which a part is unknown is
unknown. Ratios are taken of sums, where they are written.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any

import duckdb
from duckdb import ConstantExpression

from trackdrive_assets.lake.database import connect
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.tables.columns import SCHEMAS

SHOWN = 20
"""Buyers, or traffic sources, that have a row of their own."""
DIFFERENCES_SHOWN = 50
MOST_PERIODS = 62
"""Two months of days, or a year of weeks: more columns than these are no picture."""
DAYS_OF_LAG = 90
"""How many days before the page's own are looked at for the lag: one on last month has few settled."""


@dataclass(frozen=True)
class Tally:
    """What some calls add up to. None is unknown. Profit is revenue less payout."""

    calls: int
    connected: int | None
    converted: int | None
    revenue: Decimal | None
    payout: Decimal | None
    profit: Decimal | None
    cost: Decimal | None

    @classmethod
    def total(cls, tallies: Iterable["Tally"]) -> "Tally":
        """The sum. Of nothing it is 0; with a part that is unknown it is unknown."""
        given = list(tallies)

        def added(name: str) -> Any:
            values = [getattr(tally, name) for tally in given]
            return None if None in values else sum(values)

        return cls(**{name: added(name) for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class Group:
    """A buyer or a traffic source, or several together, and what their calls add up to."""

    name: str
    tally: Tally


@dataclass(frozen=True)
class Groups:
    """Every buyer, or every traffic source, those first that brought most revenue, or else calls.

    Attributes:
        shown: With a row of their own.
        others: How many have none.
        rest: What these add up to, and then the calls that belong to nobody, where there are such.
    """

    shown: Sequence[Group]
    others: int
    rest: Sequence[Group]

    @property
    def rows(self) -> Sequence[Group]:
        """All of them; their calls are those of the page."""
        return [*self.shown, *self.rest]

    @property
    def most(self) -> Decimal:
        """The greatest revenue of a row: what the longest bar stands for."""
        return max((row.tally.revenue or Decimal(0) for row in self.rows), default=Decimal(0))


@dataclass(frozen=True)
class Lag:
    """How late the revenue of a buyer's settled calls became known.

    Attributes:
        name: The buyer.
        settled_calls: How many calls this is about.
        final_revenue: Of these calls.
        known: By days after the call, the share of the final revenue; None where nobody looked in time.
    """

    name: str
    settled_calls: int
    final_revenue: Decimal
    known: Mapping[int, float | None]


@dataclass(frozen=True)
class Verdicts:
    """How many figures of one report or series agree with the calls."""

    source: str
    agree: int
    differ: int
    cannot_be_told: int


@dataclass(frozen=True)
class Difference:
    """A figure of the API that differs from the calls; the difference is the calls' less the API's."""

    date: date
    source: str
    group: str | None
    figure: str
    calls_value: Decimal
    api_value: Decimal
    difference: Decimal


@dataclass(frozen=True)
class Figures:
    """Everything that the page shows.

    Attributes:
        first: The first day.
        last: The last day.
        days: What each day that is in the lake adds up to.
        missing: The days that are not in the lake.
        unfinished: The days that were last read before they were over.
        read: The first and the last moment at which a day was last read; None where no file tells.
        buyers: Who paid.
        sources: Who was paid.
        lag_days: The first and the last day that the lag was asked of.
        lag: By buyer, those first that paid most. Empty where no day is settled yet.
        verdicts: By report and series.
        differences: The largest first, as many as are shown; `verdicts` has their number.
        meanings: What words of the page mean, as the views say it.
    """

    first: date
    last: date
    days: Mapping[date, Tally]
    missing: Sequence[date]
    unfinished: Sequence[date]
    read: tuple[datetime, datetime] | None
    buyers: Groups
    sources: Groups
    lag_days: tuple[date, date]
    lag: Sequence[Lag]
    verdicts: Sequence[Verdicts]
    differences: Sequence[Difference]
    meanings: Mapping[str, str]

    @property
    def unknown(self) -> Sequence[date]:
        """The days of which conversions or amounts are unknown, and with them every sum over such a day."""
        return sorted(
            day for day, tally in self.days.items() if None in (tally.converted, tally.revenue, tally.payout)
        )

    @property
    def total(self) -> Tally:
        """Of all days."""
        return Tally.total(self.days.values())

    @property
    def verdict(self) -> Verdicts:
        """Of all figures."""
        return Verdicts(
            "",
            sum(verdicts.agree for verdicts in self.verdicts),
            sum(verdicts.differ for verdicts in self.verdicts),
            sum(verdicts.cannot_be_told for verdicts in self.verdicts),
        )


@dataclass(frozen=True)
class Period:
    """A day, a week or a month, or what of it lies in the page.

    Attributes:
        first: Its first day.
        last: Its last day.
        tally: Of those of its days that are in the lake; None where none is.
    """

    first: date
    last: date
    tally: Tally | None


@dataclass(frozen=True)
class Periods:
    """What the days of the page are put together to, so that a picture of them can be read.

    Attributes:
        unit: day, week or month. A week begins on Monday.
        rows: All of them, in order.
    """

    unit: str
    rows: Sequence[Period]


def periods_of(figures: Figures) -> Periods:
    """The page's days, or its weeks where these are too many for a picture, or else its months."""
    span = [figures.first + timedelta(days=n) for n in range((figures.last - figures.first).days + 1)]
    by_unit = {
        unit: [list(days) for _, days in groupby(span, key=begins)]
        for unit, begins in (("day", date.toordinal), ("week", _week), ("month", _month))
    }
    unit = next((unit for unit, groups in by_unit.items() if len(groups) <= MOST_PERIODS), "month")
    return Periods(unit, [Period(days[0], days[-1], _tally(figures, days)) for days in by_unit[unit]])


def _tally(figures: Figures, days: Iterable[date]) -> Tally | None:
    stored = [figures.days[day] for day in days if day in figures.days]
    return Tally.total(stored) if stored else None


def _week(day: date) -> int:
    return (day - timedelta(days=day.weekday())).toordinal()


def _month(day: date) -> int:
    return day.replace(day=1).toordinal()


def figures_of(lake: Lake, first: date, last: date, days: Sequence[date], *, time_zone: str) -> Figures:
    """Ask the views.

    Args:
        lake: Whose.
        first: The page's first day.
        last: Its last day.
        days: Those of its days whose calls are in the lake.
        time_zone: IANA name of the account's time zone.

    Raises:
        LakeError: Views failed.
        duckdb.Error: A file cannot be read.
    """
    views = (
        "daily_summary",
        "buyer_performance",
        "traffic_source_performance",
        "reconciliation",
        "fetch_log",
    )
    with connect(lake, SCHEMAS, time_zone=time_zone, days=days, names=views) as connection:
        tallies = {row.pop("date"): Tally(**row) for row in _rows(connection, _BY_DAY)}
        readings = _rows(connection, _READINGS.format(time_zone=ConstantExpression(time_zone)))
        moments = [row["fetched_at"] for row in readings if row["fetched_at"]]
        found: dict[str, Any] = {
            # A day without calls has no row, and nothing to be unknown.
            "days": {day: tallies.get(day, Tally.total([])) for day in days},
            "unfinished": [row["date"] for row in readings if row["unfinished"]],
            "read": (min(moments), max(moments)) if moments else None,
            "buyers": _groups(connection, "buyer", "buyers"),
            "sources": _groups(connection, "traffic_source", "traffic sources"),
            "verdicts": [Verdicts(**row) for row in _rows(connection, _VERDICTS)],
            "differences": [Difference(**row) for row in _rows(connection, _DIFFERENCES)],
            "meanings": {row["column_name"]: row["comment"] for row in _rows(connection, _MEANINGS)},
        }
    lag_first = first - timedelta(days=DAYS_OF_LAG)
    lag_days = [day for day in lake.days("calls") if lag_first <= day <= last]
    with connect(lake, SCHEMAS, time_zone=time_zone, days=lag_days, names=["conversion_lag"]) as connection:
        lag = [_lag(row) for row in _rows(connection, _LAG)]
    span = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return Figures(
        first=first,
        last=last,
        missing=sorted(set(span) - set(days)),
        lag_days=(lag_days[0], last),
        lag=lag,
        **found,
    )


def _rows(connection: duckdb.DuckDBPyConnection, question: str) -> list[dict[str, Any]]:
    answer = connection.execute(question)
    names = [column[0] for column in answer.description or ()]
    return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]


def _groups(connection: duckdb.DuckDBPyConnection, kind: str, plural: str) -> Groups:
    """Those with a row of their own, the others as one, and the calls that belong to nobody."""
    rows = _rows(connection, _BY_GROUP.format(kind=kind, sums=_SUMS))
    groups = [Group(row.pop("name"), Tally(**row)) for row in rows]
    somebody = [group for group in groups if group.name]
    nobody = [Group(f"No {kind.replace('_', ' ')}", group.tally) for group in groups if not group.name]
    others = somebody[SHOWN:]
    together = [Group(f"{len(others):,} other {plural}", Tally.total(group.tally for group in others))]
    return Groups(shown=somebody[:SHOWN], others=len(others), rest=(together if others else []) + nobody)


def _lag(row: dict[str, Any]) -> Lag:
    return Lag(
        row["name"],
        row["settled_calls"],
        row["final_revenue"],
        {days: row[f"known_after_{days}_days"] for days in (0, 1, 2, 7, 30)},
    )


# A sum of which a part is unknown is unknown.
_SUMS = ", ".join(
    f"CASE WHEN count({name}) = count(*) THEN sum({name}){kind} END AS {name}"
    for name, kind in {
        "calls": "::BIGINT",
        "connected": "::BIGINT",
        "converted": "::BIGINT",
        "revenue": "",
        "payout": "",
        "profit": "",
        "cost": "",
    }.items()
)

_BY_DAY = """
    SELECT date, calls, connected, converted, revenue, payout, profit, cost FROM daily_summary
"""

# A group is who has one id; where the older API sends none, who has one label or else one name.
_BY_GROUP = """
    SELECT
        -- Two may have one name; then their ids tell them apart.
        name || CASE
            WHEN count(*) OVER (PARTITION BY name) > 1 AND label <> name THEN ' (' || label || ')' ELSE ''
        END AS name,
        * EXCLUDE (name, label)
    FROM (
        SELECT
            coalesce(
                nullif(arg_max({kind}, date), ''),
                arg_max(nullif(user_{kind}_id, ''), date),
                CAST({kind}_id AS VARCHAR)
            ) AS name,
            coalesce(CAST({kind}_id AS VARCHAR), arg_max(nullif(user_{kind}_id, ''), date)) AS label,
            {sums}
        FROM {kind}_performance
        GROUP BY {kind}_id, {kind}_key
    )
    -- Where not all revenue is known, calls say better who matters.
    ORDER BY
        CASE WHEN count(revenue) OVER () = count(*) OVER () THEN revenue ELSE calls END DESC,
        calls DESC,
        name
"""

_READINGS = """
    SELECT date, fetched_at, fetched_at < timezone({time_zone}, CAST(date + 1 AS TIMESTAMP)) AS unfinished
    FROM fetch_log
    WHERE table_name = 'calls'
    ORDER BY date
"""

_LAG = f"""
    SELECT coalesce(nullif(buyer, ''), nullif(user_buyer_id, ''), CAST(buyer_id AS VARCHAR)) AS name, *
    FROM conversion_lag
    WHERE name IS NOT NULL AND final_revenue > 0
    ORDER BY final_revenue DESC, name
    LIMIT {SHOWN}
"""  # noqa: S608  a number of ours

_VERDICTS = """
    SELECT
        source,
        count(*) FILTER (verdict = 'match') AS agree,
        count(*) FILTER (verdict = 'mismatch') AS differ,
        count(*) FILTER (verdict NOT IN ('match', 'mismatch')) AS cannot_be_told
    FROM reconciliation
    GROUP BY source
    ORDER BY source
"""

_DIFFERENCES = f"""
    SELECT date, source, group_value AS "group", figure, calls_value, api_value, difference
    FROM reconciliation
    WHERE verdict = 'mismatch'
    ORDER BY abs(difference) DESC, date, source, group_value, figure
    LIMIT {DIFFERENCES_SHOWN}
"""  # noqa: S608  as above

_MEANINGS = """
    SELECT column_name, comment FROM duckdb_columns() WHERE table_name = 'daily_summary' AND comment <> ''
"""
