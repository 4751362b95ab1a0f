"""The paths of days, and how a day is replaced in order and as a whole."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackdrive_assets.lake.day_file import DayFile
from trackdrive_assets.lake.day_writer import WriteResult, check_complete
from trackdrive_assets.lake.errors import LakeError
from trackdrive_assets.lake.layout import LAYOUT
from trackdrive_assets.lake.store import ClaimedLake
from trackdrive_assets.tables.columns import CALLS, TABLES
from trackdrive_assets_tests.support.factories import file_of, lake_at

DAY = date(2024, 6, 19)
SCHEMA = CALLS.schema.empty_table().select(["created_at", "uuid"]).schema


def page(*minutes: int) -> pa.RecordBatch:
    """Return calls that were created so many minutes after midnight."""
    midnight = datetime(2024, 6, 19, tzinfo=UTC)
    return pa.RecordBatch.from_pylist(
        [
            {"created_at": midnight + timedelta(minutes=minute), "uuid": f"call-{minute}"}
            for minute in minutes
        ],
        schema=SCHEMA,
    )


def write(lake: ClaimedLake, *pages: pa.RecordBatch, day: date = DAY) -> WriteResult:
    with lake.replace("calls", SCHEMA, day, sort_by="created_at") as writer:
        for batch in pages:
            writer.write(batch)
    return writer.result


def write_and_fail(lake: ClaimedLake) -> None:
    with lake.replace("calls", SCHEMA, DAY, sort_by="created_at") as writer:
        writer.write(page(2))
        raise ZeroDivisionError


def uuids(lake: ClaimedLake, *days: date) -> list[str | None]:
    found: list[str | None] = lake.read("calls", SCHEMA, days or [DAY])["uuid"].to_pylist()
    return found


def everything_in(folder: Path) -> list[str]:
    files = [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
    return sorted(file for file in files if file != "lake.json")


# Paths


def test_days_have_the_documented_paths(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    paths = [
        file_of(lake, "calls", DAY),
        file_of(lake, "reports", DAY),
        file_of(lake, "stats", DAY),
    ]
    assert [str(path.relative_to(tmp_path)) for path in paths] == [
        "calls/date=2024-06-19/calls.parquet",
        "reports/date=2024-06-19/reports.parquet",
        "stats/date=2024-06-19/stats.parquet",
    ]


def test_every_table_has_a_place_and_its_part_column() -> None:
    assert LAYOUT.keys() == {table.name for table in TABLES}
    for table in TABLES:
        column = LAYOUT[table.name].part_column
        assert column is None or column in table.schema.names


def test_an_unknown_table_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no table 'cals'\. Its tables are calls"):
        lake_at(tmp_path).read("cals", SCHEMA, [DAY])


def test_a_root_with_a_hive_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LakeError, match="without 'date=2024'"):
        lake_at(tmp_path / "date=2024" / "lake")


def test_days_are_existing_dates_with_a_file(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    assert lake.days("calls") == []
    for day in (date(2024, 6, 21), date(2024, 6, 19)):
        write(lake, page(1), day=day)
    (tmp_path / "calls" / "date=2024-06-20").mkdir()
    for name in ("date=2024-99-99", "date=2024-06-19 copy", "notes"):
        shutil.copytree(tmp_path / "calls" / "date=2024-06-19", tmp_path / "calls" / name)
    assert lake.days("calls") == [date(2024, 6, 19), date(2024, 6, 21)]


# Replacing a day


def test_pages_in_descending_order_are_stored_ascending(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    written = write(lake, page(9, 8, 7), page(6, 5), page(4, 3, 2))
    assert uuids(lake) == [f"call-{n}" for n in range(2, 10)]
    assert (written.rows, written.url) == (8, str(file_of(lake, "calls", DAY)))
    assert written.bytes == file_of(lake, "calls", DAY).stat().st_size


def test_pages_that_overlap_are_merged(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    write(lake, page(9, 5), page(7, 3), page(4, 1), page(20))
    assert uuids(lake) == [f"call-{n}" for n in (1, 3, 4, 5, 7, 9, 20)]


@given(st.lists(st.lists(st.integers(0, 1000), max_size=4), max_size=8))
def test_any_order_of_pages_becomes_sorted(pages: list[list[int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        lake = lake_at(folder)
        write(lake, *(page(*minutes) for minutes in pages))
        assert uuids(lake) == [f"call-{n}" for n in sorted(n for minutes in pages for n in minutes)]


def test_without_sort_by_rows_keep_their_order(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    with lake.replace("calls", SCHEMA, DAY) as writer:
        writer.write(page(3, 1))
        writer.write(page(2))
    assert uuids(lake) == ["call-3", "call-1", "call-2"]


def test_an_empty_day_has_all_columns_and_no_rows(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    write(lake, page())
    with pq.ParquetFile(file_of(lake, "calls", DAY)) as file:
        assert (file.metadata.num_rows, file.schema_arrow) == (0, SCHEMA)


def test_a_day_is_replaced_as_a_whole(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    write(lake, page(1, 2, 3))
    write(lake, page(4))
    assert uuids(lake) == ["call-4"]
    assert everything_in(tmp_path) == ["calls/date=2024-06-19/calls.parquet"]


def test_small_pages_share_a_row_group_with_statistics(tmp_path: Path) -> None:
    written = write(lake_at(tmp_path), *(page(n) for n in range(20)))
    with pq.ParquetFile(written.url) as file:
        assert file.num_row_groups == 1
        column = file.metadata.row_group(0).column(0)
    assert column.compression == "ZSTD"
    assert column.statistics is not None
    assert column.statistics.has_min_max


def test_the_current_file_is_read_and_replaced_under_one_lock(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    write(lake, page(1))
    folder = os.open(file_of(lake, "calls", DAY).parent, os.O_RDONLY)
    with lake.stage("calls", SCHEMA, DAY) as writer:
        writer.write(page(1, 2))
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(folder, fcntl.LOCK_UN)
        with writer.locked() as current:
            assert current
            with writer.save(current) as new:
                assert (current.rows, new.rows) == (1, 2)
            writer.commit()
            with pytest.raises(BlockingIOError):
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(folder)
    assert uuids(lake) == ["call-1", "call-2"]


def test_a_staged_day_without_a_commit_changes_nothing(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    write(lake, page(1))
    with lake.stage("calls", SCHEMA, DAY) as writer:
        writer.write(page(2))
    assert uuids(lake) == ["call-1"]
    assert everything_in(tmp_path) == ["calls/date=2024-06-19/calls.parquet"]


def test_the_result_of_an_older_fetch_is_dropped(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lake = lake_at(tmp_path)
    for minute, rows in ((5, page(5)), (4, page(4))):
        began = datetime(2024, 6, 20, 0, minute, tzinfo=UTC)
        with lake.replace("calls", SCHEMA, DAY, fetched_at=began) as writer:
            writer.write(rows)
    assert uuids(lake) == ["call-5"]
    assert (writer.result.is_superseded, writer.result.rows) == (True, 1)
    assert "is dropped" in caplog.text


def test_a_time_in_the_future_is_ignored_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lake = lake_at(tmp_path)
    for began in (datetime.now(UTC) + timedelta(days=3000), datetime.now(UTC)):
        with lake.replace("calls", SCHEMA, DAY, fetched_at=began) as writer:
            writer.write(page(began.year % 7))
    assert uuids(lake) == [f"call-{began.year % 7}"]
    assert "so a clock was wrong" in caplog.text
    with DayFile(file_of(lake, "calls", DAY)) as file:
        assert file.fetch_info
        assert file.fetch_info.fetched_at == file.fetch_info.first_fetched_at == began


def test_an_error_keeps_the_old_day_and_removes_temporary_files(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    write(lake, page(1))
    with pytest.raises(ZeroDivisionError):
        write_and_fail(lake)
    assert uuids(lake) == ["call-1"]
    assert everything_in(tmp_path) == ["calls/date=2024-06-19/calls.parquet"]


def test_an_error_on_a_new_day_removes_its_folder(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        write_and_fail(lake_at(tmp_path))
    assert list((tmp_path / "calls").iterdir()) == []


def test_errors_of_the_caller_are_not_translated(tmp_path: Path) -> None:
    with pytest.raises(ConnectionError), lake_at(tmp_path).replace("calls", SCHEMA, DAY):
        raise ConnectionError


def test_a_batch_of_another_schema_is_refused(tmp_path: Path) -> None:
    other = pa.RecordBatch.from_pydict({"uuid": ["a"]})
    with pytest.raises(ValueError, match="The batch has the columns"):
        write(lake_at(tmp_path), other)


def test_a_row_without_a_sorting_value_is_refused(tmp_path: Path) -> None:
    nameless = pa.RecordBatch.from_pylist([{"uuid": "a"}], schema=SCHEMA)
    with pytest.raises(ValueError, match="sorted by created_at, but 1 rows have no value"):
        write(lake_at(tmp_path), nameless)


@pytest.mark.parametrize(("rows", "schema"), [(2, SCHEMA), (1, CALLS.schema)])
def test_an_incomplete_file_is_an_error(tmp_path: Path, rows: int, schema: pa.Schema) -> None:
    written = write(lake_at(tmp_path), page(1))
    with DayFile(Path(written.url)) as file, pytest.raises(LakeError, match="should have"):
        check_complete(file, schema, rows)


KILLED_WHILE_WRITING = """
import os, signal, sys
from trackdrive_assets_tests.support.factories import lake_at
from trackdrive_assets_tests.lake.test_store import DAY, SCHEMA, page
with lake_at(sys.argv[1]).stage("calls", SCHEMA, DAY, sort_by="created_at") as writer:
    writer.write(page(2))
    with writer.locked() as current, writer.save(current):
        os.kill(os.getpid(), signal.SIGKILL)
"""

ON_A_FULL_DISK = """
import resource, sys
from trackdrive_assets.lake.errors import LakeError
from trackdrive_assets_tests.support.factories import lake_at
from trackdrive_assets_tests.lake.test_store import DAY, SCHEMA, page
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
try:
    with lake_at(sys.argv[1]).replace("calls", SCHEMA, DAY, sort_by="created_at") as writer:
        for first in range(0, 1000, 50):
            writer.write(page(*range(first, first + 50)))
except LakeError as error:
    print(error)
"""


def run(program: str, root: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", program, str(root)], capture_output=True, text=True, check=False, timeout=60
    )


def test_after_a_kill_the_old_day_stays_and_the_next_writer_cleans_up(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    write(lake, page(1))
    assert run(KILLED_WHILE_WRITING, tmp_path).returncode == -signal.SIGKILL
    assert uuids(lake) == ["call-1"]
    assert len(everything_in(tmp_path)) > 1
    write(lake, page(3))
    assert everything_in(tmp_path) == ["calls/date=2024-06-19/calls.parquet"]


def test_a_full_disk_keeps_the_old_day_and_names_the_file(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    write(lake, page(1))
    done = run(ON_A_FULL_DISK, tmp_path)
    assert "calls.parquet" in done.stdout, done.stderr
    assert "free space" in done.stdout
    assert uuids(lake) == ["call-1"]
    assert everything_in(tmp_path) == ["calls/date=2024-06-19/calls.parquet"]


def test_the_error_names_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "calls").write_text("a file where a folder should be")
    with pytest.raises(LakeError, match="Can't write"):
        write(lake_at(tmp_path), page(1))


@pytest.mark.parametrize(("rows", "without"), [(999, set()), (1_000, {"uuid"})])
def test_a_column_of_unique_values_has_no_dictionary(rows: int, without: set[str], tmp_path: Path) -> None:
    schema = pa.schema(
        [("uuid", pa.string()), ("status", pa.string()), ("tokens", pa.map_(pa.string(), pa.string()))]
    )
    with lake_at(tmp_path).replace("calls", schema, DAY) as writer:
        columns = [[str(n) for n in range(rows)], ["answered"] * rows, [[("state", "CO")]] * rows]
        writer.write(pa.record_batch(columns, schema=schema))
    with pq.ParquetFile(writer.result.url) as file:
        group = file.metadata.row_group(0)
        found = [group.column(n) for n in range(group.num_columns)]
    assert {column.path_in_schema for column in found if not column.has_dictionary_page} == without


TWO_DAYS_OF_MANY_PAGES = """
import resource, sys
import pyarrow as pa
from trackdrive_assets_tests.support.factories import lake_at
from trackdrive_assets_tests.lake.test_store import DAY, SCHEMA

def peak_after(pages):
    with lake_at(sys.argv[1]).replace("calls", SCHEMA, DAY, sort_by="created_at") as writer:
        for number in range(pages, 0, -1):
            times = pa.array(range(number * 500, number * 500 + 500)).cast(SCHEMA.field(0).type)
            texts = pa.array([f"{number:01000d}"] * 500)
            writer.write(pa.RecordBatch.from_arrays([times, texts], schema=SCHEMA))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

few = peak_after(200)
print(peak_after(900) - few)
"""


def test_memory_does_not_grow_with_the_number_of_pages(tmp_path: Path) -> None:
    growth_in_kilobytes = int(run(TWO_DAYS_OF_MANY_PAGES, tmp_path).stdout)
    assert growth_in_kilobytes < 100_000  # 350 MB more were written


# Reading days


def test_days_are_read_in_the_given_order(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    tomorrow = DAY + timedelta(days=1)
    write(lake, page(1))
    write(lake, page(2), day=tomorrow)
    assert uuids(lake, tomorrow, DAY) == ["call-2", "call-1"]


def test_only_the_given_columns_are_read(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    write(lake, page(1))
    assert lake.read("calls", SCHEMA, [DAY], columns=["uuid"]).column_names == ["uuid"]


def test_a_column_that_an_older_day_lacks_is_null(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    write(lake, page(1))
    newer = SCHEMA.append(pa.field("mood", pa.string()))
    assert lake.read("calls", newer, [DAY])["mood"].to_pylist() == [None]


def test_reading_no_days_returns_no_rows(tmp_path: Path) -> None:
    assert lake_at(tmp_path).read("calls", SCHEMA, []).schema == SCHEMA


def test_the_error_names_days_without_a_file(tmp_path: Path) -> None:
    days = [DAY + timedelta(days=n) for n in range(8)]
    with pytest.raises(LakeError, match=r"8 of the 8 requested days: 2024-06-19, .* …\. Materialize .*calls"):
        lake_at(tmp_path).read("calls", SCHEMA, days)
