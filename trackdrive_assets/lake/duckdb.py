"""trackdrive.duckdb: the views over the Parquet files, rendered and swapped in.

The file holds no rows, only views: the four tables, and every question in `views/*.sql`. The SQL is what
DuckDB 1.0 understands, without extensions that its releases don't carry, so that any analyst's DuckDB
opens it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from importlib.resources import files
from pathlib import Path
from string import Template

import duckdb
import pyarrow as pa

from trackdrive_assets.lake.aside import LakeError, folder_beside, move_over, refusals_explained
from trackdrive_assets.lake.store import LAYOUT, Lake

FILE = "trackdrive.duckdb"


@dataclass(frozen=True)
class View:
    """A question with a name.

    Attributes:
        name: As the analyst types it.
        answers: What it tells, in a sentence.
        sql: The query, with `${time_zone}` for the account's time zone where it matters.
    """

    name: str
    answers: str
    sql: str

    @property
    def reads(self) -> frozenset[str]:
        """Names of what it selects from, other views among them."""
        return frozenset(re.findall(r"\b(?:FROM|JOIN)\s+(\w+)", self.sql, re.IGNORECASE))


@dataclass(frozen=True)
class Rebuilt:
    """What was swapped in.

    Attributes:
        path: The DuckDB file.
        views: Of each view, its columns and their DuckDB types, in order.
    """

    path: Path
    views: Mapping[str, Mapping[str, str]]


@cache
def views() -> Mapping[str, View]:
    """Every view by name, each after those it reads.

    A part that several share, in `views/parts`, stands where they say `${part}`.
    """
    folder = files("trackdrive_assets.lake") / "views"
    parts = {
        part.name.removesuffix(".sql"): part.read_text("utf-8").partition("\n")[2].strip()
        for part in (folder / "parts").iterdir()
    }
    found = {}
    for file in folder.iterdir():
        if file.name.endswith(".sql"):
            answers, _, sql = file.read_text("utf-8").partition("\n")
            name = file.name.removesuffix(".sql")
            found[name] = View(name, answers.removeprefix("-- "), Template(sql).safe_substitute(parts))
    order = TopologicalSorter(
        {name: sorted(view.reads & found.keys()) for name, view in sorted(found.items())}
    )
    return {name: found[name] for name in order.static_order()}


def rebuild(
    lake: Lake,
    schemas: Mapping[str, pa.Schema],
    *,
    time_zone: str,
    meanings: Mapping[str, Mapping[str, str]] | None = None,
) -> Rebuilt:
    """Build trackdrive.duckdb aside and swap it in. Whoever has the old one open keeps it.

    Args:
        lake: Where the Parquet files lie and the DuckDB file goes.
        schemas: Of the tables in the lake, by name. A table without any file is an empty view.
        time_zone: IANA name of the account's time zone.
        meanings: By table and column, what to say of it as its comment.

    Raises:
        LakeError: Views failed, and the message lists every one, or the file system refuses. The old file is
            intact.
    """
    place = lake.root / FILE
    with folder_beside(place) as folder:
        new = folder / "views"
        try:
            with duckdb.connect(config=_OFFLINE) as connection:
                # Newer formats would lock out everybody with an older DuckDB.
                connection.execute(f"ATTACH {_literal(str(new))} AS trackdrive (STORAGE_VERSION 'v1.0.0')")
                connection.execute("USE trackdrive")
                built = _create_views(connection, lake, schemas, time_zone)
                for table, columns in (meanings or {}).items():
                    _comment(connection, table, columns)
                connection.execute("USE memory")
                connection.execute("DETACH trackdrive")
        except duckdb.IOException as error:
            raise LakeError(f"Can't write {new}: {error}. {place} is unchanged.") from error
        with refusals_explained("replace", place):
            # What somebody wrote into the old file, still waiting to be merged, must not reach the new one.
            place.with_name(f"{FILE}.wal").unlink(missing_ok=True)
        move_over(new, place)
    return Rebuilt(place, built)


def read_view(lake: Lake, name: str) -> pa.Table:
    """Every row of a view.

    Raises:
        LakeError: There is no trackdrive.duckdb yet, or it has no such view.
    """
    try:
        with duckdb.connect(str(lake.root / FILE), read_only=True, config=_OFFLINE) as connection:
            return connection.sql(f"FROM {_identifier(name)}").to_arrow_table()
    except duckdb.Error as error:
        raise LakeError(
            f"Can't read the view {name} of {lake.root / FILE}: {error}. Materialize views/{name} first."
        ) from error


# Building needs nothing from the network, and must not wait for it.
_OFFLINE: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}


def _create_views(
    connection: duckdb.DuckDBPyConnection, lake: Lake, schemas: Mapping[str, pa.Schema], time_zone: str
) -> dict[str, dict[str, str]]:
    """Create and try every view; complain of all that fail together."""
    rendered = {table: View(table, "", "") for table in schemas} | dict(views())
    built: dict[str, dict[str, str]] = {}
    failures: list[str] = []
    for name, view in rendered.items():
        try:
            sql = (
                _table_sql(connection, lake, name, schemas[name])
                if name in schemas
                else Template(view.sql).substitute(time_zone=_literal(time_zone))
            )
            connection.execute(f"CREATE VIEW {_identifier(name)} AS {sql}")
            if view.answers:
                connection.execute(f"COMMENT ON VIEW {_identifier(name)} IS {_literal(view.answers)}")
            tried = connection.execute(f"SELECT * FROM {_identifier(name)} LIMIT 0")  # noqa: S608  quoted
            built[name] = {column[0]: str(column[1]) for column in tried.description or ()}
        except duckdb.Error as error:
            failures.append(f"{name}: {error}")
    if failures:
        raise LakeError(
            f"{len(failures)} of {len(rendered)} views failed, {FILE} is unchanged.\n" + "\n".join(failures)
        )
    return built


def _table_sql(connection: duckdb.DuckDBPyConnection, lake: Lake, table: str, schema: pa.Schema) -> str:
    """A table's files as one, its columns in order with their types, then the hive keys."""
    types = connection.from_arrow(schema.empty_table()).types
    columns = {name: str(kind) for name, kind in zip(schema.names, types, strict=True)}
    hive = {**dict.fromkeys(LAYOUT[table].keys, "VARCHAR"), "date": "DATE"}
    pattern = "/".join([*(f"{key}=*" for key in hive), LAYOUT[table].file])
    if not any((lake.root / table).glob(pattern)):
        nothing = ", ".join(
            f"CAST(NULL AS {kind}) AS {_identifier(name)}" for name, kind in (columns | hive).items()
        )
        return f"SELECT {nothing} WHERE false"
    root = _GLOB.sub(r"[\g<0>]", str(lake.root))
    paths = _literal(f"{root}/{table}/{pattern}")
    hive_types = ", ".join(f"{_literal(key)}: {kind}" for key, kind in hive.items())
    # By name, because days written by an older version may lack columns that later ones have.
    options = f"hive_partitioning = true, hive_types = {{{hive_types}}}, union_by_name = true"
    source = f"read_parquet({paths}, {options})"
    found = connection.execute(f"SELECT * FROM {source} LIMIT 0").description or ()  # noqa: S608  quoted
    present = {column[0]: str(column[1]) for column in found}
    selected = [
        _identifier(name)
        if present.get(name) == kind
        else f"CAST({_identifier(name) if name in present else 'NULL'} AS {kind}) AS {_identifier(name)}"
        for name, kind in columns.items()
    ]
    return f"SELECT {', '.join([*selected, *map(_identifier, hive)])} FROM {source}"  # noqa: S608  quoted


def _comment(connection: duckdb.DuckDBPyConnection, table: str, meanings: Mapping[str, str]) -> None:
    for column, meaning in meanings.items():
        connection.execute(
            f"COMMENT ON COLUMN {_identifier(table)}.{_identifier(column)} IS {_literal(meaning)}"
        )


# What DuckDB reads as a pattern in a path; a folder may be named so.
_GLOB = re.compile(r"[*?\[]")


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
