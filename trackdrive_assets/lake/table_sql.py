"""The SQL that reads the Parquet files of the lake: the rows of a table, and the metadata of all files."""

import re
from collections.abc import Collection, Iterable
from datetime import date
from functools import cache
from io import SEEK_END
from itertools import chain
from pathlib import Path
from urllib.parse import unquote

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from trackdrive_assets.lake.errors import translate_os_errors
from trackdrive_assets.lake.layout import LAYOUT, day_pattern

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


def table_sql(root: Path, table: str, schema: pa.Schema, days: Collection[date | str]) -> str:
    """Return a query over the files of a table: its columns in order with their types, then the hive keys.

    A column that a file lacks is null. `days` are dates, or `ANY_DAY`.
    """
    hive = {**dict.fromkeys(LAYOUT[table].keys, "VARCHAR"), "date": "DATE"}
    types = _duckdb_types(schema) | hive
    casts = {name: f"CAST({{}} AS {type_}) AS {identifier(name)}" for name, type_ in types.items()}
    empty = f"SELECT {', '.join(cast.format('NULL') for cast in casts.values())} WHERE false"
    folder = root / table
    files = {pattern: list(folder.glob(pattern)) for pattern in (day_pattern(table, day) for day in days)}
    patterns = [pattern for pattern, found in files.items() if found]
    if not patterns:
        return empty
    hive_types = ", ".join(f"{literal(key)}: {type_}" for key, type_ in hive.items())
    options = f"hive_partitioning = true, hive_types = {{{hive_types}}}"
    if not _all_have(schema, chain.from_iterable(files.values())):
        # With this option, DuckDB opens every file before it can plan even a query about one day.
        options += ", union_by_name = true"
    rows = f"SELECT * FROM read_parquet({_file_list(folder, patterns)}, {options})"  # noqa: S608  quoted
    columns = ", ".join(cast.format(identifier(name)) for name, cast in casts.items())
    # The empty query adds the columns that no file has.
    return f"SELECT {columns} FROM ({rows} UNION ALL BY NAME {empty})"  # noqa: S608  quoted


def file_metadata_sql(root: Path, days: Collection[date | str]) -> str:
    """Return a query over the files of all tables: their key-value metadata and their row counts.

    Each group of each table has a SELECT of its own with its names as constants. So DuckDB opens only the
    files of the groups that a query selects.
    """
    selects = [
        "SELECT CAST(NULL AS VARCHAR) AS table_name, CAST(NULL AS VARCHAR) AS grouped_by, "
        "CAST(NULL AS VARCHAR) AS file_name, CAST(NULL AS VARCHAR) AS key, CAST(NULL AS VARCHAR) AS value, "
        "CAST(NULL AS BIGINT) AS num_rows WHERE false"
    ]
    for table, layout in LAYOUT.items():
        groups: dict[Path, list[str]] = {}
        for day in days:
            for folder in sorted({f.parent.parent for f in (root / table).glob(day_pattern(table, day))}):
                groups.setdefault(folder, []).append(f"date={day}/{layout.file}")
        for folder, patterns in groups.items():
            group = literal(unquote(folder.name.partition("=")[2])) if layout.keys else "NULL"
            files = _file_list(folder, patterns)
            select = f"SELECT {literal(table)}, {group}, file_name"
            selects += [
                f"{select}, decode(key), decode(value), NULL FROM parquet_kv_metadata({files})",
                f"{select}, NULL, NULL, num_rows FROM parquet_file_metadata({files})",
            ]
    return " UNION ALL ".join(selects)


def _file_list(folder: Path, patterns: Iterable[str]) -> str:
    """Return an SQL list of patterns below a folder whose own name is not a pattern."""
    escaped = _GLOB.sub(r"[\g<0>]", str(folder))
    return f"[{', '.join(literal(f'{escaped}/{pattern}') for pattern in patterns)}]"


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
