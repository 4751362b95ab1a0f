"""What can go wrong with the API: one small tree of errors, and how secrets are kept out of their text.

Each error says what was asked, what came back and what to do. `permanent` tells whether asking again can
help; the decision to ask again is not made here (`retry.py`).
"""

import html
import json
import re
from collections.abc import Iterable
from http import HTTPStatus
from urllib.parse import quote, quote_plus

EXCERPT_LENGTH = 300
# In base64 the letters after "tdpub" are I before a digit, J before a letter.
_SECRET_SHAPES = re.compile(
    r"tdp(?:ub|rv)[0-9A-Za-z_-]+|dGRwdW[IJ][0-9A-Za-z+/=]*|(?<=auth_token=)[^&\s\"']+"
)


class TrackdriveError(Exception):
    """Anything that keeps an answer of the API from being used.

    Attributes:
        permanent: Asking the same again brings the same.
    """

    permanent = True


class QueryError(TrackdriveError, ValueError):
    """A question that the documentation does not allow. Nothing was sent."""


class CredentialError(TrackdriveError, ValueError):
    """No credentials, or half of them. Nothing was sent."""


class RequestFailed(TrackdriveError):
    """A request that was answered with an error, or not at all.

    Attributes:
        asked: Method and path, without parameters.
        status: HTTP status, or the `status` of the body; None when nothing was answered.
    """

    def __init__(self, message: str, *, asked: str, status: int | None = None) -> None:
        super().__init__(message)
        self.asked = asked
        self.status = status


class AccessDenied(RequestFailed):
    """401 or 403: the key is wrong, paused, not allowed from here, or lacks a permission."""


class NotFound(RequestFailed):
    """404: no such call, or no such account."""


class Rejected(RequestFailed):
    """422 and every other answer that says that the request itself is wrong."""


class Unavailable(RequestFailed):
    """An error that passes by itself: 408, 429, 5xx, a timeout, a broken body.

    Attributes:
        retry_after: Seconds that the server asked to wait; None when it did not say.
    """

    permanent = False

    def __init__(
        self, message: str, *, asked: str, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message, asked=asked, status=status)
        self.retry_after = retry_after


class UnreadableAnswer(TrackdriveError):
    """An answer of a shape that no reader recognizes."""


class IncompleteAnswer(TrackdriveError):
    """Fewer rows than the API counted, or a cursor that repeats or does not end."""

    permanent = False


def failure(
    *, asked: str, status: int, words: str, credentials: str, retry_after: float | None = None
) -> RequestFailed:
    """The error for an answer that is one.

    Args:
        asked: Method and path.
        status: HTTP status or the body's own.
        words: What the server said, redacted.
        credentials: Which key was used, without its secret.
        retry_after: Seconds that the server asked to wait.
    """
    said = f"{asked} was answered with {status}{_phrase(status)}"
    said += f": {words}" if words else ", without a word of explanation"
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return AccessDenied(
            f"{said}. Trackdrive refused {credentials}. Check in the Trackdrive profile that this key is "
            f"active and not paused, that it may be used from this machine's IP address, and that it has "
            f"the permission for {asked}.",
            asked=asked,
            status=status,
        )
    if status == HTTPStatus.NOT_FOUND:
        return NotFound(
            f"{said}. Check the id, and that the subdomain is this account's.", asked=asked, status=status
        )
    if is_transient(status):
        return Unavailable(f"{said}.", asked=asked, status=status, retry_after=retry_after)
    return Rejected(f"{said}. Correct the request; asking again brings the same.", asked=asked, status=status)


def is_transient(status: int) -> bool:
    """Whether an HTTP status tells of something that passes."""
    return status in {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS} or status >= 500  # noqa: PLR2004 (server errors)


def excerpt(body: bytes, secrets: Iterable[str]) -> str:
    """The first characters of a body on one line, redacted: enough to recognize it by."""
    text = " ".join(redact(body.decode("utf-8", "replace"), secrets).split())
    return text if len(text) <= EXCERPT_LENGTH else f"{text[:EXCERPT_LENGTH]}…"


def redact(text: str, secrets: Iterable[str]) -> str:
    """`text` without `secrets`, and without anything that has the form of a Trackdrive key."""
    spelled = {spelling for secret in filter(None, secrets) for spelling in _spellings(secret)}
    for spelling in sorted(spelled, key=len, reverse=True):
        text = text.replace(spelling, "[redacted]")
    return _SECRET_SHAPES.sub("[redacted]", text)


def _spellings(secret: str) -> tuple[str, ...]:
    """A secret as it is, and as a server may say it back: in a URL, on a web page, in JSON."""
    return secret, quote(secret), quote_plus(secret), html.escape(secret), json.dumps(secret)[1:-1]


def _phrase(status: int) -> str:
    try:
        return f" {HTTPStatus(status).phrase}"
    except ValueError:
        return ""
