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
_TOLERATED_SURPLUS = 1000
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

    Attributes:
        next_page_token: The cursor or page number of the next page; None at the end.
        expected: The total count on the first page; None if the server does not count, or if the list begins
            in the middle.
        received: The number of rows so far.
    """

    def __init__(self, *, paging: Paging, per_page: int, start: str | None = None) -> None:
        self.next_page_token: str | None = start or (FIRST_CURSOR if paging is Paging.CURSOR else "1")
        self.expected: int | None = None
        self.received = 0
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
                f"The API gave the cursor {self.next_page_token} twice, so its list would never end. "
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
        if self._from_the_start and self.expected is None:
            self.expected = page.metadata.total_count
        new = self._new(page.rows)
        if len(page.rows) and not len(new):
            if self._paging is Paging.CURSOR and self.expected is not None and self._missing_count == 0:
                # This server's cursor includes its own row: the last page is the last row once more.
                self.next_page_token = None
                return Page(new, page.metadata, len(page.rows))
            raise IncompleteResponse(
                f"The API returned only rows of earlier pages for {self._paging} {token}. {_WHAT_TO_DO}"
            )
        self.received += len(new)
        if never_ends(self.received, page.metadata):
            raise IncompleteResponse(
                f"The API counts {page.metadata.total_count} calls but has sent {self.received} and goes on. "
                f"{_WHAT_TO_DO}"
            )
        if is_last(self.expected, self.received, len(page.rows), page.metadata):
            self.next_page_token = None
        else:
            self.next_page_token = next_page_token(self._paging, token, len(page.rows), page.metadata)
            if self.next_page_token is None and is_truncated(
                self._paging, len(page.rows), page.metadata, self._per_page
            ):
                raise IncompleteResponse(
                    f"The API sent a full page without a cursor or a count, so more may follow. {_WHAT_TO_DO}"
                )
        return Page(new, page.metadata, len(page.rows) - len(new))

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
    fetch_page: FetchPage, *, paging: Paging, per_page: int, start: str | None = None
) -> Iterator[Page]:
    """Fetch every page of a list, one after another. The other arguments are those of `Paginator`.

    Raises:
        IncompleteResponse: The API sent fewer rows than the first page counted, or a cursor repeats, or the
            list never ends.
    """
    paginator = Paginator(paging=paging, per_page=per_page, start=start)
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

    Both must be true: the rows reach the count of the server, and the page is not full. Alone, the first
    could be a count that is too low, and the second a page that was cut short.

    Args:
        expected: The total count; None if the server does not count.
        received: The number of rows so far, those of this page included.
        row_count: The number of rows on this page.
        metadata: The metadata of this page.
    """
    has_all = expected is not None and received >= expected
    return has_all and metadata.per_page is not None and row_count < metadata.per_page


def next_page_token(paging: Paging, token: str, row_count: int, metadata: Metadata) -> str | None:
    """Return the cursor or number of the page after the page `token`; None at the end.

    A page without rows is the end, whatever its cursor is. A page that is not full is not: the server may
    send fewer rows than requested, and a bare array does not contain the page size.
    """
    if row_count == 0:
        return None
    if paging is Paging.CURSOR:
        return next_cursor(metadata)
    number = int(token)
    if metadata.total_pages is not None:
        return str(number + 1) if number < metadata.total_pages else None
    return str(number + 1) if metadata.per_page is None or row_count >= metadata.per_page else None


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


def never_ends(received: int, metadata: Metadata) -> bool:
    """Return whether a list has far more rows than the server counts."""
    return metadata.total_count is not None and received > 2 * metadata.total_count + _TOLERATED_SURPLUS


def report_ends(number: int, new: int, gathered: int, metadata: Metadata) -> bool:
    """Return whether page `number` of a report was its last.

    The paging of reports is not documented. The end is a page without new groups, or the server's own count.
    """
    counted = metadata.total_count is not None and gathered >= metadata.total_count
    numbered = metadata.total_pages is not None and number >= metadata.total_pages
    return new == 0 or counted or numbered
