"""Who may read and write a lake: only its own account with its own time zone.

`check` comes before reading, `claim` before writing. A change of the time zone replaces every day.
Until it is complete, the lake has days of two zones, so only the run that completes it may use the lake. Not
here: the form of `lake.json` (`identity.py`).
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from trackdrive_assets.days import exact_day
from trackdrive_assets.lake.day_parts import parts_of
from trackdrive_assets.lake.errors import DamagedFileError, LakeError
from trackdrive_assets.lake.identity import (
    FILE,
    LakeIdentity,
    LakeRecord,
    host_of,
    is_same_account,
    layout_1_error,
    read_record,
    rebuilt_record,
    write_record,
)
from trackdrive_assets.lake.layout import LAYOUT, candidates, day_of, has_layout_1, is_day
from trackdrive_assets.lake.storage import ListedFile
from trackdrive_assets.lake.store import ClaimedLake, Lake

_MICROSECOND = timedelta(microseconds=1)
_ACCEPT = "--accept-zone"


@dataclass(frozen=True)
class AcceptedZone:
    """A run that may change the time zone of a lake.

    Attributes:
        days: The days that the run replaces.
        first_day: The first day that the account can have.
        parts: The parts that the run fetches of each table whose days have parts.
    """

    days: Collection[date]
    first_day: date
    parts: Mapping[str, Collection[str]]


def record_of(lake: Lake) -> LakeRecord | None:
    """Return whose lake it is: from `lake.json`, or from the day files if that is missing or damaged.

    None if neither shows it. A change of the time zone is in progress while there are files of both zones.

    Raises:
        LakeError: Another version of this package wrote the lake, or its files belong to several accounts.
    """
    record = read_record(lake.storage) or _rebuilt_record(lake)
    if record is None or record.previous_time_zone is None:
        return record
    # A file that does not show its zone is older than the change.
    zones = {identity.time_zone if identity else None for _, identity in _identities(lake)}
    if zones <= {record.identity.time_zone}:
        return LakeRecord(record.identity)
    if record.identity.time_zone not in zones:
        return LakeRecord(replace(record.identity, time_zone=record.previous_time_zone))
    return record


def check(lake: Lake, *, account: str | None = None, time_zone: str | None = None) -> None:
    """Check that a lake is that of an account with a time zone, before it is read.

    Args:
        lake: The lake. One that does not show whose it is can be read.
        account: The host of the account, without the company. None if it is unknown.
        time_zone: The IANA name of the time zone. None accepts that of the lake.

    Raises:
        LakeError: The lake has another account or another time zone, or its time zone is being changed, or
            another version of this package wrote it.
    """
    record = record_of(lake)
    if record is None:
        return
    if account and not is_same_account(host_of(record.identity.account), account):
        raise _other_account(lake.root, record.identity.account, account)
    if record.previous_time_zone or time_zone not in {None, record.identity.time_zone}:
        raise _other_time_zone(lake, record, time_zone)


def time_zone_of(lake: Lake, default: str) -> str:
    """Return the time zone of a lake's days. `default` is for a lake that does not show it."""
    record = record_of(lake)
    return record.identity.time_zone if record else default


def claim(lake: Lake, identity: LakeIdentity) -> ClaimedLake:
    """Return a lake for writing, if it is new or that of an account with a time zone.

    A new lake gets its `lake.json` with its first day. A missing or damaged one is written again.

    Raises:
        LakeError: The lake has another account, another time zone or another layout, or its days do not show
            whose it is.
    """
    stored = read_record(lake.storage)
    # Whether a change of the time zone has begun is only asked if that matters, because it reads every file.
    record = stored if stored and stored.identity.time_zone == identity.time_zone else record_of(lake)
    if record is None:
        stored_days = _stored_days(lake)
        if stored_days and read_record(lake.storage):
            # Another day created the lake meanwhile.
            return claim(lake, identity)
        _refuse_unknown_days(lake, identity, stored_days)
        return ClaimedLake(lake.root, identity)
    if not is_same_account(record.identity.account, identity.account):
        raise _other_account(lake.root, record.identity.account, identity.account)
    if record.identity.time_zone != identity.time_zone:
        raise _other_time_zone(lake, record, identity.time_zone)
    if record != stored:
        write_record(lake.storage, record)
    return ClaimedLake(lake.root, identity)


def begin_zone_change(lake: Lake, identity: LakeIdentity, accepted: AcceptedZone) -> ClaimedLake:
    """Return a lake for a run that may change its time zone. The change begins or continues, if there is one.

    Raises:
        LakeError: The lake has another account, or the run does not replace every day. Nothing was written.
    """
    record = record_of(lake)
    same_account = record and is_same_account(record.identity.account, identity.account)
    if not record or not same_account:
        return claim(lake, identity)
    if record.previous_time_zone or record.identity.time_zone != identity.time_zone:
        _refuse_partial_range(lake, record, identity.time_zone, accepted)
        write_record(lake.storage, LakeRecord(identity, _replaced_zone(record, identity.time_zone)))
    return ClaimedLake(lake.root, identity)


def end_zone_change(lake: Lake) -> None:
    """Record that a change of the time zone is complete, if no file of another zone is left."""
    record = record_of(lake)
    if record and record != read_record(lake.storage):
        write_record(lake.storage, record)


def _replaced_zone(record: LakeRecord, time_zone: str) -> str | None:
    """Return the time zone whose days a change to `time_zone` replaces."""
    zone = record.identity.time_zone
    return record.previous_time_zone if zone == time_zone else zone


def days_to_replace(stored: Collection[date], zone: str, time_zone: str) -> set[date]:
    """Return the days of a time zone that have calls of days of another zone, and the dates of those days."""
    new = ZoneInfo(time_zone)
    days = set(stored)
    for day in (exact_day(day, ZoneInfo(zone)) for day in stored):
        days |= {day.start.astimezone(new).date(), (day.end - _MICROSECOND).astimezone(new).date()}
    return days


def _refuse_partial_range(lake: Lake, record: LakeRecord, time_zone: str, accepted: AcceptedZone) -> None:
    """Refuse a run that leaves days of another zone, or that lacks calls of them."""
    for table, parts in accepted.parts.items():
        if others := sorted(_stored_parts(lake, table) - set(parts)):
            raise LakeError(
                f"{_ACCEPT} has to replace every day, but the run does not fetch {table}/{others[0]} "
                f"of {lake.root}. Fetch it too, or move the folder {table} out of the lake. "
                "Nothing was written."
            )
    needed = _days_to_replace(lake, record, time_zone, accepted.first_day)
    if missing := sorted(needed - set(accepted.days)):
        raise LakeError(
            f"{_ACCEPT} needs a range with every day of {lake.root} in both time zones. The range lacks "
            f"{len(missing)} of {len(needed)} days, such as {missing[0]}. Nothing was written. "
            f"Run: {_command(needed)}"
        )


def _days_to_replace(lake: Lake, record: LakeRecord, time_zone: str, first_day: date) -> set[date]:
    """Return the days with files of other zones, and their neighbours in a zone that the account has."""
    # A file that does not show its zone is older than the change.
    unknown = record.previous_time_zone or record.identity.time_zone
    outdated: dict[str, set[date]] = {}
    for file in _files_by_zone(lake):
        day, (_, identity) = day_of(file.key), _identity_of(lake, file.key)
        zone = identity.time_zone if identity else unknown
        if day and zone != time_zone:
            outdated.setdefault(zone, set()).add(day)
    today = datetime.now(UTC).astimezone(ZoneInfo(time_zone)).date()
    needed: set[date] = set()
    for zone, days in outdated.items():
        neighbours = days_to_replace(days, zone, time_zone)
        needed |= days | {day for day in neighbours if first_day <= day <= today}
    return needed


def _refuse_unknown_days(lake: Lake, identity: LakeIdentity, stored: Collection[date]) -> None:
    if stored:
        raise LakeError(
            f"{lake.root} has {len(stored)} days of another program, and no readable {FILE}. So nothing "
            "shows whose they are. Nothing was written. Set TRACKDRIVE_LAKE to a new folder. Or, if all are "
            f"days of {identity.account} in {identity.time_zone}, write {lake.storage.url(FILE)} with "
            f'{{"layout": 2, "account": "{identity.account}", "time_zone": "{identity.time_zone}"}}.'
        )


def _other_account(root: str, stored: str, account: str) -> LakeError:
    return LakeError(
        f"{root} is the lake of {stored}, but the account is {account}. Nothing was written. "
        f"Set TRACKDRIVE_LAKE to a folder of its own for {account}, or use a key of {stored}."
    )


def _other_time_zone(lake: Lake, record: LakeRecord, time_zone: str | None) -> LakeError:
    stored = record.identity.time_zone
    wanted = stored if time_zone is None or record.previous_time_zone else time_zone
    command = _command(_days_to_replace(lake, record, wanted, date.min))
    if record.previous_time_zone:
        return LakeError(
            f"The days of {lake.root} are being changed from {record.previous_time_zone} to {stored}, and "
            f"some are not replaced yet. Complete it with TRACKDRIVE_TIME_ZONE={stored}: {command}"
        )
    return LakeError(
        f"The days of {lake.root} are those of {stored}, but TRACKDRIVE_TIME_ZONE is {wanted}. Nothing was "
        f"written. Set it to {stored}, or set TRACKDRIVE_LAKE to a new folder, or fetch every day again in "
        f"{wanted}: {command}"
    )


def _command(days: Collection[date]) -> str:
    span = f"--from {min(days)} --to {max(days)}" if days else "--from … --to …"
    return f"trackdrive materialize {span} {_ACCEPT}"


def _rebuilt_record(lake: Lake) -> LakeRecord | None:
    """Return the record that the files of days prove."""
    if has_layout_1(lake.storage):
        raise layout_1_error(lake.root)
    return rebuilt_record(lake.root, _fetched_identities(lake))


def _stored_parts(lake: Lake, table: str) -> set[str]:
    """Return the names of the parts that any day of a table has. A damaged file has none."""
    found: set[str] = set()
    for listed in filter(is_day, candidates(lake.storage, table)):
        with suppress(DamagedFileError), lake.open_file(listed.key) as file:
            if file:
                found.update(parts_of(file, str(LAYOUT[table].part_column)))
    return found


def _stored_days(lake: Lake) -> set[date]:
    return {day for file in lake.files() if (day := day_of(file.key))}


def _fetched_identities(lake: Lake) -> Iterator[tuple[datetime, LakeIdentity]]:
    """Yield when each file was last fetched, and its identity. Files that do not show both are left out."""
    for fetched_at, identity in _identities(lake):
        if fetched_at and identity:
            yield fetched_at, identity


def _files_by_zone(lake: Lake) -> Iterator[ListedFile]:
    """Yield the files whose days have other rows in another time zone.

    A snapshot is how the account was at an instant of a day. A change of the time zone cannot fetch it again.
    """
    return (file for file in lake.files() if not LAYOUT[file.key.partition("/")[0]].is_snapshot)


def _identities(lake: Lake) -> Iterator[tuple[datetime | None, LakeIdentity | None]]:
    for file in _files_by_zone(lake):
        yield _identity_of(lake, file.key)


def _identity_of(lake: Lake, key: str) -> tuple[datetime | None, LakeIdentity | None]:
    """Return when a file was last fetched, and its identity. Both are None for a damaged file."""
    with suppress(DamagedFileError), lake.open_file(key) as file:
        if file:
            return file.updated_at, file.identity
    return None, None
