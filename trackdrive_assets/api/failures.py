"""Decide whether a response states that its request failed, although its HTTP status is good.

Error bodies are not documented, so every usual spelling counts. All endpoints and formats ask
`stated_failure`. Not here: the error that is raised (`errors.py`), and what a body contains (`envelope.py`).
"""

import re
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from typing import Any

from trackdrive_assets.privacy import outline_of_error

_STATUS_TEXT = re.compile(r"([0-9]{3})(?: .*)?")
_SUCCESS_KEYS = frozenset({"success", "successful", "ok"})
_ERROR_KEYS = frozenset({
    "error", "errors", "error_code", "error_message", "error_description", "error_type", "exception", "fault",
})  # fmt: skip
_FLAG_KEYS = frozenset({
    "failed", "failure", "is_error", "has_error", "has_errors", "partial", "incomplete", "truncated",
    "timed_out",
})  # fmt: skip
_RESULT_KEYS = frozenset({"result", "state", "outcome"})
_DEEPEST = 2
_STATUSES = range(200, 600)
_GOOD_STATUSES = range(200, 300)
_HTTP_CODE_KEYS = ("status_code", "http_status", "code")
_CODE_KEYS = (*_HTTP_CODE_KEYS, "error_code", "status")
STATEMENT_KEYS = _SUCCESS_KEYS | _ERROR_KEYS | _FLAG_KEYS | _RESULT_KEYS | {*_CODE_KEYS}
"""The keys that can state a failure."""

_MESSAGE_KEYS = STATEMENT_KEYS | {"message", "messages", "detail", "details", "title", "type", "request_id"}
_GOOD_WORDS = frozenset(
    {"", "ok", "okay", "success", "successful", "succeeded", "complete", "completed", "done"}
)
# A call can have the status `failed`. It has none of these.
_BAD_WORDS = frozenset({"error", "errored", "fail", "failure", "exception", "unauthorized", "forbidden"})
_NOTHING = frozenset({"", "false", "null", "none", "nil", "0"})
_STATUS_OF_WORD = {
    "unauthorized": 401, "invalid_token": 401, "invalid_key": 401, "access_denied": 401, "forbidden": 403,
    "not_found": 404, "call_not_found": 404, "rate_limited": 429, "rate_limit_exceeded": 429,
    "too_many_requests": 429,
}  # fmt: skip


@dataclass(frozen=True)
class Failure:
    """The failure that a body states.

    Attributes:
        status: The status that it states. None if it states none, so that a retry may help.
        statement: Where it states this: keys, types and lengths, and no value.
    """

    status: int | None
    statement: str


def is_accepted(method: str, status: int | None) -> bool:
    """Return whether a status promises that the request was answered in full.

    A GET needs 200. 206 is a part, 202 an answer that is not ready, and 203 that of a proxy. A DELETE can
    also be accepted or have an empty response.
    """
    return status == HTTPStatus.OK or (method == "DELETE" and status in _GOOD_STATUSES)


def stated_failure(members: Mapping[str, Any], keys: Set[str], method: str = "GET") -> Failure | None:
    """Return the failure that an object states; None if it states none.

    An object with `uuid` is a call, whose status is its own. If it has `created_at` too, its key `error` is
    data like any other.

    Args:
        members: The object, at least with those of its keys that are in `STATEMENT_KEYS`.
        keys: All its keys.
        method: The method of the request.
    """
    is_named = not keys.isdisjoint({"uuid", "id"})
    is_call = keys >= {"uuid", "created_at"}
    stated = {
        name: value
        for name, value in members.items()
        if (name in _SUCCESS_KEYS and _is_false(value))
        or (name == "status" and _is_bad_status(value, method, is_named=is_named))
        or (not is_call and name in _ERROR_KEYS and _has_content(value))
        or (not is_call and name in _FLAG_KEYS and value in (True, "true") and not _is_number(value))
        or (not is_call and name in _HTTP_CODE_KEYS and _is_error_status(status_number(value)))
        or (not is_call and name in _RESULT_KEYS and _is_bad_result(value))
    }
    return Failure(_status_in(members), outline_of_error(stated)) if stated else None


def failure_of_rows(rows: Iterable[Any]) -> Failure | None:
    """Return the failure that a list states in place of rows: an object with no other keys than messages."""
    messages = (row for row in rows if isinstance(row, dict) and _MESSAGE_KEYS.issuperset(row))
    # With `id`, because a status in a list is that of a call, also if no other column was requested.
    failures = (stated_failure(row, row.keys() | {"id"}) for row in messages)
    return next(filter(None, failures), None)


def failure_of_csv(text: str) -> Failure | None:
    """Return the failure that a body states in place of CSV: JSON, a web page, or a single line of prose."""
    first, *others = text.strip().splitlines() or [""]
    header = {name.strip().strip('"').lower() for name in first.split(",")}
    is_markup = first[:1] in {"{", "[", "<"}
    is_prose = not others and "," not in first and " " in first
    if is_markup or is_prose or (first and _MESSAGE_KEYS - {"status", "code", "type"} >= header):
        return Failure(None, "a body that is not CSV")
    return None


def _is_bad_status(value: object, method: str, *, is_named: bool) -> bool:
    number = status_number(value)
    if number is not None:
        return not is_accepted(method, number)
    if not isinstance(value, str):
        return value is False
    word = value.strip().lower()
    return word in _BAD_WORDS if is_named else word not in _GOOD_WORDS


def _is_bad_result(value: object) -> bool:
    return isinstance(value, str) and value.strip().lower() in _BAD_WORDS | {"failed"}


def status_number(value: object) -> int | None:
    """Return a status that is a number, or a text that begins with one like `500 Internal Server Error`."""
    if isinstance(value, str):
        match = _STATUS_TEXT.fullmatch(value.strip())
        return int(match[1]) if match and match[1].isascii() else None
    return int(value) if isinstance(value, int | Decimal) and _is_number(value) else None


def _status_in(value: object, depth: int = 0) -> int | None:
    """Return the first error status in an object, its errors, or the words of these."""
    if isinstance(value, str):
        return _STATUS_OF_WORD.get(re.sub(r"[\s-]+", "_", value.strip().strip(".").lower()))
    if isinstance(value, list) and value:
        return _status_in(value[0], depth + 1)
    if not isinstance(value, dict) or depth > _DEEPEST:
        return None
    numbers = [status_number(value.get(key)) for key in _CODE_KEYS]
    inside = [_status_in(value[key], depth + 1) for key in (*_CODE_KEYS, *_ERROR_KEYS) if key in value]
    return next(filter(_is_error_status, [*numbers, *inside]), None)


def _is_error_status(status: int | None) -> bool:
    return status in _STATUSES and not is_accepted("GET", status)


def _is_false(value: object) -> bool:
    if isinstance(value, str):
        return value.strip().lower() in {"false", "0", "no"}
    return value is False or (_is_number(value) and value == 0)


def _has_content(value: object) -> bool:
    """Return whether an error is more than an empty value. `{"base": []}` is empty."""
    if isinstance(value, dict):
        return any(map(_has_content, value.values()))
    if isinstance(value, list):
        return any(map(_has_content, value))
    if isinstance(value, str):
        return value.strip().lower() not in _NOTHING
    return bool(value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)
