"""`trackdrive views`: build trackdrive.duckdb again, without Dagster and without a request."""

import click

from trackdrive_assets.cli.account import account_settings
from trackdrive_assets.cli.place import Place, named_lake
from trackdrive_assets.lake.accounts import build_accounts_database, has_accounts
from trackdrive_assets.lake.database import BuildResult, build_database
from trackdrive_assets.lake.ownership import time_zone_of
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.tables.columns import COLUMN_DESCRIPTIONS, DESCRIPTIONS, schemas

_EPILOG = """
\b
EXAMPLES
  trackdrive views              after the lake was moved or copied
  trackdrive views lakes/acme   another lake than that of the variables
  trackdrive views lakes        over the accounts lakes/account=acme, …
  trackdrive views s3://lakes   over the accounts in a bucket
  trackdrive views copy --relative
                                of a copy for another machine

\b
SEVERAL ACCOUNTS
  A folder with folders account=… gets a file over all of them: every view with a
  column account, and a schema for each account.

\b
RELATIVE PATHS
  The views have the absolute path of the lake. With --relative they work in every
  place, but only for a program that was started in the folder of trackdrive.duckdb.
  In another one, DuckDB needs: SET file_search_path = '/the/folder'. The next run that
  builds the views writes absolute paths again.
"""


@click.command(epilog=_EPILOG)
@click.argument("folder", required=False, type=Place())
@click.option(
    "--relative", "is_relative", is_flag=True, help="Let the paths begin at the folder of the file."
)
def views(*, folder: str | None, is_relative: bool) -> None:
    """Build trackdrive.duckdb again, of a lake or over several accounts."""
    built = _build(folder, is_relative=is_relative)
    click.echo(f"{click.format_filename(built.url)}: {len(built.views)} views.")


def _build(folder: str | None, *, is_relative: bool) -> BuildResult:
    if is_relative and "://" in (folder or account_settings().lake):
        raise click.UsageError(
            "--relative is for a folder. The views of a bucket have its URL, which is the same everywhere."
        )
    if folder is not None and has_accounts(folder):
        return build_accounts_database(
            folder,
            schemas(),
            descriptions=DESCRIPTIONS,
            column_descriptions=COLUMN_DESCRIPTIONS,
            is_relative=is_relative,
        )
    settings = account_settings()
    lake = named_lake(folder, settings)
    return build_views(lake, time_zone_of(lake, settings.time_zone), is_relative=is_relative)


def build_views(lake: Lake, time_zone: str, *, is_relative: bool = False) -> BuildResult:
    """Build trackdrive.duckdb of one lake, with the descriptions of its tables."""
    return build_database(
        lake,
        schemas(),
        time_zone=time_zone,
        descriptions=DESCRIPTIONS,
        column_descriptions=COLUMN_DESCRIPTIONS,
        is_relative=is_relative,
    )
