"""What other people put into trackdrive.duckdb: it is kept in a copy before a build replaces the file."""

import logging
from collections.abc import Collection
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import duckdb

from trackdrive_assets.lake.storage import Snapshot, Storage
from trackdrive_assets.lake.table_sql import literal

_OBJECTS = """
    SELECT table_name FROM duckdb_tables() WHERE database_name = 'old' AND NOT internal
    UNION SELECT view_name FROM duckdb_views() WHERE database_name = 'old' AND NOT internal
    UNION SELECT function_name FROM duckdb_functions() WHERE database_name = 'old' AND NOT internal
    UNION SELECT sequence_name FROM duckdb_sequences() WHERE database_name = 'old'
    UNION SELECT type_name FROM duckdb_types() WHERE database_name = 'old' AND NOT internal
    UNION SELECT schema_name FROM duckdb_schemas() WHERE database_name = 'old' AND NOT internal
    ORDER BY ALL
"""
_STANDARD_SCHEMAS = {"main", "information_schema", "pg_catalog"}

_log = logging.getLogger(__name__)


def keep_foreign_objects(
    storage: Storage, key: str, current: Snapshot | None, own_views: Collection[str]
) -> str | None:
    """Copy a DuckDB file that has tables, views or macros of other people, and log the copy.

    Args:
        storage: The storage of the lake.
        key: The key of the file, which is about to be replaced.
        current: The file. It may not exist, or be damaged.
        own_views: The names of our views. They are not kept, whatever their definitions are.

    Returns:
        The key of the copy; None if the file has nothing to keep.
    """
    found = _objects(current.path) if current else []
    foreign = [name for name in found if name not in {*own_views, *_STANDARD_SCHEMAS}]
    if not foreign:
        return None
    moment = f"{datetime.now(UTC):%Y-%m-%dT%H%M}"
    stem, suffix = key.rsplit(".", 1)
    names = (f"{stem}.before-{moment}{f'-{n}' if n else ''}.{suffix}" for n in count())
    copy = next(name for name in names if not storage.find_keys([name]))
    for end in ("", ".wal"):
        if storage.find_keys([key + end]):
            storage.copy(key + end, copy + end)
    _log.warning(
        "%s is built again and has only our views. What was added to it (%s) is in the copy %s. Put "
        "tables and views into a file of your own, which attaches this one.",
        storage.url(key),
        ", ".join(foreign),
        storage.url(copy),
    )
    return copy


def _objects(path: Path) -> list[str]:
    """Return the names of everything in a DuckDB file. Nothing can be kept of a damaged one."""
    if not path.is_file():
        return []
    try:
        with duckdb.connect() as connection:
            connection.execute(f"ATTACH {literal(str(path))} AS old (READ_ONLY)")
            return [str(name) for (name,) in connection.execute(_OBJECTS).fetchall()]
    except duckdb.Error:
        return []
