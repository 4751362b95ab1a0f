"""`trackdrive page`: one HTML page about some days of the lake. It reads no account."""

from pathlib import Path
from urllib.parse import urlsplit

import click

from trackdrive_assets.cli.account import account_settings
from trackdrive_assets.cli.query_options import CONTEXT, DayOption, FilePath, day_options, requested_days
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.report.page import write_page

_EPILOG = """
\b
EXAMPLES
  trackdrive page --from 2024-06-01 --to 2024-06-30
  trackdrive page --from yesterday --output yesterday.html
"""


@click.command(epilog=_EPILOG, context_settings=CONTEXT)
@day_options
@click.option(
    "--output",
    type=FilePath(path_type=Path, dir_okay=False),
    help="HTML file to write.  [default: named after the days]",
)
def page(*, from_day: DayOption, to_day: DayOption, output: Path | None) -> None:
    """Write an HTML page about some days of the lake.

    It shows volume, conversion, margin by traffic source and buyer, late conversions and reconciliation.
    """
    settings = account_settings()
    days = requested_days(settings.time_zone, from_day, to_day)
    if days is None:
        raise click.UsageError("--from is missing: the first day of the page.")
    account = urlsplit(settings.address).netloc if settings.subdomain or settings.base_url else None
    lake = Lake(settings.lake)
    written = write_page(lake, *days, output, time_zone=settings.time_zone, account=account)
    click.echo(click.format_filename(written))
