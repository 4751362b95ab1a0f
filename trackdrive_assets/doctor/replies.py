"""The replies to the requests of doctor, decoded as far as every probe needs.

Not here: sending the requests (`requests.py`), and words for people (`descriptions.py`).
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Self

from trackdrive_assets.api import responses
from trackdrive_assets.api.decoding import UnreadableBody
from trackdrive_assets.api.envelope import Envelope, Metadata, open_envelope
from trackdrive_assets.api.errors import RequestFailed
from trackdrive_assets.api.failures import Failure
from trackdrive_assets.api.http_responses import RawResponse
from trackdrive_assets.api.rows import Row
from trackdrive_assets.tables.values import instant

Reply = RawResponse | RequestFailed | None
"""The response to a request, the error in its place, or None if the request was not sent."""


@dataclass(frozen=True)
class KnownCall:
    """A call of the first page, which the later requests are about."""

    uuid: str
    created_at: datetime

    @classmethod
    def from_row(cls, row: Row) -> Self | None:
        """Return the call of a row; None if its uuid or its instant is missing or not readable."""
        try:
            created_at = instant(row.get("created_at"))
        except (TypeError, ValueError):
            return None
        uuid = row.get("uuid")
        return cls(uuid, created_at) if isinstance(uuid, str) and uuid and created_at else None


@dataclass(frozen=True, kw_only=True)
class Replies:
    """The replies of one account to all requests.

    Attributes:
        per_page: The page size that was requested.
        days: The number of days whose calls were requested.
        received_at: The time of this machine when the first reply arrived.
        page: The newest calls with all columns.
        large_page: The newest calls with a `per_page` above every known limit.
        report: The report by status.
        categories: The reports by the configured categories that are not documented.
        stats: The count by status.
        known: The call that the next three requests are about.
        call: The known call alone.
        until_known: The calls up to the instant of the known call.
        until_neighbor: The calls up to 1 ms earlier if `until_known` contains the call, else 1 ms later.
    """

    per_page: int
    days: int
    received_at: datetime
    page: Reply
    large_page: Reply = None
    report: Reply = None
    categories: Mapping[str, Reply] = field(default_factory=dict)
    stats: Reply = None
    known: KnownCall | None = None
    call: Reply = None
    until_known: Reply = None
    until_neighbor: Reply = None

    @property
    def total_count(self) -> int | None:
        """The API's own count of the calls in the requested days."""
        metadata = metadata_of(self.page)
        return metadata.total_count if metadata else None

    @property
    def responses(self) -> list[RawResponse]:
        """Every response that arrived."""
        values = (getattr(self, part.name) for part in dataclasses.fields(self))
        return [value for value in values if isinstance(value, RawResponse)]

    def contains_known(self, reply: Reply) -> bool | None:
        """Return whether a page contains the known call; None if it is not a page of calls."""
        rows = rows_of(reply)
        if rows is None or self.known is None:
            return None
        return any(row.get("uuid") == self.known.uuid for row in rows)


def status_of(response: RawResponse) -> int:
    """Return the status of a response: that of a failure in its body, else that of HTTP."""
    failure = failure_in(response)
    return failure.status if failure and failure.status else response.status


def failure_in(response: RawResponse) -> Failure | None:
    """Return the failure that a body states."""
    try:
        return open_envelope(response.body).failure
    except UnreadableBody:
        return None


def is_error(status: int) -> bool:
    """Return whether a status is an error."""
    return status >= HTTPStatus.BAD_REQUEST


def is_json(response: RawResponse) -> bool:
    """Return whether a body is JSON."""
    try:
        open_envelope(response.body)
    except UnreadableBody:
        return False
    return True


def envelope_of(reply: Reply) -> Envelope | None:
    """Return the envelope of a good response; None for an error, a redirect, a web page or no response."""
    if not isinstance(reply, RawResponse) or is_error(status_of(reply)) or reply.is_redirect:
        return None
    try:
        envelope = open_envelope(reply.body)
    except UnreadableBody:
        return None
    return None if envelope.failure else envelope


def metadata_of(reply: Reply) -> Metadata | None:
    """Return the metadata of a good response."""
    envelope = envelope_of(reply)
    return envelope.metadata if envelope else None


def rows_of(reply: Reply) -> list[Row] | None:
    """Return the calls of a page; None if it is not a page of calls."""
    envelope = envelope_of(reply)
    if envelope is None:
        return None
    try:
        return list(responses.call_rows(envelope.content, envelope.metadata.total_count))
    except responses.UnknownShape:
        return None


def may_be_trackdrive(page: RawResponse) -> bool:
    """Return whether a response can be a page of calls: a failure, calls with a uuid, or none and a count."""
    if is_json(page) and open_envelope(page.body).failure:
        return True
    rows, metadata = rows_of(page), metadata_of(page)
    if rows:
        return any("uuid" in row for row in rows)
    return rows is not None and metadata is not None and metadata.total_count is not None
