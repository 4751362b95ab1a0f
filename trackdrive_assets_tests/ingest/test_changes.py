"""Recording what changed: once, whatever happens between the file of the changes and that of the calls."""

import logging
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq
import pytest

from trackdrive_assets.days import exact_day
from trackdrive_assets.ingest.changes import record_changes
from trackdrive_assets.lake.day_file import DayFile
from trackdrive_assets.lake.errors import LakeError
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.tables.columns import CALL_CHANGES, CALLS
from trackdrive_assets.tables.exclusion import NO_EXCLUSIONS, Exclusion
from trackdrive_assets_tests.support.api_calls import batch_of

DAY = exact_day(date(2024, 6, 19), ZoneInfo("UTC"))
CREATED = "2024-06-19T12:00:00Z"
READ = datetime(2024, 6, 20, 3, tzinfo=UTC)

Change = tuple[str, str | None, str | None]


class KilledError(Exception):
    """Stands for the end of the process between the two files."""


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


@pytest.fixture
def moments() -> Iterator[datetime]:
    return (READ + timedelta(days=n) for n in range(10))


def read_day(
    lake: Lake,
    revenue: str | None,
    fetched_at: datetime,
    *,
    exclude: Exclusion = NO_EXCLUSIONS,
    killed: bool = False,
    **fields: object,
) -> None:
    """A reading that found one call with this revenue."""

    def record(before: DayFile | None, after: DayFile) -> None:
        record_changes(lake, DAY, before, after, exclude)
        if killed:
            raise KilledError

    row = {"uuid": "a", "created_at": CREATED, "revenue": revenue, **fields}
    with lake.replace("calls", CALLS.schema, DAY.date, fetched_at=fetched_at, before_commit=record) as writer:
        writer.write(batch_of([row], fetched_at=fetched_at, exclude=exclude))


def recorded(lake: Lake) -> list[Change]:
    rows = lake.read("call_changes", CALL_CHANGES.schema, [DAY.date]).to_pylist()
    return [(row["field"], row["old_value"], row["new_value"]) for row in rows]


def test_the_first_reading_changes_nothing_and_leaves_an_empty_file(lake: Lake) -> None:
    read_day(lake, "5", READ)
    assert recorded(lake) == []


def test_every_reading_adds_what_it_found(lake: Lake, moments: Iterator[datetime]) -> None:
    for revenue in ("5", "7", "7", None):
        read_day(lake, revenue, next(moments))
    assert recorded(lake) == [("revenue", "5.000000", "7.000000"), ("revenue", "7.000000", None)]


def test_a_change_says_when_it_was_seen(lake: Lake) -> None:
    read_day(lake, "5", READ)
    read_day(lake, "7", READ + timedelta(days=3))
    (change,) = lake.read("call_changes", CALL_CHANGES.schema, [DAY.date]).to_pylist()
    assert change["detected_at"] == READ + timedelta(days=3)


def test_a_death_between_the_two_files_neither_loses_nor_doubles_a_change(
    lake: Lake, moments: Iterator[datetime]
) -> None:
    read_day(lake, "5", next(moments))
    read_day(lake, "6", next(moments))
    with pytest.raises(KilledError):
        read_day(lake, "7", next(moments), killed=True)
    assert lake.read("calls", CALLS.schema, [DAY.date])["revenue"].to_pylist() == [6]
    read_day(lake, "7", next(moments))
    assert recorded(lake) == [("revenue", "5.000000", "6.000000"), ("revenue", "6.000000", "7.000000")]


def test_a_change_that_never_came_to_stand_and_was_taken_back_meanwhile_is_none(
    lake: Lake, moments: Iterator[datetime]
) -> None:
    read_day(lake, "5", next(moments))
    with pytest.raises(KilledError):
        read_day(lake, "7", next(moments), killed=True)
    read_day(lake, "5", next(moments))
    assert recorded(lake) == []


def test_changes_are_kept_when_the_clock_goes_back(lake: Lake) -> None:
    read_day(lake, "5", READ)
    for hours, revenue in enumerate(("6", "7", "8")):
        read_day(lake, revenue, READ - timedelta(hours=hours))
    assert [new for _, _, new in recorded(lake)] == ["6.000000", "7.000000", "8.000000"]


def test_what_was_recorded_outlives_a_file_of_calls_that_somebody_removed(
    lake: Lake, moments: Iterator[datetime]
) -> None:
    for revenue in ("5", "7"):
        read_day(lake, revenue, next(moments))
    lake.file("calls", DAY.date).unlink()
    for revenue in ("8", "9"):
        read_day(lake, revenue, next(moments))
    assert recorded(lake) == [("revenue", "5.000000", "7.000000"), ("revenue", "8.000000", "9.000000")]


def test_a_damaged_file_of_calls_is_replaced_without_comparing_and_said_so(
    lake: Lake, moments: Iterator[datetime], caplog: pytest.LogCaptureFixture
) -> None:
    for revenue in ("5", "7"):
        read_day(lake, revenue, next(moments))
    lake.file("calls", DAY.date).write_bytes(b"not Parquet")
    with caplog.at_level(logging.WARNING):
        read_day(lake, "8", next(moments))
    assert "replaced now, without comparing" in caplog.text
    assert recorded(lake) == [("revenue", "5.000000", "7.000000")]


def test_a_file_of_calls_whose_middle_is_damaged_is_replaced_too(
    lake: Lake, moments: Iterator[datetime]
) -> None:
    read_day(lake, "5", next(moments))
    file = lake.file("calls", DAY.date)
    whole = file.read_bytes()
    file.write_bytes(whole[:4] + bytes(3000) + whole[3004:])
    read_day(lake, "7", next(moments))
    assert lake.read("calls", CALLS.schema, [DAY.date])["revenue"].to_pylist() == [7]
    assert recorded(lake) == []


def test_damaged_changes_are_kept_aside_and_do_not_hold_up_their_day(
    lake: Lake, moments: Iterator[datetime], caplog: pytest.LogCaptureFixture
) -> None:
    for revenue in ("5", "7"):
        read_day(lake, revenue, next(moments))
    changes = lake.file("call_changes", DAY.date)
    changes.write_bytes(b"not Parquet")
    with caplog.at_level(logging.WARNING):
        read_day(lake, "8", next(moments))
    assert recorded(lake) == [("revenue", "7.000000", "8.000000")]
    assert changes.with_name("changes.parquet.damaged").read_bytes() == b"not Parquet"
    assert "changes.parquet.damaged" in caplog.text


def test_what_was_recorded_outlives_a_file_of_calls_that_somebody_wrote_anew(
    lake: Lake, moments: Iterator[datetime]
) -> None:
    for revenue in ("5", "7"):
        read_day(lake, revenue, next(moments))
    file = lake.file("calls", DAY.date)
    pq.write_table(pq.read_table(file), file)
    read_day(lake, "8", next(moments))
    assert recorded(lake) == [("revenue", "5.000000", "7.000000"), ("revenue", "7.000000", "8.000000")]


def test_a_file_of_an_older_version_is_compared_too(lake: Lake) -> None:
    read_day(lake, "5", READ)
    file = lake.file("calls", DAY.date)
    pq.write_table(pq.read_table(file).drop_columns(["hangup_cause"]), file)
    read_day(lake, "7", READ, hangup_cause="caller")
    assert recorded(lake) == [("revenue", "5.000000", "7.000000")]


def test_what_is_excluded_later_leaves_the_changes_too(lake: Lake, moments: Iterator[datetime]) -> None:
    for number in ("+17195550100", "+17195550101"):
        read_day(lake, "5", next(moments), caller_number=number)
    assert recorded(lake) == [("caller_number", "+17195550100", "+17195550101")]
    read_day(lake, "6", next(moments), caller_number="+17195550102", exclude=Exclusion(("caller_number",)))
    assert recorded(lake) == [("revenue", "5.000000", "6.000000")]


def test_calls_are_not_replaced_when_their_changes_cannot_be_written(lake: Lake) -> None:
    read_day(lake, "5", READ)
    before = lake.file("calls", DAY.date).read_bytes()
    changes = lake.file("call_changes", DAY.date)
    changes.unlink()
    changes.parent.rmdir()
    changes.parent.write_text("in the way")
    with pytest.raises(LakeError, match="call_changes"):
        read_day(lake, "7", READ)
    assert lake.file("calls", DAY.date).read_bytes() == before
