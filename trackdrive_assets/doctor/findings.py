"""What the answers of an account settle: pure functions, from answers to findings in words.

A finding holds names of columns, counts and forms; never a secret, a phone number, a name, or a value of a
call. So what is found can be shown to anybody.
"""

import dataclasses
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Self

from trackdrive_assets.api import catalog, responses
from trackdrive_assets.api.envelope import Envelope, Metadata, NotJson, any_value, open_envelope
from trackdrive_assets.api.errors import RequestFailed, Unavailable
from trackdrive_assets.api.rows import Row
from trackdrive_assets.api.transport import RawResponse
from trackdrive_assets.tables.columns import CALLS, REPORTS
from trackdrive_assets.tables.parse import TOKEN, MalformedRow, flag, instant, report_batch

_ERROR = 400
_LIMIT_HEADER = re.compile(r"rate-?limit|retry-after|x-limit|quota", re.IGNORECASE)
# Seven digits or more, however they are written, that are not an IP address.
_DENIED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
_PASSING = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
_NUMBER = re.compile(r"(?<![\d.])(?!\d{1,3}(?:\.\d{1,3}){3}\b)\+?\d(?:[\s().-]*\d){6,}")
_PLAIN = re.compile("[a-z_]{1,40}")
_STATES = {
    "",
    "converted",
    "not converted",
    "unconverted",
    "repeat",
    "first-time",
    "true",
    "false",
    "yes",
    "no",
}
_CLOCK_TOLERANCE = 30.0
_CURSOR_UNITS = 100_000
_LARGEST_ID = 10**12
_MONEY = {
    "revenue": ("revenue", "buyer_revenue"),
    "payout": ("payout", "traffic_source_payout"),
    "trackdrive_cost": ("trackdrive_cost",),
    "provider_cost": ("provider_cost",),
}
_PAID_WHEN = {"revenue": "buyer_converted", "payout": "traffic_source_converted"}


class Result(StrEnum):
    """How a finding ends."""

    OK = "ok"
    DIFFERS = "differs"
    INCONCLUSIVE = "untold"
    FAILED = "failed"


@dataclass(frozen=True)
class Finding:
    """What one question came to.

    Attributes:
        subject: What was looked at.
        result: `ok`: as this package expects. `differs`: otherwise, or limited, and runs cope with it.
            `untold`: the answers do not tell. `failed`: what depends on it cannot be read.
        says: What was found, and what to do where there is something to do.
        later: Whether a fault may pass by itself.
    """

    subject: str
    result: Result
    says: str
    later: bool = False


Outcome = RawResponse | RequestFailed | None
"""An answer, the error in its place, or None for what was not asked."""


@dataclass(frozen=True)
class KnownCall:
    """A call that was seen.

    Attributes:
        uuid: Its name.
        created_at: As the API told it, aware.
    """

    uuid: str
    created_at: datetime

    @classmethod
    def of(cls, row: Row) -> Self | None:
        """The call of a row; None where it lacks either."""
        try:
            created_at = instant(row.get("created_at"))
        except (TypeError, ValueError):
            return None
        uuid = row.get("uuid")
        return cls(uuid, created_at) if isinstance(uuid, str) and uuid and created_at else None


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What an account answered.

    Attributes:
        per_page: Rows a page that were asked for.
        days: How many days of calls were looked at.
        asked_at: By this machine's clock, when the first answer had come.
        page: The newest calls, with everything.
        many: With a `per_page` larger than any known.
        far: Page 11.
        grid: With `serializer=call_grid`.
        csv: As CSV.
        chosen: With `columns`, one of which does not exist.
        ordered: By cursor, longest call first.
        ordered_next: What follows it.
        report: By status.
        stats: Count by status.
        missing: A call that does not exist.
        known: A call that `page` has.
        call: That call alone.
        end: Calls up to the moment of that call.
        end_beside: A millisecond less if `end` holds it, else one more.
        zoned: The minutes around it, with an offset and the `time_zone` of another place.
    """

    per_page: int
    days: int
    asked_at: datetime
    page: Outcome
    many: Outcome = None
    far: Outcome = None
    grid: Outcome = None
    csv: Outcome = None
    chosen: Outcome = None
    ordered: Outcome = None
    ordered_next: Outcome = None
    report: Outcome = None
    stats: Outcome = None
    missing: Outcome = None
    known: KnownCall | None = None
    call: Outcome = None
    end: Outcome = None
    end_beside: Outcome = None
    zoned: Outcome = None

    def with_(self, **more: Any) -> "Answers":
        """These and more."""
        return dataclasses.replace(self, **more)

    @staticmethod
    def metadata_of(outcome: Outcome) -> Metadata | None:
        """What a page says about itself."""
        envelope = opened(outcome)
        return envelope.metadata if envelope else None

    def holds_known(self, outcome: Outcome) -> bool | None:
        """Whether a page holds the known call; None where it is no page."""
        rows = rows_of(outcome)
        return (
            None if rows is None or self.known is None else self.known.uuid in {r.get("uuid") for r in rows}
        )

    @property
    def total(self) -> int | None:
        """How many calls the API counts in the days."""
        metadata = self.metadata_of(self.page)
        return metadata.total_count if metadata else None

    @property
    def outcomes(self) -> list[RawResponse]:
        """Every answer that came."""
        values = (getattr(self, field.name) for field in dataclasses.fields(self))
        return [value for value in values if isinstance(value, RawResponse)]


# What an answer holds


def opened(outcome: Outcome) -> Envelope | None:
    """The envelope of a good answer; None for an error, a web page, or nothing."""
    if not isinstance(outcome, RawResponse) or status_of(outcome) >= _ERROR or outcome.is_redirect:
        return None
    try:
        return open_envelope(outcome.body)
    except NotJson:
        return None


def status_of(seen: RawResponse) -> int:
    """The status of an answer: the body's own, where it says that the answer is an error."""
    try:
        own = open_envelope(seen.body).status
    except NotJson:
        own = None
    return own if own is not None and own >= _ERROR else seen.status


def rows_of(outcome: Outcome) -> list[Row] | None:
    """The calls of a page; None where it is no page of calls."""
    envelope = opened(outcome)
    if envelope is None or (envelope.errors and not envelope.content):
        return None
    try:
        return list(responses.call_rows(envelope.content))
    except responses.UnknownShape:
        return None


def outline(value: object) -> str:
    """The form of a JSON value: names and kinds, nothing that it says."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {outline(inside)}" for name, inside in value.items()) + "}"
    if isinstance(value, list):
        return f"[{outline(value[0])}, …]" if value else "[]"
    kinds = {str: "text", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "number")


def masked(text: str) -> str:
    """A server's words without anything that could be a phone number."""
    return _NUMBER.sub("[number]", text)


def refusal(outcome: Outcome) -> str:
    """What came in place of an answer, in words."""
    if outcome is None:
        return "Not asked."
    if isinstance(outcome, RequestFailed):
        # Not in the server's words, in which anybody may be named.
        return "No answer." if outcome.status is None else f"Refused with {outcome.status}."
    status = status_of(outcome)
    if status >= _ERROR:
        return f"Refused with {status}, {body_form(outcome)}."
    return f"Answered with {status}, {body_form(outcome)}, which is not understood."


def passes(outcome: Outcome) -> bool:
    """Whether what came in place of an answer may be gone later: by its status, or because it is no JSON."""
    if isinstance(outcome, RawResponse):
        status = status_of(outcome)
        return status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR or not _is_json(outcome)
    return isinstance(outcome, Unavailable)


def advice(outcome: Outcome) -> str:
    """What to do about what came in place of an answer."""
    status = status_of(outcome) if isinstance(outcome, RawResponse) else getattr(outcome, "status", None)
    if status in _DENIED:
        return "Give the key this permission in the Trackdrive profile."
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return "A proxy on the way asks for credentials: give them in HTTPS_PROXY."
    if passes(outcome):
        return "Ask again in some minutes; if it stays so, show Trackdrive's support this line."
    return "Please report this line as an issue."


def _is_json(seen: RawResponse) -> bool:
    try:
        any_value(seen.body)
    except ValueError:
        return False
    return True


def body_form(seen: RawResponse) -> str:
    """The form of a body, in words."""
    if not seen.body.strip():
        return "an empty body"
    try:
        return f"a body like {masked(outline(any_value(seen.body)))[:200]}"
    except ValueError:
        return f"a body that is not JSON ({seen.headers.get('Content-Type', 'of no type')})"


# What the answers settle


def findings(answers: Answers) -> list[Finding]:
    """Everything that the answers settle, what matters most first."""
    return [judge(answers) for judge in _JUDGES]


def worst(found: Iterable[Finding]) -> Result:
    """The result of all findings together: `failed` if one is, else `ok`."""
    return Result.FAILED if any(each.result is Result.FAILED for each in found) else Result.OK


def is_transient_failure(found: Iterable[Finding]) -> bool:
    """Whether all that failed may be gone later."""
    return all(each.later for each in found if each.result is Result.FAILED)


Judged = tuple[Result, str] | tuple[Result, str, bool]
"""A result, its words, and whether a fault may pass by itself."""


def _finding(subject: str) -> Callable[[Callable[[Answers], Judged]], Callable[[Answers], Finding]]:
    """A judge of one subject."""

    def named(judge: Callable[[Answers], Judged]) -> Callable[[Answers], Finding]:
        return lambda answers: Finding(subject, *judge(answers))

    return named


def _no_calls(answers: Answers) -> tuple[Result, str]:
    if rows_of(answers.page) is None:
        return Result.INCONCLUSIVE, "Not asked, because the calls were not answered."
    return Result.INCONCLUSIVE, f"No calls in the last {answers.days} days tell. Ask with a larger --days."


def _host(answers: Answers) -> Finding:
    subject, page = "host", answers.page
    if isinstance(page, RequestFailed):
        return Finding(subject, Result.FAILED, masked(str(page)), later=isinstance(page, Unavailable))
    assert page is not None  # noqa: S101  (it is always asked)
    check = "Check TRACKDRIVE_SUBDOMAIN or TRACKDRIVE_BASE_URL."
    if page.is_redirect:
        return Finding(
            subject, Result.FAILED, f"It redirects, as a host does that has no such account. {check}"
        )
    status = status_of(page)
    if status == HTTPStatus.NOT_FOUND:
        return Finding(subject, Result.FAILED, f"There is no calls API at this address ({status}). {check}")
    try:
        open_envelope(page.body)
    except NotJson:
        if status < _ERROR:
            return Finding(subject, Result.FAILED, f"It answers with {body_form(page)}. {check}", later=True)
    return Finding(subject, Result.OK, f"Answers, the first time after {page.seconds:.1f} s.")


def _access(answers: Answers) -> Finding:
    subject, page = "access", answers.page
    if not isinstance(page, RawResponse) or page.is_redirect:
        return Finding(subject, Result.INCONCLUSIVE, "Not told, because the calls were not answered.")
    status = status_of(page)
    if status in _DENIED:
        says = (
            f"Refused with {status}. Check in the Trackdrive profile that the key is active and not "
            f"paused, that it may be used from this machine's IP address, and that it may read calls."
        )
        return Finding(subject, Result.FAILED, says)
    if not rows_of(page) and answers.total is None:
        return Finding(subject, Result.INCONCLUSIVE, "Not told, because the calls were not answered.")
    return Finding(subject, Result.OK, "The credentials are accepted.")


@_finding("calls")
def _calls(answers: Answers) -> Judged:
    rows = rows_of(answers.page)
    if rows is None:
        if isinstance(answers.page, RawResponse):
            says = f"GET calls: {refusal(answers.page)} {advice(answers.page)}"
            return Result.FAILED, says, passes(answers.page)
        return Result.INCONCLUSIVE, "Not told, because the calls were not answered."
    if not rows and answers.total is None:
        return (
            Result.FAILED,
            "Neither calls nor a count of them came, so this may be another API. "
            "Check TRACKDRIVE_SUBDOMAIN or TRACKDRIVE_BASE_URL.",
        )
    counted = "an unknown number of" if answers.total is None else f"{answers.total:,}"
    if not rows:
        return Result.OK, f"Answered; {counted} calls in the last {answers.days} days."
    keys = {key for row in rows for key in row if not key.startswith(TOKEN)}
    unknown = sorted(keys - set(CALLS.schema.names))
    # A key that is no plain word may be somebody's name.
    plain = [key for key in unknown if _PLAIN.fullmatch(key)]
    named = [*plain, f"{len(unknown) - len(plain)} others"] if len(plain) < len(unknown) else plain
    more = f" Not documented, and kept in `extra`: {', '.join(named)}." if unknown else ""
    return Result.OK, f"{counted} calls in the last {answers.days} days, of {len(keys)} columns.{more}"


def _endpoint(outcome: Outcome, judged: Callable[[Envelope], tuple[Result, str]]) -> Judged:
    """What is judged of an endpoint's envelope; else why there is none."""
    if outcome is None:
        return Result.INCONCLUSIVE, "Not asked, because the calls were not answered."
    envelope = opened(outcome)
    if envelope is None:
        return Result.FAILED, f"{refusal(outcome)} {advice(outcome)}", passes(outcome)
    return judged(envelope)


@_finding("one call")
def _one_call(answers: Answers) -> Judged:
    if answers.known is None:
        return _no_calls(answers)

    def judged(envelope: Envelope) -> tuple[Result, str]:
        content = envelope.content
        row = content.get("call", content) if isinstance(content, dict) else None
        if not isinstance(row, dict) or "uuid" not in row:
            return Result.FAILED, f"Not understood: {refusal(answers.call)}"
        # The envelope may have taken the root off already.
        body = any_value(answers.call.body) if isinstance(answers.call, RawResponse) else None
        rooted = isinstance(body, dict) and "call" in body
        return Result.OK, "Answered, under `call`." if rooted else "Answered, bare."

    return _endpoint(answers.call, judged)


@_finding("reports")
def _reports(answers: Answers) -> Judged:
    def judged(envelope: Envelope) -> tuple[Result, str]:
        form = _form(answers.report)
        try:
            rows = responses.report_rows(envelope.content, "status")
            batch = report_batch(rows, category="status")
        except (responses.UnknownShape, MalformedRow):
            return Result.FAILED, f"Not understood: {form}. Please report this form as an issue."
        if not rows:
            return Result.INCONCLUSIVE, f"Answered with {form}, without rows: no calls tell."
        empty = [
            column.name
            for column in REPORTS.columns
            if column.sources and batch.column(column.name).null_count == len(rows)
        ]
        if empty:
            return Result.DIFFERS, f"Understood: {form}. Without {', '.join(empty)}."
        return Result.OK, f"Understood: {form}."

    return _endpoint(answers.report, judged)


@_finding("stats")
def _stats(answers: Answers) -> Judged:
    def judged(envelope: Envelope) -> tuple[Result, str]:
        form = _form(answers.stats)
        try:
            values = responses.stat_values(envelope.content, "count", "status")
        except responses.UnknownShape:
            return Result.FAILED, f"Not understood: {form}. Please report this form as an issue."
        if not values:
            return Result.INCONCLUSIVE, f"Answered with {form}, without groups: no calls tell."
        counted = sum(value or 0 for value in values.values())
        if answers.total is not None and counted != answers.total:
            return (
                Result.DIFFERS,
                f"Understood: {form}. It counts {counted:,} where calls count {answers.total:,}.",
            )
        return Result.OK, f"Understood: {form}. It counts as many calls as the calls do."

    return _endpoint(answers.stats, judged)


def _form(outcome: Outcome) -> str:
    """Where in the body the groups stand, and as what."""
    body = any_value(outcome.body) if isinstance(outcome, RawResponse) else None
    if isinstance(body, list):
        return f"a bare list of {_kind(body)}"
    if not isinstance(body, dict):
        return "no object"
    root = next(
        (
            name
            for name in ("reports", "report", "stats", "calls", "data")
            if isinstance(body.get(name), dict | list)
        ),
        None,
    )
    inside = body if root is None else body[root]
    where = "bare" if root is None else f"under `{root}`"
    if isinstance(inside, list):
        return f"a list of {_kind(inside)}, {where}"
    return f"a map of group to {_kind(list(inside.values()))}, {where}"


def _kind(members: list[Any]) -> str:
    if not members:
        return "nothing"
    first = members[0]
    if isinstance(first, dict) and "data" in first:
        return "series"
    for kind, word in ((dict, "objects"), (list, "pairs"), (str, "texts")):
        if isinstance(first, kind):
            return word
    return "numbers"


@_finding("money")
def _money(answers: Answers) -> tuple[Result, str]:
    rows = rows_of(answers.page)
    if not rows:
        return _no_calls(answers)
    missing, empty, untold = [], [], []
    for name, keys in _MONEY.items():
        if not any(key in row for row in rows for key in keys):
            missing.append(name)
            continue
        paid = [row for row in rows if name not in _PAID_WHEN or _is_true(row.get(_PAID_WHEN[name]))]
        if not paid:
            untold.append(name)
        elif all(row.get(key) in {None, ""} for row in paid for key in keys):
            empty.append(name)
    said = [
        f"{words}: {', '.join(names)}."
        for words, names in (("Missing", missing), ("Always null", empty))
        if names
    ]
    if said:
        return (
            Result.DIFFERS,
            f"{' '.join(said)} The key may lack the permission to see them; they stay null.",
        )
    if untold:
        return (
            Result.INCONCLUSIVE,
            f"No converted call tells of {', '.join(untold)}. Ask with a larger --days.",
        )
    return Result.OK, "Revenue, payout and both costs are shown."


def _is_true(value: object) -> bool:
    try:
        return bool(flag(value))
    except ValueError:
        return False


@_finding("not converted")
def _not_converted(answers: Answers) -> tuple[Result, str]:
    rows = rows_of(answers.page)
    if not rows:
        return _no_calls(answers)
    seen = [row[key] for row in rows for key in ("buyer_converted", "traffic_source_converted") if key in row]
    try:
        said = {_literal(value) for value in seen if not flag(value)}
    except ValueError:
        strange = sorted({_literal(value) for value in seen if not _understood(value)})
        return (
            Result.FAILED,
            f"{', '.join(strange)} is not understood: a run would stop at it. Please report it.",
        )
    if not said:
        return Result.INCONCLUSIVE, "No call that did not convert tells. Ask with a larger --days."
    return Result.OK if said == {"null"} else Result.DIFFERS, f"Written as {' and '.join(sorted(said))}."


def _understood(value: object) -> bool:
    try:
        flag(value)
    except ValueError:
        return False
    return True


def _literal(value: object) -> str:
    """A word that stands for a state. Any other is not shown: it may be somebody's name."""
    if value is None:
        return "null"
    if isinstance(value, str) and value.casefold() not in _STATES:
        return "a text of another kind"
    return repr(value) if isinstance(value, str | bool | int) else outline(value)


@_finding("clock")
def _clock(answers: Answers) -> tuple[Result, str]:
    page = answers.page
    try:
        told = parsedate_to_datetime(page.headers["Date"]) if isinstance(page, RawResponse) else None
    except (KeyError, ValueError):
        told = None
    if told is None:
        return Result.INCONCLUSIVE, "No answer says what time it is there."
    off = (answers.asked_at - told.replace(tzinfo=told.tzinfo or UTC)).total_seconds()
    if abs(off) > _CLOCK_TOLERANCE:
        way = "ahead of" if off > 0 else "behind"
        return (
            Result.DIFFERS,
            f"This machine is {abs(off):.0f} s {way} the server. Set its clock: it says what today is.",
        )
    return Result.OK, "This machine and the server agree to half a minute."


@_finding("page size")
def _page_size(answers: Answers) -> tuple[Result, str]:
    metadata = answers.metadata_of(answers.page)
    granted = metadata.per_page if metadata else None
    if granted is None:
        return Result.INCONCLUSIVE, "No answer says how many rows a page it grants."
    most = answers.metadata_of(answers.many)
    largest = "" if most is None or most.per_page is None else f" Of 1000 asked, {most.per_page} are granted."
    if granted < answers.per_page:
        return (
            Result.DIFFERS,
            f"{answers.per_page} rows a page asked, {granted} granted; runs go by that.{largest}",
        )
    return Result.OK, f"{granted} rows a page, as asked.{largest}"


@_finding("page count")
def _page_count(answers: Answers) -> tuple[Result, str]:
    metadata = answers.metadata_of(answers.page)
    if not metadata or metadata.total_pages is None or not metadata.per_page or metadata.total_count is None:
        return Result.INCONCLUSIVE, "No answer counts its pages."
    if not metadata.total_count:
        return _no_calls(answers)
    needed = math.ceil(metadata.total_count / metadata.per_page)
    if metadata.total_pages == needed + 1:
        return Result.OK, "total_pages is one too high, as it was in 2017."
    return (
        Result.DIFFERS,
        f"total_pages is {metadata.total_pages} where {needed} are needed; runs go by cursor.",
    )


@_finding("page over 10")
def _far_page(answers: Answers) -> tuple[Result, str]:
    if not isinstance(answers.far, RawResponse):
        return Result.INCONCLUSIVE, refusal(answers.far)
    if opened(answers.far) is None:
        return Result.OK, f"Page 11: {refusal(answers.far)} Runs go by cursor."
    return Result.DIFFERS, "Page 11 is served. Runs go by cursor all the same."


@_finding("cursor")
def _cursor(answers: Answers) -> tuple[Result, str]:
    rows, metadata = rows_of(answers.page), answers.metadata_of(answers.page)
    if not rows or metadata is None:
        return _no_calls(answers)
    token = metadata.next_cursor
    try:
        number = Decimal(token or "")
    except InvalidOperation:
        said = "None is sent" if token in {None, "", "null"} else "It is a text"
        return Result.DIFFERS, f"{said}, where a number was expected."
    if number == 0:
        return Result.INCONCLUSIVE, "0: the only page was the last."
    last = KnownCall.of(rows[-1])
    if last and abs(datetime.fromtimestamp(float(number) / _CURSOR_UNITS, UTC) - last.created_at) < timedelta(
        seconds=1
    ):
        return Result.OK, "created_at of the last call, in units of 10 microseconds: today's generation."
    if number == number.to_integral_value() and number < _LARGEST_ID:
        return Result.DIFFERS, "The number of a call: the older generation. Runs send it back as it came."
    return Result.DIFFERS, "A number of a kind that is not known. Runs send it back as it came."


@_finding("end of a list")
def _list_end(answers: Answers) -> tuple[Result, str]:
    for outcome in (answers.page, answers.zoned, answers.end, answers.end_beside, answers.many):
        rows, metadata = rows_of(outcome), answers.metadata_of(outcome)
        if rows and metadata and metadata.per_page and len(rows) < metadata.per_page:
            token = metadata.next_cursor
            if token in {"0", "0.0", None, "null"}:
                return Result.DIFFERS, "The cursor is 0, or none, on the last page that has calls."
            return Result.OK, "The last page that has calls still has a cursor; an empty page follows it."
    return Result.INCONCLUSIVE, "No page that is not full tells."


@_finding("created_at_to")
def _end_of_range(answers: Answers) -> tuple[Result, str]:
    if answers.known is None:
        return _no_calls(answers)
    match answers.holds_known(answers.end), answers.holds_known(answers.end_beside):
        case True, False:
            return (
                Result.OK,
                "Inclusive, to the millisecond: a report counts a call of midnight itself in two days.",
            )
        case False, True:
            return Result.DIFFERS, "Exclusive, to the millisecond: each call is in one day, in reports too."
        case True, True:
            return (
                Result.DIFFERS,
                "Fractions of a second do not count: the end is later than asked. Runs ask wide.",
            )
        case False, False:
            return (
                Result.DIFFERS,
                "Fractions of a second are cut off: the end is earlier than asked. Runs ask wide.",
            )
    return Result.INCONCLUSIVE, refusal(answers.end)


@_finding("offset or time_zone")
def _zone(answers: Answers) -> tuple[Result, str]:
    if answers.known is None:
        return _no_calls(answers)
    match answers.holds_known(answers.zoned):
        case True:
            return Result.OK, "A date's own offset goes before time_zone."
        case False:
            return Result.DIFFERS, "time_zone goes before a date's own offset. Runs send no time_zone."
    return Result.INCONCLUSIVE, refusal(answers.zoned)


@_finding("order with a cursor")
def _order(answers: Answers) -> tuple[Result, str]:
    if opened(answers.ordered) is None:
        refused = isinstance(answers.ordered, RawResponse)
        return Result.DIFFERS if refused else Result.INCONCLUSIVE, refusal(answers.ordered)
    first, following = _durations(answers.ordered), _durations(answers.ordered_next)
    if len(set(first)) < 2:  # noqa: PLR2004  (one value is in any order)
        return Result.INCONCLUSIVE, "Too few calls, or calls of the same length, tell nothing."
    if not _falls(first):
        return Result.OK, "The order is ignored where a cursor is sent. Runs send none."
    if not following:
        return (
            Result.INCONCLUSIVE,
            "The first page is in order; no second page tells whether the cursor keeps it.",
        )
    if _falls(first + following):
        return Result.DIFFERS, "The cursor keeps the order."
    return Result.OK, "The first page is in order, and the cursor does not keep it. Runs send no order."


def _falls(durations: list[Decimal]) -> bool:
    return durations == sorted(durations, reverse=True)


def _durations(outcome: Outcome) -> list[Decimal]:
    durations = [row.get("total_duration") for row in rows_of(outcome) or []]
    return [Decimal(value) for value in durations if isinstance(value, int | Decimal)]


@_finding("call_grid")
def _grid(answers: Answers) -> tuple[Result, str]:
    rows, usual = rows_of(answers.grid), rows_of(answers.page)
    if isinstance(answers.grid, RawResponse) and opened(answers.grid) is None:
        return Result.DIFFERS, refusal(answers.grid)
    if not rows or not usual:
        return _no_calls(answers)
    # Tags differ from call to call, so only the same call would compare.
    keys, before = (
        {key for row in some for key in row if not key.startswith(TOKEN)} for some in (rows, usual)
    )
    if keys == before:
        return Result.OK, "The same columns as without it."
    more, fewer = ", ".join(sorted(keys - before)) or "none", ", ".join(sorted(before - keys)) or "none"
    return Result.DIFFERS, f"More columns: {more}. Fewer: {fewer}. Runs do not ask with it."


@_finding("CSV")
def _csv(answers: Answers) -> tuple[Result, str]:
    seen = answers.csv
    if not isinstance(seen, RawResponse):
        return Result.INCONCLUSIVE, refusal(seen)
    if status_of(seen) >= _ERROR or seen.is_redirect:
        return Result.DIFFERS, f"{refusal(seen)} Runs ask for JSON."
    if "csv" not in seen.headers.get("Content-Type", ""):
        return Result.DIFFERS, f"Answered with {body_form(seen)}. Runs ask for JSON."
    lines = seen.body.decode("utf-8-sig", "replace").splitlines()
    if not lines or not rows_of(answers.page):
        return _no_calls(answers)
    if lines[0] == "uuid,created_at":
        return Result.OK, "Commas, and a header of the columns as asked."
    return (
        Result.DIFFERS,
        f"The first line is not the columns asked for, but {len(lines[0])} other characters.",
    )


@_finding("tags with columns")
def _tags(answers: Answers) -> tuple[Result, str]:
    usual = rows_of(answers.page)
    if not usual or not _has_tags(usual):
        return Result.INCONCLUSIVE, "No call with tags tells."
    chosen = rows_of(answers.many) or rows_of(answers.chosen)
    if not chosen:
        return Result.INCONCLUSIVE, refusal(answers.chosen)
    if _has_tags(chosen):
        return Result.DIFFERS, "Tags come also where columns are chosen."
    return (
        Result.OK,
        "Tags are left out where columns are chosen. Runs choose none, unless tags are excluded.",
    )


def _has_tags(rows: list[Row]) -> bool:
    return any(key.startswith(TOKEN) for row in rows for key in row)


@_finding("unknown column")
def _unknown_column(answers: Answers) -> tuple[Result, str]:
    if isinstance(answers.chosen, RawResponse) and opened(answers.chosen) is None:
        return Result.DIFFERS, refusal(answers.chosen)
    rows = rows_of(answers.chosen)
    if not rows:
        return _no_calls(answers)
    if any("no_such_column" in row for row in rows):
        return Result.DIFFERS, "A column that does not exist comes back all the same."
    return Result.OK, "A column that does not exist is left out in silence."


@_finding("unknown call")
def _unknown_call(answers: Answers) -> tuple[Result, str]:
    if not isinstance(answers.missing, RawResponse):
        return Result.INCONCLUSIVE, refusal(answers.missing)
    status = status_of(answers.missing)
    result = Result.OK if status == HTTPStatus.NOT_FOUND else Result.DIFFERS
    return result, f"Answered with {status}, {body_form(answers.missing)}."


@_finding("rate limit")
def _limits(answers: Answers) -> tuple[Result, str]:
    named = {
        name: value
        for seen in answers.outcomes
        for name, value in seen.headers.items()
        if _LIMIT_HEADER.search(name)
    }
    if not named:
        return Result.INCONCLUSIVE, f"None of {len(answers.outcomes)} answers names a limit."
    return Result.OK, "; ".join(f"{name}: {masked(value)[:60]}" for name, value in sorted(named.items()))


_JUDGES: tuple[Callable[[Answers], Finding], ...] = (
    _host, _access, _calls, _one_call, _reports, _stats, _money, _clock, _page_size, _cursor, _list_end,
    _end_of_range, _zone, _order, _far_page, _page_count, _not_converted, _tags, _unknown_column, _grid, _csv,
    _unknown_call, _limits,
)  # fmt: skip


def cost_of_a_day(answers: Answers, *, categories: int, series: int, minutes: int, pace: float) -> Finding:
    """What the log of a day's run would hold: how many requests, and how long they take at least.

    Args:
        answers: Of the account.
        categories: How many reports are read.
        series: How many series of statistics are read.
        minutes: Width of an interval of these.
        pace: Requests a second; 0 is unpaced.
    """
    metadata = answers.metadata_of(answers.page)
    if answers.total is None or metadata is None or not metadata.per_page:
        return Finding("a day's run", Result.INCONCLUSIVE, "The calls were not counted.")
    calls = round(answers.total / answers.days)
    pages = max(1, math.ceil(calls / metadata.per_page))
    statistics = series * len(catalog.STATS) * (24 * 60 // minutes)
    requests = pages + categories + statistics
    lasts = f", {requests / pace:,.0f} s or more at {pace:g} a second" if pace else ""
    return Finding(
        "a day's run",
        Result.OK,
        f"About {calls:,} calls and {requests:,} requests ({pages:,} for calls, {categories} for reports, "
        f"{statistics} for statistics){lasts}.",
    )
