"""`trackdrive demo` and `trackdrive dev`: they start what `demo.py` does."""

from pathlib import Path

import click

_DEMO_EPILOG = """
\b
EXAMPLES
  trackdrive demo
  trackdrive demo --days 30 --folder /tmp/calls
"""

_DEV_EPILOG = """
\b
EXAMPLES
  trackdrive dev
  trackdrive dev --port 3001

The account is that of the TRACKDRIVE_… variables, and of .env in this folder.
"""


@click.command(epilog=_DEMO_EPILOG)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("demo"),
    show_default=True,
    help="Lake and Dagster home of the sandbox.",
)
@click.option(
    "--days", type=click.IntRange(min=1), default=7, show_default=True, help="Days back from today."
)
def demo(*, folder: Path, days: int) -> None:
    """Materialize the last days of the sandbox through Dagster, and show what they hold."""
    from trackdrive_assets.cli import demo  # noqa: PLC0415  # slow to import

    demo.demo(folder, days)


@click.command(epilog=_DEV_EPILOG)
@click.option("--port", default=3000, show_default=True, help="Port of the UI on 127.0.0.1.")
@click.pass_context
def dev(context: click.Context, *, port: int) -> None:
    """Run the Dagster UI on your account, or on the sandbox where none is set."""
    from trackdrive_assets.cli import demo  # noqa: PLC0415  # slow to import

    context.exit(demo.dev(port))
