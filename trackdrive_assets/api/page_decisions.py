"""What the metadata of a page decides: the next page, the end of a list, and a list without an end.

Pure functions. Not here: the state of a list (`pagination.py`).
"""

from enum import StrEnum

from trackdrive_assets.api.envelope import Metadata

FIRST_CURSOR = "-1"

MOST_CALLS_PER_SECOND = 25
"""The number of calls per second of the requested range above which a list counts as endless. That is two
million calls in a day, twice as many as this package is made for."""

_USUAL_PAGE_SIZES = frozenset({10, 20, 25, 50, 100, 200, 250, 500, 1000})
"""A page of exactly so many rows may be full, because the server may ignore `per_page` or have a limit, and
still repeat the requested number in its metadata. 25 is the documented default."""

_MOST_CALLS_OF_ANY_RANGE = 10_000
"""The number of calls that even the shortest range may have. A call center can be called all at once."""

_MOST_CALLS_WITHOUT_RANGE = 10_000_000
_ROUND_COUNT = 1000
_TOLERATED_SURPLUS = 1000
_MOST_SPARSE_PAGES = 100
_SPARSE = 25


class Paging(StrEnum):
    """The two ways to request a list. The server refuses page numbers above 10; cursors have no limit."""

    CURSOR = "cursor"
    PAGE = "page"


def is_last(
    expected: int | None, received: int, row_count: int, metadata: Metadata, *, largest_page: int = 0
) -> bool:
    """Return whether a page is the last, so that no empty page has to be fetched after it.

    All must be true: the rows reach the count of the server exactly, the page is not full, and the number of
    pages fits the count. Alone, the count could be too low, and the page cut short. More rows than the count
    show that it is too low.

    Args:
        expected: The total count; None if the server does not count.
        received: The number of rows so far, those of this page included.
        row_count: The number of rows on this page.
        metadata: The metadata of this page.
        largest_page: The number of rows on the largest page before this one; 0 without one.
    """
    if expected is None or received != expected or metadata.per_page is None:
        return False
    # The server counts one page too many, or two if the last one is full.
    has_more_pages = (
        metadata.total_pages is not None
        and metadata.per_page > 0
        and (metadata.total_pages > expected // metadata.per_page + 2)
    )
    # An earlier page with more rows proves that this one is not full.
    is_short = row_count < largest_page or not is_full(row_count, metadata.per_page)
    return not has_more_pages and is_short and row_count != largest_page


def is_full(row_count: int, page_size: int) -> bool:
    """Return whether a page may be followed by another."""
    return row_count >= page_size or row_count in _USUAL_PAGE_SIZES


def next_page_token(
    paging: Paging, token: str, row_count: int, metadata: Metadata, *, per_page: int, may_have_more: bool
) -> str | None:
    """Return the cursor or number of the page after the page `token`; None at the end.

    A page that is not full is not the end: the server may send fewer rows than requested, and a bare array
    does not contain the page size. A page without rows is the end if the rows reach the count, or if nothing
    leads on from it.

    Args:
        paging: By cursor or by page number.
        token: The cursor or number of this page.
        row_count: The number of rows on this page.
        metadata: The metadata of this page.
        per_page: The page size that was requested.
        may_have_more: Whether the rows so far differ from the count, or there is no count.
    """
    if row_count == 0 and not may_have_more:
        return None
    if paging is Paging.CURSOR:
        following = next_cursor(metadata)
        return None if row_count == 0 and following == token else following
    number = int(token)
    has_more_pages = metadata.total_pages is not None and number < metadata.total_pages
    if row_count == 0:
        return str(number + 1) if has_more_pages and metadata.total_count is not None else None
    # A full page is followed, also if the server's own numbers are those of the page.
    is_followed = is_full(row_count, metadata.per_page or per_page)
    is_unclear = metadata.total_pages is None and (metadata.per_page is None or metadata.total_count is None)
    return str(number + 1) if is_followed or is_unclear or has_more_pages else None


def next_cursor(metadata: Metadata) -> str | None:
    """Return the next cursor, digit for digit as the server sent it; None at the end of the list.

    Servers mark the end with 0, null, false, an empty text, or without a cursor.
    """
    token = metadata.next_cursor
    if token is None or token in {"", "null", "false", FIRST_CURSOR}:
        return None
    try:
        return token if float(token) != 0 else None
    except ValueError:
        return token


def missing_count(expected: int | None, received: int) -> int:
    """Return how many rows are missing; 0 if the server does not count.

    More rows than expected are no error: calls arrive while pages are fetched.
    """
    return 0 if expected is None else max(0, expected - received)


def is_truncated(paging: Paging, row_count: int, metadata: Metadata, per_page: int) -> bool:
    """Return whether a last page is full and carries neither a cursor nor a count, so more may follow."""
    has_neither = metadata.next_cursor is None and metadata.total_count is None
    return paging is Paging.CURSOR and has_neither and row_count >= per_page


def never_ends(
    received: int, page_count: int, page_size: int, expected: int | None, seconds: float | None
) -> bool:
    """Return whether a list has more rows or more pages than any real one.

    Args:
        received: The number of rows so far, each counted once.
        page_count: The number of pages so far, with those that are empty or repeat.
        page_size: The number of rows on a full page.
        expected: The count of the server; None without one.
        seconds: The length of the requested range; None for one without a start or an end.
    """
    is_sparse = page_count > _MOST_SPARSE_PAGES + _SPARSE * received / page_size
    return is_sparse or received > most_rows(expected, seconds)


def most_rows(expected: int | None, seconds: float | None) -> int:
    """Return the highest number of rows that a list can have.

    A count leaves room for calls that arrive meanwhile. A round count may be the highest that the server
    counts to, so then, and without a count, the length of the range decides.
    """
    if expected is not None and (expected == 0 or expected % _ROUND_COUNT):
        return 2 * expected + _TOLERATED_SURPLUS
    if seconds is None:
        return _MOST_CALLS_WITHOUT_RANGE
    return max(_MOST_CALLS_OF_ANY_RANGE, 2 * (expected or 0)) + int(MOST_CALLS_PER_SECOND * seconds)
