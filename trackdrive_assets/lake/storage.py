"""The files of a lake, wherever they are: what a local folder and an object store have in common.

A file has a key, which is its path in the lake, like `calls/date=2024-06-19/calls.parquet`. It is replaced as
a whole, and readers have the old file or the new one. Not here: the kinds (`local_storage.py` and
`object_storage.py`), and which keys a lake has (`layout.py`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from trackdrive_assets.lake.errors import LakeError

if TYPE_CHECKING:
    import duckdb

MISSING = ""
"""The version of a file that does not exist."""

REPLACED = "was replaced while it was being read"
"""What the error of a reader contains, also after DuckDB has put it into an error of its own."""

TAIL_BYTES = 16 * 1024
"""The size of the end of a Parquet file that usually has its metadata."""


@dataclass(frozen=True)
class ListedFile:
    """What matches a pattern of keys.

    Attributes:
        key: The key.
        version: A text that differs after each replacement. It is equal to that of another listing only.
        size: The size in bytes.
        is_file: Whether it is a file. False for a folder with such a name.
    """

    key: str
    version: str
    size: int
    is_file: bool = True


@dataclass(frozen=True)
class Snapshot:
    """A file that can be opened.

    Attributes:
        path: The path of the file on this machine. It may be a copy.
        version: A text that differs after each replacement, for `Storage.replace`.
    """

    path: Path
    version: str


class ChangedMeanwhileError(LakeError):
    """A file that another program replaced after it was read. Nothing was written over it."""


class Storage(ABC):
    """A place with the files of a lake.

    Attributes:
        root: The folder or the URL of the lake, without a slash at the end.
    """

    root: str

    def url(self, key: str) -> str:
        """Return the path or the URL of a file, for people and for DuckDB."""
        return f"{self.root}/{key}"

    @abstractmethod
    def find(self, pattern: str) -> list[ListedFile]:
        """Return what matches a pattern, in the order of the keys. A `*` does not match a slash."""

    @abstractmethod
    def find_keys(self, keys: Sequence[str]) -> list[ListedFile]:
        """Return those of the keys that exist, in their order. All keys begin with the same folder."""

    @abstractmethod
    def folders(self, prefix: str) -> list[str]:
        """Return the names of the folders of the root that begin with a prefix, in order."""

    @abstractmethod
    def open(self, key: str) -> AbstractContextManager[Snapshot | None]:
        """Return the current file; None if it does not exist. It can be opened until the end of the block."""

    @abstractmethod
    def read_tails(self, files: Sequence[ListedFile]) -> Iterator[bytes]:
        """Yield the last `TAIL_BYTES` of each file."""

    @abstractmethod
    def staging(self, key: str) -> AbstractContextManager[Path]:
        """Create a folder on this machine for a new file, and remove it at the end of the block."""

    @abstractmethod
    def lock(self, key: str) -> AbstractContextManager[None]:
        """Hold the lock of a file for its replacement, if the storage has locks."""

    @abstractmethod
    def replace(self, key: str, new: Path, seen: str | None = None) -> None:
        """Replace a file in one step, or create it.

        Args:
            key: The key of the file.
            new: The new file, which is in a folder of `staging`. It may be moved.
            seen: The version that is replaced, or `MISSING`. None replaces any. A storage with locks does not
                compare it, because the caller has the lock.

        Raises:
            ChangedMeanwhileError: The file has another version now.
            LakeError: The file can't be written. The old one is unchanged.
        """

    @abstractmethod
    def copy(self, key: str, to: str) -> None:
        """Copy a file."""

    @abstractmethod
    def delete(self, key: str) -> None:
        """Delete a file, if it exists."""

    @abstractmethod
    def let_read(self, connection: duckdb.DuckDBPyConnection, listed: Iterable[ListedFile] = ()) -> None:
        """Let a connection of DuckDB read the files by their `url`.

        Args:
            connection: The connection.
            listed: All files of some tables, or all that the connection reads of them. They are not listed
                again.
        """
