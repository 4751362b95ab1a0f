"""`trackdrive demo`: five weeks of the sandbox through Dagster, as they were before and as they are now.

The sandbox never mixes with an account. It has its own lake and Dagster home in one folder. `dev.py` starts
the UI on it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from importlib.util import find_spec
from pathlib import Path
from zoneinfo import ZoneInfo

import click
import duckdb

from trackdrive_assets import clock
from trackdrive_assets.cli.dagster_home import create_dagster_home
from trackdrive_assets.cli.dagster_run import materialize_days
from trackdrive_assets.cli.errors import CliError, ExitCode
from trackdrive_assets.cost import count_of
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.report.page import write_page
from trackdrive_assets.sandbox import PRIVATE_KEY, PUBLIC_KEY, TIME_ZONE
from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets.settings import FETCHED_TABLES, Settings, variable
from trackdrive_assets.tables.columns import CALLS

SANDBOX_FOLDER = Path("demo")
UI_PORT = 3000
INSTALL_UI = "pip install 'trackdrive-assets[ui]'"

_DAYS = 35
_DAYS_SINCE_LOOKS = (30, 23, 7)
"""The ages of the earlier looks, in days. The first two show how much revenue is known on the next day, a
week and a month after the calls. The last one shows the week before as it was then, and what changed after a
half-month was over."""

_DAYS_OF_PAGE = 14
_MORNING = time(5)

_EPILOG = """
\b
EXAMPLES
  trackdrive demo
  trackdrive demo --days 7 --folder other

The calls are fetched as they were 30, 23 and 7 days ago, and then everything as it
is now. So the lake also has what changed in between: conversions that came late, and
conversions that were taken back.
"""

_QUERIES = {
    "Daily totals of the last week": """
        SELECT date, calls, connected, converted, round(conversion_rate, 3) AS conversion_rate,
               revenue::DOUBLE AS revenue, payout::DOUBLE AS payout, profit::DOUBLE AS profit
        FROM daily_summary ORDER BY date DESC LIMIT 7
    """,
    "Revenue by buyer": """
        SELECT buyer, sum(calls)::BIGINT AS calls, sum(converted)::BIGINT AS converted,
               sum(revenue)::DOUBLE AS revenue
        FROM buyer_performance WHERE buyer IS NOT NULL GROUP BY buyer ORDER BY revenue DESC NULLS LAST
    """,
    "Conversions that were taken back": """
        SELECT call_changes.date, buyer, traffic_source, old_value::DOUBLE AS revenue_before,
               coalesce(revenue_owed, 0)::DOUBLE AS revenue_now,
               timezone(time_zone, detected_at)::DATE AS detected_on
        FROM call_changes JOIN call_facts USING (date, uuid) CROSS JOIN lake_info
        WHERE field = 'buyer_revenue' AND old_value IS NOT NULL AND new_value IS NULL
        ORDER BY date DESC, buyer LIMIT 5
    """,
}


@dataclass(frozen=True)
class Look:
    """A fetch of all days that were over on the morning of a day.

    Attributes:
        moment: The morning.
        first: The first day.
        last: The last day, included.
    """

    moment: datetime
    first: date
    last: date


@click.command(epilog=_EPILOG, context_settings={"show_default": True})
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=SANDBOX_FOLDER,
    help="Folder of the lake and the Dagster home.",
)
@click.option("--days", type=click.IntRange(1, 366), default=_DAYS, help="Number of days.")
def demo(*, folder: Path, days: int) -> None:
    """Materialize five weeks of the sandbox with Dagster, and show the results."""
    # The lake is a setting too, which has no space at its end.
    folder = Path(str(folder).strip())
    last = clock.now().astimezone(ZoneInfo(TIME_ZONE)).date()
    first = last - timedelta(days=days - 1)
    with sandbox_environment(folder, first) as environment:
        os.environ.update(environment)
        settings = Settings.read(os.environ)
        if looks := earlier_looks(first, last, ZoneInfo(settings.time_zone)):
            click.echo("Fetching the calls of the sandbox, a fictional account, as they were before:")
        for look in looks:
            with clock.set_to(look.moment):
                _fetch(settings, look.first, look.last, ["calls"])
        click.echo("Fetching calls, reports and statistics of the sandbox as they are now:")
        _fetch(settings, first, last, [*FETCHED_TABLES, "views"])
    show_tables(folder / "trackdrive.duckdb")
    # Today is not over, so a comparison with it would show a drop.
    shown = last - timedelta(days=1) if days > 1 else last
    page = write_page(
        Lake(folder),
        max(first, shown - timedelta(days=_DAYS_OF_PAGE - 1)),
        shown,
        folder / "page.html",
        time_zone=settings.time_zone,
        account="the sandbox",
    )
    click.echo(
        f"\nThe Parquet files and trackdrive.duckdb are in {folder}/.\n"
        f"Open {page} in a browser to see the last days on one page.\n"
        f"{_ui_advice(folder, shown)}"
    )


def earlier_looks(first: date, last: date, zone: ZoneInfo) -> list[Look]:
    """Return the looks at the days from the first on that are earlier than now, which is on the last day."""
    mornings = [last - timedelta(days=age) for age in _DAYS_SINCE_LOOKS]
    return [
        Look(datetime.combine(morning, _MORNING, zone), first, morning - timedelta(days=1))
        for morning in mornings
        if morning > first
    ]


def _ui_advice(folder: Path, day: date) -> str:
    """Return how to see a day of the demo in the Dagster UI."""
    if folder.resolve() != SANDBOX_FOLDER.resolve():
        return f"The Dagster UI of `trackdrive dev` shows the folder {SANDBOX_FOLDER}/, and no other."
    missing = "" if is_ui_installed() else f"The Dagster UI is not installed. Install it: {INSTALL_UI}\n"
    makefile = Path("Makefile")
    # Other projects have a Makefile too.
    is_clone = makefile.is_file() and "/trackdrive dev\n" in makefile.read_text(errors="replace")
    command = "make dev" if is_clone else "trackdrive dev"
    return f"{missing}Then type `{command}`, and open this day in the Dagster UI:\n{picture_url(day)}"


def is_ui_installed() -> bool:
    """Return whether the extra of the package with the Dagster UI is installed."""
    return find_spec("dagster_webserver") is not None


def picture_url(day: date) -> str:
    """Return the URL of a day of `calls` in the UI of `trackdrive dev`."""
    return f"http://127.0.0.1:{UI_PORT}/assets/calls?view=partitions&partition={day}"


@contextmanager
def sandbox_environment(folder: Path, first_day: date | None = None) -> Iterator[dict[str, str]]:
    """Run a sandbox, and return the variables that make it the account and `folder` the lake.

    Args:
        folder: The folder of the lake and the Dagster home.
        first_day: The first partition, if the lake has no earlier day. The default is the demo's.
    """
    first_day = first_day or clock.now().astimezone(ZoneInfo(TIME_ZONE)).date() - timedelta(days=_DAYS - 1)
    with Sandbox(now=clock.now) as sandbox:
        yield {
            variable("base_url"): sandbox.base_url,
            variable("public_key"): PUBLIC_KEY,
            variable("private_key"): PRIVATE_KEY,
            variable("lake"): str(folder.resolve()),
            variable("time_zone"): TIME_ZONE,
            # So every partition has data, and the graph is green.
            variable("start_date"): str(min([first_day, *Lake(folder).days(CALLS.name)])),
            # The statistics of an hour would be most of the time of the demo.
            variable("stats_interval"): "1d",
            # A local server needs no rate limit.
            variable("requests_per_second"): "0",
            "DAGSTER_HOME": str(create_dagster_home(folder / ".dagster")),
        }


def _fetch(settings: Settings, first: date, last: date, names: list[str]) -> None:
    """Materialize days, and print a line about them.

    Raises:
        CliError: The run failed.
    """
    at = clock.now().astimezone(ZoneInfo(settings.time_zone))
    summary = materialize_days(settings, first, last, names, shows="bar")
    if not summary.succeeded:
        raise CliError("The run of the demo failed.", ExitCode.REFUSED)
    click.echo(
        f"  {at:%Y-%m-%d %H:%M}  {first} to {last}: {count_of(summary.rows['calls'], 'call')}, "
        f"{count_of(sum(summary.requests.values()), 'request')}, {summary.seconds:.1f} s"
    )


def show_tables(database: Path) -> None:
    """Print the tables of the demo that have rows. The last days of the sandbox may reverse no conversion."""
    with duckdb.connect(str(database), read_only=True) as connection:
        for title, sql in _QUERIES.items():
            if len(rows := connection.sql(sql)):
                click.echo(f"\n{title}")
                rows.show(max_rows=40)
