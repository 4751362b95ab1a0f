"""The API's values as typed ones: `"Converted"` is true, `"10.50"` is money, `""` is nothing.

One function reads one value of each type; a batch of rows is read column by column. A value that can't be
read fails its whole batch and names the row and the field, so that no row is ever dropped in silence. Which
columns exist is in `columns`; what a response looks like around its rows is the API's affair.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fnmatch import fnmatchcase
from itertools import accumulate, chain, compress, pairwise
from typing import Any, TypeAlias

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from trackdrive_assets.tables.columns import (
    CALLS,
    COUNT,
    FLAG,
    INSTANT,
    MONEY,
    REPORTS,
    SECONDS,
    STATS,
    TEXT,
    TOKENS,
    Column,
)

Values: TypeAlias = "pa.Array[Any]"

TOKEN = "token-"  # noqa: S105  the prefix of a tag's key, no secret
_REQUIRED = ("uuid", "created_at")
_REPEATS = {"name": "caller_number"}
"""Columns that may hold the value of another, and are hidden with it."""
_KNOWN = frozenset(key for column in CALLS.columns for key in column.sources)
_JSON = msgspec.json.Encoder(decimal_format="number", order="deterministic")


_SHOWN = 80


class MalformedRow(ValueError):
    """A row holds a value that can't be read as its column's type.

    Attributes:
        uuid: Of the call; None for rows of reports and statistics.
        field: The key that holds the value.
    """

    def __init__(self, row: str, field: str, value: object, expected: str, uuid: str | None = None) -> None:
        shown = repr(value)
        shown = shown if len(shown) <= _SHOWN else shown[: _SHOWN - 1] + "…"
        super().__init__(f"{row}: {field} is {shown}, expected {expected}. Nothing of this batch was kept.")
        self.uuid = uuid
        self.field = field


@dataclass(frozen=True)
class Exclusion:
    """What is never to be stored.

    Attributes:
        patterns: Names of columns, of tags (`token-email`) or of unknown keys; `*` stands for any characters.
    """

    patterns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in _REQUIRED:
            if self.excludes(name):
                raise ValueError(f"{name} can't be excluded: every call is stored and compared by it.")

    @classmethod
    def of(cls, names: str) -> Exclusion:
        """Read a comma-separated list such as `caller_number,token-email,token-*`.

        Raises:
            ValueError: The list covers `uuid` or `created_at`.
        """
        return cls(tuple(name for part in names.split(",") if (name := part.strip())))

    def excludes(self, key: str) -> bool:
        """Whether the column, tag or unknown key is excluded."""
        # `token_values` repeats every tag in one text of a form that is not documented, so that no single tag
        # could be taken out of it for sure. It goes when any tag goes.
        return any(
            fnmatchcase(key, pattern)
            or (key == "token_values" and pattern.startswith(TOKEN))
            or (key in _REPEATS and fnmatchcase(_REPEATS[key], pattern))
            for pattern in self.patterns
        )

    @property
    def unlisted(self) -> tuple[str, ...]:
        """The patterns that match no documented column and no tag: a slip, or an undocumented key."""
        return tuple(
            pattern
            for pattern in self.patterns
            if not pattern.startswith(TOKEN) and not any(fnmatchcase(key, pattern) for key in _KNOWN)
        )


NOTHING = Exclusion()


# One value


ABSENT = msgspec.UNSET
"""Stands for a key that the row lacks."""

_FLAGS: dict[object, bool | None] = {
    ABSENT: None,
    None: False,
    False: False,
    True: True,
    **dict.fromkeys(("converted", "repeat", "true", "1", "yes", "on"), True),
    **dict.fromkeys(("", "not converted", "not repeat", "unconverted", "false", "0", "no", "off"), False),
    # As sent; every other spelling is looked up in lower case.
    "Converted": True,
    "Repeat": True,
}
_CENTS = Decimal("0.000001")
_MONEY_CONTEXT = Context(prec=60, rounding=ROUND_HALF_EVEN)
_MONEY_LIMIT = Decimal(10) ** (MONEY.precision - MONEY.scale)
_INTEGER_LIMIT = 2**63
_SPACE_BEFORE_OFFSET = re.compile(r"\s+(?=[+-]\d\d:?\d\d$)")
_UTC_NAME = re.compile(r"\s*(?:UTC|GMT)$")


def _number(value: object) -> Decimal | None:
    """A finite number from a number or a numeric text; None from nothing or an empty text."""
    if value is None or value is ABSENT:
        return None
    if isinstance(value, str):
        if not (value := value.strip()):
            return None
    elif isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise TypeError(value)
    # By way of its text, a float is the decimal that was sent, and not the binary one next to it.
    number = Decimal(value if isinstance(value, int | Decimal) else str(value))
    if not number.is_finite():
        raise ValueError(value)
    return number


def money(value: object) -> Decimal | None:
    """Dollars with six decimals; None stays None and never becomes 0."""
    number = _number(value)
    if number is None:
        return None
    amount = number.quantize(_CENTS, context=_MONEY_CONTEXT)
    if abs(amount) >= _MONEY_LIMIT:
        raise ValueError(value)
    return amount


def seconds(value: object) -> float | None:
    """A duration in seconds."""
    number = _number(value)
    if number is None:
        return None
    duration = float(number)
    if duration in (float("inf"), float("-inf")):
        raise ValueError(value)
    return duration


def whole(value: object) -> int | None:
    """An id or a count: 64 bits, without a fraction."""
    number = _number(value)
    if number is None:
        return None
    if not -_INTEGER_LIMIT <= number < _INTEGER_LIMIT or number != int(number):
        raise ValueError(value)
    return int(number)


def flag(value: object) -> bool | None:
    """True or false; None only for a key that the row lacks, because the API sends null for false."""
    if isinstance(value, str):
        value = value.strip().lower()
    if isinstance(value, dict | list) or value not in _FLAGS:
        raise ValueError(value)
    return _FLAGS[value]


def instant(value: object) -> datetime | None:
    """An instant, in UTC, from a text with an explicit offset."""
    if value is None or value is ABSENT:
        return None
    if not isinstance(value, str):
        raise TypeError(value)
    if not (text_ := value.strip()):
        return None
    try:
        moment = datetime.fromisoformat(text_)
    except ValueError:
        moment = datetime.fromisoformat(_SPACE_BEFORE_OFFSET.sub("", _UTC_NAME.sub("Z", text_)))
    if moment.tzinfo is None:
        raise ValueError(value)
    return moment.astimezone(UTC)


def text(value: object) -> str | None:
    """Text as it came; numbers, true and false as their text, nested values as JSON."""
    if value is None or value is ABSENT:
        return None
    if isinstance(value, str):
        value.encode()  # a lone surrogate is no text that a file could hold
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return _JSON.encode(value).decode()
    return format(value, "f") if isinstance(value, Decimal) else str(value)


# One column


@dataclass(frozen=True)
class _Reading:
    """How the values of one type are read.

    Attributes:
        one: Reads a single value or raises.
        expected: What a value should have looked like, for people.
        usual: The types of values that `swift` reads, besides None. True and false are no numbers here.
        swift: Reads a column of such values at once; raises or returns None to leave them to `one`.
    """

    one: Callable[[object], object]
    expected: str
    usual: frozenset[type]
    swift: Callable[[Sequence[Any]], Values | None]


def _swift_text(values: Sequence[Any]) -> Values:
    return pa.array(values, TEXT)


def _swift_whole(values: Sequence[Any]) -> Values:
    return pa.array(values, COUNT)


def _swift_money(values: Sequence[Any]) -> Values:
    # Arrow refuses an amount with more decimals than there is room for; then all are rounded. What is no
    # finite number or too large it refuses in either case, and `money` says which.
    amounts = [value if type(value) is not str else Decimal(value) if value else None for value in values]
    try:
        return pa.array(amounts, MONEY)
    except pa.ArrowInvalid:
        quantize, context = Decimal.quantize, _MONEY_CONTEXT
        rounded = [
            None if value is None else quantize(Decimal(value), _CENTS, context=context) for value in amounts
        ]
        return pa.array(rounded, MONEY)


def _swift_seconds(values: Sequence[Any]) -> Values | None:
    numbers = [
        None if value is None or (type(value) is str and not value) else float(value) for value in values
    ]
    column = pa.array(numbers, SECONDS)
    return column if pc.all(pc.is_finite(column)).as_py() is not False else None


def _swift_flags(values: Sequence[Any]) -> Values:
    return pa.array([_FLAGS[value] for value in values], FLAG)


def _swift_instants(values: Sequence[Any]) -> Values | None:
    column = pa.array(values, TEXT).cast(INSTANT)
    span = pc.min_max(column.cast(pa.int64()))
    inside = span["min"].as_py() is None or (
        span["min"].as_py() >= _FIRST_INSTANT and span["max"].as_py() <= _LAST_INSTANT
    )
    return column if inside else None


# Arrow counts beyond the years of Python's datetime; whoever read such a value back would fail.
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_INSTANT = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
_LAST_INSTANT = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)

_READINGS: dict[pa.DataType, _Reading] = {
    TEXT: _Reading(text, "text", frozenset({str}), _swift_text),
    COUNT: _Reading(whole, "a whole number of at most 64 bits", frozenset({int}), _swift_whole),
    MONEY: _Reading(
        money, "an amount of money below a trillion", frozenset({int, Decimal, str}), _swift_money
    ),
    SECONDS: _Reading(seconds, "a number of seconds", frozenset({int, float, Decimal, str}), _swift_seconds),
    FLAG: _Reading(
        flag,
        "Converted, Repeat, true, false or nothing",
        frozenset({str, bool, int, type(ABSENT)}),
        _swift_flags,
    ),
    INSTANT: _Reading(
        instant,
        "a date and time with its offset, like 2016-01-01 12:25:15 -0500",
        frozenset({str}),
        _swift_instants,
    ),
}


def _column(
    column: Column,
    values: Sequence[object],
    malformed: Callable[[int, str], MalformedRow],
) -> Values:
    """The values of one column, typed. `malformed` makes the error from a position and what was expected."""
    reading = _READINGS[column.type]
    kinds = set(map(type, values)) - {type(None)}
    if column.type != FLAG and type(ABSENT) in kinds:
        kinds.remove(type(ABSENT))
        values = [None if value is ABSENT else value for value in values] if kinds else [None] * len(values)
    if column.type != FLAG and not kinds:
        return pa.nulls(len(values), column.type)
    try:
        swift = reading.swift(values) if kinds <= reading.usual else None
    except (pa.ArrowException, KeyError, TypeError, ValueError, ArithmeticError):
        # Something unusual is among them; read one by one, and say which if it can't be read.
        swift = None
    if swift is None:
        swift = pa.array(list(_one_by_one(reading, values, malformed)), column.type)
    if column.escaped and pc.any(pc.match_substring(swift, "&")).as_py():
        # Few names stand in many rows.
        names = swift.dictionary_encode()
        spoken = [None if name is None else html.unescape(name) for name in names.dictionary.to_pylist()]
        swift = pa.array(spoken, TEXT).take(names.indices)
    return swift


def _one_by_one(
    reading: _Reading, values: Iterable[object], malformed: Callable[[int, str], MalformedRow]
) -> Iterable[object]:
    for position, value in enumerate(values):
        try:
            yield reading.one(value)
        except (ValueError, TypeError, ArithmeticError) as error:
            raise malformed(position, reading.expected) from error


# One batch


def call_batch(
    columns: Mapping[str, Sequence[object]],
    length: int,
    *,
    fetched_at: datetime,
    exclude: Exclusion = NOTHING,
) -> pa.RecordBatch:
    """Type a page of calls.

    Args:
        columns: By key, its value in each call, as decoded from JSON; `ABSENT` where the call lacks it.
        length: How many calls there are.
        fetched_at: When they were read; must know its zone.
        exclude: Columns to leave null, and tags and unknown keys to leave out.

    Returns:
        As many rows, in the same order, with the schema of `CALLS`.

    Raises:
        MalformedRow: A value can't be read, or a call lacks its uuid or created_at.
    """
    added = {
        "tokens": lambda: _tokens(
            {key: columns[key] for key in columns if key.startswith(TOKEN) and not exclude.excludes(key)},
            length,
        ),
        "extra": lambda: _extra(
            {
                key: columns[key]
                for key in columns.keys() - _KNOWN
                if not key.startswith(TOKEN) and not exclude.excludes(key)
            },
            length,
        ),
        "fetched_at": lambda: pa.repeat(pa.scalar(fetched_at, INSTANT), length),
    }
    return pa.RecordBatch.from_arrays(
        [
            pa.nulls(length, column.type)
            if exclude.excludes(column.name)
            else added[column.name]()
            if column.name in added
            else _call_column(column, columns, length)
            for column in CALLS.columns
        ],
        schema=CALLS.schema,
    )


def _call_column(column: Column, columns: Mapping[str, Sequence[object]], length: int) -> Values:
    """One column of the calls. Only a flag tells a missing key from null."""
    if column.name not in columns and column.name not in _REQUIRED:
        return pa.nulls(length, column.type)
    values = columns.get(column.name) or [ABSENT] * length

    def malformed(position: int, expected: str) -> MalformedRow:
        uuid = columns["uuid"][position] if "uuid" in columns else None
        known = isinstance(uuid, str) and uuid
        return MalformedRow(
            f"Call {uuid}" if known else f"Call {position + 1} of the page",
            column.name,
            values[position],
            expected,
            uuid=str(uuid) if known else None,
        )

    if column.name in _REQUIRED:
        for position, value in enumerate(values):
            if value is None or value is ABSENT or value == "":
                raise malformed(position, f"a value, because every call has a {column.name}")
    return _column(column, values, malformed)


def _tokens(tags: Mapping[str, Sequence[object]], length: int) -> Values:
    """The tags of each row as a map, in order of name."""
    if not tags:
        return pa.nulls(length, TOKENS)
    keys = sorted(tags)
    names = [key.removeprefix(TOKEN) for key in keys] * length
    rows = list(zip(*(tags[key] for key in keys), strict=True))
    values = list(chain.from_iterable(rows))
    there = [value is not ABSENT for value in values]
    ends = list(accumulate((len(keys) - row.count(ABSENT) for row in rows), initial=0))
    # A row without tags has no map, which an offset says by being missing.
    offsets = [None if end == following else end for end, following in pairwise([*ends, -1])]
    return pa.MapArray.from_arrays(
        pa.array(offsets, pa.int32()),
        pa.array(list(compress(names, there)), TEXT),
        pa.array([value if type(value) is str else text(value) for value in compress(values, there)], TEXT),
    )


def _extra(unknown: Mapping[str, Sequence[object]], length: int) -> Values:
    """The keys that have no column, as JSON text."""
    if not unknown:
        return pa.nulls(length, TEXT)
    keys = sorted(unknown)
    found = (
        {key: value for key, value in zip(keys, row, strict=True) if value is not ABSENT}
        for row in zip(*(unknown[key] for key in keys), strict=True)
    )
    return pa.array([_JSON.encode(values).decode() if values else None for values in found], TEXT)


def report_batch(rows: Sequence[Mapping[str, object]], *, category: str) -> pa.RecordBatch:
    """Type the rows of one report, whose shape the API's documentation leaves open.

    Args:
        rows: As decoded from JSON, one object a group.
        category: What the report groups calls by; the first key looked for.

    Returns:
        As many rows, in the same order, with the schema of `REPORTS`. A number that the row lacks is null.

    Raises:
        MalformedRow: A number can't be read, or nothing in a row names its group.
    """
    _refuse_other_than_objects(rows, "Report row")
    arrays: list[Values] = []
    for column in REPORTS.columns:
        if column.name == "row":
            arrays.append(pa.array([_JSON.encode(row).decode() for row in rows], TEXT))
        else:
            keys = [_report_key(column, row, category, position) for position, row in enumerate(rows)]
            arrays.append(_report_column(column, rows, keys))
    return pa.RecordBatch.from_arrays(arrays, schema=REPORTS.schema)


def _report_key(column: Column, row: Mapping[str, object], category: str, position: int) -> str:
    """The key of the row that holds the column; the column's own name when there is none."""
    sources = column.sources
    if column.name == "group_value":
        sources = (category, *sources)
    if column.name == "group_name":
        sources = (*sources, category.removesuffix("_id"))
    # A report by buyer_converted names its groups by a key that elsewhere counts them.
    elif column.name != "group_value":
        sources = tuple(source for source in sources if source != category)
    for source in sources:
        if source in row:
            return source
    if column.name == "group_value":
        return _only_label(row, category, position)
    return column.name


def _only_label(row: Mapping[str, object], category: str, position: int) -> str:
    """The one field of the row that holds words, which then must be the group."""
    labels = [key for key, value in row.items() if isinstance(value, str) and not _is_numeric(value)]
    if len(labels) != 1:
        raise MalformedRow(
            f"Report row {position + 1}", category, dict(row), "one field that names the group"
        )
    return labels[0]


def _is_numeric(value: str) -> bool:
    try:
        return _number(value) is not None
    except (ValueError, ArithmeticError):
        return False


def _report_column(column: Column, rows: Sequence[Mapping[str, object]], keys: Sequence[str]) -> Values:
    values = [row.get(key) for row, key in zip(rows, keys, strict=True)]
    if column.name == "group_value":
        values = [None if value == "" else value for value in values]

    def malformed(position: int, expected: str) -> MalformedRow:
        return MalformedRow(f"Report row {position + 1}", keys[position], values[position], expected)

    return _column(column, values, malformed)


Series = Mapping[str, Mapping[str | None, Decimal | None]]


def stats_batch(intervals: Sequence[tuple[datetime, datetime, Series]]) -> pa.RecordBatch:
    """Lay the statistics of each interval side by side.

    Args:
        intervals: First instant, first instant after, and by stat (`count`, …) the value of each group.

    Returns:
        A row per interval and group with the schema of `STATS`. A stat that lacks the group is null there.

    Raises:
        MalformedRow: A value can't be read, or an interval holds both a null and an empty group.
    """
    rows = [
        {"interval_start": start, "interval_end": end, "group_value": group, **values}
        for start, end, series in intervals
        for group, values in _by_group(start, series).items()
    ]
    arrays: list[Values] = []
    for column in STATS.columns:
        values = [row.get(column.name) for row in rows]
        if not column.sources:
            arrays.append(pa.array(values, column.type))
            continue

        def malformed(
            position: int, expected: str, name: str = column.name, values: Sequence[object] = values
        ) -> MalformedRow:
            row = rows[position]
            return MalformedRow(
                f"Statistics from {row['interval_start']} of group {row['group_value']!r}",
                name,
                values[position],
                expected,
            )

        arrays.append(_column(column, values, malformed))
    return pa.RecordBatch.from_arrays(arrays, schema=STATS.schema)


def _by_group(start: datetime, series: Series) -> dict[str | None, dict[str, object]]:
    """The same numbers by group first, in order of appearance."""
    groups: dict[str | None, dict[str, object]] = {}
    for stat, values in series.items():
        for group, value in values.items():
            named = groups.setdefault(group or None, {})
            if stat in named:
                raise MalformedRow(
                    f"Statistics from {start}",
                    stat,
                    dict(values),
                    "one group without a name, not a null and an empty one",
                )
            named[stat] = value
    return groups


def _refuse_other_than_objects(rows: Sequence[object], what: str) -> None:
    for position, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise MalformedRow(f"{what} {position + 1}", "the row", row, "an object with named fields")
