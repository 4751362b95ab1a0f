"""trackdrive.duckdb: the views over the Parquet files, rendered and swapped in.

The file holds no rows, only views: the four tables, and every question in `views/*.sql`. The same views can
be asked without it. The SQL is what DuckDB 1.0 understands, without extensions that its releases don't carry,
so that any analyst's DuckDB opens it.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cache
from graphlib import TopologicalSorter
from hashlib import sha256
from io import SEEK_END
from itertools import chain
from pathlib import Path
from string import Template
from types import MappingProxyType
from urllib.parse import unquote

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from trackdrive_assets.lake.atomic import (
    LakeError,
    atomic_replace,
    remove_stale_staging,
    staging_dir,
    translate_os_errors,
    write_error,
)
from trackdrive_assets.lake.sql_catalog import queries_in
from trackdrive_assets.lake.store import LAYOUT, Lake

FILE = "trackdrive.duckdb"


@dataclass(frozen=True)
class View:
    """A question with a name.

    Attributes:
        name: As the analyst types it.
        description: What a row is, and what it tells, in two sentences.
        sql: The query, with `${time_zone}` for the account's time zone where it matters, and
            `${file_metadata}` for the metadata of the files. What a column means stands behind its
            expression, after `--:`.
    """

    name: str
    description: str
    sql: str

    @property
    def reads(self) -> frozenset[str]:
        """Names of what it selects from, other views among them."""
        return frozenset(LAYOUT) if "${file_metadata}" in self.sql else referenced_tables(self.sql)

    @property
    def meanings(self) -> Mapping[str, str]:
        """What the SQL says of columns, by name."""
        return dict(_MEANING.findall(self.sql))


@dataclass(frozen=True)
class BuildResult:
    """The DuckDB file as it stands now.

    Attributes:
        path: The file.
        views: Of each view, its columns and their DuckDB types, in order.
        meanings: Of each view, what its columns mean, as far as anybody says.
        swapped: Whether a new file was swapped in. False: the old one was up to date.
    """

    path: Path
    views: Mapping[str, Mapping[str, str]]
    meanings: Mapping[str, Mapping[str, str]]
    swapped: bool


# `converted / calls AS conversion_rate, --: Share of all calls that a buyer paid for.`
_MEANING = re.compile(r"(\w+),? --: (.+)$", re.MULTILINE)


def referenced_tables(sql: str) -> frozenset[str]:
    """Names of what a query selects from; its own parts are among them."""
    said = re.sub(r"--.*", "", sql)
    return frozenset(re.findall(r"\b(?:FROM|JOIN)\s+(\w+)", said, re.IGNORECASE))


def with_referenced(names: Iterable[str]) -> set[str]:
    """Views, and all that they read, and what those read."""
    found = set(names)
    # Each stands after those it reads, so backwards every reader comes first.
    for name, view in reversed(list(views().items())):
        if name in found:
            found |= view.reads
    return found


@cache
def views() -> Mapping[str, View]:
    """Every view by name, each after those it reads."""
    found = {name: View(name, query.description, query.sql) for name, query in queries_in("views").items()}
    order = TopologicalSorter(
        {name: sorted(view.reads & found.keys()) for name, view in sorted(found.items())}
    )
    return {name: found[name] for name in order.static_order()}


def rebuild(
    lake: Lake,
    schemas: Mapping[str, pa.Schema],
    *,
    time_zone: str,
    meanings: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
    descriptions: Mapping[str, str] = MappingProxyType({}),
) -> BuildResult:
    """Build trackdrive.duckdb aside and swap it in, unless what stands there was built from the same SQL.

    Whoever has the old one open keeps it.

    Args:
        lake: Where the Parquet files lie and the DuckDB file goes.
        schemas: Of the tables in the lake, by name. A table without any file is an empty view.
        time_zone: IANA name of the account's time zone.
        meanings: By table and column, what to say of it as its comment. A column that a view passes on under
            the same name has it too, unless the view's SQL says otherwise.
        descriptions: By table, what to say of it as its comment.

    Raises:
        LakeError: Views failed, and the message lists every one, or the file system refuses. The old file is
            intact.
    """
    place = lake.root / FILE
    rendered = _render(lake, schemas, time_zone, _EVERY_DAY, meanings=meanings, descriptions=descriptions)
    if standing := _standing(place, rendered):
        remove_stale_staging(place)
        return standing
    with staging_dir(place) as folder:
        new = folder / "views"
        try:
            with duckdb.connect(config=_OFFLINE) as connection:
                # Newer formats would lock out everybody with an older DuckDB.
                connection.execute(f"ATTACH {_literal(str(new))} AS trackdrive (STORAGE_VERSION 'v1.0.0')")
                connection.execute("USE trackdrive")
                _create_views(connection, lake, rendered)
                for statement in (*_passed_on(connection), *_note_of(rendered)):
                    connection.execute(statement)
                rebuilt = _described(place, connection, rendered, swapped=True)
                connection.execute("USE memory")
                connection.execute("DETACH trackdrive")
        except (duckdb.IOException, duckdb.TransactionException) as error:
            raise write_error("write", place, str(error)) from error
        with translate_os_errors("replace", place):
            # What somebody wrote into the old file, still waiting to be merged, must not reach the new one.
            _unmerged(place).unlink(missing_ok=True)
        atomic_replace(new, place)
    return rebuilt


@contextmanager
def connect(
    lake: Lake,
    schemas: Mapping[str, pa.Schema],
    *,
    time_zone: str,
    days: Collection[date] | None = None,
    names: Collection[str] | None = None,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Ask the lake as it stands. Needs no trackdrive.duckdb and touches none.

    Args:
        lake: Where the Parquet files lie.
        schemas: Of the tables in the lake, by name. A table without any file is an empty view.
        time_zone: IANA name of the account's time zone.
        days: The only ones to be seen, so that a question about few doesn't take longer in a large lake.
        names: What is asked about; by default, every table and view.

    Returns:
        A connection with these tables and views, and what they read, for as long as the `with` block lasts.

    Raises:
        LakeError: Views failed, and the message lists every one.
    """
    # One thread, because each takes memory for itself, and a run's should not grow with the machine.
    with duckdb.connect(config=_OFFLINE | {"threads": 1}) as connection:
        wanted = with_referenced({*schemas, *views()} if names is None else names)
        asked = {table: schema for table, schema in schemas.items() if table in wanted}
        rendered = _render(lake, asked, time_zone, _EVERY_DAY if days is None else days, wanted=wanted)
        _create_views(connection, lake, rendered)
        yield connection


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

# Stands for the days to come as well.
_EVERY_DAY = ("*",)


Rendered = Mapping[str, Sequence[str]]
"""Of each view, after those it reads, the statements that make it."""


def _render(
    lake: Lake,
    schemas: Mapping[str, pa.Schema],
    time_zone: str,
    days: Collection[date | str],
    *,
    meanings: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
    descriptions: Mapping[str, str] = MappingProxyType({}),
    wanted: Collection[str] | None = None,
) -> Rendered:
    """The views, as far as the lake and its files decide them."""
    chosen = {name: view for name, view in views().items() if wanted is None or name in wanted}
    known = {"time_zone": _literal(time_zone)}
    if any("${file_metadata}" in view.sql for view in chosen.values()):
        known["file_metadata"] = _notes_sql(lake, days)
    tables = {table: [_create(table, _table_sql(lake, table, schemas[table], days))] for table in schemas}
    for table, description in descriptions.items():
        tables[table].append(_comment(table, description))
    for table, columns in meanings.items():
        tables[table] += [_comment_on_column(table, column, meaning) for column, meaning in columns.items()]
    questions = {
        name: [_create(name, Template(view.sql).substitute(known)), _comment(name, view.description)]
        for name, view in chosen.items()
    }
    return tables | questions


def _create(view: str, sql: str) -> str:
    return f"CREATE VIEW {_identifier(view)} AS {sql}"


def _comment(view: str, says: str) -> str:
    return f"COMMENT ON VIEW {_identifier(view)} IS {_literal(says)}"


def _comment_on_column(view: str, column: str, says: str) -> str:
    return f"COMMENT ON COLUMN {_identifier(view)}.{_identifier(column)} IS {_literal(says)}"


def _create_views(connection: duckdb.DuckDBPyConnection, lake: Lake, rendered: Rendered) -> None:
    """Create every view; complain of all that fail together."""
    failures: list[str] = []
    for name, statements in rendered.items():
        try:
            for statement in statements:
                connection.execute(statement)
        except duckdb.TransactionException:
            raise  # no fault of the view: the disk is full
        except duckdb.Error as error:
            failures.append(f"{name}: {error}")
    if failures:
        raise LakeError(
            f"{len(failures)} of {len(rendered)} views over {lake.root} failed, and no file was changed.\n"
            + "\n".join(failures)
        )


# Holds the note of what a file was built from: apart, because it is no question of an analyst.
_NOTE = "trackdrive_assets.built_from"


def _note_of(rendered: Rendered) -> list[str]:
    """What notes in a file that it was built from these statements."""
    return [
        f"CREATE SCHEMA {_NOTE.partition('.')[0]}",
        f"CREATE VIEW {_NOTE} AS SELECT {_literal(_fingerprint(rendered))} AS fingerprint",
        f"COMMENT ON COLUMN {_NOTE}.fingerprint IS 'Of the SQL of all views, and of the version of DuckDB.'",
        f"COMMENT ON VIEW {_NOTE} IS 'By which the next run knows whether these views are up to date.'",
    ]


def _fingerprint(rendered: Rendered) -> str:
    # Another version of DuckDB may derive other columns.
    statements = chain.from_iterable(rendered.values())
    return sha256("\0".join([duckdb.__version__, *statements]).encode()).hexdigest()


def _standing(place: Path, rendered: Rendered) -> BuildResult | None:
    """The file that stands there; None where its views are not these, or not these alone."""
    if not place.exists() or _unmerged(place).exists():
        return None
    try:
        with duckdb.connect(str(place), read_only=True, config=_OFFLINE) as connection:
            noted = connection.execute(f"SELECT fingerprint FROM {_NOTE}").fetchone()  # noqa: S608  constant
            found = _described(place, connection, rendered, swapped=False)
    except duckdb.Error:
        return None  # somebody is writing into it, or it is no such file
    return found if noted == (_fingerprint(rendered),) and found.views.keys() == rendered.keys() else None


def _described(
    place: Path, connection: duckdb.DuckDBPyConnection, rendered: Rendered, *, swapped: bool
) -> BuildResult:
    """What a file holds, first of what was rendered."""
    types: dict[str, dict[str, str]] = {name: {} for name in rendered}
    meanings: dict[str, dict[str, str]] = {name: {} for name in rendered}
    for view, column, kind, meaning in _columns(connection):
        types.setdefault(view, {})[column] = kind
        if meaning is not None:
            meanings.setdefault(view, {})[column] = meaning
    return BuildResult(place, types, meanings, swapped)


def _columns(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str, str, str | None]]:
    """Every column of a file by view, in order: its name, type and comment."""
    return connection.execute(
        "SELECT table_name, column_name, data_type, comment FROM duckdb_columns() "
        "WHERE NOT internal AND schema_name = 'main' ORDER BY column_index"
    ).fetchall()


def _passed_on(connection: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """What says of every column of the questions what it means.

    Where a view says nothing of a column, it means what the column of that name means in what the view reads;
    if those differ, nobody knows.
    """
    meanings: dict[str, dict[str, str]] = {}
    for holder, column, _, said in _columns(connection):
        meanings.setdefault(holder, {})[column] = said or ""
    for name, view in views().items():
        says = view.meanings
        for column in meanings[name]:
            read = {meanings.get(source, {}).get(column, "") for source in view.reads} - {""}
            meaning = says.get(column) or (read.pop() if len(read) == 1 else "")
            if meaning:
                meanings[name][column] = meaning
                yield _comment_on_column(name, column, meaning)


def _unmerged(place: Path) -> Path:
    """Where DuckDB keeps what is not yet in a file."""
    return place.with_name(f"{place.name}.wal")


def _table_sql(lake: Lake, table: str, schema: pa.Schema, days: Collection[date | str]) -> str:
    """A table's files as one, its columns in order with their types, then the hive keys."""
    columns = _types(schema)
    hive = {**dict.fromkeys(LAYOUT[table].keys, "VARCHAR"), "date": "DATE"}
    casts = {
        name: f"CAST({{}} AS {kind}) AS {_identifier(name)}" for name, kind in (dict(columns) | hive).items()
    }
    nothing = f"SELECT {', '.join(cast.format('NULL') for cast in casts.values())} WHERE false"
    folder = lake.root / table
    files = {pattern: list(folder.glob(pattern)) for pattern in (_pattern(table, day) for day in days)}
    patterns = [pattern for pattern, found in files.items() if found]
    if not patterns:
        return nothing
    hive_types = ", ".join(f"{_literal(key)}: {kind}" for key, kind in hive.items())
    options = f"hive_partitioning = true, hive_types = {{{hive_types}}}"
    if not _all_hold(schema, chain.from_iterable(files.values())):
        # Then DuckDB opens every file before it can plan, even for a question about one day.
        options += ", union_by_name = true"
    source = f"SELECT * FROM read_parquet({_files_literal(folder, patterns)}, {options})"  # noqa: S608  quoted
    selected = ", ".join(cast.format(_identifier(name)) for name, cast in casts.items())
    # A column that no file has is one of nothing.
    return f"SELECT {selected} FROM ({source} UNION ALL BY NAME {nothing})"  # noqa: S608  quoted


@cache
def _types(schema: pa.Schema) -> Mapping[str, str]:
    """The columns of a schema with their DuckDB types."""
    with duckdb.connect(config=_OFFLINE) as connection:
        types = connection.from_arrow(schema.empty_table()).types
    return {name: str(kind) for name, kind in zip(schema.names, types, strict=True)}


def _all_hold(schema: pa.Schema, files: Iterable[Path]) -> bool:
    """Whether every file has all columns of a schema with their types.

    Days written by an older version may not, nor those by somebody else.
    """
    note = _schema_note(schema)
    return all(note in _tail(file) or _holds(schema, file) for file in files)


def _schema_note(schema: pa.Schema) -> bytes:
    """What Arrow notes of a schema in the metadata of a Parquet file."""
    empty = pa.BufferOutputStream()
    pq.write_table(schema.empty_table(), empty)
    return bytes(pq.read_metadata(pa.BufferReader(empty.getvalue())).metadata[b"ARROW:schema"])


# Notes stand behind the rest. To decode what is before them in each of some thousand files takes a second.
_NOTES = 16 * 1024


def _tail(file: Path) -> bytes:
    with translate_os_errors("read", file), file.open("rb", buffering=0) as opened:
        opened.seek(max(0, opened.seek(0, SEEK_END) - _NOTES))
        return opened.read()


def _holds(schema: pa.Schema, file: Path) -> bool:
    """The same of one file, whoever wrote it."""
    try:
        found = pq.read_schema(file)
    except pa.ArrowInvalid:
        return False  # DuckDB opens every file then, and says what is wrong with it
    return all(field.name in found.names and found.field(field.name).type == field.type for field in schema)


def _notes_sql(lake: Lake, days: Collection[date | str]) -> str:
    """What the files of every table say of themselves: their own notes, and how many rows they hold.

    One SELECT for each group of each table, with their names as constants, so that a question about one of
    them opens the files of no other.
    """
    selects = [
        "SELECT CAST(NULL AS VARCHAR) AS table_name, CAST(NULL AS VARCHAR) AS grouped_by, "
        "CAST(NULL AS VARCHAR) AS file_name, CAST(NULL AS VARCHAR) AS key, CAST(NULL AS VARCHAR) AS value, "
        "CAST(NULL AS BIGINT) AS num_rows WHERE false"
    ]
    for table, layout in LAYOUT.items():
        groups: dict[Path, list[str]] = {}
        for day in days:
            for folder in sorted({f.parent.parent for f in (lake.root / table).glob(_pattern(table, day))}):
                groups.setdefault(folder, []).append(f"date={day}/{layout.file}")
        for folder, patterns in groups.items():
            group = _literal(unquote(folder.name.partition("=")[2])) if layout.keys else "NULL"
            files = _files_literal(folder, patterns)
            names = f"{_literal(table)}, {group}, file_name"
            selects += [
                f"SELECT {names}, decode(key), decode(value), NULL FROM parquet_kv_metadata({files})",  # noqa: S608  quoted
                f"SELECT {names}, NULL, NULL, num_rows FROM parquet_file_metadata({files})",  # noqa: S608  quoted
            ]
    return " UNION ALL ".join(selects)


# What DuckDB reads as a pattern in a path; a folder may be named so.
_GLOB = re.compile(r"[*?\[]")


def _pattern(table: str, day: date | str) -> str:
    """Of the files of a table's day, below its folder."""
    return "/".join([*(f"{key}=*" for key in LAYOUT[table].keys), f"date={day}", LAYOUT[table].file])


def _files_literal(folder: Path, patterns: Iterable[str]) -> str:
    """A list of what lies below a folder, whose own name is no pattern."""
    exact = _GLOB.sub(r"[\g<0>]", str(folder))
    return f"[{', '.join(_literal(f'{exact}/{pattern}') for pattern in patterns)}]"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
