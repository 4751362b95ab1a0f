"""How a list is walked: which page comes next, what counts as the end, and what counts as short.

Pure decisions over what pages say about themselves, and one walker that is given a way to ask for a page.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from trackdrive_assets.api.envelope import Metadata, Row
from trackdrive_assets.api.errors import IncompleteAnswer

FIRST_CURSOR = "-1"
_TOLERATED_SURPLUS = 1000


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

    rows: Sequence[Row]
    metadata: Metadata
    repeated: int = 0


Ask = Callable[[dict[str, str]], Page]
"""Asks for one page, given the paging parameters."""


def walk(ask: Ask, *, paging: Paging, per_page: int, start: str | None = None) -> Iterator[Page]:
    """Every page from `start` to the end, each row once.

    Args:
        ask: Asks for one page.
        paging: By cursor or by page number.
        per_page: Rows a page to ask for; a server that grants less is obeyed.
        start: The cursor or page number to begin at; None for the beginning.

    Raises:
        IncompleteAnswer: The end came before as many rows as the first page counted, or a cursor repeats or
            does not end.
    """
    seen_positions: set[str] = set()
    seen_rows: set[str] = set()
    received = 0
    expected: int | None = None
    following: str | None = start or (FIRST_CURSOR if paging is Paging.CURSOR else "1")
    while following is not None:
        position = following
        if position in seen_positions:
            raise IncompleteAnswer(f"The API gave the cursor {position} twice, so its list would never end.")
        seen_positions.add(position)
        page = ask({paging.value: position, "per_page": str(per_page)})
        if start is None and expected is None:
            expected = page.metadata.total_count
        new = [row for row in page.rows if _is_new(row, seen_rows)]
        if page.rows and not new:
            if paging is Paging.CURSOR and expected is not None and not shortage(expected, received):
                # A cursor that counts its own row in: the last page is the last row once more.
                return
            raise IncompleteAnswer(
                f"The API answered {paging} {position} with rows that it had given before."
            )
        received += len(new)
        if endless(received, page.metadata):
            raise IncompleteAnswer(
                f"The API counts {page.metadata.total_count} calls but has sent {received} and goes on."
            )
        yield Page(new, page.metadata, len(page.rows) - len(new))
        following = next_position(paging, position, len(page.rows), page.metadata)
        if following is None and cut_off(paging, len(page.rows), page.metadata, per_page):
            raise IncompleteAnswer(
                "The API sent a full page without a cursor or a count, so more may follow."
            )
    if missing := shortage(expected, received):
        raise IncompleteAnswer(
            f"The API counted {expected} calls but sent {received}: {missing} are missing. "
            f"Asking again usually brings them."
        )


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


def _is_new(row: Row, seen: set[str]) -> bool:
    identity = row.get("uuid") or row.get("id")
    if identity is None:
        # Nothing to tell it from others by, as with `columns` that ask for neither.
        return True
    known = len(seen)
    seen.add(str(identity))
    return len(seen) > known
