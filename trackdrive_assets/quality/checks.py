"""What is wrong, or merely odd, in the calls of some days. Knows nothing of Dagster.

A question's answer should be empty. Most are queries, one file each in `lake/sql/checks`: the first line says
what holds, and each row of the answer is something that was found, with its `date`, the `finding` in words,
and whatever shows it. Where some findings break nothing, a column `fails` says which do. Two questions are no
queries and stand here: what the files themselves declare, and what is due by now.

Not here: how severe a finding is, and how Dagster tells of it (`checks`).
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from string import Template
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
from duckdb import ConstantExpression

from trackdrive_assets.api.catalog import STATUSES
from trackdrive_assets.days import exact_day
from trackdrive_assets.lake.database import connect
from trackdrive_assets.lake.day_file import DayFile
from trackdrive_assets.lake.errors import LakeError
from trackdrive_assets.lake.sql_catalog import Query, queries_in, referenced_tables
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.settings import Settings
from trackdrive_assets.tables.columns import CALLS, SCHEMAS

DUE_HOUR = 6
"""Of the account's clock: by then, yesterday should be in the lake."""

_DAYS_BEFORE = 28
"""How far back some questions compare: four weeks, so that each weekday is there four times."""

Row = Mapping[str, Any]
"""Something that was found: its `finding`, and whatever shows it."""


@dataclass(frozen=True)
class Finding:
    """Rows of an answer that say the same.

    Attributes:
        says: What it is and what to do, in words.
        fails: Whether it should not be; otherwise it is only told.
        rows: How many.
        days: Where, ascending.
    """

    says: str
    fails: bool
    rows: int
    days: Sequence[date]


@dataclass(frozen=True)
class Answer:
    """What was found, and where it was looked for.

    Attributes:
        days: That were looked at.
        rows: Everything found, with `date`, `finding` and what shows it.
    """

    days: Sequence[date]
    rows: pa.Table

    @property
    def holds(self) -> bool:
        """Whether nothing was found that should not be."""
        return not any(finding.fails for finding in self.findings)

    @property
    def findings(self) -> list[Finding]:
        """What was found by kind, those first that fail, then the most frequent."""
        rows = self.rows
        if "fails" not in rows.column_names:
            rows = rows.append_column("fails", pa.nulls(rows.num_rows, pa.bool_()))
        kinds = rows.group_by(["finding", "fails"]).aggregate([([], "count_all"), ("date", "distinct")])
        findings = [
            Finding(
                says=kind["finding"],
                fails=kind["fails"] is not False,
                rows=kind["count_all"],
                days=sorted(day for day in kind["date_distinct"] if day),
            )
            for kind in kinds.to_pylist()
        ]
        return sorted(findings, key=lambda finding: (not finding.fails, -finding.rows, finding.says))


@dataclass(frozen=True)
class Look:
    """A question that no query can answer.

    Attributes:
        description: What is so as long as nothing is found, in a sentence.
        find: Answers it for days.
    """

    description: str
    find: Callable[[Lake, Settings, Sequence[date]], Answer]


@cache
def questions() -> Mapping[str, Query | Look]:
    """Every question by its name. What it says is so as long as nothing is found."""
    return {
        **queries_in("checks"),
        "schema_matches": Look(
            "Every day's file has the columns of the table, with their types.", _schema_as_declared
        ),
        "yesterday_loaded": Look(
            f"By {DUE_HOUR:02}:00, yesterday is in the lake, and was read after it ended.",
            _yesterday_is_there,
        ),
    }


def answers(
    names: Iterable[str], lake: Lake, settings: Settings, days: Sequence[date]
) -> Iterator[tuple[str, Answer]]:
    """What is found on these days, by the name of each question.

    Files that are missing or cannot be read are findings too, and no errors.
    """
    asked = {name: questions()[name] for name in names}
    queries = {name: question for name, question in asked.items() if isinstance(question, Query)}
    for name, question in asked.items():
        if isinstance(question, Look):
            yield name, question.find(lake, settings, days)
    compared = {day - timedelta(days=before) for day in days for before in range(_DAYS_BEFORE + 1)}
    faults = {day: list(_looked_into(lake, day)) for day in sorted(compared)}
    unusable = _rows(row for day in days for row in faults[day])
    # A damaged day is a finding of that day. It must not hide those of the others.
    usable = [day for day, found in faults.items() if not found]
    try:
        names = frozenset[str]().union(*(referenced_tables(query.sql) for query in queries.values()))
        with _querying(lake, settings, usable, names) as connection:
            for name, query in queries.items():
                yield name, Answer(days, _joined(unusable, _found(connection, query, settings, days)))
    except LakeError as error:
        for name in queries:
            yield name, Answer(days, unusable if unusable.num_rows else _rows([_unreadable(error)]))


@contextmanager
def _querying(
    lake: Lake, settings: Settings, days: Sequence[date], names: Collection[str]
) -> Iterator[duckdb.DuckDBPyConnection]:
    """What the questions ask about, over these days."""
    with connect(lake, SCHEMAS, time_zone=settings.time_zone, days=days, names=names) as connection:
        # What is found shows its instants on the account's clock.
        connection.execute(f"SET TimeZone = {ConstantExpression(settings.time_zone)}")
        yield connection


def _found(
    connection: duckdb.DuckDBPyConnection, query: Query, settings: Settings, days: Sequence[date]
) -> pa.Table:
    """What a query finds on these days."""
    if not days:
        return _rows([])
    question = Template(query.sql).substitute(
        time_zone=ConstantExpression(settings.time_zone),
        known_statuses=ConstantExpression(list(STATUSES)),
        days_before=_DAYS_BEFORE,
    )
    wanted = ", ".join(str(ConstantExpression(day)) for day in days)
    try:
        return connection.sql(
            f"SELECT * FROM ({question}) WHERE date IN ({wanted}) ORDER BY ALL"  # noqa: S608  quoted
        ).to_arrow_table()
    except duckdb.Error as error:
        return _rows([_unreadable(error)])


def _schema_as_declared(lake: Lake, _: Settings, days: Sequence[date]) -> Answer:
    """Looked up in the files: the view casts what differs, and fills in what is missing."""
    return Answer(days, _rows(row for day in days for row in _looked_into(lake, day, _undeclared)))


def _undeclared(file: DayFile) -> Iterator[Row]:
    """Columns that are not those of the table."""
    declared, found = (
        dict(zip(schema.names, schema.types, strict=True)) for schema in (CALLS.schema, file.schema)
    )
    for name in declared | found:
        if declared.get(name) != found.get(name):
            yield {
                "finding": "A column is not as this version declares it. Run the partition again.",
                "column": name,
                "declared": str(declared.get(name, "nowhere")),
                "found": str(found.get(name, "nowhere")),
            }


def _yesterday_is_there(lake: Lake, settings: Settings, _: Sequence[date]) -> Answer:
    """Looked up by the clock, whatever days are asked about."""
    zone = ZoneInfo(settings.time_zone)
    day = exact_day(last_due(datetime.now(zone)), zone)
    if day.date < settings.start_date:
        return Answer([], _rows([]))

    def read_too_early(file: DayFile) -> Iterator[Row]:
        if file.fetch_info and file.fetch_info.fetched_at < day.end:
            yield {
                "finding": "The day was last read while it went on. Run its partition again.",
                "fetched_at": file.fetch_info.fetched_at,
            }

    return Answer([day.date], _rows(_looked_into(lake, day.date, read_too_early)))


def last_due(now: datetime) -> date:
    """The last day that should be in the lake, whole. `now` is on the account's clock."""
    return (now.replace(tzinfo=None) - timedelta(hours=DUE_HOUR)).date() - timedelta(days=1)


def _looked_into(
    lake: Lake, day: date, look: Callable[[DayFile], Iterable[Row]] = lambda _: ()
) -> Iterator[Row]:
    """What is found in the file of a day, or that there is none, or none that can be read."""
    path = lake.file(CALLS.name, day)
    if not path.exists():
        yield {"date": day, "finding": "The calls of this day have no file. Materialize its partition."}
        return
    try:
        with DayFile(path) as file:
            yield from ({"date": day, **row} for row in look(file))
    except (LakeError, pa.ArrowInvalid) as error:
        yield {"date": day, **_unreadable(error)}


def _unreadable(error: Exception) -> Row:
    return {"finding": f"A file cannot be read. Run its partition again. {error}"}


def _rows(rows: Iterable[Row]) -> pa.Table:
    """Rows as a table, even where there is none."""
    given = list(rows)
    others = dict.fromkeys(name for row in given for name in row if name not in {"date", "finding"})
    return pa.table(
        {
            "date": pa.array([row.get("date") for row in given], pa.date32()),
            "finding": pa.array([row["finding"] for row in given], pa.string()),
            **{name: [row[name] for row in given] for name in others},
        }
    )


def _joined(*tables: pa.Table) -> pa.Table:
    return pa.concat_tables(tables, promote_options="default")
