"""The Dagster home of commands that run Dagster, and the lake that belongs to it."""

from collections.abc import Mapping
from pathlib import Path

import trackdrive_assets
from trackdrive_assets.settings import Settings, project_path, variable

INSTANCE_FILE = Path(trackdrive_assets.__file__).parent / "dagster" / "dagster.yaml"
"""The configuration of the Dagster instance. It is a part of the package, so that every folder can use it."""

_ACCOUNT_HOME = Path(".dagster")


def account_environment(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the other variables that Dagster's processes need: its home, and an absolute lake."""
    return {
        variable("lake"): project_path(settings.lake, environ),
        "DAGSTER_HOME": environ.get("DAGSTER_HOME") or str(create_dagster_home(_ACCOUNT_HOME)),
    }


def create_dagster_home(folder: Path) -> Path:
    """Create a folder for DAGSTER_HOME, with a link to the dagster.yaml of this folder or of the package.

    A link follows an upgrade of the package. A file that is there already stays.
    """
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / INSTANCE_FILE.name
    own = Path.cwd() / INSTANCE_FILE.name
    if link.is_symlink() and not link.exists():
        # The virtual environment that it leads to was removed.
        link.unlink()
    if not link.exists():
        link.symlink_to(own if own.exists() else INSTANCE_FILE)
    return folder.resolve()
