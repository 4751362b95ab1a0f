"""The endpoints without HTTP: parameters in, a status and a body out.

Not here: credentials, faults of the connection, and the port (`server.py`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from trackdrive_assets.api.catalog import GROUP_BYS, REPORT_CATEGORIES, STATS
from trackdrive_assets.sandbox import aggregates, serializers
from trackdrive_assets.sandbox.aggregates import ReportShape, StatsShape
from trackdrive_assets.sandbox.call import Call, Record
from trackdrive_assets.sandbox.filters import Criteria, parse_criteria
from trackdrive_assets.sandbox.generator import CallGenerator
from trackdrive_assets.sandbox.lists import LISTS
from trackdrive_assets.sandbox.parameters import InvalidParameter, parse_flag
from trackdrive_assets.sandbox.search import Search
from trackdrive_assets.sandbox.serializers import ApiVersion, PageRequest, Row
from trackdrive_assets.sandbox.simulation import LONGEST_CALL
from trackdrive_assets.sandbox.times import milliseconds

FIRST_DAY = date(2024, 1, 1)


@dataclass(frozen=True)
class EndpointResult:
    """The HTTP status, the body as a JSON value, and its rows for CSV. None if there is no CSV."""

    status: int
    body: Any
    rows: list[Row] | None = None


def failure(status: int, **errors: str) -> EndpointResult:
    """Return an error with the body that the API is assumed to send."""
    return EndpointResult(status, {"status": status, "errors": errors})


@dataclass(kw_only=True, eq=False)
class Endpoints:
    """An account with calls, and the behavior of its server.

    Attributes:
        company: The company of the account, in the metadata of every list.
        seed: The seed. Another seed gives other calls.
        calls_per_day: The average number of calls per day of a week.
        first_day: The UTC day of the first calls.
        now: The clock, aware. Calls exist up to it, and have the fields that they have at it.
        api_version: `current`, or `legacy` for the legacy API: 36 columns, no tags, ids as cursors.
        per_page_limit: The largest page. A larger `per_page` is reduced to it.
        inclusive_end: Whether a range contains `created_at_to` and `ended_at_to`.
        whole_seconds: Whether fractions of a second in `created_at_from` and `created_at_to` are ignored.
        refuse_page_over: The last `page` that is not refused; None to serve every page.
        refused_lists: The paths of the reference lists that the key has no permission for.
        refused_categories: The report categories that this account may not request, with the error message.
        ties_lost: Whether calls of the same millisecond are lost between pages.
        echoes_auth_token: Whether `metadata.params` contains the token. In captured responses it does only if
            the token was sent under a wrong name.
        rewrite: A function that changes each call before it is sent; None for no change.
    """

    company: str = "Sandbox"
    seed: int = 1
    calls_per_day: int = 200
    first_day: date = FIRST_DAY
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    api_version: ApiVersion = "current"
    per_page_limit: int = 250
    inclusive_end: bool = True
    whole_seconds: bool = False
    refuse_page_over: int | None = 10
    refused_lists: set[str] = field(default_factory=set)
    refused_categories: dict[str, str] = field(default_factory=dict)
    ties_lost: bool = False
    echoes_auth_token: bool = False
    report_shape: ReportShape = "objects"
    stats_shape: StatsShape = "map"
    rewrite: Callable[[Row], Row] | None = None

    def __post_init__(self) -> None:
        self.generator = CallGenerator(self.seed, self.calls_per_day, self.first_day)
        self._search = Search(self.generator)

    def list_calls(self, params: Mapping[str, str], fault: str | None = None) -> EndpointResult:
        """Return `GET /calls`. The fault may be `short` or `repeat-cursor`, see `faults.KINDS`."""
        now = self._now()
        criteria = self._criteria(params)
        page = serializers.parse_page(params, self.per_page_limit)
        columns = serializers.parse_columns(params, self.api_version)
        if page.cursor is None and self.refuse_page_over and page.number > self.refuse_page_over:
            raise InvalidParameter(
                "page", f"A page > {self.refuse_page_over} is not allowed, cursor must be used instead."
            )
        matching = self._search.in_order(
            criteria,
            now,
            ascending=serializers.is_ascending(params),
            order_by=serializers.parse_order(params),
            after=None if page.cursor is None else self._position(page.cursor),
        )
        calls = page.of(matching)
        rows = [self._row(call, now, columns) for call in _shortened(calls, fault)]
        if _is_rootless(params):
            return EndpointResult(200, rows, rows)
        next_cursor = self._next_cursor(calls, page, repeat=fault == "repeat-cursor")
        total = self._search.count(criteria, now)
        live = self._live_count(criteria, now)
        counts = {"in_progress_count": live, "active_cc_count": live, "max_cc_count": max(3, live)}
        metadata = counts | self._metadata(params, "calls", page, total, next_cursor)
        return EndpointResult(200, {"status": 200, "metadata": metadata, "calls": rows}, rows)

    def report(self, params: Mapping[str, str], fault: str | None = None) -> EndpointResult:
        """Return `GET /calls/reports`. The fault may be `short`, see `faults.KINDS`."""
        category = params.get("category", "")
        if category in self.refused_categories:
            raise InvalidParameter("category", self.refused_categories[category])
        if category not in REPORT_CATEGORIES:
            raise InvalidParameter("category", f"Must be one of: {', '.join(REPORT_CATEGORIES)}.")
        page = serializers.parse_page({**params, "cursor": ""}, self.per_page_limit)
        all_rows = aggregates.report_rows(self._records(params), category)
        metadata = self._metadata(params, "reports", page, len(all_rows), None)
        rows = _shortened(page.of(all_rows), fault)
        shape = "bare" if _is_rootless(params) else self.report_shape
        return EndpointResult(200, aggregates.report_body(rows, category, metadata, shape), rows)

    def stats(self, params: Mapping[str, str]) -> EndpointResult:
        """Return `GET /calls/stats`."""
        for name, choices in (("group_by", GROUP_BYS), ("stat", STATS)):
            if params.get(name) not in choices:
                raise InvalidParameter(name, f"Must be one of: {', '.join(choices)}.")
        for name in ("created_at_from", "created_at_to"):
            if name not in params:
                raise InvalidParameter(name, "Missing.")
        stats = aggregates.stat_by_group(self._records(params), params["group_by"], params["stat"])
        return EndpointResult(200, aggregates.stats_body(stats, params["created_at_from"], self.stats_shape))

    def reference_list(
        self, path: str, params: Mapping[str, str], fault: str | None = None
    ) -> EndpointResult:
        """Return `GET /buyers` or another reference list. The fault may be `short`, see `faults.KINDS`."""
        if path in self.refused_lists:
            return failure(403, base="The key has no permission for this list.")
        root, all_rows = LISTS[path]
        page = serializers.parse_page({**params, "cursor": ""}, self.per_page_limit)
        rows = _shortened(page.of(all_rows), fault)
        metadata = self._metadata(params, root, page, len(all_rows), None)
        return EndpointResult(200, {"status": 200, "metadata": metadata, root: rows}, rows)

    def show_call(self, key: str) -> EndpointResult:
        """Return `GET /calls/:uuid`. The key is a uuid or an id."""
        call = self._find(key)
        return self._show(call) if call else failure(404, id=f"There is no call {key}.")

    def hang_up(self, key: str) -> EndpointResult:
        """Return `DELETE /calls/:uuid`, and end the call now."""
        call, now = self._find(key), self._now()
        if call is None:
            return failure(404, id=f"There is no call {key}.")
        if self.generator.record(call, now)["ended_at"] is not None:
            return failure(422, call="The call has ended already.")
        ended = self._show(self.generator.hang_up(call, now))
        self._search.clear()
        return EndpointResult(200, {"status": 200, **ended.body})

    def _now(self) -> int:
        return milliseconds(self.now())

    def _criteria(self, params: Mapping[str, str]) -> Criteria:
        return parse_criteria(
            params, self.now(), inclusive_end=self.inclusive_end, whole_seconds=self.whole_seconds
        )

    def _records(self, params: Mapping[str, str]) -> list[Record]:
        return list(self._search.records(self._criteria(params), self._now()))

    def _find(self, key: str) -> Call | None:
        call = self.generator.find(key)
        return call if call and call.created <= self._now() else None

    def _show(self, call: Call) -> EndpointResult:
        return EndpointResult(200, {"call": self._row(call, self._now(), None)})

    def _row(self, call: Call, now: int, columns: tuple[str, ...] | None) -> Row:
        row = serializers.row(self.generator, call, now, self.api_version, columns)
        return self.rewrite(row) if self.rewrite else row

    def _metadata(
        self, params: Mapping[str, str], root: str, page: PageRequest, total: int, next_cursor: float | None
    ) -> Row:
        metadata = {"company": self.company} | serializers.metadata(params, root, page, total, next_cursor)
        if self.echoes_auth_token and "auth_token" in params:
            metadata["params"]["auth_token"] = params["auth_token"]
        return metadata

    def _position(self, cursor: str) -> int:
        """Return the position of a cursor. A legacy cursor is the id of a call."""
        try:
            number = float(cursor)
        except ValueError:
            raise InvalidParameter("cursor", "Must be a number.") from None
        if self.api_version == "current" or number == 0:
            return int(number)
        call = self.generator.find(cursor)
        if call is None:
            raise InvalidParameter("cursor", "Must be the next_cursor of an earlier response.")
        return call.position

    def _next_cursor(self, calls: list[Call], page: PageRequest, *, repeat: bool) -> float:
        if not calls:
            return 0
        if repeat and page.cursor is not None:
            return float(page.cursor) if self.api_version == "current" else int(page.cursor)
        last = calls[0 if repeat else -1]
        return serializers.cursor_after(last, self.api_version, ties_lost=self.ties_lost)

    def _live_count(self, criteria: Criteria, now: int) -> int:
        start = max(criteria.start, now - LONGEST_CALL)
        recent = self.generator.oldest_first(start, min(criteria.end, now + 1))
        return sum(call.ended > now for call in recent)


def _shortened(members: list[Any], fault: str | None) -> list[Any]:
    """Return the first half of a page if its fault is `short`."""
    return members[: len(members) // 2] if fault == "short" else members


def _is_rootless(params: Mapping[str, str]) -> bool:
    return "root" in params and not parse_flag("root", params["root"])
