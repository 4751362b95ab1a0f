"""Parse whole columns: at once in Arrow if all values have usual forms, else value by value.

Both ways give the same column. Only the second finds the value that can't be parsed. Not here: what one value
of a type means (`values.py`), and which columns a call has (`calls.py`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from trackdrive_assets.numbers import JsonNumbers, parse_number
from trackdrive_assets.tables import values as scalars
from trackdrive_assets.tables.arrow_types import BOOLEAN, INSTANT, INTEGER, MONEY, SECONDS, TEXT
from trackdrive_assets.tables.columns import Column
from trackdrive_assets.tables.errors import UnreadableValue
from trackdrive_assets.tables.values import ABSENT, BOOLEANS, unescape

Values: TypeAlias = "pa.Array[Any]"

_NOTHING = frozenset({type(None), type(ABSENT)})
_REFUSED = (pa.ArrowException, KeyError, TypeError, ValueError, ArithmeticError)

# Wide enough for amounts before they are rounded.
_UNROUNDED = pa.decimal128(38, 18)

# Up to this length, a number without an exponent is within the bounds of `numbers.py`.
_LONGEST_NUMBER = 38

# Arrow has years that Python's datetime lacks. Such a value could be stored but not read back.
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_INSTANT = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
_LAST_INSTANT = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)


class TypeParser(ABC):
    """The parser of one type.

    Attributes:
        expected: A description of a readable value.
    """

    expected: ClassVar[str]

    @abstractmethod
    def scalar(self, value: object) -> object:
        """Parse one value. Raises for a value that can't be parsed."""

    @abstractmethod
    def vectorized(self, values: Sequence[Any]) -> Values | None:
        """Parse a column of usual values at once. Raises or returns None if a value needs `scalar`."""


class _TextParser(TypeParser):
    expected = "text"

    def scalar(self, value: object) -> str | None:
        return scalars.text(value)

    def vectorized(self, values: Sequence[Any]) -> Values:
        return _texts(values)


class _IntegerParser(TypeParser):
    expected = "a whole number of at most 64 bits"

    def scalar(self, value: object) -> int | None:
        return scalars.integer(value)

    def vectorized(self, values: Sequence[Any]) -> Values | None:
        # Arrow would cut off the fraction of a Decimal.
        sent, types = _sent(values)
        return pa.array(sent, INTEGER) if types <= {int} else None


class _MoneyParser(TypeParser):
    expected = "an amount below a trillion, like 10.50"

    def scalar(self, value: object) -> Decimal | None:
        return scalars.money(value)

    def vectorized(self, values: Sequence[Any]) -> Values | None:
        sent, types = _sent(values)
        if isinstance(values, JsonNumbers) and bytes in types:
            unrounded = _plain_numbers(sent, types).cast(_UNROUNDED)
        elif types <= {int, Decimal, str}:
            unrounded = pa.array(map(_usual_number, sent), _UNROUNDED)
        else:
            return None
        return pc.round(unrounded, MONEY.scale, "half_to_even").cast(MONEY)


class _SecondsParser(TypeParser):
    expected = "a number of seconds"

    def scalar(self, value: object) -> float | None:
        return scalars.seconds(value)

    def vectorized(self, values: Sequence[Any]) -> Values | None:
        sent, types = _sent(values)
        if types <= {int}:
            return pa.array(sent, SECONDS)
        if isinstance(values, JsonNumbers):
            return _plain_numbers(sent, types).cast(SECONDS)
        if not types <= {int, Decimal, str}:
            return None
        numbers = [None if number is None else float(number) for number in map(_usual_number, sent)]
        column = pa.array(numbers, SECONDS)
        return column if pc.all(pc.is_finite(column)).as_py() is not False else None


class _BooleanParser(TypeParser):
    expected = "any value"

    def scalar(self, value: object) -> bool | None:
        return scalars.boolean(value)

    def vectorized(self, values: Sequence[Any]) -> Values:
        return pa.array(map(BOOLEANS.__getitem__, values), BOOLEAN)


class _InstantParser(TypeParser):
    expected = "a date and time with its offset, like 2016-01-01 12:25:15 -0500"

    def scalar(self, value: object) -> datetime | None:
        return scalars.instant(value)

    def vectorized(self, values: Sequence[Any]) -> Values | None:
        column = _texts(values).cast(INSTANT)
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
    try:
        parsed = parser.vectorized(values)
    except _REFUSED:
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


def _texts(values: Sequence[Any]) -> Values:
    """Return texts as an array. Arrow itself refuses values of other types."""
    try:
        return pa.array(values, TEXT)
    except _REFUSED:
        return pa.array(_without_absent(values), TEXT)


def _sent(values: Sequence[Any]) -> tuple[Sequence[Any], frozenset[type]]:
    """Return values with null for an absent key, and the types of the others."""
    sent, types = (
        (values.sent, values.types)
        if isinstance(values, JsonNumbers)
        else (values, frozenset(map(type, values)))
    )
    return _without_absent(sent) if type(ABSENT) in types else sent, types - _NOTHING


def _without_absent(values: Sequence[Any]) -> Sequence[Any]:
    return [None if value is ABSENT else value for value in values]


def _plain_numbers(sent: Sequence[Any], types: frozenset[type]) -> Values:
    """Return the texts of JSON numbers.

    Raises:
        ValueError: A number has an exponent or is long, so that Arrow could read it in another way.
    """
    texts = pa.array(
        [str(value) if type(value) is int else value for value in sent] if int in types else sent, TEXT
    )
    characters = texts.buffers()[2].to_pybytes()
    if b"e" in characters or b"E" in characters or pc.max(pc.binary_length(texts)).as_py() > _LONGEST_NUMBER:
        raise ValueError("A number is not plain.")
    return texts


def _usual_number(value: int | Decimal | str | None) -> int | Decimal | None:
    if isinstance(value, str):
        return parse_number(value) if value else None
    return value


def _unescape(column: Values) -> Values:
    """Replace HTML entities in a column of texts."""
    if not pc.any(pc.match_substring(column, "&")).as_py():
        return column
    # Many rows share few names, so each name is unescaped once.
    names = column.dictionary_encode()
    unescaped = [None if name is None else unescape(name) for name in names.dictionary.to_pylist()]
    return pa.array(unescaped, TEXT).take(names.indices)
