"""A disk that fills up, and a lake that may not be written: all stays as it was, and the error says so.

Room is taken away by the limit of a process on the size of its files. A disk that is really full refuses the
same calls of the system, under another number.
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
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.tables.columns import CALL_CHANGES, REPORTS, SCHEMAS, Table
from trackdrive_assets_tests.conftest import Pipeline
from trackdrive_assets_tests.support.processes import forks

DAY = date(2024, 3, 10)


@contextmanager
def room(size: int) -> Iterator[None]:
    """No file can grow beyond so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def contents(lake: Lake) -> dict[str, bytes | None]:
    """Every file and folder."""
    return {
        str(path.relative_to(lake.root)): path.read_bytes() if path.is_file() else None
        for path in lake.root.rglob("*")
    }


def until_there_is_room(lake: Lake, write: Callable[[], object], place: Path, *, may_move: str = "") -> None:
    """Try with more and more room, and see what each failure leaves, until it succeeds."""
    before = contents(lake)
    for size in (0, 4, *(round(100 * 1.3**n) for n in range(40))):
        with room(size):
            said = refusal(write)
        if said is None:
            assert size > 500  # or nothing was tried
            return
        for part in (str(place), "unchanged", "free space"):
            assert part in said
        after = contents(lake)
        assert after.keys() == before.keys()
        assert [path for path in after if after[path] != before[path]] in ([], [may_move])
    pytest.fail("It never succeeds.")


def refusal(write: Callable[[], object]) -> str | None:
    """What the lake says when it can't be written; None if it can."""
    try:
        write()
    except LakeError as error:
        return str(error)
    return None


def store(lake: Lake, table: Table, rows: int, **hive: str) -> None:
    """A day of a table, with texts that nothing makes shorter."""
    texts = [field.name for field in table.schema if pa.types.is_string(field.type)]
    batch = pa.RecordBatch.from_pylist(
        [{name: sha256(f"{name} {row}".encode()).hexdigest() for name in texts} for row in range(rows)],
        schema=table.schema,
    )
    with lake.replace(
        table.name,
        table.schema,
        DAY,
        sort_by=None,
        fetched_at=None,
        before_commit=None,
        is_patch=False,
        **hive,
    ) as day:
        day.write(batch)


@pytest.mark.parametrize(
    ("table", "hive"),
    [(REPORTS, {"category": "status"}), (CALL_CHANGES, {})],
    ids=["reports", "call_changes"],
)
def test_wherever_the_room_ends_a_day_stays_as_it_was(
    tmp_path: Path, table: Table, hive: dict[str, str]
) -> None:
    lake = Lake(tmp_path)
    store(lake, table, 1, **hive)
    file = lake.file(table.name, DAY, **hive)
    until_there_is_room(lake, lambda: store(lake, table, 200, **hive), file)
    assert pq.read_metadata(file).num_rows == 200


def test_wherever_the_room_ends_calls_stay_as_they_were_and_a_change_is_recorded_once(
    pipeline: Pipeline,
) -> None:
    day = pipeline.day("2024-03-10")
    with pipeline.account.client() as client:
        ingest_calls(client, pipeline.lake, day)
        late = pipeline.sandbox.add_call(datetime(2024, 3, 10, 12, tzinfo=UTC))
        until_there_is_room(
            pipeline.lake,
            lambda: ingest_calls(client, pipeline.lake, day),
            pipeline.lake.root,
            # Changes are written first, and taken back when the calls do not follow.
            may_move="call_changes/date=2024-03-10/changes.parquet",
        )
    assert late in pipeline.stored("2024-03-10")
    changes = pq.read_table(pipeline.lake.file("call_changes", DAY))
    assert changes.filter(pc.field("field") == "uuid")["uuid"].to_pylist() == [late]


def test_wherever_the_room_ends_the_views_stay_as_they_were(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    build_database(lake, SCHEMAS, time_zone="UTC")
    until_there_is_room(
        lake, lambda: build_database(lake, SCHEMAS, time_zone="America/New_York"), lake.root / FILE
    )


# A lake that may not be written


def give_up_privileges() -> None:
    """Root may write anywhere; from here on this process may not."""
    if os.geteuid() == 0:
        version_3_of_this_process = struct.pack("=Ii", 0x20080522, 0)
        none = bytes(24)
        assert ctypes.CDLL(None).capset(version_3_of_this_process, none) == 0


def write_without_privileges(test: Connection, lake: Lake) -> None:
    give_up_privileges()
    for write in WRITES:
        test.send(refusal(partial(write, lake)))


WRITES: tuple[Callable[[Lake], object], ...] = (
    partial(store, table=CALL_CHANGES, rows=1),
    partial(build_database, schemas=SCHEMAS, time_zone="UTC"),
)


def test_a_lake_that_may_not_be_written_is_named_and_stays_as_it_was(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    for write in WRITES:
        write(lake)
    # Of another account's clock, because views that are up to date are not written.
    build_database(lake, SCHEMAS, time_zone="America/New_York")
    before = contents(lake)
    for path in before:
        (lake.root / path).chmod(0o555)
    lake.root.chmod(0o555)

    here, there = forks.Pipe()
    process = forks.Process(target=write_without_privileges, args=(there, lake), daemon=True)
    process.start()
    there.close()
    for place in (lake.file("call_changes", DAY), lake.root / FILE):
        assert f"{place}: Permission denied. What was there before is unchanged. Check that" in here.recv()
    process.join()
    assert contents(lake) == before
