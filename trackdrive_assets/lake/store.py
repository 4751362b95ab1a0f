"""Where a day of a table lies, how it is replaced, and how it is read back.

A day is one Parquet file. It is written page by page, in order, without ever being whole in memory, and takes
the old one's place only when it is complete. The DuckDB file over the days is in `duckdb`.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from trackdrive_assets.lake.atomic import (
    LakeError,
    atomic_replace,
    directory_lock,
    staging_dir,
    translate_os_errors,
)
from trackdrive_assets.lake.day_file import DamagedFileError, DayFile, FetchInfo, translate_read_errors

__all__ = ["LAYOUT", "Lake", "LakeError", "Layout", "WriteResult"]

_log = logging.getLogger(__name__)

BeforeCommit = Callable[[DayFile | None, DayFile], None]
"""What is done with the old file, where there is one, and the new one, before they change places."""


@dataclass(frozen=True)
class Layout:
    """How a table lies on disk: `<table>/<key>=<value>/date=2024-06-19/<file>`.

    Attributes:
        file: Name of a day's file.
        keys: Hive keys of the folders above the day's.
    """

    file: str
    keys: tuple[str, ...] = ()


LAYOUT = {
    "calls": Layout("calls.parquet"),
    "reports": Layout("report.parquet", keys=("category",)),
    "stats": Layout("stats.parquet", keys=("group_by",)),
    "call_changes": Layout("changes.parquet"),
}

# A row is about a kilobyte, so a group of this many is some 30 MB in memory, and a usual day is one or two.
# Pages are far smaller: a row group for each of them would cost every reader.
_ROW_GROUP = 32_768


@dataclass(frozen=True)
class WriteResult:
    """What replaced a day.

    Attributes:
        path: The day's file.
        rows: How many rows it holds.
        bytes: Its size.
        api_count: How many rows the API counts; None when it does not count.
    """

    path: Path
    rows: int
    bytes: int
    api_count: int | None = None


@dataclass(frozen=True)
class Span:
    """From the least to the greatest value of the sorting column in one batch."""

    least: Any
    greatest: Any


def overlapping(spans: Sequence[Span]) -> list[list[int]]:
    """Group the positions of spans that overlap, in ascending order.

    Every value of a group is at most every value of the next, so sorting each group by itself sorts all.
    Spans that only touch stay apart.
    """
    groups: list[list[int]] = []
    reached: Any = None
    for position in sorted(range(len(spans)), key=lambda p: (spans[p].least, spans[p].greatest)):
        span = spans[position]
        if groups and span.least < reached:
            groups[-1].append(position)
            reached = max(reached, span.greatest)
        else:
            groups.append([position])
            reached = span.greatest
    return groups


class DayWriter:
    """Takes the batches of one day in any order. Made by `Lake.replace`.

    Attributes:
        rows: How many rows were written so far.
        api_count: For the caller to set: how many rows of the day the API counts.
    """

    def __init__(self, place: Path, spool: Path, schema: pa.Schema, sort_by: str | None) -> None:
        self.rows = 0
        self.api_count: int | None = None
        self._written: WriteResult | None = None
        self._place = place
        self._spool = spool
        self._schema = schema
        self._sort_by = sort_by
        self._spans: list[Span] = []
        self._sink = pa.OSFile(str(spool), "wb")
        self._batches = pa.ipc.new_file(self._sink, schema, options=pa.ipc.IpcWriteOptions(compression="lz4"))

    def write(self, batch: pa.RecordBatch) -> None:
        """Add rows.

        Raises:
            ValueError: The batch has another schema than the day, or a null in the column that sorts it.
            LakeError: The file system refuses.
        """
        if not batch.schema.equals(self._schema):
            raise ValueError(
                f"This batch has columns {batch.schema.names}, the day has {self._schema.names}."
            )
        if batch.num_rows == 0:
            return
        if self._sort_by is not None:
            values = batch.column(self._sort_by)
            if values.null_count:
                raise ValueError(
                    f"A day is sorted by {self._sort_by}, and {values.null_count} rows have none."
                )
            bounds = pc.min_max(values)
            self._spans.append(Span(bounds["min"].as_py(), bounds["max"].as_py()))
        with translate_os_errors("write", self._place):
            self._batches.write_batch(batch)
        self.rows += batch.num_rows

    @property
    def written(self) -> WriteResult:
        """What replaced the day.

        Raises:
            LakeError: The block has not ended, or has ended badly.
        """
        if self._written is None:
            raise LakeError("The day is not written yet: leave the block of `replace` first.")
        return self._written

    def close(self) -> None:
        """Let go of the file, whatever is in it."""
        self._sink.close()

    def _store(self, file: Path, fetch_info: FetchInfo) -> None:
        """Write everything, in order, as Parquet."""
        self._batches.close()
        self._sink.close()
        pa.default_memory_pool().release_unused()
        # Read, not mapped: mapped pages would count as this process's memory until the day is whole in it.
        with (
            pa.OSFile(str(self._spool), "rb") as source,
            pq.ParquetWriter(file, self._schema, compression="zstd") as parquet,
        ):
            for group in _row_groups(self._ascending(pa.ipc.open_file(source))):
                parquet.write_table(group, row_group_size=_ROW_GROUP)
                pa.default_memory_pool().release_unused()
            parquet.add_key_value_metadata(fetch_info.to_metadata())

    def _ascending(self, spool: pa.RecordBatchFileReader) -> Iterator[pa.Table]:
        """The spooled batches in order, as few at a time as their spans allow."""
        if self._sort_by is None:
            yield from (pa.Table.from_batches([spool.get_batch(n)]) for n in range(spool.num_record_batches))
            return
        for group in overlapping(self._spans):
            yield pa.Table.from_batches([spool.get_batch(n) for n in group]).sort_by(self._sort_by)


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


class Lake:
    """The folder of Parquet files.

    Args:
        root: The folder; made when a day is first written.

    Raises:
        LakeError: `root` is the URL of an object store, or can't be told from a partition.
    """

    def __init__(self, root: str | Path) -> None:
        if "://" in str(root):
            raise LakeError(
                f"TRACKDRIVE_LAKE is {str(root)!r}. Object stores aren't supported yet: set it to a folder."
            )
        self.root = Path(root).expanduser().absolute()
        if "?" in str(self.root):
            raise LakeError(
                f"TRACKDRIVE_LAKE is {str(root)!r}. DuckDB writes no file under a folder with a ? in its "
                "name, so choose another."
            )
        # DuckDB reads hive keys anywhere in a path, and would take this one for the partition's.
        keys = {"date", *(key for layout in LAYOUT.values() for key in layout.keys)}
        if taken := [part for part in self.root.parts if part.partition("=")[0] in keys and "=" in part]:
            raise LakeError(
                f"TRACKDRIVE_LAKE is {self.root}. Choose a folder without {taken[0]!r} in its path."
            )

    def file(self, table: str, day: date, **hive: str) -> Path:
        """Where a day of a table lies, whether or not it does yet.

        Args:
            table: A name in `LAYOUT`.
            day: The partition's day.
            **hive: The table's other hive keys, such as `category="buyer_id"`.
        """
        return self._folder(table, hive) / f"date={day.isoformat()}" / LAYOUT[table].file

    def days(self, table: str, **hive: str) -> list[date]:
        """The days that have a file, ascending."""
        files = self._folder(table, hive).glob(f"date=????-??-??/{LAYOUT[table].file}")
        return sorted(date.fromisoformat(file.parent.name.removeprefix("date=")) for file in files)

    @contextmanager
    def replace(
        self,
        table: str,
        schema: pa.Schema,
        day: date,
        *,
        sort_by: str | None = None,
        fetched_at: datetime | None = None,
        before_commit: BeforeCommit | None = None,
        is_patch: bool = False,
        **hive: str,
    ) -> Iterator[DayWriter]:
        """Replace a day as a whole when the block ends well; change nothing when it doesn't.

        Args:
            table: A name in `LAYOUT`.
            schema: Of every batch and of the file.
            day: The partition's day.
            sort_by: The column that the file ascends by; None keeps the order of writing.
            fetched_at: When the reading of the API began; by default, now.
            is_patch: Whether only single rows were read, and the others are those that stood there. Then the
                day's own reading stays as it is noted.
            before_commit: Called with both files when the new one is complete. No other writer replaces the
                day between this and the swap. If it raises, nothing is replaced.
            **hive: The table's other hive keys.

        Raises:
            LakeError: The file system refuses. The old day is intact.
        """
        place = self.file(table, day, **hive)
        began = fetched_at or datetime.now(UTC)
        with staging_dir(place) as folder:
            with translate_os_errors("write", place):
                writer = DayWriter(place, folder / "spool", schema, sort_by)
            try:
                yield writer
                new = folder / "day"
                with directory_lock(place.parent), _opened(place) as old:
                    standing = old.fetch_info if old else None
                    noted = FetchInfo(began, began, writer.api_count).successor_of(standing)
                    if is_patch and old and standing:
                        noted = standing.patched(began, added=writer.rows - old.rows)
                    with translate_os_errors("write", place):
                        writer._store(new, noted)  # noqa: SLF001  only the lake may end a day
                        size = new.stat().st_size
                    with DayFile(new) as complete:
                        _check(complete, schema, writer.rows)
                        if before_commit:
                            before_commit(old, complete)
                    atomic_replace(new, place)
                writer._written = WriteResult(  # noqa: SLF001  as above
                    place, writer.rows, size, noted.api_count
                )
            finally:
                writer.close()
                # Arrow keeps what it has used for later. After a large day that is as much as all the rest.
                pa.default_memory_pool().release_unused()

    def read(
        self,
        table: str,
        schema: pa.Schema,
        days: Sequence[date],
        columns: Sequence[str] | None = None,
        **hive: str,
    ) -> pa.Table:
        """Read days in the order given.

        Args:
            table: A name in `LAYOUT`.
            schema: What to return; a column that an older file lacks is null.
            days: Partitions.
            columns: Names out of `schema`; all by default.
            **hive: The table's other hive keys.

        Raises:
            LakeError: A day has no file, or can't be read.
        """
        files = {day: self.file(table, day, **hive) for day in days}
        if missing := [day.isoformat() for day, file in files.items() if not file.exists()]:
            name = "/".join([table, *hive.values()])
            shown = ", ".join(missing[:_DAYS_SHOWN]) + (" …" if len(missing) > _DAYS_SHOWN else "")
            raise LakeError(
                f"{name} has no file for {len(missing)} of the days asked for: {shown}. Materialize these "
                f"partitions of the asset {name} first (lake: {self.root})."
            )
        wanted = schema if columns is None else pa.schema([schema.field(name) for name in columns])
        return pa.concat_tables([wanted.empty_table(), *(_read(file, wanted) for file in files.values())])

    def batches(self, table: str, schema: pa.Schema, day: date, **hive: str) -> Iterator[pa.RecordBatch]:
        """Read a day piece by piece, as `read` does it whole.

        Raises:
            LakeError: The day can't be read.
        """
        file = self.file(table, day, **hive)
        with translate_read_errors(file), pq.ParquetFile(file) as parquet:
            for batch in parquet.iter_batches(columns=_present(parquet, schema)):
                yield from _conformed(pa.Table.from_batches([batch]), schema).to_batches()

    def _folder(self, table: str, hive: dict[str, str]) -> Path:
        if table not in LAYOUT:
            raise ValueError(f"The lake has no table {table!r}; it has {', '.join(LAYOUT)}.")
        keys = LAYOUT[table].keys
        if set(hive) != set(keys):
            raise ValueError(f"{table} is told apart by {keys or 'its days alone'}, not by {tuple(hive)}.")
        # Whoever names a category may put a slash in it.
        return self.root.joinpath(table, *(f"{key}={quote(hive[key], safe='')}" for key in keys))


_DAYS_SHOWN = 5


@contextmanager
def _opened(place: Path) -> Iterator[DayFile | None]:
    """The file, where there is one that can be read."""
    try:
        found = DayFile(place) if place.exists() else None
    except DamagedFileError as error:
        # Fetching the day again is how a damaged file is mended, so it must not stand in the way.
        _log.warning("%s It is replaced now, without comparing.", error)
        found = None
    with found or nullcontext():
        yield found


def _check(file: DayFile, schema: pa.Schema, rows: int) -> None:
    """See that what was written is what was meant."""
    if file.rows != rows or not file.schema.equals(schema):
        raise LakeError(f"{file.path} should hold {rows} rows and holds {file.rows}. Run again.")


def _read(file: Path, wanted: pa.Schema) -> pa.Table:
    with translate_read_errors(file), pq.ParquetFile(file) as parquet:
        return _conformed(parquet.read(columns=_present(parquet, wanted)), wanted)


def _present(parquet: pq.ParquetFile, wanted: pa.Schema) -> list[str]:
    return [name for name in wanted.names if name in parquet.schema_arrow.names]


def _conformed(found: pa.Table, wanted: pa.Schema) -> pa.Table:
    """The columns that are wanted, with their types; null where they were not found."""
    return pa.Table.from_arrays(
        [
            found[field.name].cast(field.type)
            if field.name in found.schema.names
            else pa.nulls(found.num_rows, field.type)
            for field in wanted
        ],
        schema=wanted,
    )
