"""trackdrive.duckdb: the views over the Parquet files, built as a new file that replaces the old one.

The file has no rows, only views: the tables of the lake, and the queries of `sql/views`. `connect` offers the
same views without the file. Their SQL is limited to what DuckDB 1.0 understands without extensions that its
releases lack, so that every analyst's DuckDB opens the file.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from string import Template
from types import MappingProxyType

import duckdb
import pyarrow as pa

from trackdrive_assets.lake.errors import LakeError, write_error
from trackdrive_assets.lake.file_index import FileIndex
from trackdrive_assets.lake.foreign_objects import keep_foreign_objects
from trackdrive_assets.lake.lake_info import values_of_lake
from trackdrive_assets.lake.layout import LAYOUT
from trackdrive_assets.lake.ownership import check
from trackdrive_assets.lake.sql_catalog import FILE_METADATA, LOGGED_TABLES, View, views, with_referenced
from trackdrive_assets.lake.storage import MISSING, ChangedMeanwhileError, Snapshot, Storage
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.lake.table_sql import (
    TableFiles,
    file_metadata_sql,
    find_files,
    identifier,
    literal,
    table_sql,
    with_relative_paths,
)
from trackdrive_assets.lake.totals import TOTALS, totals_sql

FILE = "trackdrive.duckdb"

OFFLINE: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}
"""The configuration of DuckDB. Building needs nothing from the network, and must not wait for it."""


_MOST_CONFLICTS = 3

_Statement = tuple[str, str]
"""The name of a view, and a statement that creates, replaces or describes it."""


@dataclass(frozen=True)
class ViewColumn:
    """One column of a view: its name, its DuckDB type, and its comment, which may be empty."""

    name: str
    type: str
    description: str


@dataclass(frozen=True)
class BuildResult:
    """The new DuckDB file.

    Attributes:
        url: The path or the URL.
        views: The columns of each view. A view comes after the views that it reads.
    """

    url: str
    views: Mapping[str, Sequence[ViewColumn]]


def build_database(
    lake: Lake,
    schemas: Mapping[str, pa.Schema],
    *,
    time_zone: str,
    descriptions: Mapping[str, str] = MappingProxyType({}),
    column_descriptions: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
    is_relative: bool = False,
) -> BuildResult:
    """Build trackdrive.duckdb and replace the old file. A program that has the old file open keeps it.

    Args:
        lake: The lake with the Parquet files, where the DuckDB file goes too.
        schemas: The schema of each table in the lake. A table without files is an empty view.
        time_zone: The IANA name of the account's time zone.
        descriptions: The comment of each table.
        column_descriptions: The comment of each column of each table. A view's column with the same name
            inherits it, unless the view's SQL describes the column.
        is_relative: Whether the paths in the views begin at the folder of the lake.

    Raises:
        LakeError: Views failed, and the message lists all of them; the file can't be written; or the lake has
            another time zone. The old file is unchanged.
    """
    check(lake, time_zone=time_zone)
    for _ in range(_MOST_CONFLICTS):
        # Another run built the file meanwhile, perhaps without the newest days.
        with suppress(ChangedMeanwhileError):
            return _build_once(
                lake, schemas, time_zone, descriptions, column_descriptions, is_relative=is_relative
            )
    return _build_once(lake, schemas, time_zone, descriptions, column_descriptions, is_relative=is_relative)


def _build_once(
    lake: Lake,
    schemas: Mapping[str, pa.Schema],
    time_zone: str,
    descriptions: Mapping[str, str],
    column_descriptions: Mapping[str, Mapping[str, str]],
    *,
    is_relative: bool,
) -> BuildResult:
    index = FileIndex(lake.storage)
    of_views = view_statements(lake, schemas, time_zone, index=index)
    if is_relative:
        of_views = [(name, with_relative_paths(lake.root, statement)) for name, statement in of_views]
    statements = [
        *of_views,
        *((table, comment_on_view(table, text)) for table, text in descriptions.items()),
        *((name, comment_on_view(name, view.description)) for name, view in views().items()),
        *(
            (table, comment_on_column(table, name, text))
            for table, columns in column_descriptions.items()
            for name, text in columns.items()
        ),
    ]
    with lake.storage.open(FILE) as old, lake.storage.staging(FILE) as staging:
        new = staging / "views"
        try:
            columns_of = _write_database(new, lake, statements, index, is_relative=is_relative)
        except duckdb.Error as error:
            raise write_error("write", lake.storage.url(FILE), str(error)) from error
        replace_database(lake.storage, old, new, columns_of)
    index.save()
    return BuildResult(lake.storage.url(FILE), {name: columns_of[name] for name, _ in statements})


def replace_database(storage: Storage, old: Snapshot | None, new: Path, own_views: Collection[str]) -> None:
    """Replace trackdrive.duckdb by a new file. What other people put into the old one is kept in a copy."""
    keep_foreign_objects(storage, FILE, old, own_views)
    # Changes that another program left in the old file's write-ahead log must not reach the new file.
    if storage.find_keys([log := f"{FILE}.wal"]):
        storage.delete(log)
    storage.replace(FILE, new, old.version if old else MISSING)


@contextmanager
def connect(
    lake: Lake,
    schemas: Mapping[str, pa.Schema],
    *,
    time_zone: str,
    days: Collection[date] | None = None,
    names: Collection[str] | None = None,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Connect to the views over the current files. This neither needs nor changes trackdrive.duckdb.

    Args:
        lake: The lake with the Parquet files.
        schemas: The schema of each table in the lake. A table without files is an empty view.
        time_zone: The IANA name of the account's time zone.
        days: The only days that the views contain. A query about few days is then fast in a large lake too.
        names: The tables and views to create, with everything that they read. The default is all of them.

    Returns:
        A connection that is open during the `with` block.

    Raises:
        LakeError: Views failed, and the message lists all of them; or the lake has another time zone.
    """
    check(lake, time_zone=time_zone)
    selected = with_referenced({*schemas, *views()} if names is None else names)
    selected_schemas = {table: schema for table, schema in schemas.items() if table in selected}
    # Each thread takes memory of its own, and the memory of a run must not grow with the machine.
    with duckdb.connect(config=OFFLINE | {"threads": 1}) as connection:
        # The checks of a run query the same files again and again.
        connection.execute("SET parquet_metadata_cache = true")
        index = FileIndex(lake.storage)
        statements = view_statements(
            lake, selected_schemas, time_zone, index=index, days=days, names=selected
        )
        lake.storage.let_read(connection, index.listed)
        _create_views(connection, lake, statements)
        yield connection


def read_view(lake: Lake, name: str) -> pa.Table:
    """Return all rows of a view of trackdrive.duckdb.

    Raises:
        LakeError: The file does not exist, has no such view, or the lake's time zone is being changed.
    """
    check(lake)
    path = lake.storage.url(FILE)
    try:
        # Attached, because this process may have the file open with another configuration.
        with lake.storage.open(FILE) as file, duckdb.connect(config=OFFLINE) as connection:
            lake.storage.let_read(connection)
            if file is None:
                raise LakeError(f"{path} does not exist. Materialize views/{name} first.")
            connection.execute(f"ATTACH {literal(str(file.path))} AS trackdrive (READ_ONLY)")
            connection.execute("USE trackdrive")
            return connection.sql(f"FROM {identifier(name)}").to_arrow_table()
    except duckdb.Error as error:
        raise LakeError(
            f"Can't read the view {name} of {path}: {error}. Materialize views/{name} first."
        ) from error


def view_statements(
    lake: Lake,
    schemas: Mapping[str, pa.Schema],
    time_zone: str,
    *,
    index: FileIndex,
    days: Collection[date] | None = None,
    names: Collection[str] | None = None,
) -> list[_Statement]:
    """Return the statements that create each view. A view comes after the views that it reads.

    DuckDB looks for the files of a view whenever it creates another view that reads it. So all views are
    created as if the lake were empty, and then those that read files are replaced.
    """
    selected = {name: view for name, view in views().items() if names is None or name in names}
    reads_metadata = any(FILE_METADATA in view.sql for view in selected.values())
    found = find_files(lake.storage, LAYOUT if reads_metadata else schemas, days)
    nothing = [TableFiles(each.table, [], []) for each in found]
    of_files, empty = (
        _view_queries(lake, schemas, time_zone, files, selected=selected, index=index)
        for files in (found, nothing)
    )
    return [
        *((name, f"CREATE VIEW {identifier(name)} AS {query}") for name, query in empty.items()),
        *(
            (name, f"CREATE OR REPLACE VIEW {identifier(name)} AS {query}")
            for name, query in of_files.items()
            if query != empty[name]
        ),
    ]


def _view_queries(
    lake: Lake,
    schemas: Mapping[str, pa.Schema],
    time_zone: str,
    found: Sequence[TableFiles],
    *,
    selected: Mapping[str, View],
    index: FileIndex,
) -> dict[str, str]:
    """Return the query of each table and selected view over the files that were found."""
    logged = [each for each in found if each.table in LOGGED_TABLES]
    values = {
        "time_zone": literal(time_zone),
        "file_metadata": file_metadata_sql(logged),
        **values_of_lake(lake, selected.values()),
    }
    of_tables = {
        each.table: totals_sql(lake.storage, schemas, found, time_zone, index)
        if each.table == TOTALS
        else table_sql(schemas[each.table], each, index)
        for each in found
        if each.table in schemas
    }
    return of_tables | {name: Template(view.sql).substitute(values) for name, view in selected.items()}


def _write_database(
    new: Path, lake: Lake, statements: Sequence[_Statement], index: FileIndex, *, is_relative: bool
) -> dict[str, list[ViewColumn]]:
    """Write a new DuckDB file, and return the columns of its views."""
    with duckdb.connect(config=OFFLINE) as connection:
        lake.storage.let_read(connection, index.listed)
        if is_relative:
            look_for_files_in(connection, lake.root)
        # Programs with an older DuckDB can't open newer formats.
        connection.execute(f"ATTACH {literal(str(new))} AS trackdrive (STORAGE_VERSION 'v1.0.0')")
        connection.execute("USE trackdrive")
        # One transaction is three times as fast as one for each of some hundred statements.
        connection.begin()
        try:
            for _, statement in statements:
                connection.execute(statement)
        except duckdb.Error:
            # The first error ends the transaction. Without one, every view that fails reports its own error.
            with duckdb.connect(config=OFFLINE) as in_memory:
                lake.storage.let_read(in_memory, index.listed)
                if is_relative:
                    look_for_files_in(in_memory, lake.root)
                _create_views(in_memory, lake, statements)
            raise
        for statement in inherited_comments(connection):
            connection.execute(statement)
        columns_of = view_columns(connection)
        connection.commit()
        connection.execute("USE memory")
        connection.execute("DETACH trackdrive")
    return columns_of


def look_for_files_in(connection: duckdb.DuckDBPyConnection, root: str) -> None:
    """Let a connection find the files of a lake by relative paths, as `with_relative_paths` writes them."""
    connection.execute(f"SET file_search_path = {literal(root)}")


def _create_views(
    connection: duckdb.DuckDBPyConnection, lake: Lake, statements: Sequence[_Statement]
) -> None:
    """Create every view outside of a transaction.

    Raises:
        DamagedFileError: A view can't read a file.
        LakeError: Views failed for another reason. The message lists all of them.
    """
    failures: dict[str, str] = {}
    for name, statement in statements:
        if name not in failures:
            try:
                connection.execute(statement)
            except duckdb.Error as error:
                if damage := lake.damage_named_in(str(error)):
                    raise damage from error
                failures[name] = f"{name}: {error}"
    if failures:
        number = len({name for name, _ in statements})
        raise LakeError(
            f"{len(failures)} of {number} views over {lake.root} failed, and no file was changed.\n"
            + "\n".join(failures.values())
        )


def comment_on_view(name: str, text: str) -> str:
    """Return the statement that describes a view."""
    return f"COMMENT ON VIEW {identifier(name)} IS {literal(text)}"


def comment_on_column(view: str, column: str, text: str) -> str:
    """Return the statement that describes a column of a view."""
    return f"COMMENT ON COLUMN {identifier(view)}.{identifier(column)} IS {literal(text)}"


def view_columns(connection: duckdb.DuckDBPyConnection) -> dict[str, list[ViewColumn]]:
    """Return the columns of every view of the current schema, in order."""
    rows = connection.execute(
        "SELECT table_name, column_name, data_type, coalesce(comment, '') FROM duckdb_columns() "
        "WHERE NOT internal AND database_name = current_database() AND schema_name = current_schema() "
        "ORDER BY column_index"
    ).fetchall()
    columns: dict[str, list[ViewColumn]] = {}
    for view, *column in rows:
        columns.setdefault(view, []).append(ViewColumn(*column))
    return columns


def inherited_comments(connection: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """Return the statements that comment on every column of the query views.

    The description in the view's SQL comes first. Without one, a column inherits the comment of
    the columns with the same name in what the view reads. If those comments differ, the column has none.
    """
    comments = {
        view: {column.name: column.description for column in columns}
        for view, columns in view_columns(connection).items()
    }
    for name, view in views().items():
        described = view.column_descriptions
        for column in comments[name]:
            inherited = {comments.get(read, {}).get(column, "") for read in view.referenced_tables} - {""}
            text = described.get(column) or (inherited.pop() if len(inherited) == 1 else "")
            if text:
                comments[name][column] = text
                yield comment_on_column(name, column, text)
