"""The SQL files of this package: views and checks, with the parts that they share.

A file is one query. Its first line is its description. The folder decides what a query is for; how it runs is
in `database` and `quality`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from importlib.resources import files
from string import Template

from trackdrive_assets.lake.layout import LAYOUT

# `converted / calls AS conversion_rate, --: Share of all calls that a buyer paid for.`
_COLUMN_DESCRIPTION = re.compile(r"(\w+),? --: (.+)$", re.MULTILINE)

FILE_METADATA = "${file_metadata}"
"""The placeholder for a query over the metadata of all files."""


@dataclass(frozen=True)
class Query:
    """The content of one SQL file.

    Attributes:
        description: The first line.
        sql: The other lines, with placeholders `${…}` for what depends on the lake.
    """

    description: str
    sql: str


@dataclass(frozen=True)
class View:
    """A view of trackdrive.duckdb.

    Attributes:
        name: The name of the view.
        description: Two sentences: what a row is, and what it is good for.
        sql: The query, with `${time_zone}` for the account's time zone and `${file_metadata}` for a query
            over the metadata of all files. A column's description follows its expression, after `--:`.
    """

    name: str
    description: str
    sql: str

    @property
    def referenced_tables(self) -> frozenset[str]:
        """The names of the tables and views that the query reads."""
        return frozenset(LAYOUT) if FILE_METADATA in self.sql else referenced_tables(self.sql)

    @property
    def column_descriptions(self) -> Mapping[str, str]:
        """The column descriptions in the SQL, by column."""
        return dict(_COLUMN_DESCRIPTION.findall(self.sql))


@cache
def queries_in(folder: str) -> Mapping[str, Query]:
    """Return the queries of a folder of `sql/`, by name.

    `${name}` in a query is replaced by the file `parts/name.sql`. Parts can use other parts.
    """
    directory = files(__package__) / "sql" / folder
    parts = {
        file.name.removesuffix(".sql"): file.read_text("utf-8").partition("\n")[2].strip()
        for file in (directory / "parts").iterdir()
    }
    queries = {}
    for file in directory.iterdir():
        if file.name.endswith(".sql"):
            description, _, sql = file.read_text("utf-8").partition("\n")
            query = Query(description.removeprefix("-- "), _expand(sql, parts))
            queries[file.name.removesuffix(".sql")] = query
    return queries


@cache
def views() -> Mapping[str, View]:
    """Return every view by name. A view comes after the views that it reads."""
    found = {name: View(name, query.description, query.sql) for name, query in queries_in("views").items()}
    order = TopologicalSorter(
        {name: sorted(view.referenced_tables & found.keys()) for name, view in sorted(found.items())}
    )
    return {name: found[name] for name in order.static_order()}


def referenced_tables(sql: str) -> frozenset[str]:
    """Return the names after FROM and JOIN in a query. Names of its own WITH clauses are among them."""
    without_comments = re.sub(r"--.*", "", sql)
    return frozenset(re.findall(r"\b(?:FROM|JOIN)\s+(\w+)", without_comments, re.IGNORECASE))


def with_referenced(names: Iterable[str]) -> set[str]:
    """Return tables and views, and everything that they read, directly or not."""
    found = set(names)
    # In reverse order, every view comes before the views that it reads.
    for name, view in reversed(list(views().items())):
        if name in found:
            found |= view.referenced_tables
    return found


def _expand(sql: str, parts: Mapping[str, str]) -> str:
    """Replace `${name}` by the part of this name. Other placeholders stay."""
    template = Template(sql)
    used = [name for name in template.get_identifiers() if name in parts]
    return template.safe_substitute({name: _expand(parts[name], parts) for name in used})
