"""The five endpoints of the calls API, without HTTP: parameters in, a status and a body out.

Not here: who may ask, what goes wrong on the way, and the port (`server.py`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from trackdrive_assets.api.catalog import GROUP_BYS, REPORT_CATEGORIES, STATS
from trackdrive_assets.sandbox import filters, serializers
from trackdrive_assets.sandbox.call import Call, Record, milliseconds
from trackdrive_assets.sandbox.filters import Criteria, Refused
from trackdrive_assets.sandbox.generator import LONGEST_CALL, CallGenerator
from trackdrive_assets.sandbox.search import Search
from trackdrive_assets.sandbox.serializers import ApiVersion, Page, ReportShape, Row, StatsShape

FIRST_DAY = date(2024, 1, 1)


@dataclass(frozen=True)
class Answer:
    """What an endpoint answers.

    Attributes:
        status: Of HTTP.
        body: Anything that JSON can hold.
        rows: What a CSV of it lists.
    """

    status: int
    body: Any
    rows: list[Row] | None = None


def failure(status: int, **errors: str) -> Answer:
    """An error in the body that the API is assumed to have."""
    return Answer(status, {"status": status, "errors": errors})


def _clock() -> datetime:
    return datetime.now(UTC)


class Endpoints:
    """An account with calls, and the manners of the server that it is on.

    Args:
        seed: Another seed, other calls.
        calls_per_day: On the average of a week.
        first_day: There are no calls before this UTC day.
        now: The clock, aware. Calls exist up to it, and look as they do at it.
        api_version: `current`, or `legacy` for the older documentation: 36 columns, no tags, ids as cursors.
        per_page_limit: A larger page is cut to this.
        inclusive_end: Whether `created_at_to` and `ended_at_to` are part of the range.
        refuse_page_over: `page` above this is refused; none: every page is served.
        refused_categories: Report categories that this account may not ask for, with the words of the
            refusal.
        ties_lost: Whether calls of the same millisecond are lost at the edge of a page.
        echoes_auth_token: Whether `metadata.params` says the token back. Captured answers leave it out under
            its own name, and say back whatever was sent under another.
        report_shape: The body of reports, of those that it may have.
        stats_shape: The body of stats, of those that it may have.
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        calls_per_day: int = 200,
        first_day: date = FIRST_DAY,
        now: Callable[[], datetime] = _clock,
        api_version: ApiVersion = "current",
        per_page_limit: int = 250,
        inclusive_end: bool = True,
        refuse_page_over: int | None = 10,
        refused_categories: Mapping[str, str] | None = None,
        ties_lost: bool = False,
        echoes_auth_token: bool = False,
        report_shape: ReportShape = "objects",
        stats_shape: StatsShape = "map",
    ) -> None:
        self.generator = CallGenerator(seed, calls_per_day, first_day)
        self.now = now
        self.api_version = api_version
        self.per_page_limit = per_page_limit
        self.inclusive_end = inclusive_end
        self.refuse_page_over = refuse_page_over
        self.refused_categories = dict(refused_categories or {})
        self.ties_lost = ties_lost
        self.echoes_auth_token = echoes_auth_token
        self.report_shape = report_shape
        self.stats_shape = stats_shape
        self.rewrite: Callable[[Row], Row] | None = None
        """A last-moment change of each call on the wire, for rows that are malformed."""
        self._search = Search(self.generator)

    def list_calls(self, params: Mapping[str, str], fault: str | None = None) -> Answer:
        """`GET /calls`. A page may be fault: `short` or `repeat-cursor`, see `faults.KINDS`."""
        now = milliseconds(self.now())
        criteria = self._criteria(params)
        page = serializers.asked_page(params, self.per_page_limit)
        if page.cursor is None and self.refuse_page_over and page.number > self.refuse_page_over:
            raise Refused(
                "page", f"A page > {self.refuse_page_over} is not allowed, cursor must be used instead."
            )
        found = self._search.in_order(
            criteria,
            now,
            ascending=serializers.is_ascending(params),
            order_by=serializers.order_key(params),
            after=None if page.cursor is None else self._position(page.cursor),
        )
        calls = serializers.window(found, page, skip=page.cursor is None)
        columns = serializers.asked_columns(params, self.api_version)
        shown = calls[: len(calls) // 2] if fault == "short" else calls
        rows = [self._row(call, now, columns) for call in shown]
        if "root" in params and not filters.parse_flag("root", params["root"]):
            return Answer(200, rows, rows)
        following = self._next_cursor(calls, page, repeat=fault == "repeat-cursor")
        total = self._search.count(criteria, now)
        live = self._live(criteria, now)
        counters = {"in_progress_count": live, "active_cc_count": live, "max_cc_count": max(3, live)}
        about = {**counters, **self._metadata(params, "calls", page, total, following)}
        return Answer(200, {"status": 200, "metadata": about, "calls": rows}, rows)

    def report(self, params: Mapping[str, str], fault: str | None = None) -> Answer:
        """`GET /calls/reports`. A page may be `short`, as one of calls."""
        category = params.get("category", "")
        if category in self.refused_categories:
            raise Refused("category", self.refused_categories[category])
        if category not in REPORT_CATEGORIES:
            raise Refused("category", f"Must be one of: {', '.join(REPORT_CATEGORIES)}.")
        page = serializers.asked_page({**params, "cursor": ""}, self.per_page_limit)
        rows = serializers.report_rows(self._records(params), category)
        about = self._metadata(params, "reports", page, len(rows), None)
        shown = rows[(page.number - 1) * page.size :][: page.size]
        if fault == "short":
            shown = shown[: len(shown) // 2]
        shape = self.report_shape
        if "root" in params and not filters.parse_flag("root", params["root"]):
            shape = "bare"
        return Answer(200, serializers.report_body(shown, category, about, shape), shown)

    def stats(self, params: Mapping[str, str]) -> Answer:
        """`GET /calls/stats`."""
        for name, choices in (("group_by", GROUP_BYS), ("stat", STATS)):
            if params.get(name) not in choices:
                raise Refused(name, f"Must be one of: {', '.join(choices)}.")
        for name in ("created_at_from", "created_at_to"):
            if name not in params:
                raise Refused(name, "Missing.")
        numbers = serializers.stat_by_group(self._records(params), params["group_by"], params["stat"])
        return Answer(200, serializers.stats_body(numbers, params["created_at_from"], self.stats_shape))

    def show_call(self, key: str) -> Answer:
        """`GET /calls/:uuid`, by uuid or id."""
        call = self._find(key)
        return self._one(call) if call else failure(404, id=f"There is no call {key}.")

    def hang_up(self, key: str) -> Answer:
        """`DELETE /calls/:uuid`. The call ends at this moment, and stays."""
        now = milliseconds(self.now())
        call = self._find(key)
        if call is None:
            return failure(404, id=f"There is no call {key}.")
        if self.generator.record(call, now)["ended_at"] is not None:
            return failure(422, call="The call has ended already.")
        ended = self._one(self.generator.hang_up(call, now))
        self._search.forget()
        return Answer(200, {"status": 200, **ended.body})

    def _criteria(self, params: Mapping[str, str]) -> Criteria:
        return filters.criteria(params, self.now(), inclusive_end=self.inclusive_end)

    def _metadata(
        self, params: Mapping[str, str], root: str, page: Page, total: int, following: float | None
    ) -> Row:
        about = serializers.metadata(params, root, page, total, following)
        if self.echoes_auth_token and "auth_token" in params:
            about["params"]["auth_token"] = params["auth_token"]
        return about

    def _records(self, params: Mapping[str, str]) -> list[Record]:
        return list(self._search.records(self._criteria(params), milliseconds(self.now())))

    def _find(self, key: str) -> Call | None:
        call = self.generator.find(key)
        return call if call and call.created <= milliseconds(self.now()) else None

    def _one(self, call: Call) -> Answer:
        return Answer(200, {"call": self._row(call, milliseconds(self.now()), None)})

    def _row(self, call: Call, now: int, columns: tuple[str, ...] | None) -> Row:
        row = serializers.row(self.generator, call, now, self.api_version, columns)
        return self.rewrite(row) if self.rewrite else row

    def _position(self, cursor: str) -> int:
        """Where in time a cursor stands. One of the legacy API is the id of a call."""
        try:
            number = float(cursor)
        except ValueError:
            raise Refused("cursor", "Must be a number.") from None
        if self.api_version == "current" or number == 0:
            return int(number)
        call = self.generator.find(cursor)
        if call is None:
            raise Refused("cursor", "Must be a next_cursor that was answered before.")
        return call.position

    def _next_cursor(self, calls: list[Call], page: Page, *, repeat: bool) -> float:
        if not calls:
            return 0
        if repeat and page.cursor is not None:
            return float(page.cursor) if self.api_version == "current" else int(page.cursor)
        return serializers.cursor_of(calls[0 if repeat else -1], self.api_version, ties_lost=self.ties_lost)

    def _live(self, criteria: Criteria, now: int) -> int:
        """How many calls of the range are going on."""
        recent = self.generator.oldest_first(
            max(criteria.start, now - LONGEST_CALL), min(criteria.end, now + 1)
        )
        return sum(call.ended > now for call in recent)
