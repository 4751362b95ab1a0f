"""The Dagster home of commands that run Dagster, and the lake that belongs to it."""

from collections.abc import Mapping
from pathlib import Path

from trackdrive_assets.settings import Settings, project_path, variable

_ACCOUNT_HOME = Path(".dagster")
_INSTANCE_FILE = Path("dagster.yaml")


def account_environment(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the other variables that Dagster's processes need: its home, and an absolute lake."""
    return {
        variable("lake"): project_path(settings.lake, environ),
        "DAGSTER_HOME": environ.get("DAGSTER_HOME") or str(create_dagster_home(_ACCOUNT_HOME)),
    }


def create_dagster_home(folder: Path) -> Path:
    """Create a folder for DAGSTER_HOME, with a link to the project's dagster.yaml."""
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / _INSTANCE_FILE
    if _INSTANCE_FILE.exists() and not link.exists():
        link.symlink_to(_INSTANCE_FILE.resolve())
    return folder.resolve()
