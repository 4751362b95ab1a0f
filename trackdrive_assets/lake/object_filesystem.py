"""The files of an object store for DuckDB, which reads them through the interface of fsspec.

DuckDB's own reader of object stores is an extension that would be downloaded. The file systems of fsspec for
single clouds list the folder of each day, and ask for the size of each file several times. This one lists a
table once, and reads a small file by one request. A connection sees a file as it was when it was opened
first. If the file is replaced afterwards, reading more of it is an error, and never a mix of both.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from datetime import UTC, datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any

from fsspec import AbstractFileSystem
from fsspec.spec import AbstractBufferedFile

if TYPE_CHECKING:
    from trackdrive_assets.lake.object_storage import ObjectStorage
    from trackdrive_assets.lake.storage import ListedFile

_LARGEST_WHOLE_FILE = 4 * 1024 * 1024
"""The size up to which a file is read by one request. A day of 15,000 calls is as large."""

_KEPT_BYTES = 32 * 1024 * 1024
"""The size of the small files that are kept, because DuckDB opens each file of a query twice."""

_BLOCK = 512 * 1024
_MOST_BLOCKS = 64
_UNCHANGED = datetime(1970, 1, 1, tzinfo=UTC)


class ObjectFilesystem(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    """The objects of a store, for reading. A path is a URL, as DuckDB has it.

    Args:
        storage: The storage of the objects.
        listed: All files of some tables, which are not listed again.
    """

    cachable = False

    def __init__(self, storage: ObjectStorage, listed: Iterable[ListedFile]) -> None:
        super().__init__()
        self.protocol = storage.root.partition("://")[0]
        self._storage = storage
        self._patterns: dict[str, list[str]] = {}
        self._known: dict[str, ListedFile] = {}
        self._opened: set[str] = set()
        self._contents: dict[str, bytes] = {}
        self._remember(listed)

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        """Return a path as it is."""
        return path

    def glob(self, path: str, **_: object) -> list[str]:
        """Return the URLs that match a pattern. A pattern is listed once."""
        if path not in self._patterns:
            if any(letter in path for letter in "*?["):
                known = fnmatch.filter(self._known, path)
                self._patterns[path] = known or self._remember(self._storage.find(self._key(path)))
            else:
                self._patterns[path] = [path] if self.isfile(path) else []
        return self._patterns[path]

    def isfile(self, path: str) -> bool:
        """Return whether an object exists."""
        return self._file(path) is not None

    def size(self, path: str) -> int:
        """Return the size of an object in bytes."""
        return self._existing(path).size

    def modified(self, path: str) -> datetime:  # noqa: ARG002  an object that changed can't be read
        """Return the same instant for every object, so that what DuckDB keeps of one stays valid."""
        return _UNCHANGED

    def open(self, path: str, mode: str = "rb", **_: object) -> Any:
        """Open an object for reading."""
        if mode != "rb":
            raise NotImplementedError(f"{path} can only be read.")
        if path not in self._opened:
            self._refresh(path)
        file = self._existing(path)
        if file.size <= _LARGEST_WHOLE_FILE:
            return BytesIO(self._content(path, file))
        return _LargeObject(self, path, file)

    def _refresh(self, path: str) -> None:
        """Take a file as it is now, because it may have been replaced since it was listed."""
        if self._existing(path).size <= _LARGEST_WHOLE_FILE:
            self._known[path], content = self._storage.read_whole(self._key(path))
            self._keep(path, content)
        else:
            for file in self._storage.find_keys([self._key(path)]):
                self._known[path] = file
        self._opened.add(path)

    def _content(self, path: str, file: ListedFile) -> bytes:
        """Return a small object."""
        if path not in self._contents:
            self._keep(path, self._storage.read_range(file, 0, file.size))
        return self._contents[path]

    def _keep(self, path: str, content: bytes) -> None:
        """Keep an object. Those that were read first are dropped first."""
        while self._contents and sum(map(len, self._contents.values())) + len(content) > _KEPT_BYTES:
            del self._contents[next(iter(self._contents))]
        self._contents[path] = content

    def read_range(self, file: ListedFile, start: int, end: int) -> bytes:
        """Return the bytes from `start` to `end` of an object."""
        return self._storage.read_range(file, start, end)

    def _key(self, path: str) -> str:
        return path.removeprefix(f"{self._storage.root}/")

    def _existing(self, path: str) -> ListedFile:
        if (file := self._file(path)) is None:
            raise FileNotFoundError(path)
        return file

    def _file(self, path: str) -> ListedFile | None:
        """Return an object; None if it does not exist. The files of the next days are listed with it."""
        if path not in self._known:
            self._remember(self._storage.find_next(self._key(path)))
        return self._known.get(path)

    def _remember(self, files: Iterable[ListedFile]) -> list[str]:
        """Keep how files are now, unless they are known, and return their URLs."""
        found = {self._storage.url(file.key): file for file in files}
        self._known = found | self._known
        return list(found)


class _LargeObject(AbstractBufferedFile):  # type: ignore[misc]  # fsspec has no types
    """A large object, of which only the needed blocks are read."""

    def __init__(self, filesystem: ObjectFilesystem, path: str, file: ListedFile) -> None:
        self._file = file
        super().__init__(
            filesystem,
            path,
            block_size=_BLOCK,
            cache_type="blockcache",
            cache_options={"maxblocks": _MOST_BLOCKS},
            size=file.size,
        )

    def _fetch_range(self, start: int, end: int) -> bytes:
        found: bytes = self.fs.read_range(self._file, start, end)
        return found
