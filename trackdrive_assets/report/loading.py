"""Loading the data of the page from the views of the lake, each over the days that it needs."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Literal

import duckdb

from trackdrive_assets.lake.database import connect
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.report import queries
from trackdrive_assets.report.data import (
    Before,
    Comparison,
    Difference,
    Hour,
    Lag,
    MissedCalls,
    ReportData,
    Statement,
    VerdictCounts,
)
from trackdrive_assets.report.queries import MAX_GROUPS
from trackdrive_assets.report.totals import Group, Groups, Totals
from trackdrive_assets.tables.columns import schemas

LAG_DAYS = 90
"""The number of earlier days in the table of the lag. Few days of a page about last month are settled yet."""

_HALF_MONTH = 16
"""The most days that a half-month has after a day of the page."""

Party = Literal["buyer", "traffic_source", "offer"]


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
    stored = lake.days("calls")
    lag_days = [day for day in stored if first - timedelta(days=LAG_DAYS) <= day <= last]
    with connect(
        lake, schemas(), time_zone=time_zone, days=lag_days, names=queries.VIEWS_OF_HISTORY
    ) as connection:
        lag = [_lag(row) for row in _query(connection, queries.LAG)]
        comparisons = [Comparison(**row) for row in _query(connection, queries.COMPARISONS)]
    start, end = first - (last - first) - timedelta(days=1), last + timedelta(days=_HALF_MONTH)
    # The changes of earlier half-months are carried over. They are complete after a month.
    around = [day for day in stored if min(start, first - timedelta(days=LAG_DAYS)) <= day <= end]
    with connect(lake, schemas(), time_zone=time_zone, days=around, names=queries.VIEWS_AROUND) as connection:
        span = {"first": first, "last": last}
        owed = [Statement(**row) for row in _query(connection, queries.BUYER_STATEMENTS, span)]
        payable = [Statement(**row) for row in _query(connection, queries.SOURCE_STATEMENTS, span)]
        before = _before(connection, start, first - timedelta(days=1), time_zone)
    with connect(lake, schemas(), time_zone=time_zone, days=days, names=queries.VIEWS_OF_DAYS) as connection:
        totals = {row.pop("date"): Totals(**row) for row in _query(connection, queries.DAYS)}
        fetches = _query(connection, queries.FETCHES, {"time_zone": time_zone})
        times = [fetch["fetched_at"] for fetch in fetches if fetch["fetched_at"]]
        return ReportData(
            first=first,
            last=last,
            # A day without calls has no row, and its totals are known to be 0.
            days={day: totals.get(day, Totals.sum([])) for day in days},
            missing=sorted({first + timedelta(days=n) for n in range((last - first).days + 1)} - set(days)),
            unfinished=[fetch["date"] for fetch in fetches if fetch["is_unfinished"]],
            fetched=(min(times), max(times)) if times else None,
            before=before,
            comparisons=comparisons,
            hours=[Hour(row.pop("hour"), Totals(**row)) for row in _query(connection, queries.HOURS)],
            missed=[MissedCalls(**row) for row in _query(connection, queries.MISSED)],
            buyers=_groups(connection, "buyer"),
            sources=_groups(connection, "traffic_source"),
            offers=_groups(connection, "offer"),
            buyer_statements=owed,
            source_statements=payable,
            lag_days=(lag_days[0], last),
            lag=lag,
            verdicts=[VerdictCounts(**row) for row in _query(connection, queries.VERDICTS)],
            differences=[Difference(**row) for row in _query(connection, queries.DIFFERENCES)],
        )


def _before(connection: duckdb.DuckDBPyConnection, first: date, last: date, time_zone: str) -> Before:
    """Return the sums of the days before the page, if all of them are in the lake and were over."""
    over = [
        fetch["date"]
        for fetch in _query(connection, queries.FETCHES, {"time_zone": time_zone})
        if first <= fetch["date"] <= last and not fetch["is_unfinished"]
    ]
    if len(over) <= (last - first).days:
        return Before(first, last, None)
    totals = {row.pop("date"): Totals(**row) for row in _query(connection, queries.DAYS)}
    return Before(first, last, Totals.sum(totals[day] for day in over if day in totals))


def _query(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, object] | None = None
) -> list[dict[str, Any]]:
    result = connection.execute(sql, parameters)
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _groups(connection: duckdb.DuckDBPyConnection, party: Party) -> Groups:
    """Return the largest groups, the sum of the others, and the calls without a group."""
    rows = _query(connection, queries.GROUPS.format(party=party, sums=queries.SUMS))
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
    known = {days: row[f"known_after_{days}_days"] for days in (0, 1, 2, 7)}
    return Lag(row["name"], row["settled_calls"], row["final_revenue"], known)
