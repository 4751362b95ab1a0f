"""Record changes once, whatever happens between the file of the changes and that of the calls."""

import logging
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq
import pytest

from trackdrive_assets.days import exact_day
from trackdrive_assets.ingest.calls import store_calls
from trackdrive_assets.ingest.changes import record_changes
from trackdrive_assets.lake.day_file import DayFile
from trackdrive_assets.lake.errors import LakeError
from trackdrive_assets.lake.store import ClaimedLake
from trackdrive_assets.tables.columns import CALL_CHANGES, CALLS
from trackdrive_assets.tables.exclusion import NO_EXCLUSIONS, Exclusion
from trackdrive_assets_tests.support.api_calls import batch_of
from trackdrive_assets_tests.support.factories import file_of, folder_of, lake_at

DAY = exact_day(date(2024, 6, 19), ZoneInfo("UTC"))
CREATED = "2024-06-19T12:00:00Z"
READ = datetime(2024, 6, 20, 3, tzinfo=UTC)
FUTURE = datetime.now(UTC) + timedelta(days=3000)

Change = tuple[str, str | None, str | None]


class KilledError(Exception):
    """The end of the process between the two files."""


@pytest.fixture
def lake(tmp_path: Path) -> ClaimedLake:
    return lake_at(tmp_path / "lake")


@pytest.fixture
def moments() -> Iterator[datetime]:
    return (READ + timedelta(days=n) for n in range(10))


def store_fetch(
    lake: ClaimedLake,
    revenue: str | None,
    fetched_at: datetime,
    *,
    exclude: Exclusion = NO_EXCLUSIONS,
    killed: bool = False,
    **fields: object,
) -> None:
    """Store a fetch that brought one call with this revenue."""
    row = {"uuid": "a", "created_at": CREATED, "revenue": revenue, **fields}
    with lake.stage("calls", CALLS.schema, DAY.date, fetched_at=fetched_at) as writer:
        writer.write(batch_of([row], fetched_at=fetched_at, exclude=exclude))
        if killed:
            with writer.locked() as current, writer.save(current) as new:
                record_changes(lake, DAY, current, new, exclude)
                raise KilledError
        store_calls(lake, DAY, writer, exclude)


def revenues(lake: ClaimedLake) -> list[object]:
    found: list[object] = lake.read("calls", CALLS.schema, [DAY.date])["revenue"].to_pylist()
    return found


def recorded(lake: ClaimedLake) -> list[Change]:
    rows = lake.read("call_changes", CALL_CHANGES.schema, [DAY.date]).to_pylist()
    return [(row["field"], row["old_value"], row["new_value"]) for row in rows]


def test_the_first_fetch_writes_an_empty_file_of_changes(lake: ClaimedLake) -> None:
    store_fetch(lake, "5", READ)
    assert recorded(lake) == []


def test_every_fetch_adds_what_it_detected(lake: ClaimedLake, moments: Iterator[datetime]) -> None:
    for revenue in ("5", "7", "7", None):
        store_fetch(lake, revenue, next(moments))
    assert recorded(lake) == [("revenue", "5.000000", "7.000000"), ("revenue", "7.000000", None)]


def test_a_change_has_the_time_of_its_detection(lake: ClaimedLake) -> None:
    store_fetch(lake, "5", READ)
    store_fetch(lake, "7", READ + timedelta(days=3))
    (change,) = lake.read("call_changes", CALL_CHANGES.schema, [DAY.date]).to_pylist()
    assert change["detected_at"] == READ + timedelta(days=3)


def test_a_kill_between_the_two_files_neither_loses_nor_doubles_a_change(
    lake: ClaimedLake, moments: Iterator[datetime]
) -> None:
    store_fetch(lake, "5", next(moments))
    store_fetch(lake, "6", next(moments))
    with pytest.raises(KilledError):
        store_fetch(lake, "7", next(moments), killed=True)
    assert lake.read("calls", CALLS.schema, [DAY.date])["revenue"].to_pylist() == [6]
    store_fetch(lake, "7", next(moments))
    assert recorded(lake) == [("revenue", "5.000000", "6.000000"), ("revenue", "6.000000", "7.000000")]


def test_a_change_whose_calls_never_followed_is_dropped(
    lake: ClaimedLake, moments: Iterator[datetime]
) -> None:
    store_fetch(lake, "5", next(moments))
    with pytest.raises(KilledError):
        store_fetch(lake, "7", next(moments), killed=True)
    store_fetch(lake, "5", next(moments))
    assert recorded(lake) == []


def test_a_fetch_that_began_earlier_is_dropped(lake: ClaimedLake, caplog: pytest.LogCaptureFixture) -> None:
    store_fetch(lake, "5", READ)
    store_fetch(lake, "99.50", READ + timedelta(hours=2))
    store_fetch(lake, "1.50", READ + timedelta(hours=1))
    assert revenues(lake) == [Decimal("99.50")]
    assert recorded(lake) == [("revenue", "5.000000", "99.500000")]
    assert "The result of this older fetch" in caplog.text


def test_a_dropped_fetch_reports_the_files_that_stay(lake: ClaimedLake) -> None:
    store_fetch(lake, "5", READ)
    store_fetch(lake, "6", READ + timedelta(hours=2))
    with lake.stage("calls", CALLS.schema, DAY.date, fetched_at=READ) as writer:
        stored = store_calls(lake, DAY, writer, NO_EXCLUSIONS)
    assert (stored.written.is_superseded, stored.written.rows) == (True, 1)
    assert (stored.changes.new_count, stored.changes.written.rows) == (0, 1)


# A clock in the future


def test_a_fetch_in_the_future_does_not_keep_later_fetches_out(
    lake: ClaimedLake, caplog: pytest.LogCaptureFixture
) -> None:
    store_fetch(lake, "5", FUTURE)
    store_fetch(lake, "6", datetime.now(UTC))
    assert revenues(lake) == [6]
    assert "a clock was wrong" in caplog.text


def test_calls_after_a_fetch_in_the_future_are_new_and_no_changes(lake: ClaimedLake) -> None:
    store_fetch(lake, "5", FUTURE)
    now = datetime.now(UTC)
    later_calls = [
        {"uuid": f"b{n}", "created_at": f"2024-06-19T13:{n:02}:00Z", "revenue": "1"} for n in range(60)
    ]
    with lake.stage("calls", CALLS.schema, DAY.date, sort_by="created_at", fetched_at=now) as writer:
        first = {"uuid": "a", "created_at": CREATED, "revenue": "6"}
        writer.write(batch_of([first, *later_calls], fetched_at=now))
        store_calls(lake, DAY, writer, NO_EXCLUSIONS)
    assert recorded(lake) == [("revenue", "5.000000", "6.000000")]


def test_the_second_fetch_after_a_wrong_clock_finds_no_changes(lake: ClaimedLake) -> None:
    store_fetch(lake, "5", FUTURE)
    for _ in range(2):
        store_fetch(lake, "5", datetime.now(UTC))
    with DayFile(file_of(lake, "calls", DAY.date)) as file:
        assert file.fetch_info
        assert not file.fetch_info.is_in_future(datetime.now(UTC))
    assert recorded(lake) == []


def test_a_change_detected_in_the_future_gets_a_possible_time(lake: ClaimedLake) -> None:
    store_fetch(lake, "5", READ)
    store_fetch(lake, "6", FUTURE)
    now = datetime.now(UTC)
    store_fetch(lake, "7", now)
    rows = lake.read("call_changes", CALL_CHANGES.schema, [DAY.date]).to_pylist()
    assert [(row["new_value"], row["detected_at"] <= now) for row in rows] == [
        ("6.000000", True),
        ("7.000000", True),
    ]


def test_a_kill_after_a_wrong_clock_neither_loses_nor_doubles_a_change(lake: ClaimedLake) -> None:
    store_fetch(lake, "5", READ)
    store_fetch(lake, "6", FUTURE)
    with pytest.raises(KilledError):
        store_fetch(lake, "7", datetime.now(UTC), killed=True)
    store_fetch(lake, "7", datetime.now(UTC))
    assert [new for _, _, new in recorded(lake)] == ["6.000000", "7.000000"]


def test_changes_outlive_a_removed_file_of_calls(lake: ClaimedLake, moments: Iterator[datetime]) -> None:
    for revenue in ("5", "7"):
        store_fetch(lake, revenue, next(moments))
    file_of(lake, "calls", DAY.date).unlink()
    for revenue in ("8", "9"):
        store_fetch(lake, revenue, next(moments))
    assert recorded(lake) == [("revenue", "5.000000", "7.000000"), ("revenue", "8.000000", "9.000000")]


def test_a_damaged_file_of_calls_is_replaced_with_a_warning(
    lake: ClaimedLake, moments: Iterator[datetime], caplog: pytest.LogCaptureFixture
) -> None:
    for revenue in ("5", "7"):
        store_fetch(lake, revenue, next(moments))
    file_of(lake, "calls", DAY.date).write_bytes(b"not Parquet")
    with caplog.at_level(logging.WARNING):
        store_fetch(lake, "8", next(moments))
    assert "replaced now, without comparing" in caplog.text
    assert recorded(lake) == [("revenue", "5.000000", "7.000000")]


def test_a_file_of_calls_with_a_damaged_middle_is_replaced_too(
    lake: ClaimedLake, moments: Iterator[datetime]
) -> None:
    store_fetch(lake, "5", next(moments))
    file = file_of(lake, "calls", DAY.date)
    whole = file.read_bytes()
    file.write_bytes(whole[:4] + bytes(3000) + whole[3004:])
    store_fetch(lake, "7", next(moments))
    assert lake.read("calls", CALLS.schema, [DAY.date])["revenue"].to_pylist() == [7]
    assert recorded(lake) == []


def test_a_damaged_file_of_changes_is_kept_under_another_name(
    lake: ClaimedLake, moments: Iterator[datetime], caplog: pytest.LogCaptureFixture
) -> None:
    for revenue in ("5", "7"):
        store_fetch(lake, revenue, next(moments))
    changes = file_of(lake, "call_changes", DAY.date)
    changes.write_bytes(b"not Parquet")
    with caplog.at_level(logging.WARNING):
        store_fetch(lake, "8", next(moments))
    assert recorded(lake) == [("revenue", "7.000000", "8.000000")]
    (kept,) = (folder_of(lake) / "damaged").iterdir()
    assert kept.read_bytes() == b"not Parquet"
    assert str(kept) in caplog.text


def test_changes_outlive_a_file_of_calls_that_another_program_wrote(
    lake: ClaimedLake, moments: Iterator[datetime]
) -> None:
    for revenue in ("5", "7"):
        store_fetch(lake, revenue, next(moments))
    file = file_of(lake, "calls", DAY.date)
    pq.write_table(pq.read_table(file), file)
    store_fetch(lake, "8", next(moments))
    assert recorded(lake) == [("revenue", "5.000000", "7.000000"), ("revenue", "7.000000", "8.000000")]


def test_a_file_of_an_older_version_is_compared_too(lake: ClaimedLake) -> None:
    store_fetch(lake, "5", READ)
    file = file_of(lake, "calls", DAY.date)
    pq.write_table(pq.read_table(file).drop_columns(["hangup_cause"]), file)
    store_fetch(lake, "7", READ + timedelta(hours=1), hangup_cause="caller")
    assert recorded(lake) == [("revenue", "5.000000", "7.000000")]


def test_a_column_that_is_excluded_later_leaves_the_changes_too(
    lake: ClaimedLake, moments: Iterator[datetime]
) -> None:
    for number in ("+17195550100", "+17195550101"):
        store_fetch(lake, "5", next(moments), caller_number=number)
    assert recorded(lake) == [("caller_number", "+17195550100", "+17195550101")]
    store_fetch(lake, "6", next(moments), caller_number="+17195550102", exclude=Exclusion(("caller_number",)))
    assert recorded(lake) == [("revenue", "5.000000", "6.000000")]


def test_calls_are_not_replaced_if_their_changes_cannot_be_written(lake: ClaimedLake) -> None:
    store_fetch(lake, "5", READ)
    before = file_of(lake, "calls", DAY.date).read_bytes()
    changes = file_of(lake, "call_changes", DAY.date)
    changes.unlink()
    changes.parent.rmdir()
    changes.parent.write_text("in the way")
    with pytest.raises(LakeError, match="call_changes"):
        store_fetch(lake, "7", READ + timedelta(hours=1))
    assert file_of(lake, "calls", DAY.date).read_bytes() == before
