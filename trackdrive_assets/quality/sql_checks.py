"""The checks that are queries: one file each in `lake/sql/checks`.

The result of a query is empty if the check passes. Its rows have the columns `date`, `violation` (a code),
and others that show what is wrong. If some violations are only reported, a column `fails` is false for them.
The head of the file has the check's description, its severity, and a sentence for each code.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, timedelta
from string import Template

import duckdb
import pyarrow as pa
from duckdb import ConstantExpression

from trackdrive_assets.api.catalog import STATUSES
from trackdrive_assets.lake.database import connect
from trackdrive_assets.lake.errors import LakeError
from trackdrive_assets.lake.sql_catalog import Query, queries_in, referenced_tables
from trackdrive_assets.lake.storage import REPLACED
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.quality.file_checks import file_problem
from trackdrive_assets.quality.result import CheckResult, Row, rows_table
from trackdrive_assets.settings import Settings
from trackdrive_assets.tables.columns import BOOLEAN, CALLS, TEXT, schemas

_MOST_REPETITIONS = 3

_COMPARED_DAYS = 28
"""The number of earlier days that some checks compare with: four weeks, with four times each weekday."""


def run_sql_checks(
    names: Collection[str], lake: Lake, settings: Settings, days: Sequence[date]
) -> Iterator[tuple[str, CheckResult]]:
    """Run checks, and yield the name and the result of each.

    A file that is missing or not readable is a violation of every check on its day, and hides no other day.
    """
    queries = {name: queries_in("checks")[name] for name in names}
    comparing = {name: query for name, query in queries.items() if _compares_days(query)}
    others = {name: query for name, query in queries.items() if name not in comparing}
    # DuckDB opens every file of a connection for every query, so only those that need earlier days have them.
    for group, earlier in ((others, 0), (comparing, _COMPARED_DAYS)):
        if group:
            needed = {day - timedelta(days=number) for day in days for number in range(earlier + 1)}
            for _ in range(_MOST_REPETITIONS):
                results = list(_run_queries(group, lake, settings, days, needed))
                # Object stores do not hide that another run replaced a file meanwhile.
                if not any(map(_was_replaced, results)):
                    break
            yield from results


def _compares_days(query: Query) -> bool:
    """Return whether a check compares a day with earlier days."""
    return "${compared_days}" in query.sql


def _was_replaced(result: tuple[str, CheckResult]) -> bool:
    """Return whether a check failed only because a file was replaced."""
    _, found = result
    errors = found.rows["error"].to_pylist() if "error" in found.rows.column_names else []
    return any(REPLACED in (error or "") for error in errors)


def _run_queries(
    queries: Mapping[str, Query],
    lake: Lake,
    settings: Settings,
    days: Sequence[date],
    needed: Collection[date],
) -> Iterator[tuple[str, CheckResult]]:
    """Run checks over the needed days, and yield the name and the result of each for the given days."""
    problems = {day: file_problem(lake, day) for day in sorted(needed)}
    problems_of_days = rows_table(problem for day in days if (problem := problems[day]))
    readable = [day for day, problem in problems.items() if problem is None]
    tables = frozenset[str]().union(*(referenced_tables(query.sql) for query in queries.values()))
    try:
        with connect(
            lake, schemas(), time_zone=settings.time_zone, days=readable, names=tables
        ) as connection:
            # Instants in a result are on the account's clock.
            connection.execute(f"SET TimeZone = {ConstantExpression(settings.time_zone)}")
            for name, query in queries.items():
                rows = _violations(connection, query, settings, days)
                rows = pa.concat_tables([problems_of_days, rows], promote_options="default")
                yield name, CheckResult(days, rows)
    except LakeError as error:
        rows = problems_of_days if problems_of_days.num_rows else rows_table([_unreadable(error)])
        yield from ((name, CheckResult(days, rows)) for name in queries)


def _violations(
    connection: duckdb.DuckDBPyConnection, query: Query, settings: Settings, days: Sequence[date]
) -> pa.Table:
    """Run the query of a check, and return its rows on the given days."""
    if not days:
        return rows_table([])
    sql = Template(query.sql).substitute(
        time_zone=ConstantExpression(settings.time_zone),
        documented_statuses=ConstantExpression(list(STATUSES)),
        flags=ConstantExpression(_names_of(BOOLEAN)),
        text_columns=", ".join(_names_of(TEXT)),
        compared_days=_COMPARED_DAYS,
    )
    dates = ", ".join(str(ConstantExpression(day)) for day in days)
    try:
        return connection.sql(
            f"SELECT * FROM ({sql}) WHERE date IN ({dates}) ORDER BY ALL"  # noqa: S608  quoted
        ).to_arrow_table()
    except duckdb.Error as error:
        return rows_table([_unreadable(error)])


def _names_of(type_: str) -> list[str]:
    return [column.name for column in CALLS.columns if column.type == type_]


def _unreadable(error: Exception) -> Row:
    return {"violation": "file_unreadable", "error": str(error)}
