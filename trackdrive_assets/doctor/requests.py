"""The requests of `trackdrive doctor`: a few small GETs, never a DELETE.

Not here: what the responses mean (the probes).
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from trackdrive_assets.api.catalog import REPORT_CATEGORIES
from trackdrive_assets.api.client import Client
from trackdrive_assets.api.errors import RequestFailed
from trackdrive_assets.api.http_responses import RawResponse
from trackdrive_assets.api.page_decisions import FIRST_CURSOR
from trackdrive_assets.api.query import Endpoint
from trackdrive_assets.api.rows import Row
from trackdrive_assets.doctor.replies import KnownCall, Replies, Reply, rows_of, status_of

LARGE_PAGE = 1000
"""A page size above every known limit."""

CATEGORY = GROUP_BY = "status"
STAT = "count"

_NEIGHBOR = timedelta(milliseconds=1)
_MINUTE = timedelta(minutes=1)


def send_requests(client: Client, *, days: int, now: datetime, categories: Sequence[str] = ()) -> Replies:
    """Send the requests that the probes need, and return the replies.

    Args:
        client: The client of the account.
        days: The number of days that the requests are about.
        now: The end of these days.
        categories: The categories of reports that runs fetch. Only those that are not documented are asked.
    """
    span = {"created_at_from": _format(now - timedelta(days=days)), "created_at_to": _format(now)}
    page = _get(client, Endpoint.CALLS, per_page=client.options.per_page, cursor=FIRST_CURSOR, **span)
    replies = Replies(per_page=client.options.per_page, days=days, received_at=datetime.now(UTC), page=page)
    if not isinstance(page, RawResponse) or page.is_redirect or status_of(page) == HTTPStatus.UNAUTHORIZED:
        # The host or the key is wrong, so every other request would fail in the same way.
        return replies
    replies = replace(
        replies,
        report=_get(client, Endpoint.REPORTS, category=CATEGORY, **span),
        categories={
            category: _get(client, Endpoint.REPORTS, category=category, **span)
            for category in categories
            if category not in REPORT_CATEGORIES
        },
        stats=_get(client, Endpoint.STATS, group_by=GROUP_BY, stat=STAT, **span),
    )
    rows = rows_of(page)
    if rows is None:
        return replies
    large_page = _get(client, Endpoint.CALLS, per_page=LARGE_PAGE, columns="uuid", **span)
    replies = replace(replies, large_page=large_page, known=choose_known_call(rows))
    return replies if replies.known is None else _request_known_call(client, replies, replies.known)


def choose_known_call(rows: list[Row]) -> KnownCall | None:
    """Return a call whose instant has a fraction of a second if there is one, else any call.

    Only a fraction shows whether the server ignores fractions in `created_at_to`.
    """
    calls = [call for row in rows if (call := KnownCall.from_row(row))]
    return next((call for call in calls if call.created_at.microsecond), calls[0] if calls else None)


def _request_known_call(client: Client, replies: Replies, known: KnownCall) -> Replies:
    call = _get(client, f"calls/{known.uuid}")
    until_known = _get_until(client, known, known.created_at)
    offset = -_NEIGHBOR if replies.contains_known(until_known) else _NEIGHBOR
    until_neighbor = _get_until(client, known, known.created_at + offset)
    return replace(replies, call=call, until_known=until_known, until_neighbor=until_neighbor)


def _get_until(client: Client, known: KnownCall, end: datetime) -> Reply:
    """Request the calls of the minute before the known call, up to an exact end."""
    return _get(
        client,
        Endpoint.CALLS,
        created_at_from=_format(known.created_at - _MINUTE),
        created_at_to=end.isoformat(timespec="milliseconds"),
        per_page=LARGE_PAGE,
        columns="uuid,created_at",
    )


def _get(client: Client, path: str, **parameters: object) -> Reply:
    """Return the response, or the error in its place."""
    try:
        return client.raw_get(path, {name: str(value) for name, value in parameters.items()})
    except RequestFailed as error:
        return error


def _format(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%d %H:%M:%S %z")
