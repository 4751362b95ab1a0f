"""The Dagster home of commands that run Dagster, and the lake that belongs to it."""

import re
from collections.abc import Mapping
from pathlib import Path

import trackdrive_assets
from trackdrive_assets.settings import SettingError, Settings, project_path, variable

INSTANCE_FILE = Path(trackdrive_assets.__file__).parent / "dagster" / "dagster.yaml"
"""The configuration of the Dagster instance. It is a part of the package, so that every folder can use it."""

_ACCOUNT_HOME = Path(".dagster")


def account_environment(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the other variables that Dagster's processes need: its home, and an absolute lake."""
    return {
        variable("lake"): project_path(settings.lake, environ),
        "DAGSTER_HOME": _checked(environ.get("DAGSTER_HOME") or str(create_dagster_home(_ACCOUNT_HOME))),
    }


def create_dagster_home(folder: Path) -> Path:
    """Create a folder for DAGSTER_HOME, with a link to the dagster.yaml of this folder or of the package.

    A link follows an upgrade of the package. A file that is there already stays.

    Raises:
        SettingError: Dagster can't open a database there.
    """
    _checked(str(folder.resolve()))
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / INSTANCE_FILE.name
    own = Path.cwd() / INSTANCE_FILE.name
    if link.is_symlink() and not link.exists():
        # The virtual environment that it leads to was removed.
        link.unlink()
    if not link.exists():
        link.symlink_to(own if own.exists() else INSTANCE_FILE)
    return folder.resolve()


def _checked(home: str) -> str:
    # Dagster makes a URL of the path and does not quote it.
    if found := re.search("%[0-9A-Fa-f]{2}", home):
        raise SettingError(
            f"Dagster can't open its databases in {home}, because of the {found[0]} in the name. Choose "
            "another folder."
        )
    return home
