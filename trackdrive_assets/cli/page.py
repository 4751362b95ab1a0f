"""`trackdrive page`: one HTML page about some days of the lake. It reads no account."""

from pathlib import Path
from urllib.parse import urlsplit

import click

from trackdrive_assets.cli.account import account_settings
from trackdrive_assets.cli.place import Place, named_lake
from trackdrive_assets.cli.query_options import DayOption, FilePath, day_options, first_and_last_day
from trackdrive_assets.lake.ownership import check, time_zone_of
from trackdrive_assets.report.page import write_page
from trackdrive_assets.settings import Settings

_EPILOG = """
\b
EXAMPLES
  trackdrive page --from 2024-06-01 --to 2024-06-30
  trackdrive page --from yesterday --output yesterday.html
  trackdrive page lakes/acme --from yesterday
"""


@click.command(epilog=_EPILOG)
@click.argument("folder", required=False, type=Place())
@day_options
@click.option(
    "--output",
    type=FilePath(path_type=Path, dir_okay=False),
    help="HTML file to write.  [default: named after the days]",
)
def page(*, folder: str | None, from_day: DayOption, to_day: DayOption, output: Path | None) -> None:
    """Write an HTML page about some days of the lake, or of the lake in FOLDER.

    It shows volume, conversion, hours, missed calls, margin by traffic source, buyer and offer, statements,
    late conversions and reconciliation, compared with the days before.
    """
    if from_day is None:
        raise click.UsageError("--from is missing: the first day of the page.")
    settings = account_settings()
    lake = named_lake(folder, settings)
    # The default is also what a missing variable means. Then the lake decides, as that of a folder does.
    if folder is None and settings.time_zone != Settings.time_zone:
        check(lake, time_zone=settings.time_zone)
    time_zone = time_zone_of(lake, settings.time_zone)
    days = first_and_last_day(time_zone, from_day, to_day)
    is_named = folder is None and settings.host
    account = urlsplit(settings.address).netloc if is_named else None
    written = write_page(lake, *days, output, time_zone=time_zone, account=account)
    click.echo(click.format_filename(written))
