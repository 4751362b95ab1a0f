"""The `trackdrive` command. Here its parts are put together; each subject has a file of its own.

Each command imports what is slow to import when it runs, so that `--help` is quick. Not here: anything that
could be of use without a terminal.
"""

import click

from trackdrive_assets.cli import dev, doctor, query_commands, sandbox
from trackdrive_assets.cli.errors import Ending

_EPILOG = """
\b
EXAMPLES
  trackdrive demo
  trackdrive doctor
  trackdrive calls --from yesterday --columns created_at,buyer,revenue --format csv

\b
THE ACCOUNT
  The TRACKDRIVE_… variables say which it is; a file .env in this folder may hold
  them too.

\b
EXIT CODES
  0    it is done
  1    the account, the lake or this machine said no; or doctor found a fault
  2    wrong use: an option, an argument or a variable
  3    no answer that could be used: worth trying again later
  130  ended by Ctrl-C
"""


@click.group(cls=Ending, epilog=_EPILOG)
def main() -> None:
    """Trackdrive calls, reports and statistics as daily Parquet files and DuckDB views."""


for _command in (
    dev.demo,
    dev.dev,
    doctor.doctor,
    query_commands.calls,
    query_commands.call,
    query_commands.report,
    query_commands.stats,
    sandbox.sandbox,
):
    main.add_command(_command)
