"""Walk a list from page to page: which page comes next, where the list ends, and whether rows are missing.

The decisions are pure functions of the metadata of a page. `Paginator` keeps the state of one list;
`paginate` requests its pages. Not here: dividing a list into windows of time (`days.py`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from trackdrive_assets.api.envelope import Metadata
from trackdrive_assets.api.errors import IncompleteResponse
from trackdrive_assets.api.rows import ABSENT, Rows

FIRST_CURSOR = "-1"

MOST_CALLS_PER_SECOND = 25
"""The number of calls per second of the requested range above which a list counts as endless. That is two
million calls in a day, twice as many as this package is made for."""

_MOST_CALLS_OF_ANY_RANGE = 10_000
"""The number of calls that even the shortest range may have. A call center can be called all at once."""

_MOST_CALLS_WITHOUT_RANGE = 10_000_000
_ROUND_COUNT = 1000
_TOLERATED_SURPLUS = 1000
_MOST_SPARSE_PAGES = 100
_SPARSE = 25
_WHAT_TO_DO = (
    "Try again. If it happens again, request single days or hours, and report it to Trackdrive's support."
)


class Paging(StrEnum):
    """The two ways to request a list. The server refuses page numbers above 10; cursors have no limit."""

    CURSOR = "cursor"
    PAGE = "page"


@dataclass(frozen=True)
class Page:
    """One response of a list.

    Attributes:
        rows: The rows that no earlier page contained.
        metadata: The metadata of the response.
        repeated: The number of rows that an earlier page contained already. New calls that arrive during the
            requests push others to the next page.
    """

    rows: Rows
    metadata: Metadata
    repeated: int = 0


FetchPage = Callable[[dict[str, str]], Page]
"""A function that fetches one page for the given paging parameters."""


class Paginator:
    """The state of one list while its pages are requested, from `start` to its end, with each row once.

    Args:
        paging: By cursor or by page number.
        per_page: The page size to request. The server may grant less.
        start: The cursor or page number of the first page; None for the beginning.
        seconds: The length of the requested range; None for one without a start or an end.

    Attributes:
        next_page_token: The cursor or page number of the next page; None at the end.
        expected: The total count on the first page; None if the server does not count, or if the list begins
            in the middle.
        received: The number of rows so far.
        page_count: The number of pages so far.
    """

    def __init__(
        self, *, paging: Paging, per_page: int, start: str | None = None, seconds: float | None = None
    ) -> None:
        self.next_page_token: str | None = start or (FIRST_CURSOR if paging is Paging.CURSOR else "1")
        self.expected: int | None = None
        self.received = 0
        self.page_count = 0
        self._seconds = seconds
        self._paging = paging
        self._per_page = per_page
        self._from_the_start = start is None
        self._seen_tokens: set[str] = set()
        self._seen_rows: set[str] = set()

    @property
    def parameters(self) -> dict[str, str]:
        """The paging parameters of the next page.

        Raises:
            IncompleteResponse: This cursor was used before.
        """
        if self.next_page_token is None:
            raise ValueError("The list has ended.")
        if self.next_page_token in self._seen_tokens:
            raise IncompleteResponse(
                f"The API gave one cursor twice within {self.page_count} pages, so its list would never end. "
                f"{_WHAT_TO_DO}"
            )
        return {self._paging.value: self.next_page_token, "per_page": str(self._per_page)}

    def advance(self, page: Page) -> Page:
        """Move on to the page that follows a page fetched with `parameters`.

        Returns:
            The page with only those rows that no earlier page contained.

        Raises:
            IncompleteResponse: The list goes in a circle, never ends, or is truncated.
        """
        token = str(self.next_page_token)
        self._seen_tokens.add(token)
        self.page_count += 1
        if self._from_the_start and self.expected is None:
            self.expected = page.metadata.total_count
        new = self._new(page.rows)
        self.received += len(new)
        size = page.metadata.per_page or self._per_page
        if never_ends(self.received, self.page_count, size, self.expected, self._seconds):
            raise IncompleteResponse(self._endless())
        if len(page.rows) and not len(new):
            self._end_at_repetition(len(page.rows), page.metadata)
            return Page(new, page.metadata, len(page.rows))
        if is_last(self.expected, self.received, len(page.rows), page.metadata):
            self.next_page_token = None
        else:
            self.next_page_token = next_page_token(
                self._paging,
                token,
                len(page.rows),
                page.metadata,
                per_page=self._per_page,
                may_have_more=self.received != self.expected,
            )
            if self.next_page_token is None and is_truncated(
                self._paging, len(page.rows), page.metadata, self._per_page
            ):
                raise IncompleteResponse(
                    f"The API sent a full page without a cursor or a count, so more may follow. {_WHAT_TO_DO}"
                )
        return Page(new, page.metadata, len(page.rows) - len(new))

    def _end_at_repetition(self, row_count: int, metadata: Metadata) -> None:
        """End the list at a page with only rows of earlier pages, if that proves that it is complete."""
        is_full = row_count == (metadata.per_page or self._per_page)
        has_all = self.expected is not None and self._missing_count == 0
        # The cursor of some servers includes its own row: the last page is the last row once more.
        is_over = has_all and (self._paging is Paging.CURSOR or not is_full)
        # A server without pages sends the whole list again. A full page could be its first page only.
        ignores_pages = self._paging is Paging.PAGE and row_count == self.received and not is_full
        if not is_over and not ignores_pages:
            raise IncompleteResponse(
                f"The API returned only rows of earlier pages on page {self.page_count}. {_WHAT_TO_DO}"
            )
        self.next_page_token = None

    def _endless(self) -> str:
        count = "without a count" if self.expected is None else f"with a count of {self.expected}"
        span = "" if self._seconds is None else f" for a range of {self._seconds:.0f} s"
        return (
            f"The API sent {self.received} rows on {self.page_count} pages{span}, {count}, and goes on. "
            f"No account has so many. {_WHAT_TO_DO}"
        )

    def check_complete(self) -> None:
        """Compare a list that has ended with the count on its first page.

        Raises:
            IncompleteResponse: The API sent fewer rows than it counted.
        """
        if self._missing_count:
            raise IncompleteResponse(
                f"The API counted {self.expected} calls but sent {self.received}: {self._missing_count} are "
                f"missing. Asking again usually brings them."
            )

    @property
    def _missing_count(self) -> int:
        return missing_count(self.expected, self.received)

    def _new(self, rows: Rows) -> Rows:
        """Return the rows that were not seen before. Rows with neither uuid nor id count as new."""
        names = identities(rows)
        fresh = set(names)
        if len(fresh) == len(names) and None not in fresh and self._seen_rows.isdisjoint(fresh):
            self._seen_rows.update(names)  # type: ignore[arg-type]  # None is not among them
            return rows
        return rows.at(number for number, name in enumerate(names) if self._is_new(name))

    def _is_new(self, name: str | None) -> bool:
        if name is None:
            return True
        known = len(self._seen_rows)
        self._seen_rows.add(name)
        return len(self._seen_rows) > known


def paginate(
    fetch_page: FetchPage,
    *,
    paging: Paging,
    per_page: int,
    start: str | None = None,
    seconds: float | None = None,
) -> Iterator[Page]:
    """Fetch every page of a list, one after another. The other arguments are those of `Paginator`.

    Raises:
        IncompleteResponse: The API sent fewer rows than the first page counted, or a cursor repeats, or the
            list never ends.
    """
    paginator = Paginator(paging=paging, per_page=per_page, start=start, seconds=seconds)
    while paginator.next_page_token is not None:
        page = paginator.advance(fetch_page(paginator.parameters))
        if len(page.rows) or not page.repeated:
            yield page
    paginator.check_complete()


def identities(rows: Rows) -> list[str | None]:
    """Return the identity of each row: its uuid, else its id; None for a row with neither."""
    uuids = rows.column("uuid")
    if all(type(uuid) is str and uuid for uuid in uuids):
        return list(uuids)
    return [
        str(name) if (name := _present(uuid) or _present(number)) is not None else None
        for uuid, number in zip(uuids, rows.column("id"), strict=True)
    ]


def _present(value: object) -> object:
    return None if value is ABSENT else value


def is_last(expected: int | None, received: int, row_count: int, metadata: Metadata) -> bool:
    """Return whether a page is the last, so that no empty page has to be fetched after it.

    Both must be true: the rows reach the count of the server exactly, and the page is not full. Alone, the
    first could be a count that is too low, and the second a page that was cut short. More rows than the count
    show that it is too low.

    Args:
        expected: The total count; None if the server does not count.
        received: The number of rows so far, those of this page included.
        row_count: The number of rows on this page.
        metadata: The metadata of this page.
    """
    has_all = expected is not None and received == expected
    return has_all and metadata.per_page is not None and row_count < metadata.per_page


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
    is_full = row_count >= (metadata.per_page or per_page)
    is_unclear = metadata.per_page is None and metadata.total_pages is None
    return str(number + 1) if is_full or is_unclear or has_more_pages else None


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
