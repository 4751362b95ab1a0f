"""The questions that an account is examined with: about fifteen small GETs, never a DELETE.

Not here: what the answers mean (`findings.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from trackdrive_assets.api.client import Client
from trackdrive_assets.api.errors import RequestFailed
from trackdrive_assets.api.pagination import FIRST_CURSOR
from trackdrive_assets.api.query import Endpoint
from trackdrive_assets.api.rows import Row
from trackdrive_assets.api.transport import RawResponse
from trackdrive_assets.doctor.findings import Answers, KnownCall, Outcome, rows_of, status_of

MANY = 1000
"""More rows than any page is known to have."""

PAGE_NUMBER = 11
"""The first page that the documentation does not allow."""

ORDERED_PAGE = 10
CSV_COLUMNS = ("uuid", "created_at")
UNKNOWN_COLUMN = "no_such_column"
NO_CALL = "00000000-0000-4000-8000-000000000000"
CATEGORY = GROUP_BY = "status"

_TICK = timedelta(milliseconds=1)
_AROUND = timedelta(minutes=1)


@dataclass(frozen=True)
class _Examiner:
    client: Client

    def ask(self, path: str, **parameters: object) -> Outcome:
        """An answer, or the error in its place."""
        try:
            return self.client.look(path, {name: str(value) for name, value in parameters.items()})
        except RequestFailed as failed:
            return failed


def examine(client: Client, *, days: int, now: datetime) -> Answers:
    """Ask an account what it is like.

    Args:
        client: Of the account. A short retry budget, so that nobody waits long for a host that is down.
        days: How many days back from `now` calls are looked for.
        now: Aware.
    """
    ask = _Examiner(client).ask
    since = now - timedelta(days=days)
    span = {"created_at_from": _moment(since), "created_at_to": _moment(now)}
    page = ask(Endpoint.CALLS, per_page=client.per_page, cursor=FIRST_CURSOR, **span)
    answers = Answers(per_page=client.per_page, days=days, asked_at=datetime.now(UTC), page=page)
    if not isinstance(page, RawResponse) or status_of(page) == HTTPStatus.UNAUTHORIZED or page.is_redirect:
        # Nobody there, or nobody who knows this key: every other answer would be the same.
        return answers
    answers = answers.with_(
        report=ask(Endpoint.REPORTS, category=CATEGORY, **span),
        stats=ask(Endpoint.STATS, group_by=GROUP_BY, stat="count", **span),
        missing=ask(f"calls/{NO_CALL}"),
    )
    rows = rows_of(page)
    if rows is None:
        return answers
    answers = answers.with_(
        many=ask(Endpoint.CALLS, per_page=MANY, columns="uuid", **span),
        far=ask(Endpoint.CALLS, page=PAGE_NUMBER, per_page=1, columns="uuid", **span),
        grid=ask(Endpoint.CALLS, serializer="call_grid", per_page=1, **span),
        csv=ask(f"{Endpoint.CALLS}.csv", per_page=1, columns=",".join(CSV_COLUMNS), **span),
        chosen=ask(Endpoint.CALLS, per_page=ORDERED_PAGE, columns=f"uuid,{UNKNOWN_COLUMN}", **span),
    )
    answers = _ask_in_order(client, answers, span)
    known = known_call(rows)
    return answers if known is None else _ask_about(client, answers, known)


def _ask_in_order(client: Client, answers: Answers, span: Mapping[str, str]) -> Answers:
    """Two pages by a cursor, in an order that is not that of time."""
    ask = _Examiner(client).ask
    asked = {"order": "total_duration", "order_dir": "desc", "per_page": ORDERED_PAGE, **span}
    asked |= {"columns": "uuid,total_duration"}
    ordered = ask(Endpoint.CALLS, cursor=FIRST_CURSOR, **asked)
    metadata = Answers.metadata_of(ordered)
    following = metadata.next_cursor if metadata else None
    return answers.with_(
        ordered=ordered,
        ordered_next=ask(Endpoint.CALLS, cursor=following, **asked) if following else None,
    )


def _ask_about(client: Client, answers: Answers, known: KnownCall) -> Answers:
    """What a call shows of which the very moment is known."""
    ask = _Examiner(client).ask
    asked = {"per_page": MANY, "columns": "uuid,created_at"}
    before = _moment(known.created_at - _AROUND)

    def up_to(end: datetime) -> Outcome:
        exact = end.isoformat(timespec="milliseconds")
        return ask(Endpoint.CALLS, created_at_from=before, created_at_to=exact, **asked)

    answers = answers.with_(
        known=known,
        call=ask(f"calls/{known.uuid}"),
        end=up_to(known.created_at),
        zoned=ask(
            Endpoint.CALLS,
            created_at_from=before,
            created_at_to=_moment(known.created_at + _AROUND),
            # A whole continent away, so that the minutes around the call are other ones there.
            time_zone="HST",
            **asked,
        ),
    )
    tick = -_TICK if answers.holds_known(answers.end) else _TICK
    return answers.with_(end_beside=up_to(known.created_at + tick))


def known_call(rows: list[Row]) -> KnownCall | None:
    """A call to ask about: best one with a fraction of a second, so that it shows whether those count."""
    found = [call for row in rows if (call := KnownCall.of(row))]
    return next((call for call in found if call.created_at.microsecond), found[0] if found else None)


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S %z")
