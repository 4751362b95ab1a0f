"""The envelope of a response: from the bytes of a body to its rows and its metadata.

The rows are under the key that `metadata.root` names. Servers also return a bare array (`root=false`).
A `status` that is a number belongs to the envelope. Any other is content, such as the status of a call.
`failures.py` decides whether a body states a failure, `responses.py` reads the shapes of reports and
statistics, and `pagination.py` the order of pages.
"""

import codecs
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from trackdrive_assets.api.decoding import NotAnAnswer, NotJson, any_value, raw_members, repaired
from trackdrive_assets.api.failures import (
    STATEMENT_KEYS,
    Failure,
    failure_of_rows,
    stated_failure,
    status_number,
)
from trackdrive_assets.api.rows import ABSENT, Rows
from trackdrive_assets.numbers import parse_count

_ENVELOPE_KEYS = frozenset({"status", "metadata", "errors", "checksum"})
_NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError)


@dataclass(frozen=True)
class Metadata:
    """The metadata of a page. A missing value is None.

    Attributes:
        next_cursor: The token of the next page, with exactly the digits of the response.
        total_count: The number of rows of all pages.
        total_pages: An upper bound of the number of pages. Captured responses have one too many.
        per_page: The number of rows per page that the server grants. It can be lower than requested.
        company: The name of the company that has the account.
    """

    next_cursor: str | None = None
    total_count: int | None = None
    total_pages: int | None = None
    per_page: int | None = None
    company: str | None = None


@dataclass(frozen=True)
class Envelope:
    """A decoded body.

    Attributes:
        content: The value of the root key: rows or aggregates. None if the body lacks the key that its
            metadata names. The whole body if there is no envelope.
        metadata: The metadata of the page.
        failure: The failure that the body states. Its content is then no data.
    """

    content: Any
    metadata: Metadata
    failure: Failure | None = None


def open_envelope(
    body: bytes,
    decode_content: Callable[[msgspec.Raw | bytes], Any] = any_value,
    *,
    method: str = "GET",
) -> Envelope:
    """Decode a body.

    Args:
        body: The body of the response.
        decode_content: The decoder of the content, if the envelope names its root.
        method: The method of the request.

    Raises:
        NotJson: The body is not JSON.
        NotAnAnswer: The body is JSON that this API does not send.
    """
    body = body.removeprefix(codecs.BOM_UTF8)
    try:
        try:
            return _open(body, decode_content, method)
        except _NOT_JSON:
            return _open(repaired(body), decode_content, method)
    except _NOT_JSON as error:
        raise NotJson(str(error)) from None
    except RecursionError:
        raise NotAnAnswer("its objects or lists are nested too deep") from None


def _open(body: bytes, decode_content: Callable[[msgspec.Raw | bytes], Any], method: str) -> Envelope:
    if not body.lstrip().startswith(b"{"):
        content = decode_content(body)
        return Envelope(content, Metadata(), _failure_inside(content, method))
    members = raw_members(body)
    metadata = raw_members(members["metadata"]) if _is_object(members.get("metadata")) else {}
    content = _content(members, _text(metadata.get("root")), decode_content)
    failure = (
        stated_failure(_statements(members), members.keys(), method)
        or stated_failure(_statements(metadata), metadata.keys() | {"id"}, method)
        or _failure_inside(content, method)
    )
    return Envelope(content, _read_metadata(metadata), failure)


def encode(value: object) -> bytes:
    """Return a decoded value as JSON. Numbers keep their digits."""
    return msgspec.json.Encoder(decimal_format="number").encode(value)


def _content(
    members: Mapping[str, msgspec.Raw],
    root: str | None,
    decode_content: Callable[[msgspec.Raw | bytes], Any],
) -> Any:
    if root is not None:
        return decode_content(members[root]) if root in members else None
    has_status = "status" in members and status_number(any_value(members["status"])) is not None
    content = {
        name: any_value(raw)
        for name, raw in members.items()
        if name not in _ENVELOPE_KEYS or (name == "status" and not has_status)
    }
    has_envelope = len(content) < len(members)
    if has_envelope and len(content) == 1:
        (only,) = content.values()
        return only if isinstance(only, dict | list) else content
    return content


def _statements(members: Mapping[str, msgspec.Raw]) -> dict[str, Any]:
    """Return the members that can state a failure, decoded."""
    return {name: any_value(members[name]) for name in STATEMENT_KEYS & members.keys()}


def _failure_inside(content: Any, method: str) -> Failure | None:
    """Return the failure that a body states in the place of its rows or of its only object."""
    if isinstance(content, dict):
        lists = (member for member in content.values() if isinstance(member, list))
        failures = (stated_failure(content, content.keys() | {"id"}, method), *map(failure_of_rows, lists))
        return next(filter(None, failures), None)
    if isinstance(content, Rows):
        # A row with a uuid is a call. So a page is usually decided without making objects of its rows.
        unnamed = [n for n, uuid in enumerate(content.column("uuid")) if uuid is ABSENT]
        return failure_of_rows(content.at(unnamed)) if unnamed else None
    return failure_of_rows(content) if isinstance(content, list) else None


def _is_object(raw: msgspec.Raw | None) -> bool:
    return raw is not None and bytes(raw).lstrip().startswith(b"{")


def _text(raw: msgspec.Raw | None) -> str | None:
    text = None if raw is None else any_value(raw)
    return text if isinstance(text, str) else None


def _read_metadata(metadata: Mapping[str, msgspec.Raw]) -> Metadata:
    return Metadata(
        next_cursor=_digits(metadata["next_cursor"]) if "next_cursor" in metadata else None,
        total_count=_total_count(metadata.get("total_count")),
        total_pages=_count(metadata.get("total_pages")),
        per_page=_count(metadata.get("per_page")),
        company=_text(metadata.get("company")),
    )


def _total_count(raw: msgspec.Raw | None) -> int | None:
    """Return the count that the rows are compared with. None if the API does not count.

    Raises:
        NotAnAnswer: The value is neither a count nor empty. Without a count, missing rows go unnoticed.
    """
    count = _count(raw)
    if count is None and raw is not None and any_value(raw):
        raise NotAnAnswer("its metadata.total_count is not a count")
    return count


def _count(raw: msgspec.Raw | None) -> int | None:
    return None if raw is None else parse_count(any_value(raw))


def _digits(raw: msgspec.Raw) -> str:
    """Return a number with exactly its digits, because a float can lose some, or the value of a text."""
    text = bytes(raw).decode().strip()
    return str(any_value(raw)) if text.startswith('"') else text
