"""What a page decides: the next page, whether it is the last, and whether the list is complete."""

import pytest

from trackdrive_assets.api.envelope import Metadata
from trackdrive_assets.api.page_decisions import (
    FIRST_CURSOR,
    Paging,
    is_last,
    is_truncated,
    missing_count,
    most_rows,
    never_ends,
    next_cursor,
    next_page_token,
)
from trackdrive_assets.api.pagination import Page, Paginator, identities
from trackdrive_assets.api.rows import Row, Rows

DAY = 24 * 60 * 60


@pytest.mark.parametrize("token", ["0", "0.0", "-0", "0E0", "null", "false", "", FIRST_CURSOR, None])
def test_a_cursor_can_mark_the_end_in_many_ways(token: str | None) -> None:
    assert next_cursor(Metadata(next_cursor=token)) is None


@pytest.mark.parametrize("token", ["32494003", "1.7188355534787E+14", "0.1", "-2", "b3BhcXVl"])
def test_any_other_cursor_is_kept_digit_for_digit(token: str) -> None:
    assert next_cursor(Metadata(next_cursor=token)) == token


@pytest.mark.parametrize(
    ("paging", "metadata", "may_have_more", "following"),
    [
        # The count is reached.
        (Paging.CURSOR, Metadata(next_cursor="7"), False, None),
        (Paging.PAGE, Metadata(total_count=9, total_pages=9), False, None),
        # It is not, and the cursor or the number of pages goes on.
        (Paging.CURSOR, Metadata(next_cursor="7"), True, "7"),
        (Paging.PAGE, Metadata(total_count=9, total_pages=9), True, "5"),
        # Nothing leads on.
        (Paging.CURSOR, Metadata(next_cursor="4"), True, None),
        (Paging.CURSOR, Metadata(next_cursor="0"), True, None),
        (Paging.PAGE, Metadata(total_count=9, total_pages=4), True, None),
        (Paging.PAGE, Metadata(total_pages=9), True, None),
        (Paging.PAGE, Metadata(), True, None),
    ],
)
def test_a_page_without_rows_is_the_end_if_nothing_is_missing(
    paging: Paging, metadata: Metadata, following: str | None, *, may_have_more: bool
) -> None:
    assert next_page_token(paging, "4", 0, metadata, per_page=250, may_have_more=may_have_more) == following


@pytest.mark.parametrize(
    ("row_count", "metadata", "following"),
    [
        (3, Metadata(total_pages=5), "5"),
        (3, Metadata(total_pages=4), None),
        # The number of pages decides, even if the page is not full.
        (3, Metadata(total_pages=5, per_page=250), "5"),
        (250, Metadata(per_page=250), "5"),
        (249, Metadata(per_page=250), "5"),
        (249, Metadata(per_page=250, total_count=999), None),
        # A server that ignores per_page sends pages of 25.
        (25, Metadata(per_page=250, total_count=25, total_pages=1), "5"),
        # The number of pages may be that of the page alone.
        (25, Metadata(total_pages=1, per_page=25), "5"),
        (250, Metadata(total_pages=1), "5"),
        (3, Metadata(), "5"),
    ],
)
def test_page_numbers_end_at_the_last_page(row_count: int, metadata: Metadata, following: str | None) -> None:
    found = next_page_token(Paging.PAGE, "4", row_count, metadata, per_page=250, may_have_more=True)
    assert found == following


@pytest.mark.parametrize(
    ("expected", "received", "row_count", "per_page", "last"),
    [
        (7, 7, 2, 5, True),
        # More rows than the count: it is too low, so it does not show the end.
        (7, 8, 3, 5, False),
        (7, 6, 1, 5, False),
        (25, 25, 25, 250, False),
        (10, 10, 5, 5, False),
        (7, 7, 2, None, False),
        (None, 7, 2, 5, False),
    ],
)
def test_the_last_page_is_not_full_and_completes_the_count(
    expected: int | None, received: int, row_count: int, per_page: int | None, last: object
) -> None:
    assert is_last(expected, received, row_count, Metadata(per_page=per_page)) is last


@pytest.mark.parametrize(
    ("row_count", "metadata", "largest_page", "last"),
    [
        # A server with a limit of its own repeats the requested page size, and counts only its page.
        (100, Metadata(per_page=250), 0, False),
        (33, Metadata(per_page=250), 33, False),
        (33, Metadata(per_page=250), 34, True),
        (30, Metadata(per_page=250, total_pages=3), 0, False),
        (30, Metadata(per_page=250, total_pages=2), 0, True),
    ],
)
def test_a_page_that_may_be_full_is_not_the_last(
    row_count: int, metadata: Metadata, largest_page: int, last: object
) -> None:
    assert is_last(row_count, row_count, row_count, metadata, largest_page=largest_page) is last


def test_no_more_rows_are_missing_than_were_counted() -> None:
    counts = [missing_count(None, 0), missing_count(3, 3), missing_count(3, 4), missing_count(3, 1)]
    assert counts == [0, 0, 0, 2]


@pytest.mark.parametrize(
    ("paging", "row_count", "metadata", "truncated"),
    [
        (Paging.CURSOR, 5, Metadata(), True),
        (Paging.CURSOR, 4, Metadata(), False),
        (Paging.CURSOR, 5, Metadata(next_cursor="0"), False),
        (Paging.CURSOR, 5, Metadata(total_count=5), False),
        (Paging.PAGE, 5, Metadata(), False),
    ],
)
def test_a_full_page_without_cursor_and_count_is_truncated(
    paging: Paging, row_count: int, metadata: Metadata, truncated: object
) -> None:
    assert is_truncated(paging, row_count, metadata, 5) is truncated


@pytest.mark.parametrize(
    ("expected", "seconds", "most"),
    [
        # A count leaves room for as many calls again.
        (50, DAY, 1_100),
        (0, DAY, 1_000),
        (1_234_567, None, 2_470_134),
        # A million calls in a day are possible, with a count or without one.
        (None, DAY, 2_170_000),
        (1_000, DAY, 2_170_000),
        (10_000, DAY, 2_180_000),
        (None, 1, 10_025),
        (1_000_000, DAY, 4_160_000),
        (None, None, 10_000_000),
    ],
)
def test_the_rows_of_a_list_have_a_limit(expected: int | None, seconds: float | None, most: int) -> None:
    assert most_rows(expected, seconds) == most
    assert not never_ends(most, 1, 250, expected, seconds)
    assert never_ends(most + 1, 1, 250, expected, seconds)


@pytest.mark.parametrize(
    ("received", "page_count", "ends"),
    [(0, 100, False), (0, 101, True), (1000, 1000, True), (1000, 200, False), (10**6, 10**6 // 25, False)],
)
def test_the_pages_of_a_list_have_a_limit(received: int, page_count: int, ends: object) -> None:
    assert never_ends(received, page_count, 250, None, DAY) is ends


def test_a_row_is_identified_by_its_uuid_or_else_its_id() -> None:
    rows: list[Row] = [{"uuid": "a", "id": 1}, {"uuid": "", "id": 2}, {"uuid": None, "id": 3}, {"id": 4}, {}]
    assert identities(Rows.of(rows)) == ["a", "2", "3", "4", None]
    assert identities(Rows.of(rows[:2])) == ["a", "2"]
    assert identities(Rows.of(rows[:1])) == ["a"]


def test_a_list_that_has_ended_has_no_next_page() -> None:
    paginator = Paginator(paging=Paging.CURSOR, per_page=5)
    paginator.advance(Page(Rows.of([]), Metadata()))
    with pytest.raises(ValueError, match="has ended"):
        _ = paginator.parameters
