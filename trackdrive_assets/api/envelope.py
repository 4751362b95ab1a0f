"""The envelope of a response: from the bytes of a body to its rows and its metadata.

The rows are under the key that `metadata.root` names. Servers also return a bare array (`root=false`), and
a `status` of 400 or more inside of HTTP 200. A `status` of any other form is content, such as the status of
a call. `responses.py` reads the shapes of reports and statistics, and `pagination.py` the order of pages.
"""

import codecs
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from trackdrive_assets.api.decoding import NotAnAnswer, NotJson, any_value, raw_members, repaired
from trackdrive_assets.numbers import parse_count

_ENVELOPE_KEYS = frozenset({"status", "metadata", "errors", "checksum"})
_NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError)
_STATUS_TEXT = re.compile(r"[0-9]{3}")


@dataclass(frozen=True)
class Metadata:
    """The metadata of a page. A missing value is None.

    Attributes:
        next_cursor: The token of the next page, with exactly the digits of the response.
        total_count: The number of rows of all pages.
        total_pages: An upper bound of the number of pages. Captured responses have one too many.
        per_page: The number of rows per page that the server grants. It can be lower than requested.
    """

    next_cursor: str | None = None
    total_count: int | None = None
    total_pages: int | None = None
    per_page: int | None = None


@dataclass(frozen=True)
class Envelope:
    """A decoded body.

    Attributes:
        content: The value of the root key: rows or aggregates. The whole body if there is no envelope.
        metadata: The metadata of the page.
        status: The body's own `status`, if it has one.
        errors: The body's own `errors`, if it has any.
    """

    content: Any
    metadata: Metadata
    status: int | None = None
    errors: Any = None


def open_envelope(body: bytes, decode_content: Callable[[msgspec.Raw | bytes], Any] = any_value) -> Envelope:
    """Decode a body.

    Args:
        body: The body of the response.
        decode_content: The decoder of the content, if the envelope names its root.

    Raises:
        NotJson: The body is not JSON.
        NotAnAnswer: The body is JSON that this API does not send.
    """
    body = body.removeprefix(codecs.BOM_UTF8)
    try:
        try:
            return _open(body, decode_content)
        except _NOT_JSON:
            return _open(repaired(body), decode_content)
    except _NOT_JSON as error:
        raise NotJson(str(error)) from None
    except RecursionError:
        raise NotAnAnswer("its objects or lists are nested too deep") from None


def _open(body: bytes, decode_content: Callable[[msgspec.Raw | bytes], Any]) -> Envelope:
    if not body.lstrip().startswith(b"{"):
        return Envelope(decode_content(body), Metadata())
    members = raw_members(body)
    metadata = raw_members(members["metadata"]) if _is_object(members.get("metadata")) else {}
    status = _own_status(members.get("status"))
    errors = any_value(members["errors"]) if "errors" in members else None
    return Envelope(
        content=_content(members, _named_root(metadata), status, decode_content),
        metadata=_read_metadata(metadata),
        status=status,
        errors=errors or None,
    )


def encode(value: object) -> bytes:
    """Return a decoded value as JSON. Numbers keep their digits."""
    return msgspec.json.Encoder(decimal_format="number").encode(value)


def _content(
    members: Mapping[str, msgspec.Raw],
    root: str | None,
    status: int | None,
    decode_content: Callable[[msgspec.Raw | bytes], Any],
) -> Any:
    if root is not None and root in members:
        return decode_content(members[root])
    content = {
        name: any_value(raw)
        for name, raw in members.items()
        if name not in _ENVELOPE_KEYS or (name == "status" and status is None)
    }
    has_envelope = len(content) < len(members)
    if has_envelope and len(content) == 1:
        (only,) = content.values()
        return only if isinstance(only, dict | list) else content
    return content


def _is_object(raw: msgspec.Raw | None) -> bool:
    return raw is not None and bytes(raw).lstrip().startswith(b"{")


def _own_status(raw: msgspec.Raw | None) -> int | None:
    """Return the status of the envelope. None without one, or if `status` is content."""
    status = None if raw is None else any_value(raw)
    if isinstance(status, str) and _STATUS_TEXT.fullmatch(status):
        return int(status)
    return status if isinstance(status, int) and not isinstance(status, bool) else None


def _named_root(metadata: Mapping[str, msgspec.Raw]) -> str | None:
    root = any_value(metadata["root"]) if "root" in metadata else None
    return root if isinstance(root, str) else None


def _read_metadata(metadata: Mapping[str, msgspec.Raw]) -> Metadata:
    return Metadata(
        next_cursor=_digits(metadata["next_cursor"]) if "next_cursor" in metadata else None,
        total_count=_total_count(metadata.get("total_count")),
        total_pages=_count(metadata.get("total_pages")),
        per_page=_count(metadata.get("per_page")),
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
