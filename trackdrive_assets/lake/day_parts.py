"""The parts of a day's file: each report of the reports, each grouping of the statistics.

Parts are fetched one by one, but stored together, because readers need much longer for many small files.
Each part has row groups of its own, and its own fetch in the metadata of the file. So a part without rows is
stored too. Not here: days that are fetched as a whole (`day_writer.py`).
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from trackdrive_assets.lake.day_file import DayFile, FetchInfo
from trackdrive_assets.lake.day_writer import (
    FIRST_ROWS,
    WriteResult,
    check_complete,
    open_current,
    warn_of_later_fetch,
    warn_of_wrong_clock,
)
from trackdrive_assets.lake.errors import DamagedFileError, translate_os_errors
from trackdrive_assets.lake.identity import LakeClaim
from trackdrive_assets.lake.storage import Storage

ROWS_KEY = "trackdrive.rows/"
"""The beginning of the key with the number of rows of a part. The name of the part follows."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Part:
    """The rows of a part of a day, and their fetch.

    Attributes:
        rows: The rows, with the schema of the file. Each has the name of the part in the part column.
        fetch_info: The fetch of the part. None if another program wrote the file.
    """

    rows: pa.Table
    fetch_info: FetchInfo | None


@dataclass(frozen=True)
class PartInfo:
    """A part that a day's file has.

    Attributes:
        rows: The number of rows.
        fetch_info: The fetch of the part. None if another program wrote the file.
    """

    rows: int
    fetch_info: FetchInfo | None


def fetched_part(rows: pa.RecordBatch, fetched_at: datetime, api_count: int | None = None) -> Part:
    """Return a part of a day that was just fetched.

    Args:
        rows: The rows.
        fetched_at: The start of the fetch.
        api_count: The number of rows that the API counts. None if the API does not count them.
    """
    return Part(pa.Table.from_batches([rows]), FetchInfo(fetched_at, fetched_at, api_count))


def parts_of(file: DayFile, column: str) -> Mapping[str, PartInfo]:
    """Return the parts of a day by name. Another program's file has a part for each value of the column."""
    prefix = ROWS_KEY.encode()
    counts = {key: int(count) for key, count in file.metadata.items() if key.startswith(prefix)}
    if counts:
        names = {key: key.removeprefix(prefix).decode() for key in counts}
        return {
            name: PartInfo(counts[key], FetchInfo.from_metadata(file.metadata, f"/{name}"))
            for key, name in names.items()
        }
    if column not in file.schema.names:
        return {}
    found = pc.value_counts(file.column(column)).to_pylist()
    return {entry["values"]: PartInfo(entry["counts"], None) for entry in found if entry["values"]}


def read_part(file: DayFile, column: str, part: str, schema: pa.Schema) -> pa.Table | None:
    """Return the rows of a part in a schema. None if the day lacks the part."""
    if part not in parts_of(file, column):
        return None
    groups = file.row_groups_with(column, part)
    names = file.read(pa.schema([file.schema.field(column)]), groups)[column]
    return file.read(schema, groups).filter(pc.equal(names, part))


def replace_parts(
    storage: Storage,
    key: str,
    schema: pa.Schema,
    *,
    column: str,
    parts: Mapping[str, Part],
    claim: LakeClaim,
) -> Mapping[str, WriteResult]:
    """Replace parts of a day's file, and keep the others. `ClaimedLake.replace_parts` describes it."""
    now, url = datetime.now(UTC), storage.url(key)
    with (
        storage.staging(key) as staging,
        storage.lock(key),
        open_current(storage, key, claim.identity) as (current, seen),
    ):
        stored = parts_of(current, column) if current else {}
        later = {name for name, part in parts.items() if _is_superseded(url, part, stored.get(name), now)}
        new = {
            name: _successor(url, part, stored.get(name), now)
            for name, part in parts.items()
            if name not in later
        }
        old = {name: info for name, info in stored.items() if name not in new}
        kept = _read_parts(current, column, old, schema) if current else {}
        contents, size = {**kept, **new}, current.bytes if current else 0
        if new:
            with translate_os_errors("write", url):
                _write(staging / "day", schema, contents, claim)
            with DayFile(staging / "day", url) as saved:
                check_complete(saved, schema, sum(len(part.rows) for part in contents.values()))
                size = saved.bytes
            claim.confirm()
            storage.replace(key, staging / "day", seen)
        return {
            name: _result(url, size, contents.get(name, parts[name]), is_superseded=name in later)
            for name in parts
        }


def _is_superseded(url: str, part: Part, stored: PartInfo | None, now: datetime) -> bool:
    """Return whether the stored part is from a fetch that began later, and log that."""
    earlier, info = part.fetch_info, stored.fetch_info if stored else None
    if earlier is None or info is None or not info.is_later_than(earlier.fetched_at, now):
        return False
    warn_of_later_fetch(url, earlier.fetched_at)
    return True


def _successor(url: str, part: Part, stored: PartInfo | None, now: datetime) -> Part:
    """Return a part with its fetch as the successor of the stored one."""
    earlier = stored.fetch_info if stored else None
    warn_of_wrong_clock(url, earlier, now)
    return replace(part, fetch_info=part.fetch_info and part.fetch_info.successor_of(earlier, now))


def _read_parts(
    file: DayFile, column: str, infos: Mapping[str, PartInfo], schema: pa.Schema
) -> dict[str, Part]:
    """Read the parts that stay. A damaged one can't stay, and must not stop the new ones."""
    parts: dict[str, Part] = {}
    for name, info in infos.items():
        try:
            rows = read_part(file, column, name, schema)
        except DamagedFileError as error:
            _log.warning("%s The part %s is lost. Materialize it again.", error, name)
        else:
            if rows is not None:
                parts[name] = Part(rows, info.fetch_info)
    return parts


def _write(new: Path, schema: pa.Schema, parts: Mapping[str, Part], claim: LakeClaim) -> None:
    """Write parts in the order of their names, each into row groups of its own."""
    metadata = claim.identity.to_metadata()
    with pq.ParquetWriter(new, schema, compression="zstd") as parquet:
        for name, part in sorted(parts.items()):
            if len(part.rows):
                parquet.write_table(part.rows)
            metadata[f"{ROWS_KEY}{name}"] = str(len(part.rows))
            if part.fetch_info:
                metadata |= part.fetch_info.to_metadata(f"/{name}")
        parquet.add_key_value_metadata(metadata)


def _result(url: str, size: int, part: Part, *, is_superseded: bool) -> WriteResult:
    api_count = part.fetch_info.api_count if part.fetch_info else None
    return WriteResult(url, len(part.rows), size, part.rows.slice(0, FIRST_ROWS), api_count, is_superseded)
