"""The type of an argument that names a lake: a folder or the URL of an object store."""

import click


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
