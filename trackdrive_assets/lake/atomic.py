"""Replacing a file whole: written aside, flushed, then moved over the old one.

What is in the file is the caller's affair. Readers see the old file or the new one; after an error or a kill
the old one stands, and what the dead writer left is cleared away by the next.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class LakeError(Exception):
    """The lake can't be read or written. The message says where, why and what to do."""


@contextmanager
def translate_os_errors(doing: str, path: Path) -> Iterator[None]:
    """Turn what the file system says into a `LakeError`. Keep code of callers out of its block."""
    try:
        yield
    except OSError as error:
        raise write_error(doing, path, error.strerror or str(error)) from error


def write_error(doing: str, path: Path, why: str) -> LakeError:
    """The error for a file system that refuses."""
    return LakeError(
        f"Can't {doing} {path}: {why}. What was there before is unchanged. "
        "Check that the folder exists, is writable and has free space, then run again."
    )


@contextmanager
def staging_dir(place: Path) -> Iterator[Path]:
    """A scratch folder beside `place`, gone at the end of the block whatever happens.

    Its name starts with a dot and ends with `.tmp`: no view, and no scan of the lake, reads what is inside.
    Scratch folders of `place` whose writer is dead are removed on the way.

    Raises:
        LakeError: The folder can't be made.
    """
    with translate_os_errors("write beside", place):
        remove_stale_staging(place)
        folder, lock = _locked_folder(place)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)
        # A day that was never written leaves no folder either.
        with suppress(OSError):
            place.parent.rmdir()


@contextmanager
def directory_lock(folder: Path) -> Iterator[None]:
    """Wait until nobody else, in this process or another, has their turn in the folder."""
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def atomic_replace(new: Path, place: Path) -> None:
    """Put `new` where `place` is, in one step that survives a power cut.

    Raises:
        LakeError: The file system refuses; `place` is as it was.
    """
    with translate_os_errors("replace", place):
        _flush(new)
        new.replace(place)
        _flush(place.parent)
        # The day's folder may be new as well.
        _flush(place.parent.parent)


def _locked_folder(place: Path) -> tuple[Path, int]:
    """A new scratch folder and the descriptor that holds its lock.

    The lock ends with the process, however it ends: that is what tells an abandoned folder from one in use.
    """
    while True:
        place.parent.mkdir(parents=True, exist_ok=True)
        # Another writer of the same day may tidy up between any two of these lines; then begin again.
        with suppress(FileNotFoundError):
            folder = Path(tempfile.mkdtemp(prefix=f".{place.name}.", suffix=".tmp", dir=place.parent))
            lock = os.open(folder, os.O_RDONLY)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if folder.exists():
                return folder, lock
            os.close(lock)


def remove_stale_staging(place: Path) -> None:
    """Remove scratch folders of `place` whose writer is dead."""
    for folder in place.parent.glob(f".{place.name}.*.tmp"):
        with suppress(FileNotFoundError):
            lock = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            except BlockingIOError:
                pass  # its writer lives
            finally:
                os.close(lock)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
