"""A temporary file of Arrow batches that returns its rows in order, with few of them in memory at a time.

The API sends the newest rows first, and pages may overlap. The spool remembers the range of values of each
batch, so that it sorts only batches that overlap.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

Span = tuple[Any, Any]
"""The least and the greatest value of a batch in the sorting column."""


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


class Spool:
    """A temporary file of batches. If `sort_by` is None, the rows keep the order of writing."""

    def __init__(self, path: Path, schema: pa.Schema, sort_by: str | None) -> None:
        self._path = path
        self._schema = schema
        self._sort_by = sort_by
        self._spans: list[Span] = []
        self._sink = pa.OSFile(str(path), "wb")
        self._writer = pa.ipc.new_file(self._sink, schema, options=pa.ipc.IpcWriteOptions(compression="lz4"))

    def write(self, batch: pa.RecordBatch) -> None:
        """Append a batch.

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
            self._spans.append(self._span(batch.column(self._sort_by)))
        self._writer.write_batch(batch)

    def sorted_tables(self) -> Iterator[pa.Table]:
        """Return all rows in order, as tables of one or a few batches each. Then the spool is read-only."""
        self._writer.close()
        self._sink.close()
        pa.default_memory_pool().release_unused()
        # A memory map would be faster, but its pages would count as memory of this process.
        with pa.OSFile(str(self._path), "rb") as source:
            batches = pa.ipc.open_file(source)
            if self._sort_by is None:
                for position in range(batches.num_record_batches):
                    yield pa.Table.from_batches([batches.get_batch(position)])
                return
            for group in group_overlapping(self._spans):
                table = pa.Table.from_batches([batches.get_batch(position) for position in group])
                yield table.sort_by(self._sort_by)

    def close(self) -> None:
        """Close the file. Its rows may be incomplete."""
        self._sink.close()

    def _span(self, values: pa.Array) -> Span:
        if values.null_count:
            raise ValueError(
                f"The day is sorted by {self._sort_by}, but {values.null_count} rows have no value there."
            )
        bounds = pc.min_max(values)
        return bounds["min"].as_py(), bounds["max"].as_py()
