"""What a page decides: the next page, whether it is the last, and whether the list is complete."""

import pytest

from trackdrive_assets.api.envelope import Metadata
from trackdrive_assets.api.pagination import (
    FIRST_CURSOR,
    Page,
    Paginator,
    Paging,
    identities,
    is_last,
    is_truncated,
    missing_count,
    never_ends,
    next_cursor,
    next_page_token,
    report_ends,
)
from trackdrive_assets.api.rows import Row, Rows


@pytest.mark.parametrize("token", ["0", "0.0", "-0", "0E0", "null", "false", "", FIRST_CURSOR, None])
def test_a_cursor_can_mark_the_end_in_many_ways(token: str | None) -> None:
    assert next_cursor(Metadata(next_cursor=token)) is None


@pytest.mark.parametrize("token", ["32494003", "1.7188355534787E+14", "0.1", "-2", "b3BhcXVl"])
def test_any_other_cursor_is_kept_digit_for_digit(token: str) -> None:
    assert next_cursor(Metadata(next_cursor=token)) == token


@pytest.mark.parametrize("paging", Paging)
def test_no_page_follows_a_page_without_rows(paging: Paging) -> None:
    assert next_page_token(paging, "4", 0, Metadata(next_cursor="7", total_pages=9)) is None


@pytest.mark.parametrize(
    ("row_count", "metadata", "following"),
    [
        (3, Metadata(total_pages=5), "5"),
        (3, Metadata(total_pages=4), None),
        # The number of pages decides, even if the page is not full.
        (3, Metadata(total_pages=5, per_page=250), "5"),
        (250, Metadata(per_page=250), "5"),
        (249, Metadata(per_page=250), None),
        (3, Metadata(), "5"),
    ],
)
def test_page_numbers_end_at_the_last_page(row_count: int, metadata: Metadata, following: str | None) -> None:
    assert next_page_token(Paging.PAGE, "4", row_count, metadata) == following


@pytest.mark.parametrize(
    ("expected", "received", "row_count", "per_page", "last"),
    [
        (7, 7, 2, 5, True),
        (7, 8, 3, 5, True),
        (7, 6, 1, 5, False),
        (10, 10, 5, 5, False),
        (7, 7, 2, None, False),
        (None, 7, 2, 5, False),
    ],
)
def test_the_last_page_is_not_full_and_completes_the_count(
    expected: int | None, received: int, row_count: int, per_page: int | None, last: object
) -> None:
    assert is_last(expected, received, row_count, Metadata(per_page=per_page)) is last


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


def test_a_list_never_ends_if_it_is_far_longer_than_its_count() -> None:
    # Twice the count and a thousand more may be calls that arrived during the walk.
    counted = Metadata(total_count=50)
    assert [never_ends(1100, counted), never_ends(1101, counted)] == [False, True]
    assert not never_ends(10**9, Metadata())


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


@pytest.mark.parametrize(
    ("new", "gathered", "metadata", "ends"),
    [
        (0, 0, Metadata(), True),
        (1, 1, Metadata(), False),
        (0, 1, Metadata(), True),
        (1, 1, Metadata(total_count=1), True),
        (1, 1, Metadata(total_count=2), False),
        (1, 1, Metadata(total_pages=1), True),
        (1, 1, Metadata(total_pages=2), False),
    ],
)
def test_a_report_ends_without_new_groups_or_at_its_count(
    new: int, gathered: int, metadata: Metadata, ends: object
) -> None:
    assert report_ends(1, new, gathered, metadata) is ends
