"""Where the code of an asset can be read, for the links in the UI."""

import warnings
from pathlib import Path
from typing import Any

import dagster as dg

from trackdrive_assets.settings import Settings

_PACKAGE = Path(__file__).parents[1]


def code_links(settings: Settings, *files: str) -> dict[str, Any]:
    """Metadata of an asset that leads to its code: in a browser where the settings know how, else on disk.

    Args:
        settings: Say where the code can be read.
        files: Paths inside of this package.
    """
    with warnings.catch_warnings():
        # These classes are in beta, which is no news for whoever starts the UI.
        warnings.filterwarnings("ignore", r"Class `\w*CodeReference")
        links: list[dg.LocalFileCodeReference | dg.UrlCodeReference] = [
            dg.UrlCodeReference(url=f"{settings.code_url}/{_PACKAGE.name}/{file}", label=file)
            if settings.code_url
            else dg.LocalFileCodeReference(file_path=str(_PACKAGE / file), line_number=1, label=file)
            for file in files
        ]
        return {"dagster/code_references": dg.CodeReferencesMetadataValue(code_references=links)}
