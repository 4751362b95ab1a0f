"""Parsing a whole column at once and parsing value by value give the same result."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackdrive_assets.numbers import JsonNumbers, json_number
from trackdrive_assets.tables import values
from trackdrive_assets.tables.columns import CALLS
from trackdrive_assets.tables.type_parsers import parse_column
from trackdrive_assets.tables.values import ABSENT
from trackdrive_assets_tests.support.odd_pages import NUMBER_TEXTS

COLUMNS = {column.name: column for column in CALLS.columns}
IS_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
AMOUNTS = st.decimals(min_value=-(10**11), max_value=10**11, places=8)
INSTANTS = st.datetimes(timezones=st.just(UTC))


def written(moment: datetime, separator: str, precision: str, offset: str) -> str:
    """Return an instant in one of the forms that the API sends."""
    return moment.isoformat(separator, precision).replace("+00:00", offset)


INSTANT_TEXTS = st.builds(
    written,
    INSTANTS,
    st.sampled_from(["T", " "]),
    st.sampled_from(["milliseconds", "microseconds"]),
    st.sampled_from(["+00:00", " +0000", "Z", " UTC"]),
)


@dataclass(frozen=True)
class ParserCase:
    """One type and the values that the API sends for it.

    Attributes:
        column: The name of a column of the type.
        function: The function that parses one value.
        values: A strategy for values of every form.
        usual: Values that are parsed at once.
    """

    column: str
    function: Callable[[Any], object]
    values: st.SearchStrategy[object]
    usual: Sequence[object]


CASES = [
    ParserCase("user_buyer_id", values.text, st.text(), ["1070", "", "Zoë"]),
    ParserCase(
        "buyer_id",
        values.integer,
        st.integers(-(2**63), 2**63 - 1).flatmap(lambda value: st.sampled_from([value, str(value)])),
        [10455172, -1, 2**63 - 1, -(2**63)],
    ),
    ParserCase(
        "revenue",
        values.money,
        AMOUNTS | AMOUNTS.map(str) | st.integers(-(10**11), 10**11) | st.just(""),
        [10, "10.50", "", Decimal("1.5"), Decimal("0.07500000000000001")],
    ),
    ParserCase(
        "hold_duration",
        values.seconds,
        st.integers(-(10**9), 10**9)
        | st.floats(-1e9, 1e9).map(lambda value: round(value, 9))
        | AMOUNTS.map(str),
        [98, Decimal("4.5"), "74.0", ""],
    ),
    ParserCase(
        "buyer_converted",
        values.boolean,
        st.sampled_from(["Converted", "Repeat", " CONVERTED ", "Not Repeat", "", True, False, 0, 1]),
        ["Converted", "Repeat", "", "not converted", True, False, 0, 1],
    ),
    ParserCase(
        "ended_at",
        values.instant,
        INSTANT_TEXTS | st.just(""),
        ["2024-06-28T21:41:35.977+00:00", "2024-06-28T21:41:35Z"],
    ),
]
PARAMETERS = pytest.mark.parametrize("case", CASES, ids=lambda case: case.column)


@PARAMETERS
@given(data=st.data())
def test_a_column_has_the_values_that_are_parsed_alone(case: ParserCase, data: st.DataObject) -> None:
    sent = data.draw(st.lists(case.values | st.sampled_from([None, ABSENT]), min_size=1, max_size=8))
    alone = [case.function(value) for value in sent]
    assert parse_column(COLUMNS[case.column], sent).to_pylist() == alone


@PARAMETERS
def test_usual_values_are_parsed_at_once(case: ParserCase, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = [*case.usual, None, ABSENT]
    alone = [case.function(value) for value in sent]
    monkeypatch.delattr(values, case.function.__name__)
    assert parse_column(COLUMNS[case.column], sent).to_pylist() == alone


@PARAMETERS
def test_a_column_of_absent_keys_is_null(case: ParserCase) -> None:
    parsed = parse_column(COLUMNS[case.column], [ABSENT, ABSENT])
    assert (parsed.type, parsed.null_count) == (COLUMNS[case.column].arrow_type, 2)


# Texts and numbers as `json_number` and msgspec give them, with those that attack a parser.
EXPONENTS = st.sampled_from([0, 1, 37, 38, 39, 99, 100, 308, 999_999_999])
ODD_NUMBERS = st.builds(
    lambda sign, digits, fraction, e, exponent: f"{sign}{digits}{fraction}{e}{exponent}",
    st.sampled_from(["", "-", "+"]),
    st.integers(0, 10**45).map(str) | st.sampled_from(["1_000", "1,000", "\u0661", "007", ""]),
    st.sampled_from(["", ".", ".5", "." + "0" * 50 + "1", ".123456789012345678901234567890"]),
    st.sampled_from(["e", "E+", "e-"]),
    EXPONENTS,
)
ODD_TEXTS = st.sampled_from(
    ["nan", "NaN", "inf", "-Infinity", "0x10", " 5 ", "", "1e5", "Duplicate", "\0", " "]
)
JSON_VALUES = (
    ODD_NUMBERS
    | ODD_TEXTS
    | st.text(max_size=5)
    | ODD_NUMBERS.filter(IS_JSON_NUMBER.fullmatch).map(json_number)
    | st.decimals(allow_nan=False, allow_infinity=False).map(str).map(json_number)
    | st.integers(-(10**400), 10**400)
    | INSTANT_TEXTS
    | st.sampled_from([None, ABSENT, True, False, [], {}, [1], {"a": Decimal("1.5")}])
)


def outcome(parse: Callable[[], object]) -> object:
    """Return the result, or that the value can't be read."""
    try:
        return parse()
    except (ValueError, TypeError, ArithmeticError):
        return "unreadable"


@PARAMETERS
@given(value=JSON_VALUES)
def test_an_odd_value_is_parsed_alike_alone_and_in_a_column(case: ParserCase, value: object) -> None:
    alone = outcome(lambda: case.function(value))
    assert outcome(lambda: parse_column(COLUMNS[case.column], [value]).to_pylist()[0]) == alone
    beside = [value, *case.usual]
    expected = alone if alone == "unreadable" else [alone, *map(case.function, case.usual)]
    assert outcome(lambda: parse_column(COLUMNS[case.column], beside).to_pylist()) == expected


@PARAMETERS
@pytest.mark.parametrize("written", NUMBER_TEXTS)
def test_a_json_number_is_parsed_alike_alone_and_in_a_column(case: ParserCase, written: str) -> None:
    column = JsonNumbers((b"10.50", written.encode(), 3, None, ABSENT))
    expected = outcome(lambda: [case.function(value) for value in column])
    assert outcome(lambda: parse_column(COLUMNS[case.column], column).to_pylist()) == expected
