"""Days, their intervals and the parts of windows cover time without gap or overlap, in every zone."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackdrive_assets.days import (
    MAX_PAGES_PER_PART,
    MIN_PAGES_PER_PART,
    QUERY_MARGIN,
    Window,
    divide,
    exact_day,
    is_newest_first,
    last_instant,
    not_begun,
    part_count,
    rest_of,
)
from trackdrive_assets.settings import STATS_INTERVALS

NEW_YORK = ZoneInfo("America/New_York")
ZONES = st.sampled_from(sorted(available_timezones() - {"localtime"})).map(ZoneInfo)
DATES = st.dates(date(2015, 1, 1), date(2030, 12, 31))
MINUTES = st.sampled_from(sorted(STATS_INTERVALS.values()))
NOON = datetime(2024, 6, 19, 12, tzinfo=UTC)
MOMENTS = st.timedeltas(timedelta(), timedelta(days=1)).map(lambda elapsed: NOON + elapsed)
WINDOWS = st.tuples(MOMENTS, MOMENTS).filter(lambda pair: pair[0] < pair[1]).map(lambda pair: Window(*pair))


@given(DATES, ZONES)
def test_a_day_ends_where_the_next_begins(day: date, zone: ZoneInfo) -> None:
    assert exact_day(day, zone).end == exact_day(day + timedelta(days=1), zone).start


@given(DATES, ZONES)
def test_the_first_and_last_instants_of_a_day_have_its_date(day: date, zone: ZoneInfo) -> None:
    exact = exact_day(day, zone)
    if exact.start < exact.end:
        assert exact.start.astimezone(zone).date() == day
        assert (exact.end - timedelta(microseconds=1)).astimezone(zone).date() == day
    assert (exact.start - timedelta(microseconds=1)).astimezone(zone).date() < day


@given(DATES, ZONES, MINUTES)
def test_intervals_cover_the_day(day: date, zone: ZoneInfo, minutes: int) -> None:
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
def test_a_day_has_one_hourly_interval_for_each_real_hour(day: date, hours: int) -> None:
    intervals = exact_day(day, NEW_YORK).intervals(60)
    assert len(intervals) == hours
    assert {end - start for start, end in intervals} == {timedelta(hours=1)}


def test_longer_intervals_follow_the_wall_clock() -> None:
    intervals = exact_day(date(2024, 3, 10), NEW_YORK).intervals(360)
    assert [start.astimezone(NEW_YORK).hour for start, _ in intervals] == [0, 6, 12, 18]
    assert [(end - start) / timedelta(hours=1) for start, end in intervals] == [5, 6, 6, 6]


def test_the_shortest_intervals_cover_the_day() -> None:
    intervals = exact_day(date(2024, 6, 19), NEW_YORK).intervals(5)
    assert len(intervals) == 24 * 12
    assert {end - start for start, end in intervals} == {timedelta(minutes=5)}


def test_the_first_interval_starts_with_the_day_if_midnight_is_skipped() -> None:
    beirut = ZoneInfo("Asia/Beirut")
    intervals = exact_day(date(2024, 3, 31), beirut).intervals(360)
    assert [start.astimezone(beirut).hour for start, _ in intervals] == [1, 6, 12, 18]


def test_the_text_of_a_day_is_its_date() -> None:
    assert str(exact_day(date(2024, 6, 19), NEW_YORK)) == "2024-06-19"


def test_a_day_without_midnight_starts_after_the_skipped_time() -> None:
    beirut = ZoneInfo("Asia/Beirut")
    assert exact_day(date(2024, 3, 31), beirut).start.astimezone(beirut).hour == 1


def test_a_day_that_has_begun_is_not_in_the_future() -> None:
    today = exact_day(date(2024, 6, 19), NEW_YORK)
    assert not_begun([today], datetime(2024, 6, 19, 4, tzinfo=UTC)) == []
    assert not_begun([today], datetime(2024, 6, 19, 3, 59, 59, tzinfo=UTC)) == [today]


@given(WINDOWS, st.integers(1, 40))
def test_parts_cover_the_window_newest_first(window: Window, parts: int) -> None:
    divided = divide(window, parts)
    assert 1 <= len(divided) <= parts
    assert (divided[-1].start, divided[0].end) == (window.start, window.end)
    assert all(newer.start == older.end for newer, older in pairwise(divided))
    assert all(part.start < part.end for part in divided)


@given(WINDOWS, st.integers(1, 40))
def test_parts_begin_at_whole_seconds(window: Window, parts: int) -> None:
    assert not any(part.start.microsecond for part in divide(window, parts)[:-1])


def test_parts_have_the_same_length() -> None:
    hours = [NOON + timedelta(hours=number) for number in range(5)]
    parts = [Window(start, end) for start, end in pairwise(hours)]
    assert divide(Window(hours[0], hours[-1]), 4) == parts[::-1]


def test_no_part_starts_before_its_window() -> None:
    window = Window(NOON + timedelta(milliseconds=600), NOON + timedelta(milliseconds=1400))
    assert divide(window, 4) == [
        Window(NOON + timedelta(seconds=1), window.end),
        Window(window.start, NOON + timedelta(seconds=1)),
    ]


def test_a_window_of_less_than_a_second_is_not_divide() -> None:
    window = Window(NOON, NOON + timedelta(milliseconds=900))
    assert divide(window, 16) == [window]


@given(WINDOWS)
def test_the_query_is_wider_than_the_window_and_in_whole_seconds(window: Window) -> None:
    first, last = window.query_range
    assert first <= window.start - QUERY_MARGIN
    assert last >= window.end + QUERY_MARGIN
    assert (first.microsecond, last.microsecond) == (0, 0)
    assert last - first < window.end - window.start + 2 * QUERY_MARGIN + timedelta(seconds=2)


def test_a_window_contains_its_start_but_not_its_end() -> None:
    window = Window(NOON, NOON + timedelta(hours=1))
    assert [NOON in window, window.end in window, None in window] == [True, False, False]


def test_the_rest_after_a_page_includes_the_instant_of_its_last_call() -> None:
    window = Window(NOON, NOON + timedelta(hours=1))
    last = NOON + timedelta(minutes=7)
    left = rest_of(window, last)
    assert last in left
    assert last + timedelta(microseconds=1) not in left
    assert left.start == window.start


@pytest.mark.parametrize(
    ("pages_left", "slots", "parts"),
    [
        (99, 8, 16),
        (9, 5, 6),
        (9, 2, 4),
        (9, 1, 1),
        (MIN_PAGES_PER_PART - 1, 8, 1),
        (0, 8, 1),
        (10 * MAX_PAGES_PER_PART, 1, 10),
        (MAX_PAGES_PER_PART, 1, 1),
    ],
)
def test_a_window_has_two_parts_per_slot_unless_they_are_too_small(
    pages_left: int, slots: int, parts: int
) -> None:
    assert part_count(pages_left, slots) == parts


def test_another_order_than_newest_first_is_detected() -> None:
    later = NOON + timedelta(seconds=1)
    assert is_newest_first([later, NOON, NOON])
    assert not is_newest_first([NOON, later])
    assert not is_newest_first([later, NOON, later])


@pytest.mark.parametrize(("precision", "offset"), [("microsecond", -1), ("second", 0)])
def test_the_end_of_totals_is_before_the_end_unless_fractions_are_ignored(
    precision: str, offset: int
) -> None:
    end = datetime(2024, 3, 13, tzinfo=UTC)
    assert last_instant(end, precision) == end + timedelta(microseconds=offset)


@pytest.mark.parametrize(
    ("seconds", "possible"),
    [(-2, True), (-2.001, False), (0, True), (61.999, True), (62, False), (86400, False)],
)
def test_a_server_can_be_a_second_off_the_query_range(seconds: float, *, possible: bool) -> None:
    start = datetime(2024, 3, 12, tzinfo=UTC)
    window = Window(start, start + timedelta(minutes=1))
    assert window.may_contain(start + timedelta(seconds=seconds)) is possible
