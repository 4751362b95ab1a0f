"""`trackdrive calls`, `call`, `report` and `stats`: one-off queries to the account. They store nothing.

Values are typed, under the names of the lake's columns. The options are in `query_options.py`, and the output
formats are in `output.py`.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any

import click
import pyarrow as pa
import pyarrow.compute as pc

from trackdrive_assets.api import catalog
from trackdrive_assets.api.client import Client
from trackdrive_assets.api.errors import RangeIgnored
from trackdrive_assets.api.pagination import Page
from trackdrive_assets.api.query import Endpoint, Query
from trackdrive_assets.api.rows import Rows
from trackdrive_assets.cli.account import account_client, account_settings, echo_err
from trackdrive_assets.cli.output import cell_text, choose_format, describe_written, open_writer, progress_bar
from trackdrive_assets.cli.query_options import (
    DayOption,
    day_options,
    indented,
    listed_values,
    output_options,
    parameter_options,
    requested_window,
)
from trackdrive_assets.days import Window, last_instant
from trackdrive_assets.ingest.windows import describe_ignored_range
from trackdrive_assets.settings import Settings, variable
from trackdrive_assets.tables.calls import parse_calls
from trackdrive_assets.tables.columns import CALLS
from trackdrive_assets.tables.exclusion import Exclusion
from trackdrive_assets.tables.reports import parse_report
from trackdrive_assets.tables.stats import IntervalStats, parse_stats

RETRY_BUDGET = 60.0
RESPONSE_TIMEOUT = 60.0
TABLE_ROWS = 100

_TABLE_COLUMNS = (
    "created_at", "uuid", "status", "traffic_source", "offer", "buyer", "total_duration", "buyer_converted",
    "revenue", "payout",
)  # fmt: skip

_OUTPUT = """
\b
OUTPUT
  A table in a terminal, CSV in a pipe. With --output FILE the ending decides (.csv,
  .jsonl, .parquet, .xlsx), and the file is replaced when it is complete. Only data
  goes to stdout. Values are typed, under the names of the lake's columns: timestamps
  in UTC, money with its decimals, true and false. Excel has the account's clock.
"""

_CALLS_EPILOG = f"""
\b
EXAMPLES
  trackdrive calls --from yesterday
  trackdrive calls --from 2024-06-01 --to 2024-06-30 --output june.parquet
  trackdrive calls --buyer-converted true --columns created_at,buyer,revenue | head
  trackdrive calls --status no-buyer --from today --format jsonl

A table has the first {TABLE_ROWS} calls unless you set --limit. Options can have
underscores, as in the API's documentation.
{_OUTPUT}{listed_values(Endpoint.CALLS)}"""

_CALL_EPILOG = f"""
\b
EXAMPLES
  trackdrive call 5cc8897c-ad0f-44cb-8ea7-8f7736ae76f1
  trackdrive call 420622705 --format jsonl
{_OUTPUT}"""

_REPORT_EPILOG = f"""
\b
EXAMPLES
  trackdrive report buyer_id --from 2024-06-01 --to 2024-06-15
  trackdrive report status --from today --format csv

\b
CATEGORIES
{indented(catalog.REPORT_CATEGORIES)}
  An account may have others.
{_OUTPUT}{listed_values(Endpoint.REPORTS)}"""

_STATS_EPILOG = f"""
\b
EXAMPLES
  trackdrive stats status --from today
  trackdrive stats buyer_converted --from 2024-06-01 --to 2024-06-30 --stat count --stat revenue
{_OUTPUT}{listed_values(Endpoint.STATS)}"""


@click.command(epilog=_CALLS_EPILOG)
@day_options
@parameter_options(Endpoint.CALLS)
@click.option("--limit", type=click.IntRange(1, 10**9), help="Highest number of calls.")
@output_options
def calls(
    *,
    from_day: DayOption,
    to_day: DayOption,
    limit: int | None,
    format_: str | None,
    output: Path | None,
    **parameters: Any,
) -> None:
    """Print the matching calls, newest first."""
    format_ = choose_format(format_, output, is_terminal=sys.stdout.isatty())
    with _account() as (settings, client):
        window = requested_window(settings.time_zone, from_day, to_day, parameters)
        requested = parameters.pop("columns")
        columns = [name.strip() for name in requested.split(",")] if requested else None
        if format_ == "table":
            columns = columns or list(_TABLE_COLUMNS)
            limit = limit or TABLE_ROWS
        query = _calls_query(parameters, window, columns, limit, settings.per_page)
        schema = pa.schema([CALLS.schema.field(name) for name in _table_columns(columns)])
        batches = _batches(client.call_pages(query), schema, window, limit, settings.exclusion)
        written, matching = 0, None
        is_data_on_terminal = output is None and sys.stdout.isatty() and format_ != "table"
        with progress_bar("calls", is_hidden=is_data_on_terminal) as show_progress:
            # A request that fails leaves nothing on stdout, not even the head of a table.
            first = list(islice(batches, 1))
            with open_writer(format_, output, schema, time_zone=settings.time_zone) as writer:
                for batch, total_count in chain(first, batches):
                    writer.write(batch)
                    written += batch.num_rows
                    matching = total_count if matching is None else matching
                    expected = matching if limit is None or matching is None else min(limit, matching)
                    show_progress(written, expected)
    if format_ == "table" and matching is not None and written == limit and matching > written:
        echo_err(f"{written:,} of {matching:,} calls. Use --limit for more, or --format csv for all.")
    elif output:
        echo_err(describe_written(written, "call", output))


def _calls_query(
    parameters: dict[str, Any],
    window: Window | None,
    columns: Sequence[str] | None,
    limit: int | None,
    per_page: int,
) -> Query:
    if window:
        # The query is wider than the days. Calls outside of the days are removed from the response.
        first, last = window.query_range
        parameters |= {"created_at_from": first, "created_at_to": last}
    if columns:
        # The client identifies calls by uuid, and the days are cut by created_at.
        parameters["columns"] = list(dict.fromkeys([*columns, "uuid", "created_at"]))
    if limit and parameters["per_page"] is None:
        parameters["per_page"] = min(limit, per_page)
    return Query(**parameters)


def _batches(
    pages: Iterator[Page], schema: pa.Schema, window: Window | None, limit: int | None, exclude: Exclusion
) -> Iterator[tuple[pa.RecordBatch, int | None]]:
    """Yield the calls of each page up to the limit, and the API's count of all matching calls."""
    remaining = limit
    for page in pages:
        batch = _inside(_parse(page.rows, exclude), window).select(schema.names).slice(0, remaining)
        yield batch, page.metadata.total_count
        if remaining is not None:
            remaining -= batch.num_rows
            if remaining <= 0:
                return


def _parse(rows: Rows, exclude: Exclusion) -> pa.RecordBatch:
    return parse_calls(rows.columns, len(rows), fetched_at=datetime.now(UTC), exclude=exclude)


def _inside(batch: pa.RecordBatch, window: Window | None) -> pa.RecordBatch:
    """Return the calls that were created inside of a window.

    Raises:
        RangeIgnored: A call is outside the range that was requested, so others may be missing.
    """
    if window is None:
        return batch
    created_at = batch.column("created_at")
    for moment in pc.min_max(created_at).as_py().values():
        if moment is not None and not window.may_contain(moment):
            raise RangeIgnored(describe_ignored_range(window, moment))
    return batch.filter(pc.and_(pc.greater_equal(created_at, window.start), pc.less(created_at, window.end)))


def _table_columns(requested: Sequence[str] | None) -> list[str]:
    """Return the columns of the table `calls` for requested columns. Undocumented ones are in `extra`."""
    if requested is None:
        return list(CALLS.schema.names)
    known = [name for name in requested if name in CALLS.schema.names]
    return known if len(known) == len(requested) else [*known, "extra"]


@click.command(epilog=_CALL_EPILOG)
@click.argument("uuid")
@parameter_options(Endpoint.CALL)
@output_options
def call(*, uuid: str, serializer: str | None, format_: str | None, output: Path | None) -> None:
    """Print one call, by its UUID or id."""
    format_ = choose_format(format_, output, is_terminal=sys.stdout.isatty())
    with _account() as (settings, client):
        row = client.call(uuid, serializer=serializer)
    batch = _parse(Rows.of([row]), settings.exclusion)
    _write(_as_fields(batch) if format_ == "table" else batch, format_, output, settings)


def _as_fields(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return one row as a row for each field that has a value."""
    (row,) = batch.to_pylist(maps_as_pydicts="strict")
    fields = {name: cell_text(value) for name, value in row.items() if value is not None and value != {}}
    return pa.record_batch({"field": list(fields), "value": list(fields.values())})


@click.command(epilog=_REPORT_EPILOG)
@click.argument("category")
@day_options
@parameter_options(Endpoint.REPORTS)
@output_options
def report(
    *,
    category: str,
    from_day: DayOption,
    to_day: DayOption,
    format_: str | None,
    output: Path | None,
    **parameters: Any,
) -> None:
    """Print the account's totals by CATEGORY."""
    format_ = choose_format(format_, output, is_terminal=sys.stdout.isatty())
    with _account() as (settings, client):
        if settings.exclusion.excludes_report(category):
            raise click.UsageError(
                f"The report by {category} is not shown, because {variable('exclude_columns')} is "
                f"{','.join(settings.exclude_columns)}. Choose another category."
            )
        if window := requested_window(settings.time_zone, from_day, to_day, parameters):
            last = last_instant(window.end, settings.date_precision)
            parameters |= {"created_at_from": window.start, "created_at_to": last}
        rows = client.reports(category, Query(**parameters)).rows
    batch = parse_report(rows, category=category)
    shown = batch.drop_columns(["category", "row"] if format_ == "table" else ["category"])
    _write(shown, format_, output, settings)


@click.command(epilog=_STATS_EPILOG)
@click.argument("group_by", type=click.Choice(catalog.GROUP_BYS))
@click.option(
    "--stat", "stats_", type=click.Choice(catalog.STATS), multiple=True, help="Repeatable.  [default: all]"
)
@day_options
@parameter_options(Endpoint.STATS)
@output_options
def stats(
    *,
    group_by: str,
    stats_: tuple[str, ...],
    from_day: DayOption,
    to_day: DayOption,
    format_: str | None,
    output: Path | None,
    **parameters: Any,
) -> None:
    """Print statistics of a period by group. Each statistic is one request."""
    format_ = choose_format(format_, output, is_terminal=sys.stdout.isatty())
    with _account() as (settings, client):
        window = requested_window(settings.time_zone, from_day, to_day, parameters)
        first, last = parameters.pop("created_at_from"), parameters.pop("created_at_to")
        if window:
            first, last = window.start, last_instant(window.end, settings.date_precision)
        if first is None or last is None:
            missing = "The period is missing. Use --from, or --created-at-from and --created-at-to."
            raise click.UsageError(missing)
        query, names = Query(**parameters), stats_ or catalog.STATS
        values = {stat: client.stats(group_by, stat, first, last, query) for stat in names}
    now = datetime.now(UTC)
    batch = parse_stats([IntervalStats(now, now, values)], group_by=group_by)
    _write(batch.select(["group_value", *names]), format_, output, settings)


def _write(batch: pa.RecordBatch, format_: str, output: Path | None, settings: Settings) -> None:
    with open_writer(format_, output, batch.schema, time_zone=settings.time_zone) as writer:
        writer.write(batch)
    if output:
        echo_err(describe_written(batch.num_rows, "row", output))


@contextmanager
def _account() -> Iterator[tuple[Settings, Client]]:
    settings = account_settings()
    with account_client(settings, retry_budget=RETRY_BUDGET, response_timeout=RESPONSE_TIMEOUT) as client:
        yield settings, client
