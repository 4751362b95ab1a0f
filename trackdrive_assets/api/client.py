"""The endpoints as methods: the five of the calls API, and the reference lists.

`query.py` has the parameters, `transport.py` sends requests, `pagination.py` finds the next page,
`responses.py` finds the rows in undocumented bodies, and `tables/` parses their values.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from types import TracebackType
from typing import Any, Self, TypeVar

from trackdrive_assets.addresses import account_host, is_loopback
from trackdrive_assets.api import catalog, responses
from trackdrive_assets.api.auth import Credentials
from trackdrive_assets.api.envelope import Envelope
from trackdrive_assets.api.errors import QueryError, UnreadableResponse
from trackdrive_assets.api.http_responses import RawResponse
from trackdrive_assets.api.options import DEFAULTS, ClientOptions
from trackdrive_assets.api.page_decisions import Paging
from trackdrive_assets.api.pagination import Page, Paginator, paginate
from trackdrive_assets.api.query import ANY, Endpoint, Query, closed_choice, open_choice
from trackdrive_assets.api.rate_limit import Clock
from trackdrive_assets.api.rows import MAX_KEYS, Row, RowDecoder, Rows
from trackdrive_assets.api.transport import ROOT, Transport
from trackdrive_assets.api.usage import RequestGroup, Usage
from trackdrive_assets.privacy import outline

# An id has a digit, so that it is not the name of another endpoint.
_CALL_ID = re.compile(r"(?=.*\d)[0-9A-Za-z-]+")
_NAMES_OF_CALL = frozenset({"uuid", "id"})
Content = TypeVar("Content")


@dataclass(frozen=True)
class Report:
    """The rows of a report, one per group.

    Attributes:
        rows: The unchanged rows. If the groups are keys, each row has its group under the category's name.
        total_count: The number of rows that the API counts; None if it does not count.
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
        self._company: str | None = None
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
        """The number of requests and retries so far."""
        return self._transport.usage

    def account(self) -> str:
        """Return the name of the account: its host. On loopback, its host and the company, as the API has it.

        Several accounts can be on loopback, such as two sandboxes. If no response named the company yet, one
        request asks for it.
        """
        base_url = self._transport.base_url
        host = account_host(base_url)
        if not is_loopback(base_url):
            return host
        if self._company is None:
            now = datetime.now(UTC)
            parameters = Query(created_at_from=now, created_at_to=now, per_page=1).parameters(Endpoint.CALLS)
            self._json("GET", Endpoint.CALLS, parameters)
        return f"{host}/{self._company}" if self._company else host

    def calls(self, query: Query = ANY, *, paging: Paging | None = None) -> Iterator[Row]:
        """Yield every matching call, newest first, each once. `call_pages` describes the arguments."""
        for page in self.call_pages(query, paging=paging):
            yield from page.rows

    def call_pages(
        self, query: Query = ANY, *, paging: Paging | None = None, group: RequestGroup | None = None
    ) -> Iterator[Page]:
        """Fetch the calls that match, page by page.

        Args:
            query: The filters. The list begins at its `page` or `cursor`.
            paging: By cursor or by page. The default is by cursor, which does not end at page 10, and by page
                if the query needs it: with `page`, with `root=False`, or with another `order`.
            group: The group that the requests are counted in.

        Raises:
            IncompleteResponse: The API sent fewer calls than it counted.
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
            seconds=_seconds_of(query),
        )

    def count_calls(self, query: Query = ANY, *, group: RequestGroup | None = None) -> int | None:
        """Return how many calls the API counts, with one small request; None if it does not count."""
        small = replace(query, columns=("uuid", "created_at"), per_page=1)
        return next(self.call_pages(small, group=group)).metadata.total_count

    def calls_csv(self, query: Query = ANY) -> str:
        """Return one page of calls as the CSV text of the server.

        CSV has no count and no cursor, so it may be incomplete. `calls` is complete.
        """
        return self._transport.text(f"{Endpoint.CALLS}.csv", query.parameters(Endpoint.CALLS))

    def reports(self, category: str, query: Query = ANY, *, group: RequestGroup | None = None) -> Report:
        """Return totals of the matching calls by a category.

        Args:
            category: One of `catalog.REPORT_CATEGORIES`, or another one that the account has.
            query: The filters. With `page`, only that page is requested.
            group: The group that the requests are counted in.
        """
        parameters = _report_parameters(category, query)
        only_page = parameters.pop("page", None)
        per_page = int(parameters.pop("per_page", self.options.per_page))
        paginator = Paginator(
            paging=Paging.PAGE, per_page=per_page, start=only_page, seconds=_seconds_of(query)
        )
        rows: dict[str, Row] = {}
        total_count: int | None = None
        while paginator.next_page_token is not None:
            envelope = self._json("GET", Endpoint.REPORTS, parameters | paginator.parameters, group=group)
            found = self._by_shape(
                Endpoint.REPORTS, envelope, lambda content: responses.report_rows(content, category)
            )
            names = _distinct_groups(found, category)
            # A server without pages sends the same groups again, maybe with newer numbers.
            rows = {**rows, **{name: row for name, row in zip(names, found, strict=True) if name not in rows}}
            paginator.advance(Page(Rows({"id": names}, len(names)), envelope.metadata))
            total_count = paginator.expected if only_page is None else envelope.metadata.total_count
            if only_page:
                break
        return Report(list(rows.values()), total_count)

    def reports_csv(self, category: str, query: Query = ANY) -> str:
        """Return one page of a report as the CSV text of the server."""
        return self._transport.text(f"{Endpoint.REPORTS}.csv", _report_parameters(category, query))

    def reference_list(self, name: str, *, group: RequestGroup | None = None) -> list[Row]:
        """Return every row of a reference list, as the account is now.

        Args:
            name: One of `catalog.REFERENCE_LISTS`.
            group: The group that the requests are counted in.

        Raises:
            IncompleteResponse: The API sent fewer rows than it counted.
        """
        path = catalog.REFERENCE_LISTS[closed_choice("list", name, tuple(catalog.REFERENCE_LISTS))]
        parameters = catalog.REFERENCE_PARAMETERS.get(name, {})

        def fetch_page(position: dict[str, str]) -> Page:
            envelope = self._json("GET", path, parameters | position, group=group)
            count = envelope.metadata.total_count
            rows = self._by_shape(
                path, envelope, lambda content: responses.reference_rows(content, name, count)
            )
            return Page(rows, envelope.metadata)

        pages = paginate(fetch_page, paging=Paging.PAGE, per_page=self.options.per_page)
        return [row for page in pages for row in page.rows]

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
        """Return one statistic of the calls of a span of time, by group.

        Args:
            group_by: One of `catalog.GROUP_BYS`.
            stat: One of `catalog.STATS`.
            created_at_from: The first instant of the span.
            created_at_to: The end of the span.
            query: More filters.
            group: The group that the request is counted in.

        Returns:
            The number of each group. The group None has the calls without a value.
        """
        closed_choice("group_by", group_by, catalog.GROUP_BYS)
        closed_choice("stat", stat, catalog.STATS)
        spanned = replace(query, created_at_from=created_at_from, created_at_to=created_at_to)
        parameters = spanned.parameters(Endpoint.STATS) | {"group_by": group_by, "stat": stat}
        envelope = self._json("GET", Endpoint.STATS, parameters, group=group)
        return self._by_shape(
            Endpoint.STATS, envelope, lambda content: responses.stat_values(content, stat, group_by)
        )

    def call(self, uuid: str | int, *, serializer: str | None = None) -> Row:
        """Return one call, by its uuid or its number.

        Raises:
            NotFound: The account has no such call.
        """
        return self._one_call("GET", uuid, serializer)

    def hang_up(self, uuid: str | int, *, serializer: str | None = None) -> Row:
        """Hang up a live call. There is no retry, because a lost response can mean that it was hung up.

        Returns:
            The response of the server, which may be empty.
        """
        return self._one_call("DELETE", uuid, serializer)

    def raw_get(self, path: str, parameters: dict[str, str]) -> RawResponse:
        """Send any GET request, and return its response unchanged, also with an error status.

        Args:
            path: The path after `/api/v1/`.
            parameters: The query parameters.
        """
        return self._transport.raw_get(path, parameters)

    def _json(self, method: str, path: str, *arguments: Any, **options: Any) -> Envelope:
        """Send a request, and remember the company that the response names.

        A list of calls without a company shows that the API names none.
        """
        envelope = self._transport.json(method, path, *arguments, **options)
        if envelope.metadata.company or path == Endpoint.CALLS:
            self._company = envelope.metadata.company or self._company or ""
        return envelope

    def _one_call(self, method: str, uuid: str | int, serializer: str | None) -> Row:
        if not _CALL_ID.fullmatch(str(uuid)):
            raise QueryError(f"A call is named by its uuid or its number; {str(uuid)!r} is neither.")
        parameters = Query(serializer=serializer).parameters(Endpoint.CALL)
        content = self._json(method, f"calls/{uuid}", parameters).content
        if content is None and method == "DELETE":
            return {}
        if isinstance(content, dict):
            inside = content.get("call", content)
            # A GET without an id of a call is a message. The response to a DELETE may be empty.
            if isinstance(inside, dict) and (method == "DELETE" or not _NAMES_OF_CALL.isdisjoint(inside)):
                if len(inside) > MAX_KEYS:
                    raise self._unreadable(
                        f"{method} {ROOT}calls/{uuid}", content, f"it has more than {MAX_KEYS:,} keys"
                    )
                return inside
        raise self._unreadable(
            f"{method} {ROOT}calls/{uuid}", content, "one call is an object with a uuid or an id"
        )

    def _page_of_calls(self, parameters: dict[str, str], group: RequestGroup | None) -> Page:
        envelope = self._json("GET", Endpoint.CALLS, parameters, self._calls.decode, group)
        count = envelope.metadata.total_count
        rows = self._by_shape(Endpoint.CALLS, envelope, lambda content: responses.call_rows(content, count))
        return Page(rows, envelope.metadata)

    def _by_shape(self, endpoint: str, envelope: Envelope, read: Callable[[Any], Content]) -> Content:
        request = f"GET {ROOT}{endpoint}"
        try:
            return read(envelope.content)
        except responses.UnknownShape as unknown:
            raise self._unreadable(request, envelope.content, str(unknown)) from None

    def _unreadable(self, request: str, content: object, reason: str) -> UnreadableResponse:
        return UnreadableResponse(
            f"The response to {request} has an unknown shape: {self._transport.redacted(reason)}. "
            f"Its outline is {self._transport.redacted(outline(content))}. "
            "Please report this outline as an issue of trackdrive-assets, unless "
            f"{self._transport.base_url} is another server than Trackdrive."
        )


def paging_for(query: Query) -> Paging:
    """Return how to page through a query: by cursor, unless a cursor cannot keep its order."""
    newest_first = query.order in {None, "created_at"} and query.order_dir in {None, "desc"}
    by_page = query.page is not None or query.root is False or not newest_first
    return Paging.PAGE if by_page else Paging.CURSOR


def _seconds_of(query: Query) -> float | None:
    """Return the length of the range of a query; None if it has no start or no end."""
    start, end = query.created_at_from, query.created_at_to
    if isinstance(start, datetime) and isinstance(end, datetime):
        return max(0.0, (end - start).total_seconds())
    return None


def _distinct_groups(rows: list[Row], category: str) -> list[str]:
    """Return the group of each row of a page of a report.

    Raises:
        UnreadableResponse: Two rows have the same group, so that its totals are ambiguous.
    """
    groups = [responses.group_of(row, category) for row in rows]
    first: dict[str, int] = {}
    for position, group in enumerate(groups, 1):
        if (earlier := first.setdefault(group, position)) != position:
            raise UnreadableResponse(
                f"The report {category} has one group twice, in rows {earlier} and {position} of a page. "
                f"Its totals are ambiguous. Please report this to Trackdrive's support."
            )
    return groups


def _report_parameters(category: str, query: Query) -> dict[str, str]:
    open_choice("category", category, catalog.REPORT_CATEGORIES)
    return query.parameters(Endpoint.REPORTS) | {"category": category}
