"""Rows as columns: the same rows, whichever way they were decoded."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackdrive_assets.api.decoding import NotAnAnswer, any_value
from trackdrive_assets.api.envelope import encode
from trackdrive_assets.api.rows import ABSENT, MAX_KEYS, Row, RowDecoder, Rows
from trackdrive_assets.numbers import JsonNumbers

values = st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.lists(st.integers()))
rows_of_any_keys = st.lists(
    st.dictionaries(st.sampled_from(["uuid", "revenue", "token-state", 'a"b', "ключ", ""]), values)
)


@given(st.lists(rows_of_any_keys, max_size=4))
def test_rows_are_the_same_whatever_was_decoded_before(arrays: list[list[Row]]) -> None:
    decoder = RowDecoder()
    for rows in arrays:
        assert list(decoder.decode(encode(rows))) == rows


def test_numbers_keep_the_digits_that_were_sent() -> None:
    decoder, text = RowDecoder(), b'[{"revenue": 10.50, "id": 123456789012345678901}]'
    once, again = decoder.decode(text), decoder.decode(text)
    assert encode(list(once)) == encode(list(again)) == b'[{"revenue":10.50,"id":123456789012345678901}]'


JSON_VALUES = [
    '"a"',
    "1",
    "1.50",
    "null",
    "true",
    "[1.50]",
    '{"a": 2.0}',
    "1e500000000",
    "12345678901234567890",
]


@pytest.mark.parametrize("first", JSON_VALUES)
@pytest.mark.parametrize("second", JSON_VALUES)
def test_a_value_is_the_same_whatever_type_its_key_had_before(first: str, second: str) -> None:
    decoder = RowDecoder()
    decoder.decode(f'[{{"a": {first}}}]'.encode())
    for text in (f'[{{"a": {second}}}]'.encode(), f'[{{"a": {first}}}, {{"a": {second}}}, {{}}]'.encode()):
        assert list(decoder.decode(text)) == any_value(text)


def test_numbers_are_not_computed_before_they_are_needed() -> None:
    decoder, text = RowDecoder(), b'[{"revenue": 10.50}, {"revenue": 3}, {"revenue": null}, {}]'
    decoder.decode(text)
    column = decoder.decode(text).column("revenue")
    assert isinstance(column, JsonNumbers)
    assert column.sent == (b"10.50", 3, None, ABSENT)
    assert list(column[::-1]) == [ABSENT, None, 3, Decimal("10.50")]


def test_a_key_that_a_row_lacks_is_absent_and_not_null() -> None:
    rows = Rows.of([{"a": None}, {"b": 1}])
    assert rows.column("a") == [None, ABSENT]
    assert rows.column("nowhere") == [ABSENT, ABSENT]


@pytest.mark.parametrize("text", [b"{}", b'{"calls": []}', b"[1]", b'[{"a": 1}, 2]', b"null", b'"calls"'])
def test_what_is_no_array_of_objects_is_decoded_as_it_is(text: bytes) -> None:
    decoder = RowDecoder()
    decoder.decode(b'[{"a": 1}]')
    assert decoder.decode(text) == any_value(text)


@pytest.mark.parametrize("text", [b"", b'[{"a": 1}', b"<html>"])
def test_what_is_no_json_is_an_error(text: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        RowDecoder().decode(text)


def test_more_keys_than_calls_can_have_are_read_all_the_same() -> None:
    decoder = RowDecoder()
    for start in range(0, 3000, 500):
        rows: list[dict[str, Any]] = [{f"token-{n}": n for n in range(start, start + 500)}]
        assert list(decoder.decode(encode(rows))) == rows


def test_rows_are_a_sequence() -> None:
    rows = Rows.of([{"n": number} for number in range(5)])
    assert (len(rows), rows[0], rows[-1]) == (5, {"n": 0}, {"n": 4})
    assert list(rows[::-1]) == [{"n": number} for number in (4, 3, 2, 1, 0)]
    assert list(rows[1:3]) == list(rows.at([1, 2])) == [{"n": 1}, {"n": 2}]
    assert list(Rows.of([])) == []
    for nowhere in (5, -6):
        with pytest.raises(IndexError):
            rows[nowhere]


def test_rows_with_too_many_different_keys_are_refused() -> None:
    rows = [{f"token-{row}-{n}": n for n in range(5_000)} for row in range(250)]
    with pytest.raises(NotAnAnswer, match="more than 2,000 different keys"):
        RowDecoder().decode(encode(rows))
    most = [{f"token-{n}": n for n in range(MAX_KEYS)}]
    assert list(RowDecoder().decode(encode(most))) == most
