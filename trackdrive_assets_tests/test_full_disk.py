"""A full disk or a read-only lake: the old files stay unchanged, and the error names that.

The tests limit the size of files instead of the disk. On a full disk the same system calls fail, with another
error number.
"""

import ctypes
import os
import resource
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import partial
from hashlib import sha256
from multiprocessing.connection import Connection
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from trackdrive_assets.ingest.calls import ingest_calls
from trackdrive_assets.lake.database import FILE, build_database
from trackdrive_assets.lake.errors import LakeError
from trackdrive_assets.lake.store import ClaimedLake
from trackdrive_assets.tables.columns import CALL_CHANGES, REPORTS, Table, schemas
from trackdrive_assets_tests.conftest import Pipeline
from trackdrive_assets_tests.support.factories import Row, file_of, folder_of, lake_at, write_day
from trackdrive_assets_tests.support.processes import forks

DAY = date(2024, 3, 10)


@contextmanager
def max_file_size(size: int) -> Iterator[None]:
    """Limit the size of every file, in bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def contents(lake: ClaimedLake) -> dict[str, bytes | None]:
    """Return every file and folder of the lake, with its content."""
    return {
        str(path.relative_to(folder_of(lake))): path.read_bytes() if path.is_file() else None
        for path in folder_of(lake).rglob("*")
    }


def write_with_growing_limit(
    lake: ClaimedLake, write: Callable[[], object], path: Path, *, may_change: str = ""
) -> None:
    """Repeat a write with a larger and larger limit until it succeeds, and check what each failure leaves."""
    before = contents(lake)
    for size in (0, 4, *(round(100 * 1.3**n) for n in range(40))):
        with max_file_size(size):
            message = error_of(write)
        if message is None:
            assert size > 500  # Otherwise no write has failed.
            return
        for part in (str(path), "unchanged", "free space"):
            assert part in message
        after = contents(lake)
        assert after.keys() == before.keys()
        assert [name for name in after if after[name] != before[name]] in ([], [may_change])
    pytest.fail("The write never succeeds.")


def error_of(write: Callable[[], object]) -> str | None:
    """Return the message of the lake's error. None if the write succeeds."""
    try:
        write()
    except LakeError as error:
        return str(error)
    return None


def store(lake: ClaimedLake, table: Table, part: str | None, rows: int) -> None:
    """Write a day of a table with texts that do not compress."""
    texts = [field.name for field in table.schema if pa.types.is_string(field.type)]
    named: list[Row] = [
        {name: sha256(f"{name} {row}".encode()).hexdigest() for name in texts} for row in range(rows)
    ]
    rows_of_part = [row | {"category": part} for row in named] if part else named
    write_day(lake, table.name, rows_of_part, day=DAY, part=part)


@pytest.mark.parametrize(
    ("table", "part"),
    [(REPORTS, "status"), (CALL_CHANGES, None)],
    ids=["reports", "call_changes"],
)
def test_a_full_disk_leaves_the_old_day(tmp_path: Path, table: Table, part: str | None) -> None:
    lake = lake_at(tmp_path)
    store(lake, table, part, 1)
    file = file_of(lake, table.name, DAY)
    write_with_growing_limit(lake, lambda: store(lake, table, part, 200), file)
    assert pq.read_metadata(file).num_rows == 200


def test_a_full_disk_leaves_the_old_calls_and_records_a_change_once(
    pipeline: Pipeline,
) -> None:
    day = pipeline.day("2024-03-10")
    with pipeline.account.client() as client:
        ingest_calls(client, pipeline.lake, day)
        late = pipeline.sandbox.add_call(datetime(2024, 3, 10, 12, tzinfo=UTC))
        write_with_growing_limit(
            pipeline.lake,
            lambda: ingest_calls(client, pipeline.lake, day),
            folder_of(pipeline.lake),
            # Changes are written first. The next run drops those that belong to calls that were not written.
            may_change="call_changes/date=2024-03-10/changes.parquet",
        )
    assert late in pipeline.stored("2024-03-10")
    changes = pq.read_table(file_of(pipeline.lake, "call_changes", DAY))
    assert changes.filter(pc.field("field") == "uuid")["uuid"].to_pylist() == [late]


def test_a_full_disk_leaves_the_old_views(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    build_database(lake, schemas(), time_zone="UTC")
    write_with_growing_limit(
        lake, lambda: build_database(lake, schemas(), time_zone="America/New_York"), folder_of(lake) / FILE
    )


# A lake without write permission


def give_up_privileges() -> None:
    """Drop the capability of root to write anywhere, for the rest of this process."""
    if os.geteuid() == 0:
        version_3_of_this_process = struct.pack("=Ii", 0x20080522, 0)
        none = bytes(24)
        assert ctypes.CDLL(None).capset(version_3_of_this_process, none) == 0


def write_without_privileges(test: Connection, lake: ClaimedLake) -> None:
    give_up_privileges()
    for write in WRITES:
        test.send(error_of(partial(write, lake)))


WRITES: tuple[Callable[[ClaimedLake], object], ...] = (
    partial(store, table=CALL_CHANGES, part=None, rows=1),
    partial(build_database, schemas=schemas(), time_zone="UTC"),
)


def test_a_read_only_lake_is_named_and_stays_as_it_was(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    for write in WRITES:
        write(lake)
    before = contents(lake)
    for name in before:
        (folder_of(lake) / name).chmod(0o555)
    folder_of(lake).chmod(0o555)

    here, there = forks.Pipe()
    process = forks.Process(target=write_without_privileges, args=(there, lake), daemon=True)
    process.start()
    there.close()
    for path in (file_of(lake, "call_changes", DAY), folder_of(lake) / FILE):
        assert f"{path}: Permission denied. What was there before is unchanged. Check that" in here.recv()
    process.join()
    assert contents(lake) == before
