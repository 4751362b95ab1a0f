"""The argument that names a lake, a folder or the URL of an object store, and the lake that it names."""

import os

import click

from trackdrive_assets.lake.errors import LakeError
from trackdrive_assets.lake.ownership import check, record_of
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.settings import Settings, project_path, variable


class Place(click.ParamType[str]):
    """A folder, or the URL of an object store.

    Args:
        exists: Whether a folder has to exist.
    """

    name = "place"

    def __init__(self, *, exists: bool = True) -> None:
        self._folder = click.Path(exists=exists, file_okay=False)

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the path or the URL."""
        return value if "://" in value else str(self._folder.convert(value, param, ctx))


def named_lake(folder: str | None, settings: Settings) -> Lake:
    """Return the lake of a folder, or that of the variables, which has to be of their account.

    Raises:
        LakeError: The place has no days, or the lake of the variables is that of another account.
    """
    lake = Lake(project_path(settings.lake, os.environ) if folder is None else folder)
    if record_of(lake) is None:
        raise LakeError(describe_no_lake(lake, is_named=folder is not None))
    check(lake, account=settings.host if folder is None else None)
    return lake


def describe_no_lake(lake: Lake, *, is_named: bool) -> str:
    """Return what is wrong with a place without days, and what to do.

    Args:
        lake: The place.
        is_named: Whether the command names it. If not, the variables do.
    """
    advice = (
        "Name the folder of lake.json, or a folder with folders account=…."
        if is_named
        else f"Check {variable('lake')}, and that its disk is mounted. If it is new, materialize calls first."
    )
    return f"{lake.root} is no lake, because it has no days. {advice}"
