"""Atomic replacement of a file: write a new file next to the old one, flush it, then rename it.

Readers see the old file or the new one. After an error or a kill the old file is intact, and the next writer
removes what the dead writer left. The content of the files is not decided here.
"""

import errno
import fcntl
import os
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from trackdrive_assets.lake.errors import LakeError, translate_os_errors, write_error

_SHOWN_LENGTH = 50

LONGEST_WAIT = 60.0
"""Seconds to wait for a lock. A day of a million calls is written in less."""

_PAUSE = 0.01

_ATTEMPTS = 1_000
"""So often other writers may remove the folder while it is created. More often means that it cannot exist."""


@contextmanager
def staging_dir(path: Path) -> Iterator[Path]:
    """Create a temporary folder next to `path`, and remove it at the end of the block.

    Its name starts with a dot and ends with `.tmp`, so no view and no scan of the lake reads its files.
    Staging folders that dead writers of `path` left are removed first.
    """
    with translate_os_errors("write beside", path):
        remove_stale_staging(path)
        folder, lock = _create_locked_dir(path)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)
        # A day that was never written must not leave an empty folder.
        with suppress(OSError):
            path.parent.rmdir()


@contextmanager
def directory_lock(folder: Path) -> Iterator[None]:
    """Hold the exclusive lock of a folder during the block. Other threads and processes wait for it.

    Raises:
        LakeError: The lock is held for too long. A process that hangs must not stop others for ever.
    """
    with _descriptor(folder) as lock:
        deadline = time.monotonic() + LONGEST_WAIT
        while not _is_locked(lock):
            if time.monotonic() > deadline:
                raise LakeError(
                    f"Another process has the lock of {folder} for more than {LONGEST_WAIT:.0f} s. "
                    "If it hangs, end it. Then run again."
                )
            time.sleep(_PAUSE)
        yield


def atomic_replace(new: Path, path: Path) -> None:
    """Move `new` to `path` in one step that survives a power cut. After an error, `path` is unchanged."""
    with translate_os_errors("replace", path):
        _flush(new)
        new.replace(path)
        _flush(path.parent)
        # The folder of the day may be new as well.
        _flush(path.parent.parent)


@contextmanager
def open_replacement(path: Path) -> Iterator[BinaryIO]:
    """Open a file that replaces `path` at the end of the block. If the block raises, `path` is unchanged.

    A link stays, and its target is replaced. The file keeps its mode; a new one gets that of the umask. The
    new content is first in a file with a random name, which cannot be a link that another person made. A
    device or a named pipe cannot be replaced, so it is written.

    Raises:
        LakeError: The file cannot be written.
    """
    target = Path(os.path.realpath(path))
    try:
        if target.exists() and not target.is_file():
            with target.open("wb") as stream:
                yield stream
            return
        new = target.with_name(f".{target.name[:_SHOWN_LENGTH]}.{secrets.token_hex(8)}.tmp")
        descriptor = os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                if target.exists():
                    _copy_owner_and_mode(target, stream.fileno())
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            new.replace(target)
        finally:
            new.unlink(missing_ok=True)
    except OSError as error:
        raise write_error("write", path, error.strerror or str(error)) from error


def _copy_owner_and_mode(path: Path, descriptor: int) -> None:
    status = path.stat()
    # Only root may give a file to another owner.
    with suppress(PermissionError):
        os.fchown(descriptor, status.st_uid, status.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(status.st_mode))


def remove_stale_staging(path: Path) -> None:
    """Remove the staging folders of `path` whose writer is dead."""
    for folder in path.parent.glob(f".{path.name}.*.tmp"):
        # Another writer has removed the folder, or its own writer is alive.
        with suppress(FileNotFoundError, BlockingIOError), _descriptor(folder) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)


def _is_locked(descriptor: int) -> bool:
    """Take a lock if it is free. Return whether it was free."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _create_locked_dir(path: Path) -> tuple[Path, int]:
    """Create a staging folder, and return it with the descriptor that holds its lock.

    The operating system releases the lock when the process ends, however it ends. A stale folder is therefore
    a folder without a lock.

    Raises:
        FileNotFoundError: The folder above cannot be created, such as behind a link that leads nowhere.
    """
    for _ in range(_ATTEMPTS):
        # Another writer of the same day may remove the folder between any two of these lines. Then retry.
        with suppress(FileNotFoundError):
            _create_folder(path.parent)
            folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent))
            lock = os.open(folder, os.O_RDONLY)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if folder.exists():
                return folder, lock
            os.close(lock)
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path.parent))


def _create_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        # It existed. If it was removed before `mkdir` looked what it is, it can be created again.
        if folder.exists() and not folder.is_dir():
            raise


def _flush(path: Path) -> None:
    with _descriptor(path) as descriptor:
        os.fsync(descriptor)


@contextmanager
def _descriptor(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
