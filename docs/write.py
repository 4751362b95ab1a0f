"""What is written from the code, for people and for Dagster, so that each fact stands once: `make docs`.

- `docs/dictionary.md`: every table and view, each column with its type and meaning.
- `trackdrive_assets/lake/view_columns.json`: the same of the views, and which columns each is made of.
- The settings in README.md.

A test fails when one of them is not what this writes. Nothing is said here that doesn't stand elsewhere:
tables in `tables/columns.py`, views in `lake/views/*.sql`, settings in `settings.py`. The types are those
that DuckDB finds over an empty lake.
"""

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlglot
from sqlglot.errors import SqlglotError
from sqlglot.lineage import Node, lineage

from trackdrive_assets.api.catalog import REPORT_CATEGORIES
from trackdrive_assets.lake import view_columns
from trackdrive_assets.lake.database import BuildResult, View, rebuild, views
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.settings import Settings, variable
from trackdrive_assets.tables.columns import DESCRIPTIONS, MEANINGS, SCHEMAS

ROOT = Path(__file__).parents[1]
DICTIONARY = ROOT / "docs" / "dictionary.md"
README = ROOT / "README.md"

_HEAD = """\
# Data dictionary

Written by `make docs` from the code: change it there. `trackdrive.duckdb` has the same words as comments.
Instants are UTC, money is dollars, durations are seconds, rates are shares from 0 to 1.
"""

_SETTINGS = re.compile(r"(?<=<!-- settings -->\n).*?(?=<!-- end -->\n)", re.DOTALL)


def written() -> dict[Path, str]:
    """Every file that is written, whole."""
    built = _over_an_empty_lake()
    readme = README.read_text("utf-8")
    return {
        DICTIONARY: dictionary(built),
        view_columns.FILE: columns_of_views(built),
        README: _SETTINGS.sub(lambda _: settings_table(), readme),
    }


def dictionary(built: BuildResult) -> str:
    """The data dictionary."""
    says = DESCRIPTIONS | {view.name: view.description for view in views().values()}
    kinds = {"Tables": sorted(DESCRIPTIONS), "Views": sorted(views())}
    chapters = [_HEAD, *(f"- {kind}: {_links(names)}" for kind, names in kinds.items())]
    for kind, names in kinds.items():
        chapters.append(f"\n## {kind}")
        for name in names:
            chapters.append(f"\n### {name}\n\n{says[name]}\n")
            chapters += _rows(built.views[name], built.meanings[name])
    return "\n".join(chapters) + "\n"


def columns_of_views(built: BuildResult) -> str:
    """The columns of the views, as `lake.view_columns` reads them."""
    return (
        json.dumps(
            {
                view.name: {
                    column: {
                        "type": kind,
                        "meaning": built.meanings[view.name][column],
                        "sources": sources.get(column, []),
                    }
                    for column, kind in built.views[view.name].items()
                }
                for view, sources in ((view, _sources(view, built)) for view in views().values())
            },
            indent=1,
        )
        + "\n"
    )


def settings_table() -> str:
    """Every variable with its default and its meaning."""
    rows = [
        f"| `{variable(field.name)}` | {_default(field.default)} | {field.metadata['meaning']} |"
        for field in dataclasses.fields(Settings)
    ]
    return "\n".join(["| variable | default | meaning |", "|---|---|---|", *rows]) + "\n"


def _over_an_empty_lake() -> BuildResult:
    with TemporaryDirectory() as nowhere:
        return rebuild(
            Lake(Path(nowhere)), SCHEMAS, time_zone="UTC", meanings=MEANINGS, descriptions=DESCRIPTIONS
        )


def _links(names: list[str]) -> str:
    return ", ".join(f"[{name}](#{name})" for name in names)


def _rows(types: Mapping[str, str], meanings: Mapping[str, str]) -> Iterator[str]:
    yield "| column | type | meaning |"
    yield "|---|---|---|"
    for column, kind in types.items():
        # GitHub takes <name> for HTML.
        meaning = meanings[column].replace("<", "&lt;").replace("|", "\\|")
        yield f"| `{column}` | {kind} | {meaning} |"


def _sources(view: View, built: BuildResult) -> dict[str, list[str]]:
    """Of each column, the columns of what the view reads that it is made of, like `calls.revenue`.

    Empty where the query has a form that can't be followed. A number of rows is made of no column.
    """
    # What the files say of themselves is no table of the lake.
    sql = view.sql.replace("${time_zone}", "'UTC'").replace("(${file_metadata})", "file_metadata")
    try:
        found = lineage(None, sql, schema=dict(built.views), dialect="duckdb")
    except (SqlglotError, ValueError):
        return {}
    return {column: sorted(set(_ends(node, built))) for column, node in found.items()}


def _ends(node: Node, built: BuildResult) -> Iterator[str]:
    for end in node.walk():
        if (
            not end.downstream
            and isinstance(end.source, sqlglot.exp.Table)
            and end.source.name in built.views
        ):
            column = end.name.rpartition(".")[2].strip('"')
            yield f"{end.source.name}.{column}"


def _default(default: object) -> str:
    if default in (None, ()):
        return "none"
    if default == REPORT_CATEGORIES:
        return f"the {len(REPORT_CATEGORIES)} of the documentation"
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"


if __name__ == "__main__":
    for file, text in written().items():
        file.write_text(text, "utf-8")
