"""Whose lake it is: the account and the time zone of all its days, in `lake.json` and in every day file.

A lake has one account and one time zone, because its days could not be compared or added otherwise. Not here:
who asks for a lake (`store.py`), and what a day of another zone means for its replacement (`day_writer.py`).
"""

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from trackdrive_assets.lake.errors import LakeError, translate_os_errors
from trackdrive_assets.lake.storage import MISSING, ChangedMeanwhileError, Storage

FILE = "lake.json"
LAYOUT_VERSION = 2

_ACCOUNT, _TIME_ZONE = "trackdrive.account", "trackdrive.time_zone"
_DOMAINS = (".trackdrive.com", ".trackdrive.net")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LakeIdentity:
    """The account and the time zone of a lake.

    Attributes:
        account: The host of the account. On loopback, the host and the company: `localhost/Acme`.
        time_zone: The IANA name of the time zone of the days.
    """

    account: str
    time_zone: str

    @classmethod
    def from_metadata(cls, metadata: Mapping[bytes, bytes]) -> "LakeIdentity | None":
        """Return the identity that a day file's metadata contains. None if another program wrote the file."""
        account, time_zone = (metadata.get(key.encode(), b"").decode() for key in (_ACCOUNT, _TIME_ZONE))
        return cls(account, time_zone) if account and time_zone else None

    def to_metadata(self) -> dict[str, str]:
        """Return the key-value metadata for a day file."""
        return {_ACCOUNT: self.account, _TIME_ZONE: self.time_zone}


@dataclass(frozen=True)
class LakeRecord:
    """The content of `lake.json`.

    Attributes:
        identity: The account and the time zone of the lake.
        previous_time_zone: The time zone of the days that are not replaced yet. None if no change of the time
            zone is in progress.
    """

    identity: LakeIdentity
    previous_time_zone: str | None = None


@dataclass(frozen=True)
class LakeClaim:
    """The right to write into a lake, which `ownership.claim` has checked.

    Attributes:
        storage: The storage of the lake.
        identity: The account and the time zone of the writer.
    """

    storage: Storage
    identity: LakeIdentity

    def confirm(self) -> None:
        """Check that the lake is still that of the writer. If there is no `lake.json`, create it.

        Raises:
            LakeError: Another program made it the lake of another account or time zone.
        """
        stored = (read_record(self.storage) or self._create_record()).identity
        same_zone = stored.time_zone == self.identity.time_zone
        if not same_zone or not is_same_account(stored.account, self.identity.account):
            raise LakeError(
                f"{self.storage.root} is now the lake of {stored.account} with days of {stored.time_zone}. "
                f"This run is of {self.identity.account} with days of {self.identity.time_zone}. Nothing was "
                "stored."
            )

    def _create_record(self) -> LakeRecord:
        """Create `lake.json`, unless another program was faster. Return its content."""
        # The staging folder creates that of a new lake, for the lock.
        with self.storage.staging(FILE), self.storage.lock(FILE), self.storage.open(FILE) as file:
            if record := read_record(self.storage):
                return record
            record = LakeRecord(self.identity)
            try:
                write_record(self.storage, record, file.version if file else MISSING)
            except ChangedMeanwhileError:
                return read_record(self.storage) or record
            return record


def is_same_account(one: str, other: str) -> bool:
    """Return whether two names are those of one account, which moves between `.com` and `.net`."""
    return _subdomain(one) == _subdomain(other)


def host_of(account: str) -> str:
    """Return the host of an account, without the company."""
    return account.partition("/")[0]


def read_record(storage: Storage) -> LakeRecord | None:
    """Return the content of `lake.json`. None if the file is missing or damaged.

    Raises:
        LakeError: The file can't be opened, or another version of this package wrote it.
    """
    url = storage.url(FILE)
    with storage.open(FILE) as file, translate_os_errors("read", url):
        text = file.path.read_bytes() if file else None
    if text is None:
        return None
    try:
        return _parse(storage.root, json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError):
        _log.warning("%s is damaged. The metadata of the day files is used instead.", url)
        return None


def write_record(storage: Storage, record: LakeRecord, seen: str | None = None) -> None:
    """Replace `lake.json`, if it has the version `seen`. None replaces any.

    Raises:
        LakeError: The file can't be written. The old one is unchanged.
    """
    content: dict[str, Any] = {
        "layout": LAYOUT_VERSION,
        "account": record.identity.account,
        "time_zone": record.identity.time_zone,
    }
    if record.previous_time_zone:
        content["previous_time_zone"] = record.previous_time_zone
    with storage.staging(FILE) as staging:
        new = staging / FILE
        with translate_os_errors("write", storage.url(FILE)):
            new.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", "utf-8")
        storage.replace(FILE, new, seen)


def rebuilt_record(root: str, found: Iterable[tuple[datetime, LakeIdentity]]) -> LakeRecord | None:
    """Return the record that day files together prove. None if there are none.

    Args:
        root: The folder or URL of the lake, for the error.
        found: When each file was last fetched, and its identity.

    Raises:
        LakeError: The files belong to several accounts.
    """
    by_age = sorted(found, key=lambda pair: pair[0])
    if not by_age:
        return None
    newest = by_age[-1][1]
    if others := {each.account for _, each in by_age if not is_same_account(each.account, newest.account)}:
        raise LakeError(
            f"{root} has days of {newest.account} and of {', '.join(sorted(others))}, and no readable {FILE} "
            f"names its account. Move the days of the wrong account out of it."
        )
    # Only a change of the time zone leaves files of another one, and it continues with the newest.
    earlier = [each.time_zone for _, each in by_age if each.time_zone != newest.time_zone]
    return LakeRecord(newest, earlier[-1] if earlier else None)


def layout_1_error(root: str) -> LakeError:
    """Return the error for a lake whose reports have a folder each."""
    return LakeError(
        f"An older version of trackdrive-assets wrote the lake {root} (layout 1: a folder for each report). "
        "This version can't read it. Nothing was written. Set TRACKDRIVE_LAKE to a new folder, and fetch the "
        "days again."
    )


def _subdomain(account: str) -> tuple[str, str]:
    host, _, company = account.partition("/")
    host = host.lower().rstrip(".")
    domain = next((domain for domain in _DOMAINS if host.endswith(domain)), "")
    return (f"{host.removesuffix(domain)}.trackdrive" if domain else host), company


def _parse(root: str, content: Any) -> LakeRecord:
    layout = content["layout"]
    if isinstance(layout, int) and layout < LAYOUT_VERSION:
        raise layout_1_error(root)
    if isinstance(layout, int) and layout > LAYOUT_VERSION:
        raise LakeError(
            f"A newer version of trackdrive-assets wrote this lake (layout {layout}). Install that version."
        )
    account, previous = content["account"], content.get("previous_time_zone")
    if layout != LAYOUT_VERSION or not isinstance(account, str) or not account:
        raise ValueError(layout)
    zones = [content["time_zone"], *([previous] if previous is not None else [])]
    if not all(_is_time_zone(zone) for zone in zones):
        raise ValueError(zones)
    return LakeRecord(LakeIdentity(account, content["time_zone"]), previous)


def _is_time_zone(name: object) -> bool:
    try:
        return isinstance(name, str) and bool(ZoneInfo(name))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
