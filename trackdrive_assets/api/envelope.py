"""How an answer is wrapped: from the bytes of a body to its rows and what it says about itself.

The rows stand under the key that `metadata.root` names. Servers also answer with a bare array (`root=false`),
and with `status` 400 or more inside of HTTP 200. Not here: what the rows of reports and statistics look like
(`shapes.py`), and which page comes next (`paging.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

Row = dict[str, Any]
"""One JSON object. Whole numbers are int; all others are Decimal, with the digits that were sent."""

_ENVELOPE_KEYS = frozenset({"status", "metadata", "errors", "checksum"})
_values = msgspec.json.Decoder(float_hook=Decimal)
_tokens = msgspec.json.Decoder(dict[str, msgspec.Raw])


class NotJson(ValueError):
    """A body that is cut off, HTML, or anything else that is not JSON."""


@dataclass(frozen=True)
class Metadata:
    """What a page says about itself. None where it does not say.

    Attributes:
        next_cursor: The token of the next page, digit for digit as it was sent.
        total_count: Rows of the whole answer, all pages together.
        total_pages: An upper bound: captured answers count one too many.
        per_page: Rows a page that the server grants; it can be less than was asked.
    """

    next_cursor: str | None = None
    total_count: int | None = None
    total_pages: int | None = None
    per_page: int | None = None


@dataclass(frozen=True)
class Envelope:
    """A decoded body.

    Attributes:
        content: What stands under the root key: rows, or whatever an aggregate puts there. The whole body
            where there is no envelope.
        metadata: What the page says about itself.
        status: The body's own `status`, if it has one.
        errors: The body's own `errors`, if it has any.
    """

    content: Any
    metadata: Metadata
    status: int | None = None
    errors: Any = None


def open_envelope(body: bytes) -> Envelope:
    """Decode a body.

    Raises:
        NotJson: It is not JSON.
    """
    try:
        if not body.lstrip().startswith(b"{"):
            return Envelope(_values.decode(body), Metadata())
        members = _tokens.decode(body)
        metadata = _tokens.decode(members["metadata"]) if _is_object(members.get("metadata")) else {}
        status = _values.decode(members["status"]) if "status" in members else None
        errors = _values.decode(members["errors"]) if "errors" in members else None
        return Envelope(
            content=_content(members, _named_root(metadata)),
            metadata=_read_metadata(metadata),
            status=status if isinstance(status, int) else None,
            errors=errors or None,
        )
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NotJson(str(error)) from None


def encode(value: object) -> bytes:
    """JSON of a decoded value, numbers with the digits that they came with."""
    return msgspec.json.Encoder(decimal_format="number").encode(value)


def _content(members: Mapping[str, msgspec.Raw], root: str | None) -> Any:
    if root is not None and root in members:
        return _values.decode(members[root])
    inside = {
        name: _values.decode(token)
        for name, token in members.items()
        # A call without an envelope has a status of its own: a word.
        if name not in _ENVELOPE_KEYS or (name == "status" and bytes(token).startswith(b'"'))
    }
    wrapped = len(inside) < len(members)
    if wrapped and len(inside) == 1:
        (only,) = inside.values()
        return only if isinstance(only, dict | list) else inside
    return inside


def _is_object(token: msgspec.Raw | None) -> bool:
    return token is not None and bytes(token).lstrip().startswith(b"{")


def _named_root(metadata: Mapping[str, msgspec.Raw]) -> str | None:
    root = _values.decode(metadata["root"]) if "root" in metadata else None
    return root if isinstance(root, str) else None


def _read_metadata(metadata: Mapping[str, msgspec.Raw]) -> Metadata:
    def whole(name: str) -> int | None:
        value = _values.decode(metadata[name]) if name in metadata else None
        return int(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else None

    return Metadata(
        next_cursor=_digits(metadata["next_cursor"]) if "next_cursor" in metadata else None,
        total_count=whole("total_count"),
        total_pages=whole("total_pages"),
        per_page=whole("per_page"),
    )


def _digits(token: msgspec.Raw) -> str:
    """A number as it was written, because a float could lose digits; a text as it is meant."""
    written = bytes(token).decode().strip()
    return str(_values.decode(token)) if written.startswith('"') else written
