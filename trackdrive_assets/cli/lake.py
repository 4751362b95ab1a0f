"""`trackdrive lake copy`: a lake in another place, such as from a folder into an object store."""

import click

from trackdrive_assets.cli.errors import CliError, ExitCode
from trackdrive_assets.cli.place import Place
from trackdrive_assets.cli.query_options import CONTEXT
from trackdrive_assets.cli.views import build_views
from trackdrive_assets.cost import count_of
from trackdrive_assets.lake.copy import claim_copy, copy_days
from trackdrive_assets.lake.store import Lake

_EPILOG = """
\b
EXAMPLES
  trackdrive lake copy data s3://acme-lake/trackdrive
  trackdrive lake copy s3://acme-lake/trackdrive backup

Each file is compared after it was written. The same command continues a copy that
was stopped, and brings an older copy up to date. A day that was fetched later in
the copy is kept.
"""


@click.group(epilog=_EPILOG, context_settings=CONTEXT)
def lake() -> None:
    """Copy the lake to another place."""


@lake.command(epilog=_EPILOG, context_settings=CONTEXT)
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
