"""`trackdrive demo`: the last days of the sandbox through Dagster, two tables, and a page.

The sandbox never mixes with an account. It has its own lake and Dagster home in one folder. `dev.py` starts
the UI on it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import click
import duckdb

from trackdrive_assets.cli.dagster_home import create_dagster_home
from trackdrive_assets.cli.dagster_run import materialize_days
from trackdrive_assets.cli.errors import CliError, ExitCode
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.report.page import write_page
from trackdrive_assets.sandbox import PRIVATE_KEY, PUBLIC_KEY
from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets.settings import FETCHED_TABLES, Settings, variable

SANDBOX_FOLDER = Path("demo")
UI_PORT = 3000

_EPILOG = """
\b
EXAMPLES
  trackdrive demo
  trackdrive demo --days 30 --folder other
"""

_QUERIES = {
    "Daily totals": """
        SELECT date, calls, connected, converted, round(conversion_rate, 3) AS conversion_rate,
               revenue::DOUBLE AS revenue, payout::DOUBLE AS payout, profit::DOUBLE AS profit
        FROM daily_summary ORDER BY date
    """,
    "Revenue by buyer": """
        SELECT buyer, sum(calls)::BIGINT AS calls, sum(converted)::BIGINT AS converted,
               sum(revenue)::DOUBLE AS revenue
        FROM buyer_performance WHERE buyer IS NOT NULL GROUP BY buyer ORDER BY revenue DESC NULLS LAST
    """,
}


@click.command(epilog=_EPILOG, context_settings={"show_default": True})
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=SANDBOX_FOLDER,
    help="Folder of the lake and the Dagster home.",
)
@click.option("--days", type=click.IntRange(1, 366), default=7, help="Number of days.")
def demo(*, folder: Path, days: int) -> None:
    """Materialize the last days of the sandbox with Dagster, and show the results."""
    with sandbox_environment(folder) as environment:
        os.environ.update(environment)
        settings = Settings.read(os.environ)
        last = datetime.now(UTC).astimezone(ZoneInfo(settings.time_zone)).date()
        first = last - timedelta(days=days - 1)
        click.echo(f"Fetching all tables of {first} to {last} from the sandbox.")
        if not materialize_days(settings, first, last, [*FETCHED_TABLES, "views"]).succeeded:
            raise CliError("The run of the demo failed.", ExitCode.REFUSED)
    _show_tables(folder / "trackdrive.duckdb")
    page = write_page(
        Lake(folder), first, last, folder / "page.html", time_zone=settings.time_zone, account="the sandbox"
    )
    click.echo(
        f"\nThe Parquet files and trackdrive.duckdb are in {folder}/.\n"
        f"Open {page} in a browser to see these days on one page.\n"
        f"Then type `make dev` or `trackdrive dev`, and open the Dagster UI: http://127.0.0.1:{UI_PORT}"
    )


@contextmanager
def sandbox_environment(folder: Path) -> Iterator[dict[str, str]]:
    """Run a sandbox, and return the variables that make it the account and `folder` the lake."""
    with Sandbox() as sandbox:
        yield {
            variable("base_url"): sandbox.base_url,
            variable("public_key"): PUBLIC_KEY,
            variable("private_key"): PRIVATE_KEY,
            variable("lake"): str(folder.resolve()),
            variable("start_date"): str(Settings.start_date),
            # A local server needs no rate limit.
            variable("requests_per_second"): "0",
            "DAGSTER_HOME": str(create_dagster_home(folder / ".dagster")),
        }


def _show_tables(database: Path) -> None:
    with duckdb.connect(str(database), read_only=True) as connection:
        for title, sql in _QUERIES.items():
            click.echo(f"\n{title}")
            connection.sql(sql).show(max_rows=40)
