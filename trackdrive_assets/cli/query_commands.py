"""`trackdrive calls`, `call`, `report` and `stats`: one-off questions to the account.

The options are the parameters of `api.query.Query`, one each. Values come typed, under the names of the
lake's columns. Not here: how they are written out (`output.py`).
"""

from __future__ import annotations

import dataclasses
import sys
import textwrap
import typing
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import click

from trackdrive_assets.api import catalog
from trackdrive_assets.api.query import Endpoint, Query
from trackdrive_assets.cli.account import account_client, account_settings, tell
from trackdrive_assets.cli.output import FORMATS, chosen_format, opened

if TYPE_CHECKING:
    import pyarrow as pa

    from trackdrive_assets.api.client import Client
    from trackdrive_assets.api.rows import Rows
    from trackdrive_assets.settings import Settings

RETRY_BUDGET = 60.0
READ_TIMEOUT = 60.0
ROWS_OF_A_TABLE = 100

_TABLE_COLUMNS = (
    "created_at", "uuid", "status", "traffic_source", "offer", "buyer", "total_duration", "buyer_converted",
    "revenue", "payout",
)  # fmt: skip

_OUTPUT = """
\b
OUTPUT
  A table in a terminal, CSV into a pipe; of --output FILE the name decides
  (.csv, .jsonl, .parquet), and the file is replaced when all has come. Nothing but
  data goes to stdout. Values are typed, under the names of the lake's columns:
  instants in UTC, money with its decimals, true and false.
"""

_CALLS_EPILOG = f"""
\b
EXAMPLES
  trackdrive calls --from yesterday
  trackdrive calls --from 2024-06-01 --to 2024-06-30 --output june.parquet
  trackdrive calls --buyer-converted true --columns created_at,buyer,revenue | head
  trackdrive calls --status no-buyer --from today --format jsonl

A table shows the first {ROWS_OF_A_TABLE} calls unless --limit says otherwise. Options may
be written with underscores, as in the API's documentation.
{_OUTPUT}"""

_CALL_EPILOG = f"""
\b
EXAMPLES
  trackdrive call 5cc8897c-ad0f-44cb-8ea7-8f7736ae76f1
  trackdrive call 420622705 --format jsonl
{_OUTPUT}"""

_CATEGORIES = textwrap.fill(
    ", ".join(catalog.REPORT_CATEGORIES), 80, initial_indent="  ", subsequent_indent="  "
)

_REPORT_EPILOG = f"""
\b
EXAMPLES
  trackdrive report buyer_id --from 2024-06-01 --to 2024-06-15
  trackdrive report status --from today --format csv
  trackdrive report --from 2024-06-01 --to 2024-06-30    (writes a page)

\b
CATEGORIES
{_CATEGORIES}
  An account may know others.
{_OUTPUT}"""

_STATS_EPILOG = f"""
\b
EXAMPLES
  trackdrive stats status --from today
  trackdrive stats buyer_converted --from 2024-06-01 --to 2024-06-30 --stat count --stat revenue
{_OUTPUT}"""


class Numbers(click.ParamType):  # type: ignore[type-arg]  # generic only in later releases
    """Whole numbers with commas between them."""

    name = "integers"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        """A list of them."""
        try:
            return [int(part) for part in str(value).split(",")]
        except ValueError:
            self.fail(f"{value!r} is not a list of whole numbers like 12,34.", parameter, context)


class Day(click.ParamType):  # type: ignore[type-arg]  # generic only in later releases
    """A calendar day, `today` or `yesterday`. What today is, the account's zone tells."""

    name = "day"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        """A date, or a number of days from today."""
        if value in {"today", "yesterday"}:
            return timedelta(days=-1 if value == "yesterday" else 0)
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no day. Write 2024-06-19, today or yesterday.", parameter, context)


Command = Callable[..., None]
_CONTEXT = {"token_normalize_func": lambda name: name.replace("_", "-"), "max_content_width": 100}


def _parameters(endpoint: Endpoint) -> Callable[[Command], Command]:
    """An option for each parameter that an endpoint takes."""
    kinds = typing.get_type_hints(Query)

    def decorated(command: Command) -> Command:
        for field in reversed(dataclasses.fields(Query)):
            if endpoint in field.metadata["endpoints"]:
                command = click.option(
                    f"--{field.name.replace('_', '-')}",
                    field.name,
                    type=_type_of(kinds[field.name]),
                    help=field.metadata["description"],
                )(command)
        return command

    return decorated


def _type_of(kind: Any) -> Any:
    """What reads the option of a parameter of this kind; text is for `Query` itself to check."""
    kinds = typing.get_args(kind)
    if str in kinds:
        return click.STRING
    if bool in kinds:
        return click.BOOL
    return click.INT if kinds == (int, type(None)) else Numbers()


def _span(command: Command) -> Command:
    for name, words in (
        ("to", "Last day, that day included.  [default: today]"),
        ("from", "First day, in TRACKDRIVE_TIME_ZONE. Also today or yesterday."),
    ):
        command = click.option(f"--{name}", f"{name}_day", type=Day(), help=words)(command)
    return command


def _written(command: Command) -> Command:
    command = click.option(
        "--output",
        type=click.Path(path_type=Path, dir_okay=False),
        help="File to write instead of stdout.",
    )(command)
    return click.option("--format", "form", type=click.Choice(FORMATS), help="See OUTPUT below.")(command)


@click.command(epilog=_CALLS_EPILOG, context_settings=_CONTEXT)
@_span
@_parameters(Endpoint.CALLS)
@click.option("--limit", type=click.IntRange(min=1), help="Calls at most.")
@_written
def calls(
    *,
    from_day: date | timedelta | None,
    to_day: date | timedelta | None,
    limit: int | None,
    form: str | None,
    output: Path | None,
    **parameters: Any,
) -> None:
    """Print the calls that match, newest first, each once."""
    form = chosen_format(form, output, terminal=sys.stdout.isatty())
    with _asking() as (settings, client):
        span = _asked_span(settings, from_day, to_day, parameters)
        columns = _names(parameters.pop("columns"))
        if form == "table":
            columns = columns or list(_TABLE_COLUMNS)
        whole_table = form == "table" and limit is None
        most = ROWS_OF_A_TABLE if whole_table else limit
        query = _calls_query(span, columns, most, settings, parameters)
        _write_calls(
            settings=settings,
            client=client,
            query=query,
            span=span,
            columns=_shown_columns(columns),
            most=most,
            form=form,
            output=output,
        )


def _calls_query(
    span: tuple[datetime, datetime] | None,
    columns: Sequence[str] | None,
    most: int | None,
    settings: Settings,
    parameters: dict[str, Any],
) -> Query:
    if span:
        # Wider than the days; what is outside is left out when it has come.
        from trackdrive_assets.days import Window  # noqa: PLC0415  # with the client

        first, last = Window(*span).asked
        parameters |= {"created_at_from": first, "created_at_to": last}
    if columns:
        # Without these no call is told from another, and none from one of the next day.
        parameters["columns"] = list(dict.fromkeys([*columns, "uuid", "created_at"]))
    if most and parameters["per_page"] is None:
        parameters["per_page"] = min(most, settings.per_page)
    return Query(**parameters)


def _write_calls(
    *,
    settings: Settings,
    client: Client,
    query: Query,
    span: tuple[datetime, datetime] | None,
    columns: Sequence[str] | None,
    most: int | None,
    form: str,
    output: Path | None,
) -> None:
    from trackdrive_assets.tables.columns import CALLS  # noqa: PLC0415  # slow to import
    from trackdrive_assets.tables.exclusion import Exclusion  # noqa: PLC0415  # as above

    exclude = Exclusion(settings.exclude_columns)
    schema = CALLS.schema
    chosen = columns or schema.names
    import pyarrow as pa  # noqa: PLC0415  # as above

    written, matching = 0, None
    in_terminal = output is None and sys.stdout.isatty() and form != "table"
    with (
        opened(form, output, pa.schema([schema.field(name) for name in chosen])) as writer,
        progress(hidden=in_terminal) as advance,
    ):
        for page in client.call_pages(query):
            matching = page.metadata.total_count if matching is None else matching
            batch = _inside(_typed(page.rows, exclude), span).select(chosen)
            batch = batch.slice(0, None if most is None else most - written)
            writer.write(batch)
            written += batch.num_rows
            advance(written, matching if most is None or matching is None else min(most, matching))
            if most is not None and written >= most:
                break
    if form == "table" and written == most and matching is not None and matching > written:
        tell(f"These are {written:,} of {matching:,} calls. --limit shows more; --format csv gives all.")


def _typed(rows: Rows, exclude: Any) -> pa.RecordBatch:
    from trackdrive_assets.tables.calls import parse_calls  # noqa: PLC0415  # slow to import

    return parse_calls(rows.columns, len(rows), fetched_at=datetime.now(UTC), exclude=exclude)


def _inside(batch: pa.RecordBatch, span: tuple[datetime, datetime] | None) -> pa.RecordBatch:
    """The calls that were created from the first instant of a span to before its last."""
    if span is None:
        return batch
    import pyarrow.compute as pc  # noqa: PLC0415  # slow to import

    created_at = batch.column("created_at")
    return batch.filter(pc.and_(pc.greater_equal(created_at, span[0]), pc.less(created_at, span[1])))


@click.command(epilog=_CALL_EPILOG, context_settings=_CONTEXT)
@click.argument("uuid")
@_parameters(Endpoint.CALL)
@_written
def call(*, uuid: str, serializer: str | None, form: str | None, output: Path | None) -> None:
    """Print one call, by its UUID or its number."""
    form = chosen_format(form, output, terminal=sys.stdout.isatty())
    with _asking() as (settings, client):
        row = client.call(uuid, serializer=serializer)

        from trackdrive_assets.api.rows import Rows  # noqa: PLC0415  # slow to import
        from trackdrive_assets.tables.exclusion import Exclusion  # noqa: PLC0415  # as above

        batch = _typed(Rows.of([row]), Exclusion(settings.exclude_columns))
        _write(_as_fields(batch) if form == "table" else batch, form, output)


def _as_fields(batch: pa.RecordBatch) -> pa.RecordBatch:
    """One row as one field a line, without those that are empty."""
    import pyarrow as pa  # noqa: PLC0415  # imported by now

    from trackdrive_assets.cli.output import shown  # noqa: PLC0415  # as above

    (row,) = batch.to_pylist(maps_as_pydicts="strict")
    told = {name: shown(value) for name, value in row.items() if value is not None and value != {}}
    return pa.record_batch({"field": list(told), "value": list(told.values())})


@click.command(epilog=_REPORT_EPILOG, context_settings=_CONTEXT)
@click.argument("category", required=False)
@_span
@_parameters(Endpoint.REPORTS)
@_written
def report(
    *,
    category: str | None,
    from_day: date | timedelta | None,
    to_day: date | timedelta | None,
    form: str | None,
    output: Path | None,
    **parameters: Any,
) -> None:
    """Print the account's totals by CATEGORY; or, without one, write a page on days of the lake.

    The page is one HTML file: volume, conversion, margin by traffic source and buyer, lag of conversions,
    reconciliation. It asks the lake, not the account.
    """
    if category is None:
        if form or any(value is not None for value in parameters.values()):
            raise click.UsageError(
                "Give a CATEGORY, such as buyer_id. Without one a page is written on the days of --from and "
                "--to, which takes no other option but --output."
            )
        _write_page(from_day, to_day, output)
        return
    form = chosen_format(form, output, terminal=sys.stdout.isatty())
    with _asking() as (settings, client):
        span = _asked_span(settings, from_day, to_day, parameters)
        if span:
            parameters |= {"created_at_from": span[0], "created_at_to": span[1]}
        rows = client.reports(category, Query(**parameters)).rows

        from trackdrive_assets.tables.reports import parse_report  # noqa: PLC0415  # slow to import

        batch = parse_report(rows, category=category)
        if form == "table":
            batch = batch.drop_columns(["row"])
        _write(batch, form, output)


@click.command(epilog=_STATS_EPILOG, context_settings=_CONTEXT)
@click.argument("group_by", type=click.Choice(catalog.GROUP_BYS))
@click.option(
    "--stat", "stats_", type=click.Choice(catalog.STATS), multiple=True, help="Repeatable.  [default: all]"
)
@_span
@_parameters(Endpoint.STATS)
@_written
def stats(
    *,
    group_by: str,
    stats_: tuple[str, ...],
    from_day: date | timedelta | None,
    to_day: date | timedelta | None,
    form: str | None,
    output: Path | None,
    **parameters: Any,
) -> None:
    """Print statistics of a span of time, by group. Each statistic is a request of its own."""
    form = chosen_format(form, output, terminal=sys.stdout.isatty())
    with _asking() as (settings, client):
        span = _asked_span(settings, from_day, to_day, parameters)
        first, last = span or (parameters.pop("created_at_from"), parameters.pop("created_at_to"))
        if span:
            del parameters["created_at_from"], parameters["created_at_to"]
        if first is None or last is None:
            raise click.UsageError(
                "Statistics are of a span of time: give --from, or --created-at-from and --created-at-to."
            )
        query = Query(**parameters)
        wanted = stats_ or catalog.STATS
        values = {stat: client.stats(group_by, stat, first, last, query) for stat in wanted}

        from trackdrive_assets.tables.stats import IntervalStats, parse_stats  # noqa: PLC0415  # slow to import

        now = datetime.now(UTC)
        _write(parse_stats([IntervalStats(now, now, values)]).select(["group_value", *wanted]), form, output)


def _write_page(first: date | timedelta | None, last: date | timedelta | None, output: Path | None) -> None:
    from trackdrive_assets.lake.store import Lake  # noqa: PLC0415  # slow to import
    from trackdrive_assets.report.page import write_page  # noqa: PLC0415  # as above

    settings = account_settings()
    days = _asked_days(settings, first, last)
    if days is None:
        raise click.UsageError(
            "Give a CATEGORY, such as buyer_id; or --from and --to for a page on the lake."
        )
    account = urlsplit(settings.address).netloc if settings.subdomain or settings.base_url else None
    lake = Lake(settings.lake)
    click.echo(write_page(lake, *days, output, time_zone=settings.time_zone, account=account))


def _write(batch: pa.RecordBatch, form: str, output: Path | None) -> None:
    with opened(form, output, batch.schema) as writer:
        writer.write(batch)


@contextmanager
def _asking() -> Iterator[tuple[Settings, Client]]:
    settings = account_settings()
    with account_client(settings, retry_budget=RETRY_BUDGET, read_timeout=READ_TIMEOUT) as client:
        yield settings, client


def _asked_span(
    settings: Settings,
    first: date | timedelta | None,
    last: date | timedelta | None,
    parameters: dict[str, Any],
) -> tuple[datetime, datetime] | None:
    """First instant of the first day and first instant after the last; None where no days are asked for."""
    days = _asked_days(settings, first, last)
    if days is None:
        return None
    if parameters["created_at_from"] or parameters["created_at_to"]:
        raise click.UsageError("Give days (--from, --to) or moments (--created-at-from, --created-at-to).")
    from trackdrive_assets.days import exact_day  # noqa: PLC0415  # slow to import

    zone = ZoneInfo(settings.time_zone)
    return exact_day(days[0], zone).start, exact_day(days[1], zone).end


def _asked_days(
    settings: Settings, first: date | timedelta | None, last: date | timedelta | None
) -> tuple[date, date] | None:
    """The first day and the last, which is today unless it is given; None where no days are asked for."""
    if first is None and last is None:
        return None
    if first is None:
        raise click.UsageError("--to needs --from: a span begins with a day.")
    today = datetime.now(UTC).astimezone(ZoneInfo(settings.time_zone)).date()
    begin, end = (today + day if isinstance(day, timedelta) else day or today for day in (first, last))
    if begin > end:
        raise click.UsageError(f"{begin} is after {end}. Give the earlier day with --from.")
    return begin, end


def _names(columns: str | None) -> list[str] | None:
    return [name.strip() for name in columns.split(",")] if columns else None


def _shown_columns(asked: Sequence[str] | None) -> list[str] | None:
    """The columns of the lake for those that were asked for; what the lake does not know is in `extra`."""
    if asked is None:
        return None
    from trackdrive_assets.tables.columns import CALLS  # noqa: PLC0415  # slow to import

    known = [name for name in asked if name in CALLS.schema.names]
    return known if len(known) == len(asked) else [*known, "extra"]


@contextmanager
def progress(*, hidden: bool) -> Iterator[Callable[[int, int | None], None]]:
    """A bar on stderr for a person who waits, or nothing. Gives what takes the calls done and expected."""
    if hidden or not sys.stderr.isatty():
        yield lambda done, expected: None  # noqa: ARG005  # nobody looks
        return
    from rich import progress as rich_progress  # noqa: PLC0415  # slow to import
    from rich.console import Console  # noqa: PLC0415  # as above

    parts = (
        rich_progress.TextColumn("calls"),
        rich_progress.BarColumn(),
        rich_progress.MofNCompleteColumn(),
        rich_progress.TimeRemainingColumn(),
    )
    with rich_progress.Progress(*parts, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("calls", total=None)
        yield lambda done, expected: bar.update(task, completed=done, total=expected)
