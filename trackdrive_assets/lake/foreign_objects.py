"""What other people put into trackdrive.duckdb: it is kept in a copy before a build replaces the file."""

import logging
import shutil
from collections.abc import Collection
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import duckdb

from trackdrive_assets.lake.errors import translate_os_errors
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


def keep_foreign_objects(path: Path, own_views: Collection[str]) -> Path | None:
    """Copy a DuckDB file that has tables, views or macros of other people, and log the copy.

    Args:
        path: The file, which is about to be replaced. It may not exist, or be damaged.
        own_views: The names of our views. They are not kept, whatever their definitions are.

    Returns:
        The copy; None if the file has nothing to keep.
    """
    foreign = [name for name in _objects(path) if name not in {*own_views, *_STANDARD_SCHEMAS}]
    if not foreign:
        return None
    moment = f"{datetime.now(UTC):%Y-%m-%dT%H%M}"
    names = (f"{path.stem}.before-{moment}{f'-{n}' if n else ''}{path.suffix}" for n in count())
    copy = next(path.with_name(name) for name in names if not path.with_name(name).exists())
    with translate_os_errors("copy", path):
        for suffix in ("", ".wal"):
            source = path.with_name(path.name + suffix)
            if source.exists():
                shutil.copy2(source, copy.with_name(copy.name + suffix))
    _log.warning(
        "%s is built again and has only our views. What was added to it (%s) is in the copy %s. Put "
        "tables and views into a file of your own, which attaches this one.",
        path,
        ", ".join(foreign),
        copy,
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
