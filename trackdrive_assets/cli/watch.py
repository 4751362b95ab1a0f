"""`trackdrive watch`: the calls in progress, as a table that is refreshed until Ctrl-C. It stores nothing.

Each refresh is one request. Without a terminal the calls are printed once.
"""

import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import click
import pyarrow as pa
import pyarrow.compute as pc
from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from trackdrive_assets.api.client import Client
from trackdrive_assets.api.errors import TrackdriveError, Unavailable
from trackdrive_assets.api.query import Query
from trackdrive_assets.cli.account import account_client, account_settings
from trackdrive_assets.cli.output import FORMATS, cell_text, choose_format, open_writer
from trackdrive_assets.cli.signals import EndedBySignal
from trackdrive_assets.privacy import mask_phone_numbers
from trackdrive_assets.settings import Settings
from trackdrive_assets.tables.calls import parse_calls

RETRY_BUDGET = 20.0
RESPONSE_TIMEOUT = 20.0
LONGEST_CALL = timedelta(days=1)
"""Calls that started earlier are not looked for. Without a limit, the server would search all calls."""

_WIDE = 100
"""The width of a terminal in which a complete uuid leaves enough space for the names."""

_COLUMNS = ("created_at", "status", "traffic_source", "offer", "buyer", "uuid")
"""The columns of the calls. The caller's number is missing, because a screen is often shared."""

_EPILOG = """
\b
EXAMPLES
  trackdrive watch
  trackdrive watch --every 30
  trackdrive watch --format jsonl

The table has the newest calls, up to TRACKDRIVE_PER_PAGE. An error that can pass
is shown below it, and the next refresh tries again. Without a terminal, or with
--format, the calls are printed once, as CSV unless you choose another format.
Hang up a call with the job hang_up_calls and its uuid.
"""


@dataclass(frozen=True)
class CallsInProgress:
    """The calls in progress at an instant.

    Attributes:
        calls: The newest of them, with the columns that are not excluded.
        count: The number of all of them, as the API counts.
        at: When the API was asked.
    """

    calls: pa.RecordBatch
    count: int
    at: datetime


@click.command(epilog=_EPILOG)
@click.option(
    "--every",
    "seconds",
    type=click.IntRange(2, 3600),
    default=10,
    show_default=True,
    help="Seconds between two refreshes.",
)
@click.option("--format", "format_", type=click.Choice(FORMATS), help="Print the calls once, and end.")
def watch(*, seconds: int, format_: str | None) -> None:
    """Show the calls in progress until Ctrl-C."""
    settings = account_settings()
    is_refreshed = format_ is None and sys.stdout.isatty()
    # The next refresh is the retry of the table.
    budget = 0 if is_refreshed else RETRY_BUDGET
    with account_client(settings, retry_budget=budget, response_timeout=RESPONSE_TIMEOUT) as client:
        if is_refreshed:
            with suppress(EndedBySignal):
                _refresh(client, settings, seconds)
            return
        calls = fetch_calls_in_progress(client, settings).calls
    chosen = choose_format(format_, None, is_terminal=sys.stdout.isatty())
    with open_writer(chosen, None, calls.schema, time_zone=settings.time_zone) as writer:
        writer.write(calls)


def fetch_calls_in_progress(client: Client, settings: Settings) -> CallsInProgress:
    """Return the calls of the last day that are in progress, with one request.

    A server that ignores the filter sends all calls. Those that have ended are removed.
    """
    columns = [name for name in _COLUMNS if not settings.exclusion.excludes(name)]
    at = datetime.now(UTC)
    query = Query(
        in_progress=True,
        created_at_from=at - LONGEST_CALL,
        columns=[*columns, "ended_at"],
        per_page=settings.per_page,
    )
    page = next(client.call_pages(query))
    batch = parse_calls(page.rows.columns, len(page.rows), fetched_at=at, exclude=settings.exclusion)
    calls = batch.filter(pc.is_null(batch.column("ended_at"))).select(columns)
    is_filtered = calls.num_rows == batch.num_rows
    count = page.metadata.total_count if is_filtered else None
    return CallsInProgress(calls, max(count or 0, calls.num_rows), at)


def show_calls(found: CallsInProgress, zone: ZoneInfo, width: int) -> Group:
    """Return the calls as a table, and the line below it.

    The table has when each call started, in the account's time zone, and how long it lasts. A uuid is in
    one line, so that it can be copied, unless the width of the terminal is less than 100 columns.
    """
    names = found.calls.schema.names[1:]
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("started", "length"):
        table.add_column(name, no_wrap=True, min_width=len("00:00:00"))
    for name in names:
        table.add_column(name.replace("_", " "), overflow="fold", no_wrap=name == "uuid" and width >= _WIDE)
    for row in found.calls.to_pylist():
        started = row["created_at"]
        # A call of the year 1 is a mistake of the server. Its time does not exist in every zone.
        local = started.astimezone(zone) if started.year > 1 else started
        texts = [f"{local:%H:%M:%S}", _length(int((found.at - started).total_seconds()))]
        # `Text`, because square brackets in a plain text are markup.
        table.add_row(*(Text(text) for text in (*texts, *(cell_text(row[name]) for name in names))))
    shown = f", the newest {found.calls.num_rows:,} are shown" if found.count > found.calls.num_rows else ""
    noun = "call" if found.count == 1 else "calls"
    line = f"{found.count:,} {noun} in progress at {found.at.astimezone(zone):%H:%M:%S %Z}{shown}."
    return Group(table, Text(line))


def _refresh(client: Client, settings: Settings, seconds: int) -> None:
    """Show the calls, and fetch them again and again. An error that cannot pass is raised."""
    zone = ZoneInfo(settings.time_zone)
    shown: Group | Text = Text("Asking the account …")
    console = Console()
    with Live(shown, console=console, auto_refresh=False) as live:
        while True:
            pause: float = seconds
            try:
                shown = show_calls(fetch_calls_in_progress(client, settings), zone, console.width)
                note = f"Refreshed every {seconds} seconds. Ctrl-C ends it."
            except TrackdriveError as error:
                if error.is_permanent:
                    raise
                # A message of the server can contain a caller's number.
                pause = pause_after(error, seconds)
                reason = mask_phone_numbers(str(error))
                note = f"Not refreshed at {datetime.now(zone):%H:%M:%S %Z}, next in {pause:.0f} s: {reason}"
            live.update(Group(shown, Text(note)), refresh=True)
            time.sleep(pause)


def pause_after(error: TrackdriveError, seconds: int) -> float:
    """Return the seconds until the next refresh, which are more if the server demands it."""
    demanded = error.retry_after if isinstance(error, Unavailable) else None
    return max(seconds, demanded or 0)


def _length(seconds: int) -> str:
    """Return a length as minutes and seconds. The two clocks can differ, so none is negative."""
    minutes, seconds = divmod(max(0, seconds), 60)
    return f"{minutes}:{seconds:02}"
