"""The checks that compare numbers: with the API's totals, and with the weeks before."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from trackdrive_assets.lake.store import ClaimedLake
from trackdrive_assets.quality.catalog import checks
from trackdrive_assets_tests.quality.support import (
    DAY,
    NEXT_MORNING,
    NOON,
    a_call,
    a_sale,
    codes,
    run,
    shown,
    write_calls,
)
from trackdrive_assets_tests.support.factories import write_day

# matches_api


def write_report(
    lake: ClaimedLake, *, calls: int, revenue: str | None = "10", fetched_at: datetime = NEXT_MORNING
) -> None:
    """Store the API's report about the only buyer of the day."""
    row = {"group_value": "7", "calls": calls, "revenue": revenue and Decimal(revenue), "payout": Decimal(5)}
    write_day(lake, "reports", [row], day=DAY, fetched_at=fetched_at, part="buyer_id")


def test_a_matching_report_passes(lake: ClaimedLake) -> None:
    write_calls(lake, [a_sale(1, "10", "5")])
    write_report(lake, calls=1)
    assert run(lake, "matches_api_report_buyer_id").violations == []


def test_each_number_of_a_report_that_differs_is_a_violation(lake: ClaimedLake) -> None:
    write_calls(lake, [a_sale(1, "10", "5")])
    write_report(lake, calls=2, revenue="12.50")
    result = run(lake, "matches_api_report_buyer_id")
    assert not result.passed
    assert codes(result) == ["values_differ"]
    assert sorted(shown(result, "group_value", "figure", "calls_value", "api_value", "difference")) == [
        ("7", "calls", 1, 2, -1),
        ("7", "revenue", 10, Decimal("12.5"), Decimal("-2.5")),
    ]


def test_totals_fetched_at_another_time_are_reported_and_pass(lake: ClaimedLake) -> None:
    write_calls(lake, [a_sale(1, "10", "5")])
    write_report(lake, calls=2, fetched_at=NEXT_MORNING + timedelta(days=3))
    result = run(lake, "matches_api_report_buyer_id")
    assert result.passed
    assert codes(result) == ["fetched_apart"]


@pytest.mark.parametrize("check", sorted(name for name in checks() if name.startswith("matches_api_")))
def test_without_totals_there_is_nothing_to_compare_with_yet(lake: ClaimedLake, check: str) -> None:
    write_calls(lake, [a_sale(1, "10", "5")])
    result = run(lake, check)
    assert result.passed
    assert codes(result) == ["not_fetched"]
    assert checks()[check].message("not_fetched").startswith("Nothing to compare with yet")


def test_a_day_without_totals_hides_no_day_that_differs(lake: ClaimedLake) -> None:
    write_calls(lake, [a_sale(1, "10", "5")])
    later = DAY + timedelta(days=1)
    write_calls(lake, [a_sale(2, "10", "5")], day=later)
    write_report(lake, calls=2)
    result = run(lake, "matches_api_report_buyer_id", DAY, later)
    assert not result.passed
    assert sorted(codes(result)) == ["not_fetched", "values_differ"]


def test_a_violation_names_the_side_that_lacks_a_number(lake: ClaimedLake) -> None:
    write_calls(lake, [a_sale(1, "10", "5")])
    write_report(lake, calls=1, revenue=None)
    assert codes(run(lake, "matches_api_report_buyer_id")) == ["api_value_missing"]
    write_calls(lake, [a_sale(1, None, "5")])
    write_report(lake, calls=1)
    assert codes(run(lake, "matches_api_report_buyer_id")) == ["calls_value_missing"]


@pytest.mark.parametrize(
    ("profit", "found", "passed"),
    [("5", [], True), ("3", ["profit_subtracts_cost"], True), ("9", ["values_differ"], False)],
)
def test_the_profit_of_the_statistics_may_subtract_the_cost(
    lake: ClaimedLake, profit: str, found: list[str], *, passed: bool
) -> None:
    costs = {"trackdrive_cost": Decimal(1), "provider_cost": Decimal(1)}
    write_calls(lake, [a_sale(1, "10", "5", **costs)])
    row = {"group_value": "finished", "count": 1, "revenue": Decimal(10), "cost": Decimal(2)}
    rows = [row | {"profit": Decimal(profit)}]
    write_day(lake, "stats", rows, day=DAY, fetched_at=NEXT_MORNING, part="status")
    result = run(lake, "matches_api_stats")
    assert (result.passed, codes(result)) == (passed, found)
    if found == ["profit_subtracts_cost"]:
        assert shown(result, "definition") == [("revenue - payout - cost",)]


@pytest.mark.parametrize("source", ["stats", "report_offer_id", "report_traffic_source_id"])
def test_each_source_has_a_check_of_its_own(lake: ClaimedLake, source: str) -> None:
    write_calls(lake, [a_sale(1, "10", "5")])
    write_report(lake, calls=1)
    assert codes(run(lake, f"matches_api_{source}")) == ["not_fetched"]


# volume_in_expected_range


def calls_at(count: int, day: date, *, hour: int) -> list[dict[str, object]]:
    """Return `count` calls of a summer day, at an hour in New York."""
    at = datetime(day.year, day.month, day.day, hour + 4, tzinfo=UTC)
    return [a_call(number, created_at=at) for number in range(count)]


@pytest.mark.parametrize(
    ("counts", "code"),
    [
        ([100, 100, 100, 100, 100], ""),
        ([61, 100, 100, 100, 100], ""),
        ([59, 100, 100, 100, 100], "too_few_calls"),
        ([60, 120, 80, 120, 80], ""),
        ([166, 100, 100, 100, 100], ""),
        ([167, 100, 100, 100, 100], "too_many_calls"),
        # Few calls vary by chance.
        ([0, 4], ""),
        ([0, 5], "too_few_calls"),
        ([2, 9], ""),
        ([1, 9], "too_few_calls"),
        ([4, 1, 1], ""),
    ],
)
def test_a_day_is_compared_with_the_same_weekday_of_four_weeks(
    lake: ClaimedLake, counts: list[int], code: str
) -> None:
    for weeks, count in enumerate(counts):
        day = DAY - timedelta(weeks=weeks)
        write_calls(lake, calls_at(count, day, hour=12), day=day)
    result = run(lake, "volume_in_expected_range")
    assert result.passed == (not code)
    assert codes(result) == ([code] if code else [])
    if code:
        assert shown(result, "calls", "mean_of_weeks_before", "weeks_compared") == [
            (counts[0], counts[1], len(counts) - 1)
        ]


def test_other_weekdays_and_older_weeks_do_not_count(lake: ClaimedLake) -> None:
    for days_before in (0, 1, 6, 8, 35):
        day = DAY - timedelta(days=days_before)
        write_calls(lake, calls_at(100 if days_before else 5, day, hour=12), day=day)
    result = run(lake, "volume_in_expected_range", DAY - timedelta(days=35), DAY)
    assert result.passed
    assert codes(result) == ["nothing_to_compare"]
    assert (DAY, 0) in shown(result, "date", "weeks_compared")


def test_an_unfinished_day_is_compared_up_to_the_same_time(lake: ClaimedLake) -> None:
    before = DAY - timedelta(weeks=1)
    write_calls(lake, calls_at(30, before, hour=10) + calls_at(70, before, hour=14), day=before)
    write_calls(lake, calls_at(30, DAY, hour=10), fetched_at=NOON)
    assert run(lake, "volume_in_expected_range").violations == []
    write_calls(lake, calls_at(30, DAY, hour=10), fetched_at=NEXT_MORNING)
    assert not run(lake, "volume_in_expected_range").passed


def test_the_same_time_is_on_the_accounts_clock_even_after_it_changed(lake: ClaimedLake) -> None:
    after, before = date(2024, 11, 5), date(2024, 10, 29)
    eleven_before, eleven_after = (
        datetime(2024, 10, 29, 15, tzinfo=UTC),
        datetime(2024, 11, 5, 16, tzinfo=UTC),
    )
    write_calls(lake, [a_call(n, created_at=eleven_before) for n in range(50)], day=before)
    write_calls(lake, [], day=after, fetched_at=eleven_after - timedelta(minutes=1))
    assert run(lake, "volume_in_expected_range", after).passed
    write_calls(lake, [], day=after, fetched_at=eleven_after + timedelta(minutes=1))
    assert not run(lake, "volume_in_expected_range", after).passed


def test_a_half_fetched_day_of_an_earlier_week_is_not_compared(lake: ClaimedLake) -> None:
    before = DAY - timedelta(weeks=1)
    write_calls(lake, calls_at(10, before, hour=9), day=before, fetched_at=NOON - timedelta(weeks=1))
    write_calls(lake, calls_at(100, DAY, hour=12))
    assert codes(run(lake, "volume_in_expected_range")) == ["nothing_to_compare"]
