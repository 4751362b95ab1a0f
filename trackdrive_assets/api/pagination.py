"""Walk a list from page to page: which page comes next, where the list ends, and whether rows are missing.

`Paginator` keeps the state of one list; `paginate` requests its pages. Not here: the decisions
(`page_decisions.py`), and dividing a list into windows of time (`days.py`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from trackdrive_assets.api.envelope import Metadata
from trackdrive_assets.api.errors import EndlessList, IncompleteResponse
from trackdrive_assets.api.page_decisions import (
    FIRST_CURSOR,
    Paging,
    is_last,
    is_truncated,
    missing_count,
    never_ends,
    next_page_token,
)
from trackdrive_assets.api.rows import ABSENT, Rows

_WHAT_TO_DO = (
    "Try again. If it happens again, request single days or hours, and report it to Trackdrive's support."
)


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
        self._largest_page = 0

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
            IncompleteResponse: The list goes in a circle, or is truncated.
            EndlessList: It has more rows or pages than any account.
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
            raise EndlessList(self._endless())
        if len(page.rows) and not len(new):
            self._end_at_repetition(len(page.rows), page.metadata)
            return Page(new, page.metadata, len(page.rows))
        largest_page, self._largest_page = self._largest_page, max(self._largest_page, len(page.rows))
        if is_last(self.expected, self.received, len(page.rows), page.metadata, largest_page=largest_page):
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
        has_page_size = row_count == (metadata.per_page or self._per_page)
        has_all = self.expected is not None and self._missing_count == 0
        # The cursor of some servers includes its own row: the last page is the last row once more.
        is_over = has_all and (self._paging is Paging.CURSOR or not has_page_size)
        # A server without pages sends the whole list again. A full page could be its first page only.
        ignores_pages = self._paging is Paging.PAGE and row_count == self.received and not has_page_size
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
                f"The API counted {self.expected} rows but sent {self.received}: {self._missing_count} are "
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
        IncompleteResponse: The API sent fewer rows than the first page counted, or a cursor repeats.
        EndlessList: The list never ends.
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
