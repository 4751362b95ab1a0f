"""Writing one day of a table: batches in any order become one sorted Parquet file that replaces the old one.

A day is never complete in memory. Where the file is stored is in `layout`; `store.Lake` creates the writer.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from trackdrive_assets.lake.day_file import DayFile, FetchInfo
from trackdrive_assets.lake.errors import DamagedFileError, LakeError, translate_os_errors
from trackdrive_assets.lake.identity import LakeClaim, LakeIdentity, is_same_account
from trackdrive_assets.lake.spool import Spool
from trackdrive_assets.lake.storage import MISSING, Storage

_log = logging.getLogger(__name__)

# A row has about a kilobyte. A row group of this size takes about 25 MB of memory, and a usual day has one or
# two of them. Pages are far smaller, and a row group for each page would slow down every reader.
_ROW_GROUP = 24_576

# The first rows of a day show which columns repeat their values.
_SAMPLE = 1_000
_MOST_DISTINCT = 0.9

FIRST_ROWS = 5
"""The number of rows of a day that a `WriteResult` has, for a preview."""

# One day at a time: sorting and encoding it takes more memory than fetching it.
_SAVING = threading.Lock()


@dataclass(frozen=True)
class WriteResult:
    """The file of a day after a write.

    Attributes:
        url: The path or URL of the file.
        rows: The number of rows.
        bytes: The size of the file.
        first_rows: Its first rows, or those of the part that was written.
        api_count: The number of rows that the API counts; None if the API does not count them.
        is_superseded: Whether the file is that of a later fetch, so that the result of this one was dropped.
    """

    url: str
    rows: int
    bytes: int
    first_rows: pa.Table
    api_count: int | None = None
    is_superseded: bool = False


class DayWriter:
    """The writer of one day. `Lake.stage` creates it.

    Rows are written without a lock. Then `locked` gives the current file, and `save` and `commit` replace it,
    or `keep` leaves it.

    Attributes:
        fetched_at: The start of the fetch.
        rows: The number of rows that were written so far.
        api_count: The number of rows of the day that the API counts. The caller sets it.
    """

    def __init__(
        self,
        storage: Storage,
        key: str,
        staging: Path,
        schema: pa.Schema,
        *,
        sort_by: str | None,
        fetched_at: datetime,
        claim: LakeClaim,
    ) -> None:
        self.fetched_at = fetched_at
        self.rows = 0
        self.api_count: int | None = None
        self._storage = storage
        self._key = key
        self._url = storage.url(key)
        # Without `locked`, whatever is there is replaced.
        self._seen: str | None = None
        self._new = staging / "day"
        self._schema = schema
        self._claim = claim
        self._first_rows = schema.empty_table()
        self._result: WriteResult | None = None
        with translate_os_errors("write", self._url):
            self._spool = Spool(staging / "spool", schema, sort_by)

    def write(self, batch: pa.RecordBatch) -> None:
        """Add rows.

        Raises:
            ValueError: The batch has another schema than the day, or a null in the column that sorts it.
            LakeError: The rows can't be written.
        """
        with translate_os_errors("write", self._url):
            self._spool.write(batch)
        self.rows += batch.num_rows

    @contextmanager
    def locked(self) -> Iterator[DayFile | None]:
        """Hold the lock of the day during the block. Every other writer of the day waits.

        On an object store no writer waits. There `commit` replaces only the file that this returns.

        Returns:
            The current file; None if it does not exist, is damaged, or is a day of another time zone.
        """
        with (
            self._storage.lock(self._key),
            open_current(self._storage, self._key, self._claim.identity) as (current, self._seen),
        ):
            yield current

    @contextmanager
    def save(
        self,
        current: DayFile | None,
        fetch_info: FetchInfo | None = None,
        on_rows: Callable[[pa.Table], None] | None = None,
    ) -> Iterator[DayFile]:
        """Write the new file next to the current one, and open it. Only the holder of the lock may do so.

        Args:
            current: The current file.
            fetch_info: The fetch of the day. The default is this fetch, as the successor of the current one.
            on_rows: A function that is called with all rows, some thousand at a time.
        """
        earlier = current.fetch_info if current else None
        now = datetime.now(UTC)
        warn_of_wrong_clock(self._url, earlier, now)
        this_fetch = FetchInfo(self.fetched_at, self.fetched_at, self.api_count)
        self._save(fetch_info or this_fetch.successor_of(earlier, now), on_rows)
        with DayFile(self._new) as new:
            check_complete(new, self._schema, self.rows)
            yield new

    def commit(self) -> None:
        """Replace the current file by the saved one, if the lake still is that of this writer.

        Raises:
            ChangedMeanwhileError: Another program replaced the file after `locked` read it.
        """
        self._claim.confirm()
        with DayFile(self._new, self._url) as new:
            rows, size, info = new.rows, new.bytes, new.fetch_info
        self._storage.replace(self._key, self._new, self._seen)
        api_count = info.api_count if info else None
        self._result = WriteResult(self._url, rows, size, self._first_rows, api_count)

    def keep(self, current: DayFile) -> None:
        """Leave the current file, because it was fetched later. The rows of this writer are dropped."""
        warn_of_later_fetch(self._url, self.fetched_at)
        self._result = result_of(current, is_superseded=True)

    @property
    def result(self) -> WriteResult:
        """The file of the day after `commit` or `keep`. Before that, it is a `LakeError`."""
        if self._result is None:
            raise LakeError("The day is not written yet. Leave the block of `replace` first.")
        return self._result

    def close(self) -> None:
        """Close the temporary file, and return Arrow's memory to the operating system."""
        self._spool.close()
        # Arrow keeps freed memory for later. After a large day that is as much as everything else.
        pa.default_memory_pool().release_unused()

    def _save(self, fetch_info: FetchInfo, on_rows: Callable[[pa.Table], None] | None) -> None:
        with _SAVING, translate_os_errors("write", self._url):
            groups = _row_groups(self._spool.sorted_tables())
            group = next(groups, None)
            dictionaries = True if group is None else repeating_columns(group)
            if group is not None:
                # A slice would keep the whole group in memory.
                self._first_rows = group.take(list(range(min(FIRST_ROWS, group.num_rows))))
            with pq.ParquetWriter(
                self._new, self._schema, compression="zstd", use_dictionary=dictionaries
            ) as parquet:
                while group is not None:
                    parquet.write_table(group, row_group_size=_ROW_GROUP)
                    if on_rows:
                        on_rows(group)
                    pa.default_memory_pool().release_unused()
                    group = next(groups, None)
                parquet.add_key_value_metadata(fetch_info.to_metadata() | self._claim.identity.to_metadata())


def warn_of_wrong_clock(url: str, earlier: FetchInfo | None, now: datetime) -> None:
    """Log that the time of an earlier fetch is ignored, if it is in the future."""
    if earlier and earlier.is_in_future(now):
        _log.warning(
            "%s was fetched at %s, by its own metadata. Now it is %s, so a clock was wrong. The time of "
            "that fetch is ignored.",
            url,
            f"{earlier.updated_at:%Y-%m-%d %H:%M:%S %Z}",
            f"{now:%Y-%m-%d %H:%M:%S %Z}",
        )


def warn_of_later_fetch(url: str, fetched_at: datetime) -> None:
    """Log that what was fetched is dropped, because a later fetch is stored already."""
    _log.warning(
        "%s was fetched by another run meanwhile. The result of this older fetch, which began at %s, is "
        "dropped.",
        url,
        f"{fetched_at:%Y-%m-%d %H:%M:%S %Z}",
    )


def result_of(file: DayFile, *, is_superseded: bool = False) -> WriteResult:
    """Return what an existing file of a day contains."""
    api_count = file.fetch_info.api_count if file.fetch_info else None
    return WriteResult(file.url, file.rows, file.bytes, file.first_rows(FIRST_ROWS), api_count, is_superseded)


def check_complete(file: DayFile, schema: pa.Schema, rows: int) -> None:
    """Check that a new file has the schema and the number of rows that were written."""
    if file.rows != rows or not file.schema.equals(schema):
        raise LakeError(
            f"{file.url} should have {rows} rows and the schema of the table, but has {file.rows} rows. "
            "Check the disk, then run again."
        )


@contextmanager
def open_current(storage: Storage, key: str, identity: LakeIdentity) -> Iterator[tuple[DayFile | None, str]]:
    """Open the file that is to be replaced. None if it does not exist, is damaged, or is of another zone.

    A day of another time zone has other calls, so nothing can be compared.

    Returns:
        The file, and its version, for its replacement.
    """
    with storage.open(key) as snapshot, ExitStack() as opened:
        current = None
        try:
            if snapshot:
                current = opened.enter_context(DayFile(snapshot.path, storage.url(key)))
        except DamagedFileError as error:
            # A new fetch is how a damaged file is repaired, so the damage must not stop it.
            _log.warning("%s It is replaced now, without comparing.", error)
        is_comparable = current is not None and _is_comparable(current.identity, identity)
        yield current if is_comparable else None, snapshot.version if snapshot else MISSING


def _is_comparable(current: LakeIdentity | None, new: LakeIdentity) -> bool:
    """Return whether a day has the same calls as the new one. A file of another program is taken as such."""
    return current is None or (
        is_same_account(current.account, new.account) and current.time_zone == new.time_zone
    )


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


def repeating_columns(rows: pa.Table) -> list[str] | bool:
    """Return the Parquet columns that get a dictionary: those whose values repeat.

    A dictionary of unique values makes a file larger, and its writing slower.

    Args:
        rows: The first rows of a day. If they are few, all columns get a dictionary.
    """
    if rows.num_rows < _SAMPLE:
        return True
    sample = rows.slice(0, _SAMPLE)
    columns = zip(sample.schema, sample.columns, strict=True)
    return [leaf for field, values in columns if _is_repeating(values) for leaf in _leaves(field)]


def _is_repeating(values: pa.ChunkedArray[Any]) -> bool:
    if pa.types.is_nested(values.type):
        return True
    distinct: int = pc.count_distinct(values).as_py()
    present: int = len(values) - values.null_count
    return distinct <= _MOST_DISTINCT * present


def _leaves(field: pa.Field[Any]) -> list[str]:
    """Return the names of a column in Parquet, where a map is two columns."""
    is_map = pa.types.is_map(field.type)
    return [f"{field.name}.key_value.{part}" for part in ("key", "value")] if is_map else [field.name]
