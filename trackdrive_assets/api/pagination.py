"""How a list is walked: which page comes next, what counts as the end, and what counts as short.

Pure decisions over what pages say about themselves. `Paginator` is one walk, page by page, for whoever asks;
`walk` asks by itself, one page after another. Not here: dividing a list into several (`windows.py`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from trackdrive_assets.api.envelope import Metadata
from trackdrive_assets.api.errors import IncompleteResponse
from trackdrive_assets.api.rows import ABSENT, Rows

FIRST_CURSOR = "-1"
_TOLERATED_SURPLUS = 1000
_NEXT = "Ask again; if it comes again, ask by day or by hour, and tell Trackdrive's support."


class Paging(StrEnum):
    """The two ways to walk a list. The server refuses pages past 10; a cursor has no such end."""

    CURSOR = "cursor"
    PAGE = "page"


@dataclass(frozen=True)
class Page:
    """One answer of a list.

    Attributes:
        rows: The rows that no earlier page had.
        metadata: What the page says about itself.
        repeated: How many rows an earlier page had already: calls that came in while paging push others on.
    """

    rows: Rows
    metadata: Metadata
    repeated: int = 0


Ask = Callable[[dict[str, str]], Page]
"""Asks for one page, given the paging parameters."""


class Paginator:
    """A list that is read from `start` to its end, each row once. Every page says where the next begins.

    Args:
        paging: By cursor or by page number.
        per_page: Rows a page to ask for; a server that grants less is obeyed.
        start: The cursor or page number to begin at; None for the beginning.

    Attributes:
        position: The cursor or page number to ask for now; None when the end is reached.
        expected: How many rows the first page counted; None where the server does not count, and for a chain
            that begins in the middle.
        received: How many rows have come.
        granted: Rows a page, as far as the server shows.
    """

    def __init__(self, *, paging: Paging, per_page: int, start: str | None = None) -> None:
        self.position: str | None = start or (FIRST_CURSOR if paging is Paging.CURSOR else "1")
        self.expected: int | None = None
        self.received = 0
        self.granted = per_page
        self._paging = paging
        self._per_page = per_page
        self._from_the_start = start is None
        self._seen_positions: set[str] = set()
        self._seen_rows: set[str] = set()

    @property
    def parameters(self) -> dict[str, str]:
        """What to ask for the next page with.

        Raises:
            IncompleteResponse: The cursor has been asked with before.
        """
        if self.position is None:
            raise ValueError("The list has ended.")
        if self.position in self._seen_positions:
            raise IncompleteResponse(
                f"The API gave the cursor {self.position} twice, so its list would never end. {_NEXT}"
            )
        return {self._paging.value: self.position, "per_page": str(self._per_page)}

    @property
    def left(self) -> int | None:
        """How many rows are still to come; None where the server does not count."""
        return None if self.expected is None else max(0, self.expected - self.received)

    def take(self, page: Page) -> Page:
        """Go on to what follows a page that was asked for with `parameters`.

        Returns:
            The page with only those rows that no earlier one had.

        Raises:
            IncompleteResponse: The list goes in a circle, or on for ever, or is cut off.
        """
        position = str(self.position)
        self._seen_positions.add(position)
        if self._from_the_start and self.expected is None:
            self.expected = page.metadata.total_count
        # What is granted shows on a full page; a server that does not say may grant less than was asked.
        self.granted = page.metadata.per_page or max(1, len(page.rows))
        new = self._new(page.rows)
        if len(page.rows) and not len(new):
            if self._paging is Paging.CURSOR and self.expected is not None and self.left == 0:
                # A cursor that counts its own row in: the last page is the last row once more.
                self.position = None
                return Page(new, page.metadata, len(page.rows))
            raise IncompleteResponse(
                f"The API answered {self._paging} {position} with rows that it had given before. {_NEXT}"
            )
        self.received += len(new)
        if endless(self.received, page.metadata):
            raise IncompleteResponse(
                f"The API counts {page.metadata.total_count} calls but has sent {self.received} and goes on. "
                f"{_NEXT}"
            )
        if complete(self.left, len(page.rows), page.metadata):
            self.position = None
        else:
            self.position = next_position(self._paging, position, len(page.rows), page.metadata)
            if self.position is None and cut_off(self._paging, len(page.rows), page.metadata, self._per_page):
                raise IncompleteResponse(
                    f"The API sent a full page without a cursor or a count, so more may follow. {_NEXT}"
                )
        return Page(new, page.metadata, len(page.rows) - len(new))

    def finish(self) -> None:
        """See that the list, which has ended, is whole.

        Raises:
            IncompleteResponse: The end came before as many rows as the first page counted.
        """
        if missing := shortage(self.expected, self.received):
            raise IncompleteResponse(
                f"The API counted {self.expected} calls but sent {self.received}: {missing} are missing. "
                f"Asking again usually brings them."
            )

    def _new(self, rows: Rows) -> Rows:
        """The rows that have not been seen; those with neither uuid nor id count as new."""
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


def walk(ask: Ask, *, paging: Paging, per_page: int, start: str | None = None) -> Iterator[Page]:
    """Every page of a list, one after another; the arguments are those of `Paginator`.

    Raises:
        IncompleteResponse: The end came before as many rows as the first page counted, or a cursor repeats or
            does not end.
    """
    chain = Paginator(paging=paging, per_page=per_page, start=start)
    while chain.position is not None:
        page = chain.take(ask(chain.parameters))
        if len(page.rows) or not page.repeated:
            yield page
    chain.finish()


def identities(rows: Rows) -> list[str | None]:
    """What each row is known by: its uuid, else its id; None for one with neither."""
    uuids = rows.column("uuid")
    if all(type(uuid) is str and uuid for uuid in uuids):
        return list(uuids)
    return [
        str(name) if (name := _named(uuid) or _named(number)) is not None else None
        for uuid, number in zip(uuids, rows.column("id"), strict=True)
    ]


def _named(value: object) -> object:
    return None if value is ABSENT else value


def complete(left: int | None, received: int, metadata: Metadata) -> bool:
    """Whether a page is the last, so that the next, which would be empty, need not be asked for.

    Both of the server's own words must say so: all that it counts has come, and the page is not as full as it
    says that pages are. Either alone could be a count that is too low, or a page cut short.
    """
    return left == 0 and metadata.per_page is not None and received < metadata.per_page


def next_position(paging: Paging, position: str, received: int, metadata: Metadata) -> str | None:
    """The cursor or page number of the next page; None at the end.

    A page without rows is the end, whatever its cursor says. A page that is not full is not: the server may
    grant fewer rows than were asked for, and a bare array does not even say so.
    """
    if received == 0:
        return None
    if paging is Paging.CURSOR:
        return next_cursor(metadata)
    number = int(position)
    if metadata.total_pages is not None:
        return str(number + 1) if number < metadata.total_pages else None
    return str(number + 1) if metadata.per_page is None or received >= metadata.per_page else None


def next_cursor(metadata: Metadata) -> str | None:
    """The cursor to go on with, digit for digit as it was sent; None where the server says that it ends.

    The server says so with 0, null, false, an empty text, or by leaving it out.
    """
    token = metadata.next_cursor
    if token is None or token in {"", "null", "false", FIRST_CURSOR}:
        return None
    try:
        return token if float(token) != 0 else None
    except ValueError:
        return token


def shortage(expected: int | None, received: int) -> int:
    """How many rows are missing. A server that does not count cannot be held to anything.

    More than expected is no error: calls come in while pages are read.
    """
    return 0 if expected is None else max(0, expected - received)


def cut_off(paging: Paging, received: int, metadata: Metadata, per_page: int) -> bool:
    """Whether a last page looks as if more should follow, and nothing on it says that none does."""
    silent = metadata.next_cursor is None and metadata.total_count is None
    return paging is Paging.CURSOR and silent and received >= per_page


def endless(received: int, metadata: Metadata) -> bool:
    """Whether a list has gone on for far longer than the server says it is."""
    return metadata.total_count is not None and received > 2 * metadata.total_count + _TOLERATED_SURPLUS


def report_ends(number: int, new: int, gathered: int, metadata: Metadata) -> bool:
    """Whether page `number` of a report was its last.

    Nothing documents how reports are paged. The end is a page without new groups, or what the server itself
    counts.
    """
    counted = metadata.total_count is not None and gathered >= metadata.total_count
    numbered = metadata.total_pages is not None and number >= metadata.total_pages
    return new == 0 or counted or numbered
