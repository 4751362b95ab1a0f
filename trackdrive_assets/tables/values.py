"""Typed values from the API's values: `"Converted"` is true, `"10.50"` is money, `""` is null.

A function for each type parses one value. `parse_column` parses a whole column: at once if all values have
usual forms, else value by value. Which columns exist is in `columns`.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any, ClassVar, TypeAlias

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from trackdrive_assets.numbers import LARGEST_EXPONENT, parse_number
from trackdrive_assets.tables.arrow_types import BOOLEAN, INSTANT, INTEGER, MONEY, SECONDS, TEXT
from trackdrive_assets.tables.columns import Column
from trackdrive_assets.tables.errors import UnreadableValue

Values: TypeAlias = "pa.Array[Any]"

ABSENT = msgspec.UNSET
"""The value of a key that a row lacks."""

# Keys in order, so that equal objects have equal texts.
_JSON = msgspec.json.Encoder(decimal_format="number", order="deterministic")

_BOOLEANS: dict[object, bool | None] = {
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

# Arrow has years that Python's datetime lacks. Such a value could be stored but not read back.
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_INSTANT = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
_LAST_INSTANT = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)


# One value. Each function raises ValueError, TypeError or ArithmeticError for a value that it can't parse.


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
    return _BOOLEANS.get(_spelling(value))


def is_known_flag(value: object) -> bool:
    """Return whether a value means true, false or nothing."""
    return _spelling(value) in _BOOLEANS


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


# One column


class TypeParser(ABC):
    """The parser of one type.

    Attributes:
        expected: A description of a readable value.
        fast_types: The Python types that `vectorized` parses, besides None.
    """

    expected: ClassVar[str]
    fast_types: ClassVar[frozenset[type]]

    @abstractmethod
    def scalar(self, value: object) -> object:
        """Parse one value. Raises for a value that can't be parsed."""

    @abstractmethod
    def vectorized(self, values: Sequence[Any]) -> Values | None:
        """Parse a column of usual values at once. Raises or returns None if a value needs `scalar`."""


class _TextParser(TypeParser):
    expected = "text"
    fast_types = frozenset({str})

    def scalar(self, value: object) -> str | None:
        return text(value)

    def vectorized(self, values: Sequence[Any]) -> Values:
        return pa.array(values, TEXT)


class _IntegerParser(TypeParser):
    expected = "a whole number of at most 64 bits"
    fast_types = frozenset({int})

    def scalar(self, value: object) -> int | None:
        return integer(value)

    def vectorized(self, values: Sequence[Any]) -> Values:
        return pa.array(values, INTEGER)


def _usual_number(value: int | Decimal | str | None) -> int | Decimal | None:
    if isinstance(value, str):
        return parse_number(value) if value else None
    return value


class _MoneyParser(TypeParser):
    expected = "an amount below a trillion, like 10.50"
    fast_types = frozenset({int, Decimal, str})

    def scalar(self, value: object) -> Decimal | None:
        return money(value)

    def vectorized(self, values: Sequence[Any]) -> Values:
        amounts = list(map(_usual_number, values))
        try:
            return pa.array(amounts, MONEY)
        except pa.ArrowInvalid:
            # Arrow refuses an amount with more than six decimals. It also refuses the rounded amounts if one
            # is not finite or too large, and `scalar` finds out which.
            rounded = [
                None if sent is None else Decimal(sent).quantize(_SMALLEST_AMOUNT, context=_MONEY_CONTEXT)
                for sent in amounts
            ]
            return pa.array(rounded, MONEY)


class _SecondsParser(TypeParser):
    expected = "a number of seconds"
    fast_types = frozenset({int, Decimal, str})

    def scalar(self, value: object) -> float | None:
        return seconds(value)

    def vectorized(self, values: Sequence[Any]) -> Values | None:
        numbers = [None if sent is None else float(sent) for sent in map(_usual_number, values)]
        column = pa.array(numbers, SECONDS)
        return column if pc.all(pc.is_finite(column)).as_py() is not False else None


class _BooleanParser(TypeParser):
    expected = "any value"
    fast_types = frozenset({str, bool, int, type(ABSENT)})

    def scalar(self, value: object) -> bool | None:
        return boolean(value)

    def vectorized(self, values: Sequence[Any]) -> Values:
        return pa.array([_BOOLEANS[value] for value in values], BOOLEAN)


class _InstantParser(TypeParser):
    expected = "a date and time with its offset, like 2016-01-01 12:25:15 -0500"
    fast_types = frozenset({str})

    def scalar(self, value: object) -> datetime | None:
        return instant(value)

    def vectorized(self, values: Sequence[Any]) -> Values | None:
        column = pa.array(values, TEXT).cast(INSTANT)
        span = pc.min_max(column.cast(pa.int64()))
        first, last = span["min"].as_py(), span["max"].as_py()
        return column if first is None or (first >= _FIRST_INSTANT and last <= _LAST_INSTANT) else None


_PARSERS: dict[pa.DataType, TypeParser] = {
    TEXT: _TextParser(),
    INTEGER: _IntegerParser(),
    MONEY: _MoneyParser(),
    SECONDS: _SecondsParser(),
    BOOLEAN: _BooleanParser(),
    INSTANT: _InstantParser(),
}


def parse_column(column: Column, values: Sequence[object]) -> Values:
    """Parse the values of one column.

    Args:
        column: The column, whose type decides how its values are parsed.
        values: The values as decoded from JSON, with the numbers of `json_number`. `ABSENT` is the value of a
            key that a row lacks.

    Raises:
        UnreadableValue: A value can't be parsed. The first such value is named.
    """
    parser = _PARSERS[column.arrow_type]
    types = set(map(type, values)) - {type(None)}
    if column.arrow_type != BOOLEAN:
        # Only a boolean column differs between an absent key and null.
        if type(ABSENT) in types:
            types.remove(type(ABSENT))
            values = [None if value is ABSENT else value for value in values]
        if not types:
            return pa.nulls(len(values), column.arrow_type)
    try:
        parsed = parser.vectorized(values) if types <= parser.fast_types else None
    except (pa.ArrowException, KeyError, TypeError, ValueError, ArithmeticError):
        parsed = None
    if parsed is None:
        parsed = pa.array(list(_parse_one_by_one(parser, values)), column.arrow_type)
    return _unescape(parsed) if column.is_html_escaped else parsed


def _parse_one_by_one(parser: TypeParser, values: Sequence[object]) -> Iterator[object]:
    for position, value in enumerate(values):
        try:
            yield parser.scalar(value)
        except (ValueError, TypeError, ArithmeticError) as error:
            raise UnreadableValue(position, parser.expected) from error


def _unescape(column: Values) -> Values:
    """Replace HTML entities in a column of texts."""
    if not pc.any(pc.match_substring(column, "&")).as_py():
        return column
    # Many rows share few names, so each name is unescaped once.
    names = column.dictionary_encode()
    unescaped = [None if name is None else unescape(name) for name in names.dictionary.to_pylist()]
    return pa.array(unescaped, TEXT).take(names.indices)
