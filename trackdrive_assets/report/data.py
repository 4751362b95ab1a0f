"""The data of the page, loaded from the views of the lake."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

import duckdb
from duckdb import ConstantExpression

from trackdrive_assets.lake.database import connect
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.report.totals import Group, Groups, Totals
from trackdrive_assets.tables.columns import schemas

MAX_GROUPS = 20
"""The number of buyers, or of traffic sources, with a row of their own."""

MAX_DIFFERENCES = 50
"""The number of differences between the calls and the API's totals that the page lists."""

LAG_DAYS = 90
"""The number of earlier days in the table of the lag. Few days of a page about last month are settled yet."""


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
        lag_days: The first and the last day that the lag covers.
        lag: The lag of each buyer. The buyers with the most revenue come first. Empty if no day is settled.
        differences: The largest differences. `verdicts` has their number.
        descriptions: The descriptions of the columns of `daily_summary`.
    """

    first: date
    last: date
    days: Mapping[date, Totals]
    missing: Sequence[date]
    unfinished: Sequence[date]
    fetched: tuple[datetime, datetime] | None
    buyers: Groups
    sources: Groups
    lag_days: tuple[date, date]
    lag: Sequence[Lag]
    verdicts: Sequence[VerdictCounts]
    differences: Sequence[Difference]
    descriptions: Mapping[str, str]

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


def load_report_data(
    lake: Lake, first: date, last: date, days: Sequence[date], *, time_zone: str
) -> ReportData:
    """Query the views for the data of a page.

    Args:
        lake: The lake.
        first: The first day of the page.
        last: The last day of the page.
        days: The days of the page with calls in the lake.
        time_zone: The IANA name of the account's time zone.

    Raises:
        LakeError: A view failed.
        duckdb.Error: A file can't be read.
    """
    lag_days = [day for day in lake.days("calls") if first - timedelta(days=LAG_DAYS) <= day <= last]
    with connect(lake, schemas(), time_zone=time_zone, days=lag_days, names=["conversion_lag"]) as connection:
        lag = [_lag(row) for row in _query(connection, _LAG)]
    with connect(lake, schemas(), time_zone=time_zone, days=days, names=_VIEWS) as connection:
        totals = {row.pop("date"): Totals(**row) for row in _query(connection, _DAYS)}
        fetches = _query(connection, _FETCHES.format(time_zone=ConstantExpression(time_zone)))
        times = [fetch["fetched_at"] for fetch in fetches if fetch["fetched_at"]]
        return ReportData(
            first=first,
            last=last,
            # A day without calls has no row, and its totals are known to be 0.
            days={day: totals.get(day, Totals.sum([])) for day in days},
            missing=sorted({first + timedelta(days=n) for n in range((last - first).days + 1)} - set(days)),
            unfinished=[fetch["date"] for fetch in fetches if fetch["is_unfinished"]],
            fetched=(min(times), max(times)) if times else None,
            buyers=_groups(connection, "buyer"),
            sources=_groups(connection, "traffic_source"),
            lag_days=(lag_days[0], last),
            lag=lag,
            verdicts=[VerdictCounts(**row) for row in _query(connection, _VERDICTS)],
            differences=[Difference(**row) for row in _query(connection, _DIFFERENCES)],
            descriptions={row["column_name"]: row["comment"] for row in _query(connection, _DESCRIPTIONS)},
        )


def _query(connection: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    result = connection.execute(sql)
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _groups(connection: duckdb.DuckDBPyConnection, party: Literal["buyer", "traffic_source"]) -> Groups:
    """Return the largest groups, the sum of the others, and the calls without a buyer or source."""
    rows = _query(connection, _GROUPS.format(party=party, sums=_SUMS))
    groups = [Group(row.pop("name"), Totals(**row)) for row in rows]
    named = [group for group in groups if group.name]
    others = named[MAX_GROUPS:]
    noun = party.replace("_", " ")
    rest = [Group(f"No {noun}", group.totals) for group in groups if not group.name]
    if others:
        total = Totals.sum(group.totals for group in others)
        rest = [Group(f"{len(others):,} other {noun}s", total), *rest]
    return Groups(shown=named[:MAX_GROUPS], other_count=len(others), rest=rest)


def _lag(row: Mapping[str, Any]) -> Lag:
    known = {days: row[f"known_after_{days}_days"] for days in (0, 1, 2, 7, 30)}
    return Lag(row["name"], row["settled_calls"], row["final_revenue"], known)


_VIEWS = ("daily_summary", "buyer_performance", "traffic_source_performance", "reconciliation", "fetch_log")

_DAYS = "SELECT date, calls, connected, converted, revenue, payout, profit, cost FROM daily_summary"

# A sum with an unknown part is unknown.
_SUMS = ", ".join(
    f"CASE WHEN count({name}) = count(*) THEN CAST(sum({name}) AS {kind}) END AS {name}"
    for names, kind in (
        (("calls", "connected", "converted"), "BIGINT"),
        (("revenue", "payout", "profit", "cost"), "DECIMAL(38, 6)"),
    )
    for name in names
)

_GROUPS = """
    SELECT
        -- If two groups have the same name, the page shows their ids too.
        name || CASE
            WHEN count(*) OVER (PARTITION BY name) > 1 AND label <> name THEN ' (' || label || ')' ELSE ''
        END AS name,
        * EXCLUDE (name, label)
    FROM (
        SELECT
            coalesce(
                nullif(arg_max({party}, date), ''),
                arg_max(nullif(user_{party}_id, ''), date),
                {party}_key
            ) AS name,
            coalesce(CAST({party}_id AS VARCHAR), arg_max(nullif(user_{party}_id, ''), date)) AS label,
            {sums}
        FROM {party}_performance
        GROUP BY {party}_id, {party}_key
    )
    -- If not all revenue is known, the number of calls shows better which groups matter.
    ORDER BY
        CASE WHEN count(revenue) OVER () = count(*) OVER () THEN revenue ELSE calls END DESC,
        calls DESC,
        name
"""

_FETCHES = """
    SELECT date, fetched_at, fetched_at < timezone({time_zone}, CAST(date + 1 AS TIMESTAMP)) AS is_unfinished
    FROM fetch_log
    WHERE table_name = 'calls'
    ORDER BY date
"""

_LAG = f"""
    SELECT coalesce(nullif(buyer, ''), nullif(user_buyer_id, ''), CAST(buyer_id AS VARCHAR)) AS name, *
    FROM conversion_lag
    WHERE name IS NOT NULL AND final_revenue > 0
    ORDER BY final_revenue DESC, name
    LIMIT {MAX_GROUPS}
"""  # noqa: S608  a constant of this module

_VERDICTS = """
    SELECT
        source,
        count(*) FILTER (verdict = 'match') AS match,
        count(*) FILTER (verdict = 'mismatch') AS mismatch,
        count(*) FILTER (verdict IN ('not_comparable', 'unreadable')) AS not_compared
    FROM reconciliation
    GROUP BY source
    ORDER BY source
"""

_DIFFERENCES = f"""
    SELECT date, source, group_value AS "group", figure, calls_value, api_value, difference
    FROM reconciliation
    WHERE verdict = 'mismatch'
    ORDER BY abs(difference) DESC, date, source, group_value, figure
    LIMIT {MAX_DIFFERENCES}
"""  # noqa: S608  a constant of this module

_DESCRIPTIONS = """
    SELECT column_name, comment FROM duckdb_columns() WHERE table_name = 'daily_summary' AND comment <> ''
"""
