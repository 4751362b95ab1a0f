"""The lake in a folder of this machine, or of a file system that several machines share.

How a file is replaced in one step is in `atomic.py`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from io import SEEK_END
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING

from trackdrive_assets.lake.atomic import atomic_replace, directory_lock, staging_dir
from trackdrive_assets.lake.errors import UnusableLakeError, translate_os_errors
from trackdrive_assets.lake.storage import TAIL_BYTES, ListedFile, Snapshot, Storage

if TYPE_CHECKING:
    import duckdb


class LocalStorage(Storage):
    """A folder.

    Args:
        root: The folder. It may not exist yet.

    Raises:
        UnusableLakeError: The folder can't have a lake.
    """

    def __init__(self, root: str | Path) -> None:
        folder = Path(root).expanduser().absolute()
        # Without `..`, links stay as they are: people know the lake by their names.
        self._folder = folder.resolve() if ".." in folder.parts else folder
        self.root = str(self._folder)
        if "?" in self.root:
            raise UnusableLakeError(
                f"TRACKDRIVE_LAKE is {str(root)!r}. DuckDB can't write below a folder with a ? in its name. "
                "Choose another folder."
            )
        # Unlike `Path.is_file`, it is False for a folder that may not be read.
        is_file = os.path.isfile
        if files := [part for part in (self._folder, *self._folder.parents) if is_file(part)]:
            raise UnusableLakeError(
                f"TRACKDRIVE_LAKE is {str(root)!r}, and {files[0]} is a file. Set it to a folder."
            )

    def find(self, pattern: str) -> list[ListedFile]:
        """Return what matches a pattern, in the order of the keys."""
        return list(self._listed(sorted(self._folder.glob(pattern))))

    def find_keys(self, keys: Sequence[str]) -> list[ListedFile]:
        """Return those of the keys that exist."""
        return list(self._listed(self._path(key) for key in keys))

    def _listed(self, paths: Iterable[Path]) -> Iterator[ListedFile]:
        start = len(str(self._path("x"))) - 1
        for path in paths:
            try:
                found = path.stat()
            except OSError:
                continue
            version = f"{found.st_mtime_ns}-{found.st_size}-{found.st_ino}"
            yield ListedFile(path.as_posix()[start:], version, found.st_size, S_ISREG(found.st_mode))

    def folders(self, prefix: str) -> list[str]:
        """Return the names of the folders that begin with a prefix."""
        return sorted(path.name for path in self._folder.glob(f"{prefix}*/"))

    @contextmanager
    def open(self, key: str) -> Iterator[Snapshot | None]:
        """Return the current file. It is not a copy: a program that has it open keeps it."""
        path = self._path(key)
        with translate_os_errors("read", path):
            exists = path.exists()
        # The lock protects the file from a replacement, so nothing compares the version.
        yield Snapshot(path, "") if exists else None

    def read_tails(self, files: Sequence[ListedFile]) -> Iterator[bytes]:
        """Yield the end of each file."""
        for path in (self._path(file.key) for file in files):
            with translate_os_errors("read", path), path.open("rb", buffering=0) as opened:
                opened.seek(max(0, opened.seek(0, SEEK_END) - TAIL_BYTES))
                tail = opened.read()
            yield tail

    def staging(self, key: str) -> AbstractContextManager[Path]:
        """Create a hidden folder next to the file."""
        return staging_dir(self._path(key))

    def lock(self, key: str) -> AbstractContextManager[None]:
        """Hold the lock of the file's folder, for which other threads and processes wait."""
        return directory_lock(self._path(key).parent)

    def replace(self, key: str, new: Path, seen: str | None = None) -> None:  # noqa: ARG002  the lock
        """Replace a file in one step that survives a power cut."""
        atomic_replace(new, self._path(key))

    def copy(self, key: str, to: str) -> None:
        """Copy a file with its times."""
        path, target = self._path(key), self._path(to)
        with translate_os_errors("copy", path):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)

    def delete(self, key: str) -> None:
        """Delete a file, if it exists."""
        path = self._path(key)
        with translate_os_errors("delete", path):
            path.unlink(missing_ok=True)

    def let_read(self, connection: duckdb.DuckDBPyConnection, listed: Iterable[ListedFile] = ()) -> None:
        """Do nothing, because DuckDB reads local files by itself."""

    def _path(self, key: str) -> Path:
        return self._folder / key
