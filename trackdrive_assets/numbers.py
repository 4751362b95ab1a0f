"""What a number is in the texts and the JSON of the API, and up to which size it is computed with.

`1e3000000` is nine characters, and more memory than a machine has once it is written out. So a number is
checked as text, before any arithmetic. Not here: what the type of a column allows (`tables/values.py`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any, overload

# No sign `+`, no `_`, no thousands separators, no spaces, no digits of other scripts, no `nan` and no `inf`.
# 38 digits are the most that Arrow and DuckDB have. A double has an exponent of up to three digits, but no
# amount, duration or id of a call needs more than two.
_NUMBER = re.compile(r"-?[0-9]{1,38}(?:\.([0-9]{1,38}))?(?:[eE]([+-]?[0-9]{1,2}))?")

# Arrow misreads numbers with more decimals.
_MOST_DECIMALS = 38

LARGEST_EXPONENT = 38 + 99
"""The largest power of ten in a number within the bounds."""

_MOST_COUNTED = 10**15

# Up to this length, a number without an exponent is within the bounds.
_SHORT = 38


def parse_number(text: str) -> Decimal:
    """Return the value of a number.

    Raises:
        ValueError: The text is not a number, or a number that is too long or too large to compute with.
    """
    match = _NUMBER.fullmatch(text)
    if match is None or len(match[1] or "") - int(match[2] or 0) > _MOST_DECIMALS:
        raise ValueError("The text is not a number, or one that is too large.")
    return Decimal(text)


def json_number(text: str) -> Decimal | str:
    """Return the value of a JSON number. A number that is too large to compute with stays a text."""
    if len(text) <= _SHORT and "e" not in text and "E" not in text:
        return Decimal(text)
    try:
        return parse_number(text)
    except ValueError:
        return text


def parse_count(value: object) -> int | None:
    """Return a count from a JSON value: a whole number, or a text of one. None if the value is no count."""
    if isinstance(value, str):
        try:
            value = parse_number(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    return int(value) if 0 <= value < _MOST_COUNTED and value == int(value) else None


@dataclass(frozen=True, eq=False)
class JsonNumbers(Sequence[Any]):
    """A column of JSON numbers. As a sequence, it has the values of `json_number`.

    A column is often stored without computing with any of its numbers. So they are computed only if needed.

    Attributes:
        sent: The numbers. A number that is not an integer is the bytes of its text. Other values are kept.
    """

    sent: Sequence[Any]

    @cached_property
    def types(self) -> frozenset[type]:
        """The types of the values in `sent`."""
        return frozenset(map(type, self.sent))

    def __len__(self) -> int:
        return len(self.sent)

    @overload
    def __getitem__(self, position: int) -> Any: ...
    @overload
    def __getitem__(self, position: slice) -> "JsonNumbers": ...
    def __getitem__(self, position: int | slice) -> Any:
        if isinstance(position, slice):
            return JsonNumbers(self.sent[position])
        value = self.sent[position]
        return json_number(value.decode()) if type(value) is bytes else value
