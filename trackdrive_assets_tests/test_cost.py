"""The requests and the time of days, before anything is fetched."""

import pytest

from trackdrive_assets.cost import (
    describe_asset,
    describe_days,
    describe_duration,
    describe_year,
    format_duration,
    requests_of_days,
    requests_per_day,
)
from trackdrive_assets.settings import Settings

DEFAULTS = Settings()


def test_a_day_takes_requests_for_categories_and_intervals() -> None:
    assert requests_per_day(DEFAULTS) == {"calls": 1, "reports": 16, "stats": 3 * 4 * 24}
    settings = Settings(report_categories=("buyer_id",), stats_interval="1d")
    assert requests_per_day(settings) == {"calls": 1, "reports": 1, "stats": 3 * 4}


def test_an_excluded_report_takes_no_request() -> None:
    settings = Settings(report_categories=("buyer_id", "status"), exclude_columns=("buyer_id",))
    assert requests_per_day(settings)["reports"] == 1


@pytest.mark.parametrize(("calls", "requests"), [(0, 1), (1, 1), (250, 1), (251, 2), (1000, 4)])
def test_calls_take_a_request_for_each_page_and_one_at_least(calls: int, requests: int) -> None:
    assert requests_per_day(DEFAULTS, calls=calls)["calls"] == requests


def test_a_report_takes_one_request_and_a_group_its_statistics() -> None:
    names = ["reports/buyer_id", "stats/status", "views", "views/calls"]
    assert requests_per_day(DEFAULTS, names) == {"reports/buyer_id": 1, "stats/status": 4 * 24}


def test_the_requests_of_days_are_the_sums_of_their_requests() -> None:
    assert requests_of_days(DEFAULTS, ["calls", "reports"], [0, 600]) == {"calls": 1 + 3, "reports": 32}


def test_the_description_of_days_has_the_tables_that_are_fetched() -> None:
    settings = Settings(per_page=100, requests_per_second=0.5, report_categories=("buyer_id",))
    assert describe_days(settings, ["calls", "reports"], 10) == (
        "A day costs 2 requests or more: 1 for each 100 calls, 1 for reports. 10 days take at least 40 s at "
        "0.5 requests per second."
    )
    assert describe_days(settings, ["calls"], 1).startswith("A day costs 1 request or more: 1 for each 100")


def test_the_description_of_an_asset_has_its_own_requests() -> None:
    assert describe_asset(DEFAULTS, "stats/status") == (
        "A day costs 96 requests, and a year takes at least 1 h 57 min at 5 requests per second."
    )
    unlimited = Settings(requests_per_second=0)
    assert describe_asset(unlimited, "reports/status") == "A day costs 1 request."


def test_a_year_is_described_with_and_without_statistics() -> None:
    assert describe_year(DEFAULTS, requests_per_day(DEFAULTS)) == (
        "A year of all tables takes at least 6 h 12 min at 5 requests per second, and 21 min without "
        "statistics."
    )


def test_without_a_rate_no_duration_is_described() -> None:
    settings = Settings(requests_per_second=0)
    assert describe_duration(settings, 100) is None
    assert describe_days(settings, ["reports"], 2) == "A day costs 16 requests or more: 16 for reports."
    assert describe_year(settings, requests_per_day(settings)) == (
        "A year of all tables takes 111,325 requests, and 6,205 without statistics."
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 s"), (59, "59 s"), (60, "1 min"), (61, "2 min"), (3599, "60 min"), (7800, "2 h 10 min")],
)
def test_durations_have_at_most_two_units(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
