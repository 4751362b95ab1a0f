"""The rows of a list, kept as columns, and how they are decoded.

A page of calls is wide, and everything that is done with it is done column by column; one object for each
row would cost more than all of that. Not here: the envelope around the rows (`envelope.py`) and what the
columns mean (`tables/`).
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain
from typing import Any, overload

import msgspec

Row = dict[str, Any]
"""One JSON object. Whole numbers are int; all others are Decimal, with the digits that were sent."""

ABSENT = msgspec.UNSET
"""Stands in a column for a key that the row lacks."""

# Keys that JSON writes otherwise than they are; the decoder knows keys by how they are written.
_ESCAPED = re.compile(r'["\\\x00-\x1f]')

# Rows that differ in so many keys are none that a decoder could be made for.
_MOST_KEYS = 1_000

_any_value = msgspec.json.Decoder(float_hook=Decimal)


@dataclass(frozen=True, eq=False)
class Rows(Sequence[Row]):
    """Rows with named values. As a sequence, it gives them one by one.

    Attributes:
        columns: By key, its value in each row; `ABSENT` where the row lacks it.
        length: How many rows there are.
    """

    columns: Mapping[str, Sequence[Any]]
    length: int

    @classmethod
    def of(cls, rows: Sequence[Row]) -> "Rows":
        """The same rows as columns, in the order in which the keys first appear."""
        names = dict.fromkeys(chain.from_iterable(rows))
        return cls({name: [row.get(name, ABSENT) for row in rows] for name in names}, len(rows))

    def __len__(self) -> int:
        return self.length

    @overload
    def __getitem__(self, position: int) -> Row: ...
    @overload
    def __getitem__(self, position: slice) -> "Rows": ...
    def __getitem__(self, position: int | slice) -> "Row | Rows":
        if isinstance(position, slice):
            return self.at(range(*position.indices(self.length)))
        if not -self.length <= position < self.length:
            raise IndexError(position)
        values = ((name, column[position]) for name, column in self.columns.items())
        return {name: value for name, value in values if value is not ABSENT}

    def __iter__(self) -> Iterator[Row]:
        return (self[position] for position in range(self.length))

    def column(self, name: str) -> Sequence[Any]:
        """The values of a key, also of one that no row has."""
        return self.columns.get(name) or [ABSENT] * self.length

    def at(self, positions: Iterable[int]) -> "Rows":
        """The rows at some positions."""
        chosen = list(positions)
        return Rows({name: [column[n] for n in chosen] for name, column in self.columns.items()}, len(chosen))


class RowDecoder:
    """Decodes arrays of objects that have much the same keys, again and again.

    It learns the keys as they come. With all keys known, an array is decoded straight into columns, in less
    than half the time that an object for each row takes; one with another key is decoded the longer way once.
    """

    def __init__(self) -> None:
        self._swift: tuple[tuple[str, ...], msgspec.json.Decoder[Any]] = ((), _decoder_for(()))

    def decode(self, text: msgspec.Raw | bytes) -> Any:
        """The rows as `Rows`; what is no array of objects, as any JSON value.

        Raises:
            msgspec.DecodeError: It is not JSON.
        """
        names, decoder = self._swift
        try:
            found = decoder.decode(text)
        except msgspec.ValidationError:
            content = _any_value.decode(text)
            if not isinstance(content, list) or not all(isinstance(row, dict) for row in content):
                return content
            rows = Rows.of(content)
            self._learn(rows.columns)
            return rows
        columns = zip(*map(msgspec.structs.astuple, found), strict=True)
        return Rows(dict(zip(names, columns, strict=bool(found))), len(found))

    def _learn(self, names: Iterable[str]) -> None:
        known = tuple(dict.fromkeys([*self._swift[0], *names]))
        if len(known) <= _MOST_KEYS and not any(map(_ESCAPED.search, known)):
            self._swift = (known, _decoder_for(known))


def _decoder_for(names: Sequence[str]) -> msgspec.json.Decoder[Any]:
    """A decoder of objects with any of these keys, and no others."""
    fields = {f"key_{number}": name for number, name in enumerate(names)}
    row = msgspec.defstruct(
        "Row",
        [(field, Any, ABSENT) for field in fields],
        rename=fields,
        forbid_unknown_fields=True,
        gc=False,
    )
    return msgspec.json.Decoder(list[row], float_hook=Decimal)  # type: ignore[valid-type]  # made just now
