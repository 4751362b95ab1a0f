"""Copying a lake to another place: from a folder to an object store, back, or between two of a kind.

Every file is compared after it was written. A copy that was stopped continues, and an older copy is brought
up to date. Not here: the views of the copy, which are built as those of every lake (`database.py`).
"""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from trackdrive_assets.lake.day_file import DayFile
from trackdrive_assets.lake.errors import DamagedFileError, LakeError, translate_os_errors
from trackdrive_assets.lake.ownership import claim, record_of
from trackdrive_assets.lake.storage import MISSING, Storage
from trackdrive_assets.lake.store import ClaimedLake, Lake

_MOST_ROUNDS = 5


@dataclass(frozen=True)
class CopiedFile:
    """What became of one file.

    Attributes:
        key: The key of the file.
        is_new: Whether it was written. False if the copy had it already.
        kept: Why the file of the copy was kept, although it is another one. Empty if it is the same.
    """

    key: str
    is_new: bool
    kept: str = ""


def claim_copy(source: Lake, target: Lake) -> ClaimedLake:
    """Return the place of a copy for writing, and make it a lake of the same account.

    Raises:
        LakeError: The source is no lake or its time zone is being changed, one place is the other or is
            inside it, or the target is the lake of another account or time zone.
    """
    record = record_of(source)
    if record is None:
        raise LakeError(f"{source.root} is no lake, because it has no days. Name the folder of lake.json.")
    if record.previous_time_zone:
        raise LakeError(
            f"The time zone of {source.root} is being changed. Complete the change first, then copy."
        )
    if source.root == target.root:
        raise LakeError(f"{source.root} and its copy are the same place. Name another one.")
    outer, inner = sorted((source.root, target.root), key=len)
    if _is_nested(outer, inner):
        raise LakeError(
            f"{inner} is inside {outer}. A lake and its copy can't contain each other. Name another place."
        )
    copy = claim(target, record.identity)
    copy.claim.confirm()
    return copy


def copy_days(source: Lake, target: ClaimedLake) -> Iterator[CopiedFile]:
    """Copy the files of all days, and yield each.

    Files that a run replaces meanwhile are copied again, because the changes of a day and its calls belong
    together.

    Raises:
        LakeError: A file of the source is damaged, a file can't be read or written, or runs replace files all
            the time. What was copied stays, and another copy continues.
    """
    done: dict[str, str] = {}
    for _ in range(_MOST_ROUNDS):
        files = {file.key: file.version for file in source.files()}
        changed = [key for key, version in files.items() if done.get(key) != version]
        if not changed:
            return
        for key in changed:
            yield _copy_file(source.storage, target.storage, key)
            done[key] = files[key]
    raise LakeError(f"Runs replace files of {source.root} all the time. Copy it when no run is in progress.")


def _is_nested(outer: str, inner: str) -> bool:
    """Return whether a place is inside another, other than as one of its folders `account=…`."""
    prefix = f"{outer.rstrip('/')}/"
    folder = inner.removeprefix(prefix)
    return inner.startswith(prefix) and ("/" in folder or not folder.startswith("account="))


def _copy_file(source: Storage, target: Storage, key: str) -> CopiedFile:
    """Copy one file, if the copy has not the same or a newer one."""
    with target.staging(key) as staging, target.lock(key), source.open(key) as original:
        if original is None:
            raise LakeError(f"{source.url(key)} was deleted while it was being copied. Copy the lake again.")
        new = staging / "copy"
        with translate_os_errors("write", target.url(key)):
            shutil.copyfile(original.path, new)
        fetched_at, digest = _updated_at(new, source.url(key)), _digest(new)
        with target.open(key) as present:
            if present and _digest(present.path) == digest:
                return CopiedFile(key, is_new=False)
            if present and fetched_at:
                # A damaged file of the copy is replaced.
                with suppress(DamagedFileError):
                    other = _updated_at(present.path, target.url(key))
                    if other and other > fetched_at:
                        return CopiedFile(key, is_new=False, kept=f"{target.url(key)} was fetched later")
            seen = present.version if present else MISSING
        target.replace(key, new, seen)
        with target.open(key) as written:
            if written is None or _digest(written.path) != digest:
                raise LakeError(
                    f"{target.url(key)} is not what was written. Check the storage, then copy again."
                )
    return CopiedFile(key, is_new=True)


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _updated_at(path: Path, url: str) -> datetime | None:
    with DayFile(path, url) as file:
        return file.updated_at
