"""Dividing a list of calls by time: nothing between two parts, nothing in both."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackdrive_assets.days import (
    LARGEST_PART,
    MARGIN,
    SMALLEST_PART,
    Window,
    below,
    divided,
    how_many_parts,
    newest_first,
)

NOON = datetime(2024, 6, 19, 12, tzinfo=UTC)
moments = st.timedeltas(timedelta(), timedelta(days=1)).map(lambda passed: NOON + passed)
windows = st.tuples(moments, moments).filter(lambda pair: pair[0] < pair[1]).map(lambda pair: Window(*pair))


@given(windows, st.integers(1, 40))
def test_parts_tile_the_window_newest_first(window: Window, parts: int) -> None:
    found = divided(window, parts)
    assert 1 <= len(found) <= parts
    assert (found[-1].start, found[0].end) == (window.start, window.end)
    assert all(newer.start == older.end for newer, older in pairwise(found))
    assert all(part.start < part.end for part in found)


@given(windows, st.integers(1, 40))
def test_parts_meet_at_whole_seconds(window: Window, parts: int) -> None:
    assert not any(part.start.microsecond for part in divided(window, parts)[:-1])


def test_parts_have_the_same_length() -> None:
    hours = [NOON + timedelta(hours=number) for number in range(5)]
    parts = [Window(start, end) for start, end in pairwise(hours)]
    assert divided(Window(hours[0], hours[-1]), 4) == parts[::-1]


def test_no_part_starts_before_its_window() -> None:
    window = Window(NOON + timedelta(milliseconds=600), NOON + timedelta(milliseconds=1400))
    assert divided(window, 4) == [
        Window(NOON + timedelta(seconds=1), window.end),
        Window(window.start, NOON + timedelta(seconds=1)),
    ]


def test_a_window_of_less_than_a_second_is_not_divided() -> None:
    window = Window(NOON, NOON + timedelta(milliseconds=900))
    assert divided(window, 16) == [window]


@given(windows)
def test_the_api_is_asked_for_more_than_the_window_in_whole_seconds(window: Window) -> None:
    first, last = window.asked
    assert first <= window.start - MARGIN
    assert last >= window.end + MARGIN
    assert (first.microsecond, last.microsecond) == (0, 0)
    assert last - first < window.end - window.start + 2 * MARGIN + timedelta(seconds=2)


def test_a_window_holds_its_start_and_not_its_end() -> None:
    window = Window(NOON, NOON + timedelta(hours=1))
    assert [NOON in window, window.end in window, None in window] == [True, False, False]


def test_what_is_left_below_a_page_has_the_other_calls_of_its_last_moment() -> None:
    window = Window(NOON, NOON + timedelta(hours=1))
    last = NOON + timedelta(minutes=7)
    left = below(window, last)
    assert last in left
    assert last + timedelta(microseconds=1) not in left
    assert left.start == window.start


@pytest.mark.parametrize(
    ("pages_left", "places", "parts"),
    [
        (99, 8, 16),
        (9, 5, 6),
        (9, 2, 4),
        (9, 1, 1),
        (SMALLEST_PART - 1, 8, 1),
        (0, 8, 1),
        (10 * LARGEST_PART, 1, 10),
        (LARGEST_PART, 1, 1),
    ],
)
def test_a_window_is_divided_into_twice_the_requests_but_not_into_crumbs(
    pages_left: int, places: int, parts: int
) -> None:
    assert how_many_parts(pages_left, places) == parts


def test_calls_in_another_order_than_newest_first_are_noticed() -> None:
    later = NOON + timedelta(seconds=1)
    assert newest_first([later, NOON, NOON])
    assert not newest_first([NOON, later])
    assert not newest_first([later, NOON, later])
