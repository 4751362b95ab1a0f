"""What is shown of a body: its keys, types and lengths, and never a caller's number or name."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackdrive_assets.privacy import (
    EXCERPT_LENGTH,
    describe,
    excerpt,
    field_name,
    is_message,
    outline,
    outline_of_error,
)

CALLER = "+17195550142"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"uuid": "a-1", "calls": 3, "rate": Decimal("0.5")}, "{uuid: text(3), calls: number, rate: number}"),
        ([{"name": CALLER}, {"name": "Jo"}], "[2 x {name: text(12)}]"),
        ({"converted": True, "buyer": None, "rows": []}, "{converted: boolean, buyer: null, rows: []}"),
        ({CALLER: 3, "Jo Doe": 1}, "{[key of 12 characters]: number, [key of 6 characters]: number}"),
        ({"token-geo_state": "us-co"}, "{token-geo_state: text(5)}"),
        ("many", "text(4)"),
    ],
)
def test_an_outline_has_keys_types_and_lengths(value: object, shown: str) -> None:
    assert outline(value) == shown


@pytest.mark.parametrize(
    "key", [CALLER, "17195550142", "Jo Doe", "jo.doe@example.com", "x" * 41, "", "719-555-0142"]
)
def test_a_key_that_may_be_a_value_is_not_shown(key: str) -> None:
    assert field_name(key) == f"[key of {len(key)} characters]"


@pytest.mark.parametrize("key", ["uuid", "buyer_id", "token-geo_state", "user2"])
def test_a_key_that_is_a_field_is_shown(key: str) -> None:
    assert field_name(key) == key


@pytest.mark.parametrize(
    "text",
    ["invalid_token", "Too many requests.", "rate limit exceeded", "Access denied: the key is not valid."],
)
def test_a_message_of_common_words_is_shown_in_an_error(text: str) -> None:
    assert outline_of_error({"errors": [text]}) == f"{{errors: [1 x {json.dumps(text)}]}}"
    assert outline({"errors": [text]}) == f"{{errors: [1 x text({len(text)})]}}"


@pytest.mark.parametrize(
    "text", [f"call {CALLER} not found", "Jo Doe not found", "jo_doe", "error 7195550142", "ñ", "a" * 101, ""]
)
def test_a_message_with_any_other_word_is_not_shown(text: str) -> None:
    assert not is_message(text)
    assert outline_of_error({"error": text}) == f"{{error: text({len(text)})}}"


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b"", "an empty body"),
        (b" \n", "an empty body"),
        (b'{"name": "Jo"}', "JSON like {name: text(2)}"),
        (b'{"name": "Jo', "broken JSON of 12 bytes"),
        (b"<html>Jo</html>", "HTML or XML of 15 bytes"),
        (b"Jo +17195550142", "text of 15 bytes"),
        (b"\xff\xfe", "text of 2 bytes"),
        (b"[" * 5000, "broken JSON of 5000 bytes"),
    ],
)
def test_an_excerpt_describes_a_body_without_its_text(body: bytes, shown: str) -> None:
    assert excerpt(body) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (CALLER, "a text of 12 characters"),
        ("", "an empty text"),
        (7195550142, "a number"),
        (Decimal("NaN"), "a number"),
        (True, "true or false"),
        (None, "null"),
        ([CALLER], "a list of 1"),
        ({"a": CALLER}, "an object with 1 keys"),
    ],
)
def test_a_value_is_described_by_its_type_and_length(value: object, shown: str) -> None:
    assert describe(value) == shown


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(json_values)
def test_no_value_of_any_body_is_in_its_excerpt(value: Any) -> None:
    shown = excerpt(json.dumps({"value": "Zorro", "Zorro": [value, "Zorro"]}).encode())
    assert "Zorro" not in shown
    assert len(shown.splitlines()) == 1
    assert len(shown) <= EXCERPT_LENGTH + 20


def test_an_outline_never_cuts_a_key_in_two() -> None:
    shown = outline({f"back-door{'x' * n}": 1 for n in range(31)})
    assert all(part.rstrip("x").endswith("back-door") for part in shown.strip("{…,").split(": number, ")[:-1])
    assert len(shown) <= EXCERPT_LENGTH + 1
