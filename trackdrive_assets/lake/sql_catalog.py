"""The SQL files of this package: views, checks and a table, with the parts that they share.

A file is one query. Its head is the comment lines at its beginning: first a description, then options. An
option is a line `-- name: value`, and its value replaces `${name}` in the query. The folder decides what a
query is for; how it runs is in `database` and `quality`.
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
# The description may be longer. Then it continues in the next lines, each of which begins with `--:`.
_COLUMN_DESCRIPTION = re.compile(r"(\w+),?\s+((?:--: .+\s*)+)")

# `-- party: buyer`
_OPTION = re.compile(r"(\w+): (.+)")

FILE_METADATA = "${file_metadata}"
"""The placeholder for a query over the metadata of the files of `LOGGED_TABLES`."""

LOGGED_TABLES = frozenset(LAYOUT) - {"call_totals"}
"""The tables whose files show when they were fetched. Damaged sums must change no view."""


@dataclass(frozen=True)
class Query:
    """The content of one SQL file, with placeholders `${…}` for what depends on the lake.

    Attributes:
        description: The first lines of the head, without line breaks.
        options: The values in the heads of the query and its parts, except those that replace a placeholder.
    """

    description: str
    options: Mapping[str, str]
    sql: str


@dataclass(frozen=True)
class View:
    """A view of trackdrive.duckdb.

    Attributes:
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
        return LOGGED_TABLES if FILE_METADATA in self.sql else referenced_tables(self.sql)

    @property
    def column_descriptions(self) -> Mapping[str, str]:
        """The column descriptions in the SQL, by column."""
        return {
            column: " ".join(text.replace("--: ", "").split())
            for column, text in _COLUMN_DESCRIPTION.findall(self.sql)
        }


@cache
def queries_in(folder: str) -> Mapping[str, Query]:
    """Return the queries of a folder of `sql/`, by name.

    `${name}` in a query is replaced by the file `sql/parts/name.sql`, or by the option `name` of the head.
    Parts can use other parts and the options of the query. The options of a part are options of the query.
    """
    parts, queries = (
        {
            file.name.removesuffix(".sql"): parse_query(file.read_text("utf-8"))
            for file in (files(__package__) / "sql" / source).iterdir()
            if file.name.endswith(".sql")
        }
        for source in ("parts", folder)
    )
    return {name: _expand(query, parts) for name, query in queries.items()}


def parse_query(text: str) -> Query:
    """Return the content of an SQL file. Placeholders are not replaced."""
    lines = text.splitlines()
    head_length = next(n for n, line in enumerate(lines) if not line.startswith("--"))
    description, options = "", dict[str, str]()
    for line in lines[:head_length]:
        comment = line.removeprefix("--").strip()
        if option := _OPTION.fullmatch(comment):
            options[option[1]] = option[2]
        elif options:
            # An option that is too long for one line continues in the next one.
            options[next(reversed(options))] += f" {comment}"
        else:
            description = f"{description} {comment}".strip()
    return Query(description, options, "\n".join(lines[head_length:]).strip())


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
    # The sums of some days are computed from their calls.
    return found | {"calls"} if "call_totals" in found else found


def _expand(query: Query, parts: Mapping[str, Query]) -> Query:
    """Replace the parts and options in a query. The placeholders for what depends on the lake stay."""
    options, sql = query.options, query.sql
    while used := [name for name in Template(sql).get_identifiers() if name in parts]:
        for name in used:
            options = {**parts[name].options, **options}
        sql = Template(sql).safe_substitute({name: parts[name].sql for name in used})
    template = Template(sql)
    others = {name: value for name, value in options.items() if name not in template.get_identifiers()}
    return Query(query.description, others, template.safe_substitute(options))
