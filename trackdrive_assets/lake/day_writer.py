"""Writing one day of a table: batches in any order become one sorted Parquet file that replaces the old one.

A day is never complete in memory. Where the file is stored is in `layout`; `store.Lake` creates the writer.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from trackdrive_assets.lake.atomic import atomic_replace, directory_lock
from trackdrive_assets.lake.day_file import DayFile, FetchInfo
from trackdrive_assets.lake.errors import DamagedFileError, LakeError, translate_os_errors
from trackdrive_assets.lake.spool import Spool

_log = logging.getLogger(__name__)

BeforeCommit = Callable[[DayFile | None, DayFile], None]
"""A function that gets the current file, if there is one, and the new file before it replaces the current."""

# A row has about a kilobyte. A row group of this size takes about 30 MB of memory, and a usual day has one or
# two of them. Pages are far smaller, and a row group for each page would slow down every reader.
_ROW_GROUP = 32_768

# One day at a time: sorting and encoding it takes more memory than fetching it.
_SAVING = threading.Lock()


@dataclass(frozen=True)
class WriteResult:
    """The file that replaced a day: its path, row count and size.

    `api_count` is the number of rows that the API counts. None if the API does not count them.
    """

    path: Path
    rows: int
    bytes: int
    api_count: int | None = None


class DayWriter:
    """The writer of one day. `Lake.replace` creates and commits it.

    Attributes:
        rows: The number of rows that were written so far.
        api_count: The number of rows of the day that the API counts. The caller sets it.
    """

    def __init__(self, path: Path, staging: Path, schema: pa.Schema, sort_by: str | None) -> None:
        self.rows = 0
        self.api_count: int | None = None
        self._path = path
        self._new = staging / "day"
        self._schema = schema
        self._result: WriteResult | None = None
        with translate_os_errors("write", path):
            self._spool = Spool(staging / "spool", schema, sort_by)

    def write(self, batch: pa.RecordBatch) -> None:
        """Add rows.

        Raises:
            ValueError: The batch has another schema than the day, or a null in the column that sorts it.
            LakeError: The rows can't be written.
        """
        with translate_os_errors("write", self._path):
            self._spool.write(batch)
        self.rows += batch.num_rows

    @property
    def result(self) -> WriteResult:
        """The file that replaced the day. Before that, it is a `LakeError`."""
        if self._result is None:
            raise LakeError("The day is not written yet. Leave the block of `replace` first.")
        return self._result

    def commit(self, fetched_at: datetime, before_commit: BeforeCommit | None, *, is_patch: bool) -> None:
        """Replace the day's file by the rows that were written. `Lake.replace` describes the arguments."""
        with directory_lock(self._path.parent), _open_current(self._path) as current:
            fetch_info = self._fetch_info(current, fetched_at, is_patch=is_patch)
            self._save(fetch_info)
            with DayFile(self._new) as new:
                check_complete(new, self._schema, self.rows)
                if before_commit:
                    before_commit(current, new)
            size = self._new.stat().st_size
            atomic_replace(self._new, self._path)
        self._result = WriteResult(self._path, self.rows, size, fetch_info.api_count)

    def close(self) -> None:
        """Close the temporary file, and return Arrow's memory to the operating system."""
        self._spool.close()
        # Arrow keeps freed memory for later. After a large day that is as much as everything else.
        pa.default_memory_pool().release_unused()

    def _fetch_info(self, current: DayFile | None, fetched_at: datetime, *, is_patch: bool) -> FetchInfo:
        current_info = current.fetch_info if current else None
        if is_patch and current and current_info:
            return current_info.patched(fetched_at, added=self.rows - current.rows)
        return FetchInfo(fetched_at, fetched_at, self.api_count).successor_of(current_info)

    def _save(self, fetch_info: FetchInfo) -> None:
        with (
            _SAVING,
            translate_os_errors("write", self._path),
            pq.ParquetWriter(self._new, self._schema, compression="zstd") as parquet,
        ):
            for group in _row_groups(self._spool.sorted_tables()):
                parquet.write_table(group, row_group_size=_ROW_GROUP)
                pa.default_memory_pool().release_unused()
            parquet.add_key_value_metadata(fetch_info.to_metadata())


def check_complete(file: DayFile, schema: pa.Schema, rows: int) -> None:
    """Check that a new file has the schema and the number of rows that were written."""
    if file.rows != rows or not file.schema.equals(schema):
        raise LakeError(
            f"{file.path} should have {rows} rows and the schema of the table, but has {file.rows} rows. "
            "Check the disk, then run again."
        )


@contextmanager
def _open_current(path: Path) -> Iterator[DayFile | None]:
    """Open the file that is to be replaced. None if it does not exist or is damaged."""
    try:
        current = DayFile(path) if path.exists() else None
    except DamagedFileError as error:
        # A new fetch is how a damaged file is repaired, so the damage must not stop it.
        _log.warning("%s It is replaced now, without comparing.", error)
        current = None
    with current or nullcontext():
        yield current


def _row_groups(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Join small tables up to the size of a row group."""
    pending: list[pa.Table] = []
    rows = 0
    for table in tables:
        if pending and rows + table.num_rows > _ROW_GROUP:
            yield pa.concat_tables(pending)
            pending, rows = [], 0
        pending.append(table)
        rows += table.num_rows
    if pending:
        yield pa.concat_tables(pending)
