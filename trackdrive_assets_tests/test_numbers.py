"""What a number is in the API's texts, decided once."""

from decimal import Decimal

import pytest

from trackdrive_assets.numbers import json_number, parse_count, parse_number


@pytest.mark.parametrize(
    "text", ["0", "-0", "007", "10.50", "1e5", "-1.5E-07", "0.105e2", "9" * 38, "1e-38", "1e99"]
)
def test_a_number_has_digits_a_fraction_and_a_short_exponent(text: str) -> None:
    assert parse_number(text) == json_number(text) == Decimal(text)


@pytest.mark.parametrize(
    "text",
    [
        "", " 1", "1 ", "1_000", "1,000", "1 000", "+1", "nan", "inf", "Infinity", ".5", "5.", "1e", "e5",
        "0x10", "\u0661", "\uff11", "1e100", "1e-39", "1.5e-38", "1e3000000", "1e-999999999", "9" * 39,
        "9" * 10**6, "0." + "1" * 39,
    ],
)  # fmt: skip
def test_any_other_text_is_not_a_number(text: str) -> None:
    with pytest.raises(ValueError, match="not a number"):
        parse_number(text)


@pytest.mark.parametrize("text", ["1e500000000", "1e-999999999", "1E400", "1." + "0" * 100])
def test_a_number_that_is_too_large_to_compute_with_keeps_its_digits(text: str) -> None:
    assert json_number(text) == text


@pytest.mark.parametrize(
    ("value", "count"), [(0, 0), (7, 7), ("7", 7), (Decimal("3.0"), 3), (10**15 - 1,) * 2]
)
def test_a_count_is_a_whole_number(value: object, count: int) -> None:
    assert parse_count(value) == count


@pytest.mark.parametrize(
    "value", [-1, 10**15, Decimal("0.5"), True, None, "", "many", "1e3000000", [], 10**4000]
)
def test_any_other_value_is_no_count(value: object) -> None:
    assert parse_count(value) is None
