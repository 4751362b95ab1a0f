"""The checks that need no query: whether the files of the calls exist, are readable, complete and recent."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa

from trackdrive_assets import clock
from trackdrive_assets.days import exact_day
from trackdrive_assets.lake.errors import LakeError
from trackdrive_assets.lake.layout import LAYOUT
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.quality.catalog import DUE_HOUR, YESTERDAY_LOADED
from trackdrive_assets.quality.result import CheckResult, Row, rows_table
from trackdrive_assets.settings import Settings
from trackdrive_assets.tables.columns import CALLS


def check_schema(lake: Lake, days: Sequence[date]) -> CheckResult:
    """Compare the columns of each day's file with the table's.

    The files are compared, because the view of a table converts other types and fills missing columns.
    """
    return CheckResult(days, rows_table(row for day in days for row in _column_differences(lake, day)))


def check_yesterday(lake: Lake, settings: Settings) -> CheckResult:
    """Check the last day that is due, which depends on the clock and not on the days of a run.

    No day is due before the first one of the lake, of any table. A lake without any day lacks the last one
    that is due.
    """
    zone = ZoneInfo(settings.time_zone)
    day = exact_day(last_due(clock.now().astimezone(zone)), zone)
    if day.date < settings.start_date:
        return CheckResult([], rows_table([]))
    if problem := file_problem(lake, day.date):
        # The days are listed only here, because a list of years takes time in an object store.
        if problem["violation"] == "file_missing" and day.date < (_first_day(lake) or day.date):
            return CheckResult([], rows_table([]))
        return CheckResult([day.date], rows_table([problem]))
    with lake.open_day(CALLS.name, day.date) as file:
        fetch = file.fetch_info if file else None
    early = fetch is not None and fetch.fetched_at < day.end
    row = {"date": day.date, "violation": "fetched_before_end", "fetched_at": fetch and fetch.fetched_at}
    return CheckResult([day.date], rows_table([row] if early else []))


def describe_missing(result: CheckResult) -> str | None:
    """Return a sentence about a yesterday that is not loaded. None if it is, or if no day is due.

    Args:
        result: The result of `check_yesterday`.
    """
    if not result.violations:
        return None
    (violation,) = result.violations
    if violation.code == "file_unreadable":
        # The error names the file and what to do.
        return str(result.rows["error"][0].as_py())
    reason = YESTERDAY_LOADED.message(violation.code)
    return f"No run has loaded the calls of {result.days[0]} by {DUE_HOUR:02}:00. {reason}"


def last_due(now: datetime) -> date:
    """Return the last day that should be complete in the lake. `now` is on the account's clock."""
    return (now.replace(tzinfo=None) - timedelta(hours=DUE_HOUR)).date() - timedelta(days=1)


def file_problem(lake: Lake, day: date) -> Row | None:
    """Return the violation of a day without a readable file. None if the file is readable."""
    try:
        with lake.open_day(CALLS.name, day) as file:
            if file is None:
                return {"date": day, "violation": "file_missing"}
            _ = file.schema
    except (LakeError, pa.ArrowInvalid) as error:
        return {"date": day, "violation": "file_unreadable", "error": str(error)}
    return None


def _first_day(lake: Lake) -> date | None:
    """Return the first day of all tables. None if the lake has no day."""
    return min((day for table in LAYOUT for day in lake.days(table)), default=None)


def _column_differences(lake: Lake, day: date) -> Iterator[Row]:
    if problem := file_problem(lake, day):
        yield problem
        return
    with lake.open_day(CALLS.name, day) as file:
        schemas = (CALLS.schema, file.schema if file else CALLS.schema)
        declared, actual = (dict(zip(schema.names, schema.types, strict=True)) for schema in schemas)
    for column in declared | actual:
        if declared.get(column) != actual.get(column):
            yield {
                "date": day,
                "violation": "column_differs",
                "column": column,
                "declared_type": str(declared.get(column, "missing")),
                "actual_type": str(actual.get(column, "missing")),
            }
