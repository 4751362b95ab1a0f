"""One day's Parquet file: when it was read from the API, and its columns one at a time.

Where it lies and how it is replaced is in `store`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from trackdrive_assets.lake.atomic import LakeError, translate_os_errors

_PREFIX = "trackdrive."
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True)
class FetchInfo:
    """When a day was read from the API, and what the API counted. Stands in the metadata of its file.

    Attributes:
        fetched_at: When the reading began.
        first_fetched_at: When the first reading of the day began.
        api_count: How many rows the API counted then; None where it does not count. Rows that were added by
            themselves since are counted too.
        patched_at: When single rows of it were last read by themselves; None where none were.
    """

    fetched_at: datetime
    first_fetched_at: datetime
    api_count: int | None = None
    patched_at: datetime | None = None

    @property
    def updated_at(self) -> datetime:
        """When what it holds was last seen, be it the whole day or a single row."""
        return max(self.fetched_at, self.patched_at or self.fetched_at)

    def successor_of(self, earlier: "FetchInfo | None") -> "FetchInfo":
        """The same, as the successor of an earlier reading: later than it, whatever the clock says."""
        if earlier is None:
            return self
        return replace(
            self,
            fetched_at=max(self.fetched_at, earlier.updated_at + _TICK),
            first_fetched_at=earlier.first_fetched_at,
        )

    def patched(self, at: datetime, *, added: int) -> "FetchInfo":
        """The same, after single rows were read by themselves, some of which it had not held."""
        return replace(
            self,
            patched_at=max(at, self.updated_at + _TICK),
            api_count=None if self.api_count is None else self.api_count + added,
        )

    @classmethod
    def from_metadata(cls, metadata: Mapping[bytes, bytes]) -> "FetchInfo | None":
        """Read it from a file's metadata. None: an older version of this package wrote the file."""
        found = {
            name: metadata.get(f"{_PREFIX}{name}".encode(), b"").decode() for name in cls.__annotations__
        }
        if not found["fetched_at"]:
            return None
        return cls(
            fetched_at=datetime.fromisoformat(found["fetched_at"]),
            first_fetched_at=datetime.fromisoformat(found["first_fetched_at"]),
            api_count=int(found["api_count"]) if found["api_count"] else None,
            patched_at=datetime.fromisoformat(found["patched_at"]) if found["patched_at"] else None,
        )

    def to_metadata(self) -> dict[str, str]:
        """What a file's metadata holds of it: texts, instants in UTC."""
        count = {} if self.api_count is None else {"api_count": str(self.api_count)}
        instants = {
            "fetched_at": self.fetched_at,
            "first_fetched_at": self.first_fetched_at,
            "patched_at": self.patched_at,
        }
        texts = {name: instant.astimezone(UTC).isoformat() for name, instant in instants.items() if instant}
        return {f"{_PREFIX}{name}": text for name, text in (texts | count).items()}


class DamagedFileError(LakeError):
    """A file is there and holds no table."""


@contextmanager
def translate_read_errors(path: Path) -> Iterator[None]:
    """Tell a damaged file from one that the file system refuses.

    Raises:
        DamagedFileError: What the file holds can't be read.
        LakeError: The file can't be read.
    """
    with translate_os_errors("read", path):
        try:
            yield
        except (pa.ArrowInvalid, OSError) as error:
            # Arrow has no number for what it finds in a file; the file system has one for what it refuses.
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise DamagedFileError(
                f"{path} is damaged: {error}. Run its partition again, which replaces it."
            ) from error


class DayFile:
    """A day as it stands in a file, for as long as the `with` block lasts.

    Raises:
        LakeError: It can't be read, or is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with translate_read_errors(path):
            self._parquet = pq.ParquetFile(path)

    @property
    def rows(self) -> int:
        """How many rows it holds."""
        return int(self._parquet.metadata.num_rows)

    @cached_property
    def schema(self) -> pa.Schema:
        """Its own schema, which an older version may have written."""
        return self._parquet.schema_arrow

    @property
    def fetch_info(self) -> FetchInfo | None:
        """When it was read; None where an older version wrote it."""
        return FetchInfo.from_metadata(self._parquet.metadata.metadata or {})

    def column(self, name: str) -> pa.ChunkedArray:
        """One column, whole."""
        with translate_read_errors(self.path):
            return self._parquet.read(columns=[name])[name]

    def __enter__(self) -> Self:
        """Keep the file open."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the file."""
        self._parquet.close()
