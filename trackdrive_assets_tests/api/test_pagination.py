"""Paging through a list: each row once, or an error if rows are missing."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackdrive_assets.api.envelope import Metadata
from trackdrive_assets.api.errors import EndlessList, IncompleteResponse
from trackdrive_assets.api.page_decisions import FIRST_CURSOR, Paging
from trackdrive_assets.api.pagination import Page, paginate
from trackdrive_assets.api.rows import Rows


@dataclass
class Account:
    """A server with numbered calls, newest first, as the evidence describes it.

    Attributes:
        calls: The numbers of the calls, newest first.
        largest_page: The largest page that it sends.
        exact: A function that writes the position of a call as a cursor: an id, or a float with an exponent.
        arriving: The numbers of calls that come in before each response but the first.
        silent: Whether it sends bare arrays.
        counts: Whether it counts the calls.
        early_zero: Whether the last page with rows has the cursor 0.
    """

    calls: list[int]
    largest_page: int = 250
    exact: Callable[[int], str] = str
    arriving: Iterator[int] = field(default_factory=lambda: iter(()))
    silent: bool = False
    counts: bool = True
    early_zero: bool = False
    asked: list[dict[str, str]] = field(default_factory=list)

    def __call__(self, position: dict[str, str]) -> Page:
        if self.asked:
            for _ in range(next(self.arriving, 0)):
                self.calls.insert(0, (self.calls[0] if self.calls else 0) + 1)
        self.asked.append(position)
        size = min(int(position["per_page"]), self.largest_page)
        found = (
            self._below(position["cursor"]) if "cursor" in position else self._from(position["page"], size)
        )
        shown = found[:size]
        rows: list[dict[str, Any]] = [{"uuid": f"call {number}"} for number in shown]
        if self.silent:
            return Page(Rows.of(rows), Metadata())
        over = not shown or (self.early_zero and len(found) <= size)
        return Page(
            Rows.of(rows),
            Metadata(
                next_cursor="0" if over else self.exact(shown[-1]),
                total_count=len(self.calls) if self.counts else None,
                total_pages=-(-len(self.calls) // size) + 1,
                per_page=size,
            ),
        )

    def _below(self, cursor: str) -> list[int]:
        return [number for number in self.calls if cursor == FIRST_CURSOR or number < float(cursor)]

    def _from(self, page: str, size: int) -> list[int]:
        return self.calls[(int(page) - 1) * size :]


def newest_first(how_many: int) -> list[int]:
    return list(range(how_many, 0, -1))


def names(numbers: Iterable[int]) -> list[str]:
    return [f"call {number}" for number in numbers]


def received(account: Callable[[dict[str, str]], Page], paging: Paging, per_page: int = 250) -> list[str]:
    return [row["uuid"] for page in paginate(account, paging=paging, per_page=per_page) for row in page.rows]


accounts = st.builds(
    Account,
    calls=st.integers(0, 60).map(newest_first),
    largest_page=st.integers(1, 30),
    exact=st.sampled_from([str, lambda number: f"{number}E+0", lambda number: f"{number}.0"]),
    counts=st.booleans(),
    early_zero=st.booleans(),
)


@given(account=accounts, paging=st.sampled_from(Paging), per_page=st.integers(1, 40))
def test_every_call_comes_once_and_in_order(account: Account, paging: Paging, per_page: int) -> None:
    assert received(account, paging, per_page) == names(account.calls)


@given(
    account=accounts,
    arriving=st.lists(st.integers(0, 5)),
    paging=st.sampled_from(Paging),
    per_page=st.integers(1, 40),
)
def test_calls_that_arrive_between_pages_lose_no_other_call(
    account: Account, arriving: list[int], paging: Paging, per_page: int
) -> None:
    there_at_first = names(account.calls)
    account.arriving = iter(arriving)
    try:
        rows = received(account, paging, per_page)
    except IncompleteResponse as refused:
        # Right only where as many calls came in as a page holds, so that a page had nothing new on it.
        if paging is Paging.CURSOR or "rows of earlier pages" not in str(refused):
            raise
    else:
        assert len(set(rows)) == len(rows)
        assert set(there_at_first) <= set(rows)
        # By page a call that has just come in can be seen too; a cursor only goes down.
        assert paging is Paging.PAGE or rows == there_at_first


@given(account=accounts, lost=st.integers(1, 59), paging=st.sampled_from(Paging), per_page=st.integers(1, 40))
def test_a_server_that_loses_rows_is_an_error(
    account: Account, lost: int, paging: Paging, per_page: int
) -> None:
    account.counts = True

    def forgetful(position: dict[str, str]) -> Page:
        page = account(position)
        return Page(Rows.of([row for row in page.rows if row["uuid"] != f"call {lost}"]), page.metadata)

    whole = lost > len(account.calls)
    try:
        rows = received(forgetful, paging, per_page)
    except IncompleteResponse:
        assert not whole  # an error is right only where a row is missing
    else:
        assert whole
        assert rows == names(account.calls)


@given(
    account=accounts.map(lambda account: Account(account.calls, account.largest_page, silent=True)),
    per_page=st.integers(1, 40),
)
def test_bare_arrays_are_complete_from_a_server_with_smaller_pages(account: Account, per_page: int) -> None:
    assert received(account, Paging.PAGE, per_page) == names(account.calls)


def test_repeated_rows_are_counted_and_dropped() -> None:
    account = Account(newest_first(10), arriving=iter([2]))
    pages = list(paginate(account, paging=Paging.PAGE, per_page=4))
    assert [(len(page.rows), page.repeated) for page in pages] == [(4, 0), (2, 2), (4, 0), (0, 0)]


def test_rows_without_an_identity_all_count_as_new() -> None:
    page = Page(Rows.of([{"status": "finished"}, {"status": "finished"}]), Metadata("0", 2, 1, 250))
    (walked,) = paginate(lambda _: page, paging=Paging.CURSOR, per_page=250)
    assert len(walked.rows) == 2


def test_a_row_without_a_uuid_is_identified_by_its_number() -> None:
    pages = iter(
        [
            Page(Rows.of([{"id": 2}, {"id": 1}]), Metadata("2", 2)),
            Page(Rows.of([{"id": 1}, {"id": 0}]), Metadata("0", 2)),
        ]
    )
    walked = list(paginate(lambda _: next(pages), paging=Paging.CURSOR, per_page=2))
    assert [list(page.rows) for page in walked] == [[{"id": 2}, {"id": 1}], [{"id": 0}]]


def test_a_cursor_is_sent_back_digit_for_digit() -> None:
    account = Account(newest_first(3), exact=lambda number: f"{number}.000E+0")
    received(account, Paging.CURSOR, 1)
    assert [asked["cursor"] for asked in account.asked] == ["-1", "3.000E+0", "2.000E+0", "1.000E+0"]


def test_a_list_can_begin_in_the_middle() -> None:
    account = Account(newest_first(9))
    by_cursor = paginate(account, paging=Paging.CURSOR, per_page=2, start="4")
    assert [row["uuid"] for page in by_cursor for row in page.rows] == names([3, 2, 1])
    by_page = paginate(account, paging=Paging.PAGE, per_page=2, start="4")
    assert [row["uuid"] for page in by_page for row in page.rows] == names([3, 2, 1])


def _page(numbers: Sequence[int], **metadata: Any) -> Page:
    return Page(Rows.of([{"uuid": f"call {number}"} for number in numbers]), Metadata(**metadata))


def test_a_cursor_that_repeats_is_an_error() -> None:
    pages = iter([_page([3], next_cursor="7"), _page([2], next_cursor="8"), _page([1], next_cursor="7")])
    with pytest.raises(IncompleteResponse, match="one cursor twice within 3 pages"):
        list(paginate(lambda _: next(pages), paging=Paging.CURSOR, per_page=1))


@pytest.mark.parametrize("paging", Paging)
def test_a_page_with_only_known_rows_is_an_error(paging: Paging) -> None:
    pages = iter(
        [_page([2, 1], next_cursor="7", total_pages=9), _page([1, 2], next_cursor="8", total_pages=9)]
    )
    with pytest.raises(IncompleteResponse, match="only rows of earlier pages on page 2"):
        list(paginate(lambda _: next(pages), paging=paging, per_page=2))


def test_a_list_that_is_far_longer_than_its_count_is_an_error() -> None:
    numbers = iter(range(1, 100_000))

    def more(_: dict[str, str]) -> Page:
        first = next(numbers)
        return _page([first * 1000 + n for n in range(100)], next_cursor=str(first), total_count=50)

    with pytest.raises(EndlessList, match="sent 1200 rows on 12 pages, with a count of 50"):
        list(paginate(more, paging=Paging.CURSOR, per_page=100))


def test_the_error_of_a_short_list_has_the_missing_number() -> None:
    page = _page([3, 2], next_cursor="0", total_count=5)
    with pytest.raises(IncompleteResponse, match="counted 5 rows but sent 2: 3 are missing"):
        list(paginate(lambda _: page, paging=Paging.CURSOR, per_page=2))


def test_a_list_whose_cursor_includes_its_row_ends_with_the_last_row() -> None:
    rows = list(range(9, 0, -1))

    def ask(parameters: dict[str, str]) -> Page:
        cursor = int(parameters["cursor"])
        page = [row for row in rows if cursor in {-1, *range(row, 10)}][:3]
        return _page(page, next_cursor=str(page[-1]), total_count=len(rows))

    pages = list(paginate(ask, paging=Paging.CURSOR, per_page=3))
    assert [row["uuid"] for page in pages for row in page.rows] == [f"call {row}" for row in rows]


def test_known_rows_because_of_new_calls_are_not_the_end() -> None:
    account = Account(newest_first(2), arriving=iter([2]))
    with pytest.raises(IncompleteResponse, match="only rows of earlier pages on page 3"):
        received(account, Paging.PAGE, 1)


def test_a_full_page_without_cursor_and_count_is_an_error() -> None:
    with pytest.raises(IncompleteResponse, match="more may follow"):
        list(paginate(lambda _: _page([2, 1]), paging=Paging.CURSOR, per_page=2))


def test_a_list_that_grows_for_ever_ends_by_its_range() -> None:
    numbers = iter(range(10**9))
    pages = 0

    def more(_: dict[str, str]) -> Page:
        nonlocal pages
        pages += 1
        return _page([next(numbers) for _ in range(5_000)], next_cursor=str(pages))

    with pytest.raises(EndlessList, match="15000 rows on 3 pages for a range of 60 s"):
        list(paginate(more, paging=Paging.CURSOR, per_page=5_000, seconds=60))
    assert pages == 3


@pytest.mark.parametrize("rows_on_each", [0, 1])
def test_a_list_of_nearly_empty_pages_ends(rows_on_each: int) -> None:
    numbers = iter(range(10**9))
    cursors = iter(range(1, 10**9))

    def more(_: dict[str, str]) -> Page:
        return _page([next(numbers) for _ in range(rows_on_each)], next_cursor=str(next(cursors)))

    with pytest.raises(EndlessList, match="and goes on"):
        list(paginate(more, paging=Paging.CURSOR, per_page=250))
    assert next(cursors) < 130


@pytest.mark.parametrize("count", [4, None])
def test_an_empty_page_in_the_middle_does_not_end_the_list(count: int | None) -> None:
    pages = iter(
        [
            _page([4, 3], next_cursor="8", total_count=count),
            _page([], next_cursor="7", total_count=count),
            _page([2, 1], next_cursor="6", total_count=count),
            _page([], next_cursor="6", total_count=count),
        ]
    )
    walked = list(paginate(lambda _: next(pages), paging=Paging.CURSOR, per_page=2))
    assert [row["uuid"] for page in walked for row in page.rows] == names([4, 3, 2, 1])


@pytest.mark.parametrize("cap", [5, 3])
def test_a_list_longer_than_its_count_is_walked_to_its_end(cap: int) -> None:
    account = Account(newest_first(9), largest_page=2)

    def capped(position: dict[str, str]) -> Page:
        page = account(position)
        # A page that is cut short does not end it either.
        return Page(page.rows, replace(page.metadata, total_count=cap, per_page=4))

    assert received(capped, Paging.CURSOR) == names(account.calls)


def test_a_server_that_repeats_a_full_first_page_may_have_more() -> None:
    with pytest.raises(IncompleteResponse, match="only rows of earlier pages on page 2"):
        list(paginate(lambda _: _page([2, 1]), paging=Paging.PAGE, per_page=2))


def test_a_server_without_pages_sends_its_list_once_more() -> None:
    pages = list(paginate(lambda _: _page([3, 2, 1]), paging=Paging.PAGE, per_page=250))
    assert [(len(page.rows), page.repeated) for page in pages] == [(3, 0)]
