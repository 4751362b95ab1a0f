"""The rows of a list, stored as columns, and their decoder.

A page of calls has many columns and is processed column by column. One object per row would cost more than
all other steps. `envelope.py` has the envelope around the rows, and `tables/` parses the values.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

import msgspec

from trackdrive_assets.api.decoding import NotAnAnswer, any_value
from trackdrive_assets.numbers import json_number

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
            return self.at(range(*position.indices(self.length)))
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

    It remembers the keys. An array with known keys is decoded directly into columns, in less than half the
    time of one object per row. An array with a new key is decoded in the slower way once.
    """

    def __init__(self) -> None:
        self._fast_decoder: tuple[tuple[str, ...], msgspec.json.Decoder[Any]] = ((), _decoder_for(()))

    def decode(self, text: msgspec.Raw | bytes) -> Any:
        """Return an array of objects as `Rows`, and any other JSON value as it is.

        Raises:
            msgspec.DecodeError: The text is not JSON.
            NotAnAnswer: The rows have too many different keys.
        """
        names, decoder = self._fast_decoder
        try:
            found = decoder.decode(text)
        except msgspec.ValidationError:
            content = any_value(text)
            if not isinstance(content, list) or not all(isinstance(row, dict) for row in content):
                return content
            rows = Rows.of(content)
            self._remember(rows.columns)
            return rows
        columns = zip(*map(msgspec.structs.astuple, found), strict=True)
        return Rows(dict(zip(names, columns, strict=bool(found))), len(found))

    def _remember(self, names: Iterable[str]) -> None:
        known = tuple(dict.fromkeys([*self._fast_decoder[0], *names]))
        if len(known) <= _MOST_KEYS and not any(map(_ESCAPED.search, known)):
            self._fast_decoder = (known, _decoder_for(known))


def _decoder_for(names: Sequence[str]) -> msgspec.json.Decoder[Any]:
    """Return a decoder of objects that have some of these keys, and no others."""
    fields = {f"key_{number}": name for number, name in enumerate(names)}
    row = msgspec.defstruct(
        "Row",
        [(field, Any, ABSENT) for field in fields],
        rename=fields,
        forbid_unknown_fields=True,
        gc=False,
    )
    rows: Any = list[row]  # type: ignore[valid-type]  # a type of run time
    return msgspec.json.Decoder(rows, float_hook=json_number)
