"""Open the Dagster instance of this process, also while other processes open it for the first time.

Dagster creates the tables of a new home when a process opens it. With SQLite, two processes that do so at
the same time fail with an error of the database.
"""

import os
from pathlib import Path

import dagster as dg

from trackdrive_assets.lake.atomic import directory_lock
from trackdrive_assets.settings import SettingError


def open_instance() -> dg.DagsterInstance:
    """Return the instance of DAGSTER_HOME. Processes open it one after another.

    Raises:
        SettingError: DAGSTER_HOME is not a folder.
        LakeError: Another process has opened it for more than a minute.
    """
    home = Path(os.environ["DAGSTER_HOME"]).expanduser()
    if not home.is_dir():
        raise SettingError(
            f"DAGSTER_HOME is {str(home)!r}, which is not a folder. Create it, or remove the variable."
        )
    with directory_lock(home):
        return dg.DagsterInstance.get()
