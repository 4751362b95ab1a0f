"""The data dictionary: every table and view, each column with its type and meaning, as one Markdown page.

`make docs` writes it to docs/dictionary.md. Nothing is said here that doesn't stand elsewhere: of the tables
in `tables.columns`, of the views in `lake/views/*.sql`. The types are what DuckDB finds over an empty lake.
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from trackdrive_assets.lake.duckdb import rebuild, views
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.tables.columns import DESCRIPTIONS, MEANINGS, SCHEMAS

_HEAD = """\
# Data dictionary

Written by `make docs` from the code: change it there. `trackdrive.duckdb` has the same words as comments.
Instants are UTC, money is dollars, durations are seconds, rates are shares from 0 to 1.
"""


def dictionary() -> str:
    """The page."""
    with TemporaryDirectory() as nowhere:
        built = rebuild(
            Lake(Path(nowhere)), SCHEMAS, time_zone="UTC", meanings=MEANINGS, descriptions=DESCRIPTIONS
        )
    says = DESCRIPTIONS | {view.name: view.answers for view in views().values()}
    kinds = {"Tables": sorted(DESCRIPTIONS), "Views": sorted(views())}
    chapters = [_HEAD, *(f"- {kind}: {_links(names)}" for kind, names in kinds.items())]
    for kind, names in kinds.items():
        chapters.append(f"\n## {kind}")
        for name in names:
            chapters.append(f"\n### {name}\n\n{says[name]}\n")
            chapters += _rows(built.views[name], built.meanings[name])
    return "\n".join(chapters) + "\n"


def _links(names: list[str]) -> str:
    return ", ".join(f"[{name}](#{name})" for name in names)


def _rows(types: Mapping[str, str], meanings: Mapping[str, str]) -> Iterator[str]:
    yield "| column | type | meaning |"
    yield "|---|---|---|"
    for column, kind in types.items():
        # GitHub takes <name> for HTML.
        meaning = meanings[column].replace("<", "&lt;").replace("|", "\\|")
        yield f"| `{column}` | {kind} | {meaning} |"


if __name__ == "__main__":
    sys.stdout.write(dictionary())
