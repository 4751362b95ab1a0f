"""The rows of a day until they are saved: in memory, and above a limit in a temporary file.

The API sends the newest page first, and pages may overlap. The spool remembers the range of values of each
batch, so that it sorts only batches that overlap.
"""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

Span = tuple[Any, Any]
"""The least and the greatest value of a batch in the sorting column."""

MAX_MEMORY = 32 * 1024 * 1024
"""The bytes of all days of the process that stay in memory. About 45,000 calls have so many."""


def group_overlapping(spans: Sequence[Span]) -> list[list[int]]:
    """Group the positions of spans that overlap, in ascending order.

    Every value of a group is at most every value of the next group. Therefore all rows are sorted if each
    group is sorted by itself. Spans that only touch stay in separate groups.
    """
    groups: list[list[int]] = []
    greatest: Any = None
    for position in sorted(range(len(spans)), key=spans.__getitem__):
        first, last = spans[position]
        if groups and first < greatest:
            groups[-1].append(position)
            greatest = max(greatest, last)
        else:
            groups.append([position])
            greatest = last
    return groups


class MemoryBudget:
    """The memory that the days of a process share, because several are fetched at the same time.

    Args:
        size: The number of bytes.
    """

    def __init__(self, size: int) -> None:
        self._free = size
        self._lock = threading.Lock()

    def take(self, size: int) -> bool:
        """Take some bytes if so many are free. Return whether they were."""
        with self._lock:
            is_enough = size <= self._free
            self._free -= size * is_enough
            return is_enough

    def give_back(self, size: int) -> None:
        """Free some bytes."""
        with self._lock:
            self._free += size


_BUDGET = MemoryBudget(MAX_MEMORY)


class Spool:
    """The batches of one day.

    Args:
        path: The path of the temporary file, which exists only if the memory is not enough.
        schema: The schema of every batch.
        sort_by: The column by which the rows are sorted. If it is None, they keep the order of writing.
        budget: The memory for the batches.
    """

    def __init__(
        self, path: Path, schema: pa.Schema, sort_by: str | None, budget: MemoryBudget = _BUDGET
    ) -> None:
        self._schema = schema
        self._sort_by = sort_by
        self._budget = budget
        self._taken = 0
        self._spans: list[Span] = []
        # A batch, or its position in the file.
        self._batches: list[pa.RecordBatch | int] = []
        self._file = _SpoolFile(path, schema)

    def write(self, batch: pa.RecordBatch) -> None:
        """Add a batch.

        Raises:
            ValueError: The batch has another schema, or a null in the sorting column.
            OSError: The file can't be written.
        """
        if not batch.schema.equals(self._schema):
            raise ValueError(
                f"The batch has the columns {batch.schema.names}, but the day has {self._schema.names}."
            )
        if batch.num_rows == 0:
            return
        if self._sort_by is not None:
            batch = _ascending(batch, self._sort_by)
            values = batch.column(self._sort_by)
            self._spans.append((values[0].as_py(), values[-1].as_py()))
        # `get_total_buffer_size` counts only an eighth of a byte for each null of `pa.nulls`.
        size = batch.nbytes
        if self._budget.take(size):
            self._taken += size
            self._batches.append(batch)
        else:
            self._batches.append(self._file.write(batch))

    def sorted_tables(self) -> Iterator[pa.Table]:
        """Return all rows in order, as tables of one or a few batches each. Then the spool is read-only."""
        self._file.finish()
        in_order = [[position] for position in range(len(self._batches))]
        for group in in_order if self._sort_by is None else group_overlapping(self._spans):
            table = pa.Table.from_batches([self._batch(position) for position in group])
            # Each batch is in order already.
            yield table if len(group) == 1 else table.sort_by(self._sort_by)

    def close(self) -> None:
        """Remove the batches, and close the file. Its rows may be incomplete."""
        self._file.close()
        self._batches.clear()
        self._budget.give_back(self._taken)
        self._taken = 0

    def _batch(self, position: int) -> pa.RecordBatch:
        batch = self._batches[position]
        return batch if isinstance(batch, pa.RecordBatch) else self._file.read(batch)


class _SpoolFile:
    """A temporary file of batches, which the first of them creates."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._path = path
        self._schema = schema
        self._count = 0

    def write(self, batch: pa.RecordBatch) -> int:
        """Add a batch, and return its position."""
        if not self._count:
            self._stream = pa.OSFile(str(self._path), "wb")
            options = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
            self._writer = pa.ipc.new_file(self._stream, self._schema, options=options)
        self._writer.write_batch(batch)
        self._count += 1
        return self._count - 1

    def finish(self) -> None:
        """Write the rest, and open the file for reading."""
        if self._count:
            self._writer.close()
            self._stream.close()
            # A memory map would be faster, but its pages would count as memory of this process.
            self._stream = pa.OSFile(str(self._path), "rb")
            self._reader = pa.ipc.open_file(self._stream, options=pa.ipc.IpcReadOptions(use_threads=False))

    def read(self, position: int) -> pa.RecordBatch:
        """Return the batch of a position."""
        return self._reader.get_batch(position)

    def close(self) -> None:
        """Close the file."""
        if self._count:
            self._stream.close()


def _ascending(batch: pa.RecordBatch, column: str) -> pa.RecordBatch:
    """Return a batch in the order of a column.

    Raises:
        ValueError: The column has a null.
    """
    values = batch.column(column)
    if values.null_count:
        raise ValueError(f"The day is sorted by {column}, but {values.null_count} rows have no value there.")
    is_not_less = pc.less_equal(values.slice(0, len(values) - 1), values.slice(1))
    is_ascending = pc.all(is_not_less, min_count=0).as_py()
    return batch if is_ascending else batch.sort_by(column)
