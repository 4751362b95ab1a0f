"""Words and findings for responses that are not understood, without any of their values.

Not here: what a good response means for runs (the probes).
"""

from http import HTTPStatus

from trackdrive_assets.api.decoding import any_value, repaired
from trackdrive_assets.api.errors import is_transient
from trackdrive_assets.api.http_responses import RawResponse
from trackdrive_assets.doctor.finding import Finding, failed, inconclusive
from trackdrive_assets.doctor.replies import (
    Replies,
    Reply,
    envelope_of,
    failure_in,
    is_error,
    is_json,
    rows_of,
    status_of,
)
from trackdrive_assets.privacy import mask_phone_numbers, outline

REPORT_IT = "Please report this line as an issue."

_NOT_SENT = "the request for calls failed."
_OUTLINE_LENGTH = 200


def describe_body(response: RawResponse) -> str:
    """Return the outline of what a response contains."""
    if not response.body.strip():
        return "an empty body"
    if not is_json(response):
        return f"a body that is not JSON (Content-Type: {response.headers.get('Content-Type', 'missing')})"
    envelope = envelope_of(response)
    content = any_value(repaired(response.body)) if envelope is None else envelope.content
    return f"a body like {mask_phone_numbers(outline(content))[:_OUTLINE_LENGTH]}"


def no_calls(replies: Replies) -> Finding:
    """Return the finding of a probe that needs calls and has none."""
    if rows_of(replies.page) is None:
        return inconclusive(_NOT_SENT)
    return inconclusive(f"no calls in the last {replies.days} days. Try a larger --days.")


def failure(reply: Reply) -> Finding:
    """Return the finding of a request without a response that runs understand, and what to do about it."""
    if reply is None:
        return inconclusive(_NOT_SENT)
    if isinstance(reply, RawResponse):
        status: int | None = status_of(reply)
        is_stated = failure_in(reply) is not None and not is_error(status_of(reply))
        transient = is_transient(status_of(reply)) or not is_json(reply) or is_stated
        verdict = "Refused" if is_error(status_of(reply)) else "Failed" if is_stated else "Not understood"
        description = f"{verdict}: {status}, {describe_body(reply)}."
    else:
        # Without the words of the server, which may contain a name.
        status, transient = reply.status, not reply.is_permanent
        description = "No response." if status is None else f"Refused: {status}."
    return failed(f"{description} {_advice(status, transient=transient)}", transient=transient)


def _advice(status: int | None, *, transient: bool) -> str:
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return "Give the key this permission in the Trackdrive profile."
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return "A proxy requires credentials. Set them in HTTPS_PROXY."
    if transient:
        return "Try again in some minutes. If it persists, send this line to Trackdrive's support."
    return REPORT_IT
