"""Open the Dagster instance of this process, also while other processes open it for the first time.

Dagster creates the tables of a new home when a process opens it. With SQLite, two processes that do so at
the same time fail with an error of the database.
"""

import os
from pathlib import Path

import dagster as dg

from trackdrive_assets.lake.atomic import directory_lock


def open_instance() -> dg.DagsterInstance:
    """Return the instance of DAGSTER_HOME. Processes open it one after another.

    Raises:
        LakeError: Another process has opened it for more than a minute.
    """
    with directory_lock(Path(os.environ["DAGSTER_HOME"]).expanduser()):
        return dg.DagsterInstance.get()
