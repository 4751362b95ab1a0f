"""`trackdrive lake`: whether the lake has yesterday, and a copy of it in another place."""

import os
from dataclasses import replace
from itertools import chain

import click

from trackdrive_assets.cli.account import account_settings
from trackdrive_assets.cli.errors import CliError, ExitCode
from trackdrive_assets.cli.place import Place, describe_no_lake
from trackdrive_assets.cli.views import build_views
from trackdrive_assets.cost import count_of
from trackdrive_assets.lake.accounts import account_roots
from trackdrive_assets.lake.copy import claim_copy, copy_days
from trackdrive_assets.lake.ownership import record_of, time_zone_of
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.quality.catalog import DUE_HOUR
from trackdrive_assets.quality.file_checks import check_yesterday, describe_missing
from trackdrive_assets.settings import project_path

_EPILOG = """
\b
EXAMPLES
  trackdrive lake status
  trackdrive lake copy data s3://acme-lake/trackdrive
"""

_STATUS_EPILOG = """
\b
EXAMPLES
  trackdrive lake status
  trackdrive lake status || echo "Yesterday is missing." | mail -s Trackdrive ops
  trackdrive lake status lakes   each account in lakes/account=acme, …

The exit code is 1 if the calls of yesterday are missing, or were fetched before
the day ended, and if there is no lake. Yesterday is due at 06:00 in the time zone
of the lake, unless the lake begins later. It reads only the lake, so it works
without Dagster.
"""

_COPY_EPILOG = """
\b
EXAMPLES
  trackdrive lake copy data s3://acme-lake/trackdrive
  trackdrive lake copy s3://acme-lake/trackdrive backup

Each file is compared after it was written. The same command continues a copy that
was stopped, and brings an older copy up to date. A day that was fetched later in
the copy is kept.
"""


@click.group(epilog=_EPILOG)
def lake() -> None:
    """Show whether yesterday is loaded, or copy the lake to another place."""


@lake.command(epilog=_STATUS_EPILOG)
@click.argument("lakes", metavar="[LAKE]...", nargs=-1, type=Place())
def status(*, lakes: tuple[str, ...]) -> None:
    """Show whether yesterday is loaded, by the exit code too."""
    settings = account_settings()
    is_missing = False
    roots = lakes or (project_path(settings.lake, os.environ),)
    for root in chain.from_iterable(account_roots(root) or [root] for root in roots):
        found = Lake(root)
        if record_of(found) is None:
            is_missing = True
            CliError(describe_no_lake(found, is_named=bool(lakes)), ExitCode.REFUSED).show()
            continue
        result = check_yesterday(found, replace(settings, time_zone=time_zone_of(found, settings.time_zone)))
        sentence = describe_missing(result)
        is_missing |= sentence is not None
        days = (
            f"The calls of {result.days[0]} are loaded. The next day is due at {DUE_HOUR:02}:00."
            if result.days
            else "No day is due yet."
        )
        click.echo(f"{found.root}: {sentence or days}", err=sentence is not None)
    if is_missing:
        raise click.exceptions.Exit(ExitCode.REFUSED)


@lake.command(epilog=_COPY_EPILOG)
@click.argument("source", metavar="FROM", type=Place())
@click.argument("target", metavar="TO", type=Place(exists=False))
def copy(*, source: str, target: str) -> None:
    """Copy every day, then build the views of the copy."""
    original = Lake(source)
    claimed = claim_copy(original, Lake(target))
    written, kept = 0, list[str]()
    for file in copy_days(original, claimed):
        written += file.is_new
        if file.kept:
            kept.append(file.kept)
        if written and written % 1_000 == 0 and file.is_new:
            click.echo(f"{written:,} files are copied.", err=True)
    built = build_views(claimed, claimed.claim.identity.time_zone)
    click.echo(
        f"{count_of(written, 'file')} copied to {claimed.root}. {click.format_filename(built.url)} is new."
    )
    if kept:
        raise CliError(
            f"{count_of(len(kept), 'file')} of the copy differ and were kept: {kept[0]}. Move them away "
            "to copy them.",
            ExitCode.REFUSED,
        )
