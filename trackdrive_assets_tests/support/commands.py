"""The `trackdrive` command in processes of its own, which get a signal at a chosen moment.

They are forked from the same process as the runs of `processes.py`, so each starts at once.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path

from trackdrive_assets.cli import main
from trackdrive_assets_tests.support.processes import Moment, Watch, forks


def begin(
    arguments: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    *,
    at: Moment | None = None,
    number: int = 0,
) -> BaseProcess:
    """Start a command in a folder. Its output is in the file `output` next to the folder.

    Args:
        arguments: The arguments after `trackdrive`.
        folder: The current folder of the command.
        environment: More variables.
        at: The moment at which the command gets a signal. The default is never.
        number: The signal.
    """
    inherited = {
        name: text for name, text in os.environ.items() if not name.startswith(("TRACKDRIVE_", "DAGSTER_"))
    }
    process = forks.Process(
        target=_command, args=(arguments, folder, inherited | dict(environment), at, number), daemon=True
    )
    process.start()
    return process


def _command(
    arguments: Sequence[str], folder: Path, environment: dict[str, str], at: Moment | None, number: int
) -> None:
    with folder.with_name("output").open("w") as stream:
        os.dup2(stream.fileno(), sys.stdout.fileno())
        os.dup2(stream.fileno(), sys.stderr.fileno())
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    if at:
        sys.addaudithook(Watch(at, lambda: os.kill(os.getpid(), number)))
    main(arguments)
