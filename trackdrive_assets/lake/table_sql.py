"""The SQL that reads the Parquet files of the lake: the rows of a table, and the metadata of all files."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache

import duckdb
import pyarrow as pa

from trackdrive_assets.lake.day_parts import ROWS_KEY
from trackdrive_assets.lake.file_index import FileIndex
from trackdrive_assets.lake.layout import LAYOUT, candidates, days_pattern, is_day
from trackdrive_assets.lake.storage import ListedFile, Storage

# The characters of a path that DuckDB reads as a pattern. The name of the lake's folder may contain them.
_GLOB = re.compile(r"[*?\[]")


def literal(text: str) -> str:
    """Return a text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """Return a name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True)
class TableFiles:
    """The files of the days of a table, and the patterns by which DuckDB finds them.

    Attributes:
        table: The name of the table.
        files: The files that exist, in ascending order of their days.
        patterns: One pattern for all days, so that later days appear in a view that exists. If it matches
            anything else, or only some days are wanted, the patterns are the files.
    """

    table: str
    files: Sequence[ListedFile]
    patterns: Sequence[str]


def find_files(
    storage: Storage, tables: Iterable[str], days: Collection[date] | None = None
) -> list[TableFiles]:
    """Return the files of each table. `days` are the only days. The default is all."""
    return [_table_files(storage, table, days) for table in tables]


def table_sql(schema: pa.Schema, found: TableFiles, index: FileIndex) -> str:
    """Return a query over the files of a table: its columns in order with their types, then the date.

    A column that a file lacks is null.

    Args:
        schema: The schema of the table.
        found: The files of the table.
        index: The entries of the files.
    """
    types = _duckdb_types(schema) | {"date": "DATE"}
    casts = {name: f"CAST({{}} AS {type_}) AS {identifier(name)}" for name, type_ in types.items()}
    empty = f"SELECT {', '.join(cast.format('NULL') for cast in casts.values())} WHERE false"
    if not found.files:
        return empty
    options = "hive_partitioning = true, hive_types_autocast = false"
    if not all(entry.has_all_columns for entry in index.entries(schema, found.files).values()):
        # With this option, DuckDB opens every file before it can plan even a query about one day.
        options += ", union_by_name = true"
    # A folder can appear later whose name is like a date but is none.
    rows = (
        "SELECT * REPLACE (TRY_CAST(date AS DATE) AS date) "  # noqa: S608  quoted
        f"FROM read_parquet({_sql_list(found.patterns)}, {options}) WHERE TRY_CAST(date AS DATE) IS NOT NULL"
    )
    columns = ", ".join(cast.format(identifier(name)) for name, cast in casts.items())
    # The empty query adds the columns that no file has.
    return f"SELECT {columns} FROM ({rows} UNION ALL BY NAME {empty})"  # noqa: S608  quoted


def with_relative_paths(root: str, sql: str) -> str:
    """Return SQL that reads the files of a folder by paths that begin at the folder.

    DuckDB looks for them in its `file_search_path`, which is by default the current folder of the program.
    """
    return sql.replace(literal(f"{_escaped(root)}/").removesuffix("'"), "'")


def file_metadata_sql(found: Iterable[TableFiles]) -> str:
    """Return a query over the files of all tables: their key-value metadata and their row counts.

    Each table has SELECTs of its own with its name as a constant. So DuckDB opens only the files of the
    tables that a query selects.
    """
    selects = [
        "SELECT CAST(NULL AS VARCHAR) AS table_name, CAST(NULL AS VARCHAR) AS part, "
        "CAST(NULL AS VARCHAR) AS file_name, CAST(NULL AS VARCHAR) AS key, CAST(NULL AS VARCHAR) AS value, "
        "CAST(NULL AS BIGINT) AS num_rows WHERE false"
    ]
    for each in found:
        if each.files:
            selects += _metadata_selects(each)
    return " UNION ALL ".join(selects)


def _metadata_selects(found: TableFiles) -> list[str]:
    name, files = literal(found.table), _sql_list(found.patterns)
    key_values = f"parquet_kv_metadata({files})"
    pairs = f"(SELECT file_name, decode(key) AS key, decode(value) AS value FROM {key_values})"  # noqa: S608
    if LAYOUT[found.table].part_column is None:
        counts = f"parquet_file_metadata({files})"
        return [
            f"SELECT {name}, NULL, file_name, key, value, NULL FROM {pairs}",  # noqa: S608  quoted
            f"SELECT {name}, NULL, file_name, NULL, NULL, num_rows FROM {counts}",  # noqa: S608  quoted
        ]
    # The name of a part comes after the first slash of a key, and can have slashes too.
    part = "substr(key, instr(key, '/') + 1)"
    rows = f"CASE WHEN starts_with(key, {literal(ROWS_KEY)}) THEN CAST(value AS BIGINT) END"
    return [
        f"SELECT {name}, {part}, file_name, split_part(key, '/', 1), value, {rows} "  # noqa: S608  quoted
        f"FROM {pairs} WHERE key LIKE 'trackdrive.%/%'"
    ]


def _table_files(storage: Storage, table: str, days: Collection[date] | None) -> TableFiles:
    found = candidates(storage, table, days)
    files = [file for file in found if is_day(file)]
    is_exact = days is None and files == found
    root = f"{_escaped(storage.root)}/"
    keys = [days_pattern(table)] if is_exact else [_escaped(file.key) for file in files]
    return TableFiles(table, files, [root + key for key in keys])


def _escaped(path: str) -> str:
    """Return a path as a pattern that matches only itself."""
    return _GLOB.sub(r"[\g<0>]", path)


def _sql_list(texts: Iterable[str]) -> str:
    return f"[{', '.join(map(literal, texts))}]"


@cache
def _duckdb_types(schema: pa.Schema) -> dict[str, str]:
    """Return the DuckDB type of each column of a schema."""
    with duckdb.connect() as connection:
        types = connection.from_arrow(schema.empty_table()).types
    return {name: str(type_) for name, type_ in zip(schema.names, types, strict=True)}
