"""The `trackdrive` command: a table of its subcommands. Each module is imported when its command is named.

Only what needs a terminal belongs into this folder. What is of use without one is in the layers below.
"""

import atexit
import os
import sys

import click

from trackdrive_assets.cli.errors import ErrorHandlingGroup

_EPILOG = """
\b
EXAMPLES
  trackdrive demo
  trackdrive doctor
  trackdrive calls --from yesterday --columns created_at,buyer,revenue --format csv

\b
THE ACCOUNT
  The TRACKDRIVE_… variables name the account. A file .env in this folder can
  contain them too.

\b
EXIT CODES
  0    success
  1    the API refused the request, a file could not be read or written, or
       doctor found a fault
  2    wrong use: an option, an argument or a variable
  3    a temporary failure: try again later
  130  ended by Ctrl-C
  143  ended by SIGTERM; 129 by SIGHUP, as when the terminal closes
"""

COMMANDS = {
    "demo": ("demo", "Materialize five weeks of the sandbox with Dagster."),
    "dev": ("dev", "Run the Dagster UI on your account or on the sandbox."),
    "materialize": ("materialize", "Fetch days with Dagster, and store them in the lake."),
    "doctor": ("doctor", "Check what works on the account."),
    "calls": ("query_commands", "Print the matching calls of the account."),
    "call": ("query_commands", "Print one call of the account."),
    "report": ("query_commands", "Print the account's totals by a category."),
    "stats": ("query_commands", "Print the account's statistics by a group."),
    "watch": ("watch", "Show the calls in progress until Ctrl-C."),
    "export": ("export", "Write a view of the lake to a file, also for Excel."),
    "page": ("page", "Write an HTML page about some days of the lake."),
    "views": ("views", "Build trackdrive.duckdb again, also over several accounts."),
    "lake": ("lake", "Show whether yesterday is loaded, or copy the lake."),
    "sandbox": ("sandbox", "Run a local Trackdrive with fictional calls."),
}
"""The module and the summary of each command."""


CONTEXT = {
    "help_option_names": ["-h", "--help"],
    "max_content_width": 100,
    "token_normalize_func": lambda name: name.replace("_", "-"),
}
"""The click settings of all commands. Names can have underscores, as in the API's documentation."""


@click.group(cls=ErrorHandlingGroup, commands=COMMANDS, epilog=_EPILOG, context_settings=CONTEXT)
@click.version_option(package_name="trackdrive-assets", message="%(package)s %(version)s")
def main() -> None:
    """Trackdrive calls, reports and statistics as daily Parquet files and DuckDB views."""


def run() -> None:
    """Run the command of this process, and end the process without Python's last collection of garbage.

    With Dagster that collection takes half a second, because it deletes every object.
    """
    codes: list[int] = []
    # What is registered first is called last, after the threads have ended and libraries have closed files.
    atexit.register(_end_process, codes)
    try:
        main()
    except SystemExit as end:
        if isinstance(end.code, int):
            codes.append(end.code)
        raise


def _end_process(codes: list[int]) -> None:
    """End the process with the exit code. Without one, or if output cannot be written, Python ends it."""
    if not codes:
        return
    for stream in filter(None, (sys.stdout, sys.stderr)):
        stream.flush()
    os._exit(codes[0])
