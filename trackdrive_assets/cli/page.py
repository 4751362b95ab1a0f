"""`trackdrive page`: one HTML page about some days of the lake. It reads no account."""

import os
from pathlib import Path
from urllib.parse import urlsplit

import click

from trackdrive_assets.cli.account import account_settings
from trackdrive_assets.cli.query_options import DayOption, FilePath, day_options, requested_days
from trackdrive_assets.lake.ownership import check, time_zone_of
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.report.page import write_page
from trackdrive_assets.settings import Settings, project_path

_EPILOG = """
\b
EXAMPLES
  trackdrive page --from 2024-06-01 --to 2024-06-30
  trackdrive page --from yesterday --output yesterday.html
"""


@click.command(epilog=_EPILOG)
@day_options
@click.option(
    "--output",
    type=FilePath(path_type=Path, dir_okay=False),
    help="HTML file to write.  [default: named after the days]",
)
def page(*, from_day: DayOption, to_day: DayOption, output: Path | None) -> None:
    """Write an HTML page about some days of the lake.

    It shows volume, conversion, hours, missed calls, margin by traffic source, buyer and offer, statements,
    late conversions and reconciliation, compared with the days before.
    """
    settings = account_settings()
    lake = Lake(project_path(settings.lake, os.environ))
    # The default is also what a missing variable means. Then the lake decides.
    is_default = settings.time_zone == Settings.time_zone
    check(lake, account=settings.host, time_zone=None if is_default else settings.time_zone)
    time_zone = time_zone_of(lake, settings.time_zone)
    days = requested_days(time_zone, from_day, to_day)
    if days is None:
        raise click.UsageError("--from is missing: the first day of the page.")
    account = urlsplit(settings.address).netloc if settings.host else None
    written = write_page(lake, *days, output, time_zone=time_zone, account=account)
    click.echo(click.format_filename(written))
