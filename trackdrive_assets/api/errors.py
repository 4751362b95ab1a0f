"""The errors of the API client, and the redaction of secrets in their messages.

Each message contains the request, the response and what to do. `is_permanent` is False for errors that a
retry can cure; `retry.py` decides about retries.
"""

import html
import json
import re
from collections.abc import Iterable
from http import HTTPStatus
from urllib.parse import quote, quote_plus

PROXY_CREDENTIALS = "Write its user and password into HTTPS_PROXY: http://user:password@host:port"
# The base64 text of "tdpub" ends with I before a digit, and with J before a letter.
_SECRET_SHAPES = re.compile(
    r"tdp(?:ub|rv)[0-9A-Za-z_-]+|dGRwdW[IJ][0-9A-Za-z+/=]*|(?<=auth_token=)[^&\s\"']+"
)


class TrackdriveError(Exception):
    """An error of the API client.

    Attributes:
        is_permanent: Whether the same request would fail again.
    """

    is_permanent = True


class QueryError(TrackdriveError, ValueError):
    """A query that the documentation does not allow. Nothing was sent."""


class CredentialError(TrackdriveError, ValueError):
    """Missing or incomplete credentials. Nothing was sent."""


class AddressError(TrackdriveError, ValueError):
    """An address that credentials must not be sent to. Nothing was sent."""


class RequestFailed(TrackdriveError):
    """A request that got an error response, or none.

    Attributes:
        request: The method and the path, without parameters.
        status: The HTTP status, or the `status` of the body. None if there was no response.
    """

    def __init__(self, message: str, *, request: str, status: int | None = None) -> None:
        super().__init__(message)
        self.request = request
        self.status = status


class AccessDenied(RequestFailed):
    """401, 403 or 407. The key is wrong, paused, not allowed from this address, or lacks a permission."""


class NotFound(RequestFailed):
    """404. There is no such call, or no such account."""


class Rejected(RequestFailed):
    """422 or another status for a wrong request."""


class Unavailable(RequestFailed):
    """A temporary error: 408, 429, 5xx, a timeout, or a broken body.

    Attributes:
        retry_after: The seconds of the Retry-After header. None without one.
    """

    is_permanent = False

    def __init__(
        self, message: str, *, request: str, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message, request=request, status=status)
        self.retry_after = retry_after


class UnreadableResponse(TrackdriveError):
    """A response of an unknown shape."""


class RangeIgnored(UnreadableResponse):
    """A row outside the requested range: the server did not apply the range, so others may be missing."""


class EndlessList(UnreadableResponse):
    """A list with more rows or more pages than any account has."""


class IncompleteResponse(TrackdriveError):
    """Fewer rows than the API counted, or a cursor that repeats or does not end."""

    is_permanent = False


def error_for(
    *,
    request: str,
    status: int,
    server_message: str,
    credentials: str,
    retry_after: float | None = None,
    proxy: str | None = None,
) -> RequestFailed:
    """Return the error for an error response.

    Args:
        request: The method and the path.
        status: The HTTP status, or the body's own.
        server_message: The structure of the body, redacted.
        credentials: A description of the key, without its secret.
        retry_after: The seconds of the Retry-After header.
        proxy: The host and port of the proxy that the request went through; None without one.
    """
    explanation = f": {server_message}" if server_message else ", without an explanation"
    summary = f"{request} returned {status}{_phrase(status)}{explanation}"
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return AccessDenied(
            f"{summary}. Trackdrive refused {credentials}. Check in the Trackdrive profile that this key is "
            f"active and not paused, that it may be used from this machine's IP address, and that it has "
            f"the permission for {request}. A process reads the key when it starts: after a new key in the "
            f"environment or in .env, start it again.{_doubt_of(proxy)}",
            request=request,
            status=status,
        )
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return AccessDenied(
            f"{summary}. The proxy {proxy or 'on the way'} needs credentials. {PROXY_CREDENTIALS}.",
            request=request,
            status=status,
        )
    if status == HTTPStatus.NOT_FOUND:
        return NotFound(
            f"{summary}. Check the id, and that the subdomain is this account's.",
            request=request,
            status=status,
        )
    if is_transient(status):
        return Unavailable(f"{summary}.", request=request, status=status, retry_after=retry_after)
    return Rejected(
        f"{summary}. Correct the request. A retry would fail again.", request=request, status=status
    )


def _doubt_of(proxy: str | None) -> str:
    return f" The request went through the proxy {proxy}, which may be what refused it." if proxy else ""


def is_transient(status: int) -> bool:
    """Return whether an HTTP status is temporary. A partial answer is, and one that is not ready."""
    return (
        status in {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
        or HTTPStatus.OK < status < HTTPStatus.MULTIPLE_CHOICES
        or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    )


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return a text without secrets and without anything that looks like a Trackdrive key."""
    spelled = {spelling for secret in filter(None, secrets) for spelling in _spellings(secret)}
    for spelling in sorted(spelled, key=len, reverse=True):
        text = text.replace(spelling, "[redacted]")
    return _SECRET_SHAPES.sub("[redacted]", text)


def _spellings(secret: str) -> tuple[str, ...]:
    """Return a secret as it is, and as a server may repeat it: in a URL, on a web page, in JSON."""
    return secret, quote(secret), quote_plus(secret), html.escape(secret), json.dumps(secret)[1:-1]


def _phrase(status: int) -> str:
    try:
        return f" {HTTPStatus(status).phrase}"
    except ValueError:
        return ""
