"""The checks of the files: `schema_matches` and `yesterday_loaded`."""

from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest

from trackdrive_assets.lake.store import ClaimedLake
from trackdrive_assets.quality.file_checks import last_due
from trackdrive_assets.settings import Settings
from trackdrive_assets.tables.columns import CALLS
from trackdrive_assets_tests.quality.support import a_call, codes, run, shown, write_calls
from trackdrive_assets_tests.support.factories import write_day


def test_a_file_of_an_older_version_has_other_columns(lake: ClaimedLake) -> None:
    older = CALLS.schema.remove(CALLS.schema.get_field_index("hangup_cause"))
    older = older.set(older.get_field_index("revenue"), pa.field("revenue", pa.float64()))
    write_calls(lake, [a_call()], schema=older.append(pa.field("gone", pa.string())))
    result = run(lake, "schema_matches")
    assert codes(result) == ["column_differs"]
    assert shown(result, "column", "declared_type", "actual_type") == [
        ("revenue", "decimal128(18, 6)", "double"),
        ("hangup_cause", "string", "missing"),
        ("gone", "missing", "string"),
    ]


def test_a_file_of_this_version_matches_the_schema(lake: ClaimedLake) -> None:
    write_calls(lake, [a_call(tokens=[("state", "CO")])])
    assert run(lake, "schema_matches").violations == []


@pytest.mark.parametrize(
    ("hour_of_the_20th", "day"),
    [(0, date(2024, 6, 18)), (5.99, date(2024, 6, 18)), (6, date(2024, 6, 19)), (23.99, date(2024, 6, 19))],
)
def test_a_day_is_due_at_six_on_the_next_morning(hour_of_the_20th: float, day: date) -> None:
    midnight = datetime(2024, 6, 20, tzinfo=UTC)
    assert last_due(midnight + timedelta(hours=hour_of_the_20th)) == day


def store_recent_days(lake: ClaimedLake, *, fetched_after: timedelta) -> None:
    """Store the days that may be due on this machine's clock. New York's time is 5 hours behind UTC."""
    today = datetime.now(UTC).replace(hour=5, minute=0, second=0, microsecond=0)
    for start in (today - timedelta(days=before) for before in range(4)):
        write_calls(lake, [], day=start.date(), fetched_at=start + fetched_after)


def test_yesterday_is_loaded_if_it_was_fetched_after_its_end(lake: ClaimedLake) -> None:
    store_recent_days(lake, fetched_after=timedelta(hours=26))
    result = run(lake, "yesterday_loaded")
    assert result.violations == []
    assert len(result.days) == 1


def test_yesterday_is_not_loaded_if_it_was_fetched_before_its_end(lake: ClaimedLake) -> None:
    store_recent_days(lake, fetched_after=timedelta(hours=20))
    assert codes(run(lake, "yesterday_loaded")) == ["fetched_before_end"]


def test_a_missing_yesterday_fails_whatever_days_are_checked(lake: ClaimedLake) -> None:
    write_calls(lake, [a_call()])
    result = run(lake, "yesterday_loaded")
    assert not result.passed
    assert codes(result) == ["file_missing"]


def test_no_day_is_due_before_the_first_one_of_the_lake(lake: ClaimedLake) -> None:
    # Later than any day that can be due now.
    write_calls(lake, [], day=datetime.now(UTC).date() + timedelta(days=1))
    result = run(lake, "yesterday_loaded")
    assert (result.violations, result.days) == ([], [])


def test_the_first_day_of_the_lake_is_that_of_any_table(lake: ClaimedLake) -> None:
    today = datetime.now(UTC).date()
    write_day(lake, "reference", [{"id": 1}], part="buyers", day=today + timedelta(days=1))
    assert run(lake, "yesterday_loaded").days == []
    write_day(lake, "call_changes", [], day=today - timedelta(days=9))
    assert codes(run(lake, "yesterday_loaded")) == ["file_missing"]


def test_a_lake_without_days_lacks_yesterday(lake: ClaimedLake) -> None:
    assert codes(run(lake, "yesterday_loaded")) == ["file_missing"]


def test_no_day_is_due_before_the_first_partition(lake: ClaimedLake) -> None:
    settings = Settings(start_date=datetime.now(UTC).date())
    assert run(lake, "yesterday_loaded", settings=settings).violations == []
