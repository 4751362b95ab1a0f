"""How an answer is wrapped: from the bytes of a body to its rows and what it says about itself.

The rows stand under the key that `metadata.root` names. Servers also answer with a bare array (`root=false`),
and with `status` 400 or more inside of HTTP 200. A `status` of any other form is content: a call's own word,
or what stands under a root of that name. Not here: what the rows of reports and statistics look like
(`shapes.py`), and which page comes next (`paging.py`).
"""

import codecs
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

_ENVELOPE_KEYS = frozenset({"status", "metadata", "errors", "checksum"})
_STATUS_TEXT = re.compile(r"[0-9]{3}")
_COUNT_TEXT = re.compile(r"[0-9]{1,18}")
any_value = msgspec.json.Decoder(float_hook=Decimal).decode
"""Decodes JSON of any form, numbers with the digits that were sent."""
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


def open_envelope(body: bytes, read: Callable[[msgspec.Raw | bytes], Any] = any_value) -> Envelope:
    """Decode a body.

    Args:
        body: As it came.
        read: Decodes the content, where the envelope says which that is.

    Raises:
        NotJson: It is not JSON.
    """
    body = body.removeprefix(codecs.BOM_UTF8)
    try:
        if not body.lstrip().startswith(b"{"):
            return Envelope(read(body), Metadata())
        members = _tokens.decode(body)
        metadata = _tokens.decode(members["metadata"]) if _is_object(members.get("metadata")) else {}
        status = _own_status(members.get("status"))
        errors = any_value(members["errors"]) if "errors" in members else None
        return Envelope(
            content=_content(members, _named_root(metadata), status, read),
            metadata=_read_metadata(metadata),
            status=status,
            errors=errors or None,
        )
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NotJson(str(error)) from None


def encode(value: object) -> bytes:
    """JSON of a decoded value, numbers with the digits that they came with."""
    return msgspec.json.Encoder(decimal_format="number").encode(value)


def _content(
    members: Mapping[str, msgspec.Raw],
    root: str | None,
    status: int | None,
    read: Callable[[msgspec.Raw | bytes], Any],
) -> Any:
    if root is not None and root in members:
        return read(members[root])
    inside = {
        name: any_value(token)
        for name, token in members.items()
        if name not in _ENVELOPE_KEYS or (name == "status" and status is None)
    }
    wrapped = len(inside) < len(members)
    if wrapped and len(inside) == 1:
        (only,) = inside.values()
        return only if isinstance(only, dict | list) else inside
    return inside


def _is_object(token: msgspec.Raw | None) -> bool:
    return token is not None and bytes(token).lstrip().startswith(b"{")


def _own_status(token: msgspec.Raw | None) -> int | None:
    """The status of the envelope; None where there is none, or where `status` is content."""
    status = None if token is None else any_value(token)
    if isinstance(status, str) and _STATUS_TEXT.fullmatch(status):
        return int(status)
    return status if isinstance(status, int) and not isinstance(status, bool) else None


def _named_root(metadata: Mapping[str, msgspec.Raw]) -> str | None:
    root = any_value(metadata["root"]) if "root" in metadata else None
    return root if isinstance(root, str) else None


def _read_metadata(metadata: Mapping[str, msgspec.Raw]) -> Metadata:
    return Metadata(
        next_cursor=_digits(metadata["next_cursor"]) if "next_cursor" in metadata else None,
        total_count=_count(metadata.get("total_count")),
        total_pages=_count(metadata.get("total_pages")),
        per_page=_count(metadata.get("per_page")),
    )


def _count(token: msgspec.Raw | None) -> int | None:
    """A count, written as a number or as a text of digits; None for anything else."""
    count = None if token is None else any_value(token)
    if isinstance(count, str) and _COUNT_TEXT.fullmatch(count):
        return int(count)
    return int(count) if isinstance(count, int | Decimal) and not isinstance(count, bool) else None


def _digits(token: msgspec.Raw) -> str:
    """A number as it was written, because a float could lose digits; a text as it is meant."""
    written = bytes(token).decode().strip()
    return str(any_value(token)) if written.startswith('"') else written
