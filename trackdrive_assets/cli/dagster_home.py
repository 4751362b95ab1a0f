"""The Dagster home of commands that run Dagster, and the lake that belongs to it."""

from collections.abc import Mapping
from pathlib import Path

import trackdrive_assets
from trackdrive_assets.settings import Settings, project_path, variable

_ACCOUNT_HOME = Path(".dagster")
_INSTANCE_FILE = "dagster.yaml"


def account_environment(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the other variables that Dagster's processes need: its home, and an absolute lake."""
    return {
        variable("lake"): project_path(settings.lake, environ),
        "DAGSTER_HOME": environ.get("DAGSTER_HOME") or str(create_dagster_home(_ACCOUNT_HOME)),
    }


def create_dagster_home(folder: Path) -> Path:
    """Create a folder for DAGSTER_HOME, with a link to the dagster.yaml of this folder or the project."""
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / _INSTANCE_FILE
    project = Path(trackdrive_assets.__file__).parents[1]
    found = next((path for path in (Path.cwd(), project) if (path / _INSTANCE_FILE).exists()), None)
    if found and not link.exists():
        link.symlink_to(found / _INSTANCE_FILE)
    return folder.resolve()
