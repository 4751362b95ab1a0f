"""One day's Parquet file as a reader sees it: its rows, its schema, and when it was fetched from the API.

The metadata of the file contains the fetch. Where the file is stored is in `layout`, how it is written is in
`day_writer`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from trackdrive_assets.lake.errors import translate_read_errors
from trackdrive_assets.lake.identity import LakeIdentity

_PREFIX = "trackdrive."
_FETCHED_AT = f"{_PREFIX}fetched_at"
_TICK = timedelta(microseconds=1)

CLOCK_TOLERANCE = timedelta(minutes=1)
"""The time by which the clocks of two machines may differ. A file that is further in the future than this
was written by a wrong clock."""


@dataclass(frozen=True)
class FetchInfo:
    """The fetch of a day from the API, as the metadata of the day's file contains it.

    Attributes:
        fetched_at: The start of the last fetch of the whole day.
        first_fetched_at: The start of the first fetch of the whole day.
        api_count: The number of rows that the API counted, plus the rows that patches added since. None if
            the API does not count them.
        patched_at: The time of the last patch, which fetches single rows. None if there was no patch.
    """

    fetched_at: datetime
    first_fetched_at: datetime
    api_count: int | None = None
    patched_at: datetime | None = None

    @property
    def updated_at(self) -> datetime:
        """The time of the last fetch, either of the whole day or of single rows."""
        return max(self.fetched_at, self.patched_at or self.fetched_at)

    def is_in_future(self, now: datetime) -> bool:
        """Return whether the fetch is later than now, so that the clock of its machine was wrong."""
        return self.updated_at > now + CLOCK_TOLERANCE

    def is_later_than(self, started_at: datetime, now: datetime) -> bool:
        """Return whether this fetch of the whole day began after an instant. A wrong clock proves nothing."""
        return self.fetched_at > started_at and not self.is_in_future(now)

    def was_patched_since(self, started_at: datetime, now: datetime) -> bool:
        """Return whether single rows were fetched after an instant. A wrong clock proves nothing."""
        return self.patched_at is not None and self.patched_at > started_at and not self.is_in_future(now)

    def successor_of(self, earlier: "FetchInfo | None", now: datetime) -> "FetchInfo":
        """Return this fetch as the successor of an earlier one: later in time, unless that is in the future.

        Two fetches never have the same time, because the time of a fetch identifies the changes it detected.
        """
        if earlier is None:
            return self
        fetched_at = self.fetched_at
        if not earlier.is_in_future(now):
            fetched_at = max(fetched_at, earlier.updated_at + _TICK)
        return replace(
            self,
            fetched_at=fetched_at,
            first_fetched_at=min(fetched_at, earlier.first_fetched_at),
        )

    def patched(self, at: datetime, *, added: int) -> "FetchInfo":
        """Return this fetch after a patch. `added` is the number of rows that the file did not contain."""
        count = None if self.api_count is None else self.api_count + added
        return replace(self, patched_at=max(at, self.updated_at + _TICK), api_count=count)

    @classmethod
    def from_metadata(cls, metadata: Mapping[bytes, bytes], suffix: str = "") -> "FetchInfo | None":
        """Return the fetch that a file's metadata contains. None if another program wrote the file.

        `suffix` ends each key. It names a part of a day.
        """
        found = {
            name: metadata.get(f"{_PREFIX}{name}{suffix}".encode(), b"").decode()
            for name in cls.__annotations__
        }
        if not found["fetched_at"]:
            return None
        return cls(
            fetched_at=datetime.fromisoformat(found["fetched_at"]),
            first_fetched_at=datetime.fromisoformat(found["first_fetched_at"]),
            api_count=int(found["api_count"]) if found["api_count"] else None,
            patched_at=datetime.fromisoformat(found["patched_at"]) if found["patched_at"] else None,
        )

    def to_metadata(self, suffix: str = "") -> dict[str, str]:
        """Return the key-value metadata for a file, with a suffix of each key. Instants are in UTC."""
        count = {} if self.api_count is None else {"api_count": str(self.api_count)}
        instants = {
            "fetched_at": self.fetched_at,
            "first_fetched_at": self.first_fetched_at,
            "patched_at": self.patched_at,
        }
        texts = {name: instant.astimezone(UTC).isoformat() for name, instant in instants.items() if instant}
        return {f"{_PREFIX}{name}{suffix}": text for name, text in (texts | count).items()}


class DayFile:
    """An open day file. Use it as a context manager.

    Args:
        path: The path of the file on this machine.
        url: The path or URL that errors name. The default is `path`.

    Raises:
        DamagedFileError: The file is not readable Parquet.
        LakeError: The operating system does not let us read the file.
    """

    def __init__(self, path: Path, url: str | None = None) -> None:
        self.url = url or str(path)
        with translate_read_errors(self.url):
            self.bytes = path.stat().st_size
            self._parquet = pq.ParquetFile(path)

    @property
    def rows(self) -> int:
        """The number of rows."""
        return int(self._parquet.metadata.num_rows)

    @cached_property
    def schema(self) -> pa.Schema:
        """The file's own schema. An older version of this package may have written another one."""
        return self._parquet.schema_arrow

    @property
    def fetch_info(self) -> FetchInfo | None:
        """The fetch of the day. None if another program wrote the file."""
        return FetchInfo.from_metadata(self.metadata)

    @property
    def updated_at(self) -> datetime | None:
        """The time of the last fetch of anything in the file. None if another program wrote it."""
        suffixes = [
            key.decode().removeprefix(_FETCHED_AT)
            for key in self.metadata
            if key.decode().startswith(_FETCHED_AT)
        ]
        fetches = [FetchInfo.from_metadata(self.metadata, suffix) for suffix in suffixes]
        return max((fetch.updated_at for fetch in fetches if fetch), default=None)

    @property
    def identity(self) -> LakeIdentity | None:
        """The account and the time zone of the day. None if another program wrote the file."""
        return LakeIdentity.from_metadata(self.metadata)

    @property
    def metadata(self) -> Mapping[bytes, bytes]:
        """The key-value metadata of the file."""
        return self._parquet.metadata.metadata or {}

    def read(self, schema: pa.Schema, row_groups: Iterable[int] | None = None) -> pa.Table:
        """Return rows in a schema: those of the row groups, or all. A column that the file lacks is null."""
        columns = existing_columns(self.schema, schema)
        groups = range(self._parquet.num_row_groups) if row_groups is None else row_groups
        with translate_read_errors(self.url):
            return conform(self._parquet.read_row_groups(list(groups), columns=columns), schema)

    def batches(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """Yield all rows in a schema, some thousand at a time. A column that the file lacks is null."""
        columns = existing_columns(self.schema, schema)
        with translate_read_errors(self.url):
            for batch in self._parquet.iter_batches(columns=columns):
                yield from conform(pa.Table.from_batches([batch]), schema).to_batches()

    def first_rows(self, number: int) -> pa.Table:
        """Return the first rows, with the columns of the file."""
        with translate_read_errors(self.url):
            batches = [next(self._parquet.iter_batches(number), None)]
        return pa.Table.from_batches([batch for batch in batches if batch is not None], self.schema)

    def row_groups_with(self, column: str, value: str) -> list[int]:
        """Return the row groups that have a value in a text column, by their statistics, or may have it."""
        parquet = self._parquet.metadata
        names = [parquet.schema.column(index).path for index in range(parquet.num_columns)]
        ranges = {
            group: parquet.row_group(group).column(names.index(column)).statistics
            for group in range(parquet.num_row_groups)
        }
        return [
            group
            for group, range_ in ranges.items()
            if range_ is None or not range_.has_min_max or range_.min <= value <= range_.max
        ]

    def column(self, name: str) -> pa.ChunkedArray:
        """Return one column of all rows. If it is not readable, it raises `DamagedFileError`."""
        with translate_read_errors(self.url):
            return self._parquet.read(columns=[name])[name]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._parquet.close()


def existing_columns(file: pa.Schema, wanted: pa.Schema) -> list[str]:
    """Return the names of the wanted columns that a file has."""
    return [name for name in wanted.names if name in file.names]


def conform(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return the table with the columns and types of a schema. Columns that it lacks are null."""
    present = set(table.schema.names)
    columns = [
        table[name].cast(type_) if name in present else pa.nulls(table.num_rows, type_)
        for name, type_ in zip(schema.names, schema.types, strict=True)
    ]
    return pa.Table.from_arrays(columns, schema=schema)
