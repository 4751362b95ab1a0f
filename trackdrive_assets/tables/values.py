"""Typed values from the API's values: `"Converted"` is true, `"10.50"` is money, `""` is null.

A function for each type parses one value. It raises ValueError, TypeError or ArithmeticError for a value that
it can't parse. Not here: whole columns (`type_parsers.py`), and which columns exist (`columns.py`).
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal

import msgspec

from trackdrive_assets.numbers import LARGEST_EXPONENT, parse_number
from trackdrive_assets.tables.arrow_types import MONEY

ABSENT = msgspec.UNSET
"""The value of a key that a row lacks."""

# Keys in order, so that equal objects have equal texts.
_JSON = msgspec.json.Encoder(decimal_format="number", order="deterministic")

BOOLEANS: dict[object, bool | None] = {
    ABSENT: None,
    None: False,
    False: False,
    True: True,
    **dict.fromkeys(("converted", "repeat", "true", "1", "yes", "on"), True),
    **dict.fromkeys(("", "not converted", "not repeat", "unconverted", "false", "0", "no", "off"), False),
    # The usual spellings of the API. All other spellings are compared in lower case.
    "Converted": True,
    "Repeat": True,
}
_SMALLEST_AMOUNT = Decimal("0.000001")
_MONEY_CONTEXT = Context(prec=60, rounding=ROUND_HALF_EVEN)
_MONEY_LIMIT = Decimal(10) ** (MONEY.precision - MONEY.scale)
_INTEGER_LIMIT = 2**63
_MAX_DEPTH = 100
_LONGEST_INSTANT = 64
_SPACE_BEFORE_OFFSET = re.compile(r"\s+(?=[+-]\d\d:?\d\d$)")
_UTC_NAME = re.compile(r"\s*(?:UTC|GMT)$")

# What Rails writes for these characters. Other entities are part of a text, like `&region` in a URL.
_ENTITY = re.compile("&(?:amp|lt|gt|quot|#39);")
_CHARACTERS = {"&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'"}


def number(value: object) -> Decimal | None:
    """Parse a number, or a text of a number. An empty text is null."""
    if value is None or value is ABSENT:
        return None
    if isinstance(value, str):
        return parse_number(stripped) if (stripped := value.strip()) else None
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise TypeError(value)
    if isinstance(value, float):
        # The text of a float is the decimal that the API sent. Its binary value is only close to it.
        return parse_number(str(value))
    if isinstance(value, Decimal) and not (value.is_finite() and abs(value.adjusted()) <= LARGEST_EXPONENT):
        raise ValueError("The number is too large to compute with.")
    return Decimal(value)


def money(value: object) -> Decimal | None:
    """Parse dollars with six decimals. Null stays null and never becomes 0."""
    parsed = number(value)
    if parsed is None:
        return None
    amount = parsed.quantize(_SMALLEST_AMOUNT, context=_MONEY_CONTEXT)
    if abs(amount) >= _MONEY_LIMIT:
        raise ValueError(value)
    return amount


def seconds(value: object) -> float | None:
    """Parse a duration in seconds."""
    parsed = number(value)
    if parsed is None:
        return None
    duration = float(parsed)
    if duration in (float("inf"), float("-inf")):
        raise ValueError(value)
    return duration


def integer(value: object) -> int | None:
    """Parse an id or a count of 64 bits, without a fraction."""
    parsed = number(value)
    if parsed is None:
        return None
    if not -_INTEGER_LIMIT <= parsed < _INTEGER_LIMIT or parsed != int(parsed):
        raise ValueError(value)
    return int(parsed)


def boolean(value: object) -> bool | None:
    """Parse true or false. The API sends null for false.

    The result is null for an absent key, and for a word that is not known.
    """
    return BOOLEANS.get(_spelling(value))


def is_known_flag(value: object) -> bool:
    """Return whether a value means true, false or nothing."""
    return _spelling(value) in BOOLEANS


def _spelling(value: object) -> Hashable:
    if isinstance(value, str):
        return value.strip().lower()
    return value if isinstance(value, Hashable) else str(value)


def instant(value: object) -> datetime | None:
    """Parse a date and time with an explicit offset. The result is in UTC."""
    if value is None or value is ABSENT:
        return None
    if not isinstance(value, str):
        raise TypeError(value)
    if len(value) > _LONGEST_INSTANT:
        raise ValueError("A date and time is shorter.")
    if not (stripped := value.strip()):
        return None
    try:
        parsed = datetime.fromisoformat(stripped)
    except ValueError:
        parsed = datetime.fromisoformat(_SPACE_BEFORE_OFFSET.sub("", _UTC_NAME.sub("Z", stripped)))
    if parsed.tzinfo is None:
        raise ValueError(value)
    return parsed.astimezone(UTC)


def text(value: object) -> str | None:
    """Return a text as it is. Numbers and booleans become their text, nested values become JSON."""
    if value is None or value is ABSENT:
        return None
    if isinstance(value, str):
        value.encode()  # raises for a lone surrogate, which no file can store
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return json_text(value)
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def json_text(value: object) -> str:
    """Return a value as JSON, with the digits of its decimals and its keys in order.

    Raises:
        ValueError: Objects or lists are nested so deep that programs can't read the text.
    """
    level: list[object] = [value]
    for _ in range(_MAX_DEPTH):
        level = [member for inside in level for member in _members(inside)]
        if not level:
            return _JSON.encode(value).decode()
    raise ValueError(f"More than {_MAX_DEPTH} levels.")


def _members(value: object) -> Iterable[object]:
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, list) else ()


def unescape(value: str) -> str:
    """Replace the five entities that Rails writes, once: `&amp;lt;` becomes `&lt;`."""
    return _ENTITY.sub(lambda found: _CHARACTERS[found[0]], value)
