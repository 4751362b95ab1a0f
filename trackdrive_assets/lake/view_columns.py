"""The columns of the views, known without asking DuckDB: Dagster shows them before any view is built.

They stand in view_columns.json, which `make docs` writes from `views/*.sql`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_suffix(".json")


@dataclass(frozen=True)
class ViewColumn:
    """A column of a view.

    Attributes:
        name: As the analyst types it.
        type: In DuckDB's words.
        meaning: A plain sentence.
        sources: Table or view, and column, of each column that it is made of.
    """

    name: str
    type: str
    meaning: str
    sources: tuple[tuple[str, str], ...]


@cache
def view_columns() -> Mapping[str, tuple[ViewColumn, ...]]:
    """By view, its columns in order."""
    told = json.loads(FILE.read_text("utf-8"))
    return {
        view: tuple(
            ViewColumn(
                name,
                column["type"],
                column["meaning"],
                tuple(
                    (table, of) for table, _, of in (source.partition(".") for source in column["sources"])
                ),
            )
            for name, column in columns.items()
        )
        for view, columns in told.items()
    }
