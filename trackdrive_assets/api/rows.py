"""The rows of a list, stored as columns, and their decoder.

A page of calls has many columns and is processed column by column. One object per row would cost more than
all other steps. `envelope.py` has the envelope around the rows, and `tables/` parses the values.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, overload

import msgspec

from trackdrive_assets.api.decoding import NotAnAnswer, any_value
from trackdrive_assets.numbers import JsonNumbers

Row = dict[str, Any]
"""One JSON object. Integers are int. Other numbers are Decimal, with the digits of the response. A number
that is too large to compute with is a text.
"""

MAX_KEYS = 2_000
"""The most different keys on one page. Every key is a column over all rows of the page. A call has about 70
documented keys, and an account has some dozens of tags, rarely two hundred.
"""

ABSENT = msgspec.UNSET
"""The value of a column in a row that lacks the key."""

# Keys that JSON escapes. The decoder compares keys in their escaped form.
_ESCAPED = re.compile(r'["\\\x00-\x1f]')

_NO_TYPES: frozenset[type] = frozenset()
_NOTHING = frozenset({type(None), type(ABSENT)})
_TEXTS = _NOTHING | {str}
_NUMBERS = _NOTHING | {int, Decimal}
_SENT_NUMBERS = _NOTHING | {int, bytes}

# With more keys, no decoder is created for the rows.
_MOST_KEYS = 1_000


@dataclass(frozen=True, eq=False)
class Rows(Sequence[Row]):
    """Rows as columns. As a sequence, it has one object per row.

    Attributes:
        columns: The values of each key, one per row; `ABSENT` if the row lacks the key.
        length: The number of rows.
    """

    columns: Mapping[str, Sequence[Any]]
    length: int

    @classmethod
    def of(cls, rows: Sequence[Row]) -> "Rows":
        """Return rows as columns, in the order in which the keys appear first.

        Raises:
            NotAnAnswer: The rows have too many different keys.
        """
        names: dict[str, None] = {}
        for row in rows:
            names.update(dict.fromkeys(row))
            if len(names) > MAX_KEYS:
                raise NotAnAnswer(
                    f"its rows have more than {MAX_KEYS:,} different keys. If the account has so many tags, "
                    "ask for a smaller page: set TRACKDRIVE_PER_PAGE"
                )
        return cls({name: [row.get(name, ABSENT) for row in rows] for name in names}, len(rows))

    def __len__(self) -> int:
        return self.length

    @overload
    def __getitem__(self, position: int) -> Row: ...
    @overload
    def __getitem__(self, position: slice) -> "Rows": ...
    def __getitem__(self, position: int | slice) -> "Row | Rows":
        if isinstance(position, slice):
            columns = {name: column[position] for name, column in self.columns.items()}
            return Rows(columns, len(range(*position.indices(self.length))))
        if not -self.length <= position < self.length:
            raise IndexError(position)
        values = ((name, column[position]) for name, column in self.columns.items())
        return {name: value for name, value in values if value is not ABSENT}

    def __iter__(self) -> Iterator[Row]:
        return (self[position] for position in range(self.length))

    def column(self, name: str) -> Sequence[Any]:
        """Return the values of a key, also of a key that no row has."""
        return self.columns.get(name) or [ABSENT] * self.length

    def at(self, positions: Iterable[int]) -> "Rows":
        """Return the rows at some positions."""
        chosen = list(positions)
        return Rows({name: [column[n] for n in chosen] for name, column in self.columns.items()}, len(chosen))


class RowDecoder:
    """A decoder for arrays of objects with similar keys.

    It remembers the keys and the types of their values. An array of them is decoded directly into columns, in
    less than half the time of one object per row. Any other array is decoded in the slower way once.
    """

    def __init__(self) -> None:
        self._types: dict[str, frozenset[type]] = {}
        self._fast_decoder = _ColumnDecoder({})

    def decode(self, text: msgspec.Raw | bytes) -> Any:
        """Return an array of objects as `Rows`, and any other JSON value as it is.

        Raises:
            msgspec.DecodeError: The text is not JSON.
            NotAnAnswer: The rows have too many different keys.
        """
        try:
            return self._fast_decoder.decode(text)
        except msgspec.ValidationError:
            content = any_value(text)
            if not isinstance(content, list) or not all(isinstance(row, dict) for row in content):
                return content
            rows = Rows.of(content)
            self._remember(rows.columns)
            return rows

    def _remember(self, columns: Mapping[str, Sequence[Any]]) -> None:
        types = {name: self._types.get(name, _NO_TYPES).union(map(type, columns[name])) for name in columns}
        known = self._types | types
        if len(known) <= _MOST_KEYS and not any(map(_ESCAPED.search, known)):
            self._types, self._fast_decoder = known, _ColumnDecoder(known)


class _ColumnDecoder:
    """A decoder of objects that have some of the given keys, with values of the given types, and no others.

    Args:
        types: The types of the values of each key.
    """

    def __init__(self, types: Mapping[str, frozenset[type]]) -> None:
        self._names = list(types)
        self._numbers = [name for name in types if _is_numeric(types[name])]
        self._others = [name for name in types if not _is_numeric(types[name]) and not types[name] <= _TEXTS]
        field_types = dict.fromkeys(types, str | None | msgspec.UnsetType)
        field_types |= dict.fromkeys(self._numbers, Any) | dict.fromkeys(self._others, msgspec.Raw)
        fields = {f"key_{number}": name for number, name in enumerate(types)}
        row = msgspec.defstruct(
            "Row",
            [(field, field_types[name], ABSENT) for field, name in fields.items()],
            rename=fields,
            forbid_unknown_fields=True,
            gc=False,
        )
        rows: Any = list[row]  # type: ignore[valid-type]  # a type of run time
        # A function in C, because a page has many numbers. No JSON value is decoded as bytes.
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(rows, float_hook=str.encode)

    def decode(self, text: msgspec.Raw | bytes) -> Rows:
        """Return an array of objects as rows.

        Raises:
            msgspec.ValidationError: The text is another JSON value, or has another key or type.
            msgspec.DecodeError: The text is not JSON.
        """
        found = self._decoder.decode(text)
        values = zip(*map(msgspec.structs.astuple, found), strict=True)
        columns: dict[str, Sequence[Any]] = dict(zip(self._names, values, strict=bool(found)))
        if found:
            columns |= {name: _numbers(columns[name]) for name in self._numbers}
            columns |= {name: [_other(value) for value in columns[name]] for name in self._others}
        return Rows(columns, len(found))


def _is_numeric(types: frozenset[type]) -> bool:
    return types <= _NUMBERS and not types <= _NOTHING


def _numbers(values: Sequence[Any]) -> JsonNumbers:
    numbers = JsonNumbers(values)
    if not numbers.types <= _SENT_NUMBERS:
        raise msgspec.ValidationError("A value is not a number.")
    return numbers


def _other(value: Any) -> Any:
    return value if value is ABSENT else any_value(value)
