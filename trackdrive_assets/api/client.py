"""The five endpoints as methods.

Not here: what may be asked (`query.py`), how it is sent and asked again (`transport.py`), what comes after a
page (`paging.py`), how undocumented bodies are read (`responses.py`), and what the rows mean (`tables/`).
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from types import TracebackType
from typing import Any, Self, TypeVar

from trackdrive_assets.api import catalog, responses
from trackdrive_assets.api.auth import Credentials
from trackdrive_assets.api.envelope import Envelope, encode
from trackdrive_assets.api.errors import QueryError, UnreadableResponse
from trackdrive_assets.api.options import DEFAULTS, ClientOptions
from trackdrive_assets.api.pagination import Page, Paging, paginate, report_ends
from trackdrive_assets.api.query import ANY, Endpoint, Query, closed_choice, open_choice
from trackdrive_assets.api.rate_limit import Clock
from trackdrive_assets.api.rows import Row, RowDecoder
from trackdrive_assets.api.transport import ROOT, RawResponse, RequestGroup, Transport, Usage

# With a digit in it, so that it is not the name of another endpoint.
_CALL_ID = re.compile(r"(?=.*\d)[0-9A-Za-z-]+")
Rows = TypeVar("Rows")


@dataclass(frozen=True)
class Report:
    """The rows of a report, one a group.

    Attributes:
        rows: As they came, or with the group under the category's name where it was a key.
        total_count: How many rows the API counts; None when it does not say.
    """

    rows: list[Row]
    total_count: int | None


class Client:
    """A client of one Trackdrive account.

    Args:
        base_url: `https://acme.trackdrive.com`, without a path.
        credentials: The key pair or the token.
        options: The page size, rate, concurrency and time limits.
        clock: The clock to wait by. The default is real time.

    Every method raises an error of `errors.py`. A GET is retried while that can help, a DELETE never is.
    """

    def __init__(
        self,
        base_url: str,
        credentials: Credentials,
        options: ClientOptions = DEFAULTS,
        *,
        clock: Clock | None = None,
    ) -> None:
        self.options = options
        self._calls = RowDecoder()
        self._transport = Transport(base_url, credentials, options, clock)

    def __repr__(self) -> str:
        return f"Client({self._transport.base_url!r}, {self._transport.credentials})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    @property
    def usage(self) -> Usage:
        """Requests and retries so far."""
        return self._transport.usage

    def calls(self, query: Query = ANY, *, paging: Paging | None = None) -> Iterator[Row]:
        """Every call that matches, newest first, each once; see `call_pages`."""
        for page in self.call_pages(query, paging=paging):
            yield from page.rows

    def call_pages(
        self, query: Query = ANY, *, paging: Paging | None = None, group: RequestGroup | None = None
    ) -> Iterator[Page]:
        """Fetch the calls that match, page by page.

        Args:
            query: `page` or `cursor` in it say where to begin.
            paging: By cursor or by page. By default by cursor, which has no end at page 10; by page where the
                query needs it: with `page`, with `root=False`, or with an `order` of its own, which a cursor
                cannot keep.
            group: The group that the requests are counted in.

        Raises:
            IncompleteResponse: Fewer calls came than the API counted.
        """
        paging = paging or paging_for(query)
        parameters = query.parameters(Endpoint.CALLS)
        per_page = int(parameters.pop("per_page", self.options.per_page))
        start = parameters.pop(paging.value, None)
        if foreign := {"page", "cursor"} & parameters.keys():
            raise QueryError(f"{foreign.pop()} cannot be combined with paging by {paging.value}.")
        return paginate(
            lambda position: self._page_of_calls(parameters | position, group),
            paging=paging,
            per_page=per_page,
            start=start,
        )

    def calls_csv(self, query: Query = ANY) -> str:
        """One page of calls as CSV text, as the server writes it.

        CSV carries no count and no cursor, so nothing tells whether it is whole: `calls` does.
        """
        return self._transport.text(f"{Endpoint.CALLS}.csv", query.parameters(Endpoint.CALLS))

    def reports(self, category: str, query: Query = ANY, *, group: RequestGroup | None = None) -> Report:
        """Totals of the calls that match, by category.

        Args:
            category: One of `catalog.REPORT_CATEGORIES`, or another that the account knows.
            query: Which calls; `page` in it asks for that page alone.
            group: The group that the requests are counted in.
        """
        parameters = _report_parameters(category, query)
        only_page = parameters.pop("page", None)
        number = int(only_page or 1)
        asked = {"per_page": str(self.options.per_page)} | parameters
        rows: list[Row] = []
        seen: set[bytes] = set()
        while True:
            envelope = self._transport.json(
                "GET", Endpoint.REPORTS, asked | {"page": str(number)}, group=group
            )
            found = self._by_shape(
                Endpoint.REPORTS, envelope, lambda content: responses.report_rows(content, category)
            )
            # A server that does not page gives the same groups again, with numbers that may have moved on.
            new = [row for row in found if _group_of(row, category) not in seen]
            seen.update(_group_of(row, category) for row in new)
            rows += new
            if only_page or report_ends(number, len(new), len(rows), envelope.metadata):
                return Report(rows, envelope.metadata.total_count)
            number += 1

    def reports_csv(self, category: str, query: Query = ANY) -> str:
        """One page of a report as CSV text, as the server writes it."""
        return self._transport.text(f"{Endpoint.REPORTS}.csv", _report_parameters(category, query))

    def stats(
        self,
        group_by: str,
        stat: str,
        created_at_from: datetime | str,
        created_at_to: datetime | str,
        query: Query = ANY,
        *,
        group: RequestGroup | None = None,
    ) -> dict[responses.Group, Decimal | None]:
        """One statistic of the calls of a span of time, by group.

        Args:
            group_by: One of `catalog.GROUP_BYS`.
            stat: One of `catalog.STATS`.
            created_at_from: First instant.
            created_at_to: End of the span.
            query: Which calls besides.
            group: The group that the request is counted in.

        Returns:
            Group to Decimal. The group None holds the calls that have no value there.
        """
        closed_choice("group_by", group_by, catalog.GROUP_BYS)
        closed_choice("stat", stat, catalog.STATS)
        spanned = replace(query, created_at_from=created_at_from, created_at_to=created_at_to)
        parameters = spanned.parameters(Endpoint.STATS) | {"group_by": group_by, "stat": stat}
        envelope = self._transport.json("GET", Endpoint.STATS, parameters, group=group)
        return self._by_shape(
            Endpoint.STATS, envelope, lambda content: responses.stat_values(content, stat, group_by)
        )

    def call(self, uuid: str | int, *, serializer: str | None = None) -> Row:
        """One call, by its uuid or by its number.

        Raises:
            NotFound: The account has no such call.
        """
        return self._one_call("GET", uuid, serializer)

    def hang_up(self, uuid: str | int, *, serializer: str | None = None) -> Row:
        """Hang up an ongoing call. Never asked twice: a lost answer does not say whether it happened.

        Returns:
            What the server said; empty where it said nothing.
        """
        return self._one_call("DELETE", uuid, serializer)

    def look(self, path: str, parameters: dict[str, str]) -> RawResponse:
        """Any GET, answered as it came: for whoever examines the API itself, its errors and headers too.

        Args:
            path: What follows `/api/v1/`.
            parameters: Sent as they are.
        """
        return self._transport.look(path, parameters)

    def _one_call(self, method: str, uuid: str | int, serializer: str | None) -> Row:
        if not _CALL_ID.fullmatch(str(uuid)):
            raise QueryError(f"A call is named by its uuid or its number; {str(uuid)!r} is neither.")
        parameters = Query(serializer=serializer).parameters(Endpoint.CALL)
        content = self._transport.json(method, f"calls/{uuid}", parameters).content
        if isinstance(content, dict):
            inside = content.get("call", content)
            if isinstance(inside, dict):
                return inside
        raise self._unreadable(f"{method} {ROOT}calls/{uuid}", content, "one call is an object")

    def _page_of_calls(self, parameters: dict[str, str], group: RequestGroup | None) -> Page:
        envelope = self._transport.json("GET", Endpoint.CALLS, parameters, self._calls.decode, group)
        return Page(self._by_shape(Endpoint.CALLS, envelope, responses.call_rows), envelope.metadata)

    def _by_shape(self, endpoint: Endpoint, envelope: Envelope, read: Callable[[Any], Rows]) -> Rows:
        asked = f"GET {ROOT}{endpoint}"
        try:
            rows = read(envelope.content)
        except responses.UnknownShape as unknown:
            raise self._unreadable(asked, envelope.content, str(unknown)) from None
        if envelope.errors and not rows:
            # Nothing but what is wrong: that is no answer without rows.
            raise self._unreadable(
                asked, {"errors": envelope.errors}, "it looks like an error, with no rows in it"
            )
        return rows

    def _unreadable(self, asked: str, content: object, why: str) -> UnreadableResponse:
        return UnreadableResponse(
            f"The answer to {asked} has a shape that is not known: {self._transport.redacted(why)}. "
            f"It begins: {self._transport.excerpt(encode(content))} "
            f"Please report this beginning, without phone numbers, as an issue of trackdrive-assets."
        )


def paging_for(query: Query) -> Paging:
    """How a query has to be walked: by cursor, unless it holds something that a cursor cannot keep."""
    newest_first = query.order in {None, "created_at"} and query.order_dir in {None, "desc"}
    by_page = query.page is not None or query.root is False or not newest_first
    return Paging.PAGE if by_page else Paging.CURSOR


def _group_of(row: Row, category: str) -> bytes:
    return encode(row.get(category, row))


def _report_parameters(category: str, query: Query) -> dict[str, str]:
    open_choice("category", category, catalog.REPORT_CATEGORIES)
    return query.parameters(Endpoint.REPORTS) | {"category": category}
