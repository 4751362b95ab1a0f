"""Days tile time without gap or overlap, in every zone, on every kind of day; so do their intervals."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackdrive_assets.days import exact_day, not_begun
from trackdrive_assets.settings import STATS_INTERVALS

NEW_YORK = ZoneInfo("America/New_York")
ZONES = st.sampled_from(sorted(available_timezones() - {"localtime"})).map(ZoneInfo)
DATES = st.dates(date(2015, 1, 1), date(2030, 12, 31))
MINUTES = st.sampled_from(sorted(STATS_INTERVALS.values()))


@given(DATES, ZONES)
def test_a_day_ends_where_the_next_begins(day: date, zone: ZoneInfo) -> None:
    assert exact_day(day, zone).end == exact_day(day + timedelta(days=1), zone).start


@given(DATES, ZONES)
def test_a_days_first_and_last_instants_show_its_date_on_the_wall(day: date, zone: ZoneInfo) -> None:
    exact = exact_day(day, zone)
    if exact.start < exact.end:
        assert exact.start.astimezone(zone).date() == day
        assert (exact.end - timedelta(microseconds=1)).astimezone(zone).date() == day
    assert (exact.start - timedelta(microseconds=1)).astimezone(zone).date() < day


@given(DATES, ZONES, MINUTES)
def test_intervals_tile_the_day(day: date, zone: ZoneInfo, minutes: int) -> None:
    exact = exact_day(day, zone)
    intervals = exact.intervals(minutes)
    assert [start for start, _ in intervals[1:]] == [end for _, end in intervals[:-1]]
    if intervals:
        assert (intervals[0][0], intervals[-1][1]) == (exact.start, exact.end)
    assert all(start < end for start, end in intervals)


@pytest.mark.parametrize(
    ("day", "hours"),
    [(date(2024, 3, 10), 23), (date(2024, 11, 3), 25), (date(2024, 6, 19), 24)],
    ids=["clock goes forward", "clock goes back", "usual"],
)
def test_an_hourly_series_has_an_interval_for_every_hour_that_passes(day: date, hours: int) -> None:
    intervals = exact_day(day, NEW_YORK).intervals(60)
    assert len(intervals) == hours
    assert {end - start for start, end in intervals} == {timedelta(hours=1)}


def test_longer_intervals_follow_the_wall_clock() -> None:
    intervals = exact_day(date(2024, 3, 10), NEW_YORK).intervals(360)
    assert [start.astimezone(NEW_YORK).hour for start, _ in intervals] == [0, 6, 12, 18]
    assert [(end - start) / timedelta(hours=1) for start, end in intervals] == [5, 6, 6, 6]


def test_the_shortest_intervals_fill_the_day() -> None:
    intervals = exact_day(date(2024, 6, 19), NEW_YORK).intervals(5)
    assert len(intervals) == 24 * 12
    assert {end - start for start, end in intervals} == {timedelta(minutes=5)}


def test_the_first_interval_starts_with_the_day_if_midnight_is_skipped() -> None:
    beirut = ZoneInfo("Asia/Beirut")
    intervals = exact_day(date(2024, 3, 31), beirut).intervals(360)
    assert [start.astimezone(beirut).hour for start, _ in intervals] == [1, 6, 12, 18]


def test_a_day_is_shown_as_its_date() -> None:
    assert str(exact_day(date(2024, 6, 19), NEW_YORK)) == "2024-06-19"


def test_a_day_whose_midnight_is_skipped_starts_when_the_clock_has_jumped() -> None:
    beirut = ZoneInfo("Asia/Beirut")
    assert exact_day(date(2024, 3, 31), beirut).start.astimezone(beirut).hour == 1


def test_a_day_that_has_begun_is_not_in_the_future() -> None:
    today = exact_day(date(2024, 6, 19), NEW_YORK)
    assert not_begun([today], datetime(2024, 6, 19, 4, tzinfo=UTC)) == []
    assert not_begun([today], datetime(2024, 6, 19, 3, 59, 59, tzinfo=UTC)) == [today]
