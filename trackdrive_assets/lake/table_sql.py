"""The SQL that reads the Parquet files of the lake: the rows of a table, and the metadata of all files."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from io import SEEK_END
from itertools import chain
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from trackdrive_assets.lake.errors import translate_os_errors
from trackdrive_assets.lake.layout import (
    ANY_DATE,
    LAYOUT,
    candidates,
    group_folders,
    group_of,
    is_day,
)

# The metadata is at the end of a file. To parse the whole footers of some thousand files takes a second.
_TAIL_BYTES = 16 * 1024

# The characters of a path that DuckDB reads as a pattern. The name of the lake's folder may contain them.
_GLOB = re.compile(r"[*?\[]")


def literal(text: str) -> str:
    """Return a text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """Return a name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True)
class GroupFiles:
    """The files of the days of a group, and the patterns by which DuckDB finds them.

    Attributes:
        table: The table of the group.
        group: The name of the group. None for a table without groups.
        files: The files that exist, in ascending order of their days.
        patterns: One pattern for all days, so that later days appear in a view that exists. If it matches
            anything else, or only some days are wanted, the patterns are the files.
    """

    table: str
    group: str | None
    files: Sequence[Path]
    patterns: Sequence[str]


def find_files(
    root: Path, tables: Iterable[str], days: Collection[date] | None = None
) -> Mapping[str, Sequence[GroupFiles]]:
    """Return the groups of each table that have files. `days` are the only days. The default is all."""
    return {
        table: [
            found
            for folder in group_folders(root, table)
            if (found := _group_files(folder, table, days)).files
        ]
        for table in tables
    }


def table_sql(table: str, schema: pa.Schema, groups: Sequence[GroupFiles]) -> str:
    """Return a query over the files of a table: its columns in order with their types, then the hive keys.

    A column that a file lacks is null.
    """
    types = _duckdb_types(schema) | {**dict.fromkeys(LAYOUT[table].keys, "VARCHAR"), "date": "DATE"}
    casts = {name: f"CAST({{}} AS {type_}) AS {identifier(name)}" for name, type_ in types.items()}
    empty = f"SELECT {', '.join(cast.format('NULL') for cast in casts.values())} WHERE false"
    if not groups:
        return empty
    options = "hive_partitioning = true, hive_types_autocast = false"
    if not _all_have(schema, chain.from_iterable(group.files for group in groups)):
        # With this option, DuckDB opens every file before it can plan even a query about one day.
        options += ", union_by_name = true"
    patterns = _sql_list(chain.from_iterable(group.patterns for group in groups))
    # A folder can appear later whose name is like a date but is none.
    rows = (
        "SELECT * REPLACE (TRY_CAST(date AS DATE) AS date) "  # noqa: S608  quoted
        f"FROM read_parquet({patterns}, {options}) WHERE TRY_CAST(date AS DATE) IS NOT NULL"
    )
    columns = ", ".join(cast.format(identifier(name)) for name, cast in casts.items())
    # The empty query adds the columns that no file has.
    return f"SELECT {columns} FROM ({rows} UNION ALL BY NAME {empty})"  # noqa: S608  quoted


def file_metadata_sql(groups: Iterable[GroupFiles]) -> str:
    """Return a query over the files of all tables: their key-value metadata and their row counts.

    Each group of each table has a SELECT of its own with its names as constants. So DuckDB opens only the
    files of the groups that a query selects.
    """
    selects = [
        "SELECT CAST(NULL AS VARCHAR) AS table_name, CAST(NULL AS VARCHAR) AS grouped_by, "
        "CAST(NULL AS VARCHAR) AS file_name, CAST(NULL AS VARCHAR) AS key, CAST(NULL AS VARCHAR) AS value, "
        "CAST(NULL AS BIGINT) AS num_rows WHERE false"
    ]
    for group in groups:
        name = "NULL" if group.group is None else literal(group.group)
        files = _sql_list(group.patterns)
        select = f"SELECT {literal(group.table)}, {name}, file_name"
        selects += [
            f"{select}, decode(key), decode(value), NULL FROM parquet_kv_metadata({files})",
            f"{select}, NULL, NULL, num_rows FROM parquet_file_metadata({files})",
        ]
    return " UNION ALL ".join(selects)


def _group_files(folder: Path, table: str, days: Collection[date] | None) -> GroupFiles:
    found = candidates(folder, table, days)
    files = [path for path in found if is_day(path)]
    is_exact = days is None and files == found
    pattern = f"{_escaped(folder)}/date={ANY_DATE}/{LAYOUT[table].file}"
    return GroupFiles(
        table, group_of(folder), files, [pattern] if is_exact else [_escaped(file) for file in files]
    )


def _escaped(path: Path) -> str:
    """Return a path as a pattern that matches only itself."""
    return _GLOB.sub(r"[\g<0>]", str(path))


def _sql_list(texts: Iterable[str]) -> str:
    return f"[{', '.join(map(literal, texts))}]"


@cache
def _duckdb_types(schema: pa.Schema) -> dict[str, str]:
    """Return the DuckDB type of each column of a schema."""
    with duckdb.connect() as connection:
        types = connection.from_arrow(schema.empty_table()).types
    return {name: str(type_) for name, type_ in zip(schema.names, types, strict=True)}


def _all_have(schema: pa.Schema, files: Iterable[Path]) -> bool:
    """Return whether every file has all columns of a schema. Older versions may have written others."""
    schema_metadata = _arrow_metadata(schema)
    return all(schema_metadata in _tail(file) or _has_columns(schema, file) for file in files)


def _arrow_metadata(schema: pa.Schema) -> bytes:
    """Return the bytes by which Arrow stores a schema in the metadata of a Parquet file."""
    buffer = pa.BufferOutputStream()
    pq.write_table(schema.empty_table(), buffer)
    return bytes(pq.read_metadata(pa.BufferReader(buffer.getvalue())).metadata[b"ARROW:schema"])


def _tail(file: Path) -> bytes:
    with translate_os_errors("read", file), file.open("rb", buffering=0) as opened:
        opened.seek(max(0, opened.seek(0, SEEK_END) - _TAIL_BYTES))
        return opened.read()


def _has_columns(schema: pa.Schema, file: Path) -> bool:
    """Return whether one file has all columns of a schema, whichever program wrote it."""
    try:
        found = pq.read_schema(file)
    except pa.ArrowInvalid:
        return False  # DuckDB opens the file later, and reports what is wrong with it.
    return all(field.name in found.names and found.field(field.name).type == field.type for field in schema)
