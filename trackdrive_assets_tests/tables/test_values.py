"""How values of the API become typed values."""

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackdrive_assets.api.envelope import encode
from trackdrive_assets.tables.errors import MalformedRow
from trackdrive_assets.tables.exclusion import Exclusion
from trackdrive_assets.tables.reports import parse_report
from trackdrive_assets_tests.support.api_calls import api_call, parsed, parsed_field

NO_NUMBERS = [
    "1_000", "1,000", "1 000", "+1", "nan", "NaN", "inf", "-Infinity", "0x1F", ".5", "5.", "1e", "--1", "$1",
    "\u0661\u0662", "1e3000000", "1e-999999999", "9" * 39, "0." + "0" * 39,
]  # fmt: skip
"""Texts that are not numbers, or too large to compute with."""


@pytest.mark.parametrize(
    "value", ["Converted", "converted", "Repeat", "repeat", "true", "1", "yes", "on", True, 1]
)
def test_a_boolean_is_true_in_every_spelling(value: object) -> None:
    assert parsed_field("buyer_converted", value) is True


@pytest.mark.parametrize(
    "value",
    [None, "", False, "false", 0, "0", "Not Converted", "unconverted", "Not Repeat", "no", "off"],
)
def test_null_and_other_spellings_are_false(value: object) -> None:
    assert parsed_field("buyer_converted", value) is False


def test_a_boolean_without_a_key_is_null() -> None:
    assert parsed(api_call())[0]["buyer_converted"] is None


@pytest.mark.parametrize("value", ["Duplicate", 2, Decimal("0.5"), ["Converted"], {"a": "b"}])
@pytest.mark.parametrize("field", ["buyer_converted", "traffic_source_repeat_caller"])
def test_an_unknown_word_of_a_flag_is_null_and_kept_in_extra(field: str, value: object) -> None:
    known, unknown = parsed(api_call(**{field: "Converted"}), api_call(mood="2", **{field: value}))
    assert (known[field], known["extra"]) == (True, None)
    assert (unknown[field], json.loads(unknown["extra"])) == (
        None,
        json.loads(encode({"mood": "2", field: value})),
    )


def test_the_word_of_an_excluded_flag_is_not_kept() -> None:
    (call,) = parsed(api_call(buyer_converted="Duplicate"), exclude=Exclusion.of("buyer_converted"))
    assert (call["buyer_converted"], call["extra"]) == (None, None)


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        ("1e-2", "0.010000"),
        ("0.105E2", "10.500000"),
        (Decimal("1e-38"), "0.000000"),
        ("1.5e-37", "0.000000"),
        (Decimal("0.07500000000000001"), "0.075000"),
        (0.07500000000000001, "0.075000"),
        (0.1, "0.100000"),
        # The decimal that was sent decides the rounding, and not the binary value that is a little larger.
        (0.0000025, "0.000002"),
        ("10.50", "10.500000"),
        (" 10.50 ", "10.500000"),
        (10, "10.000000"),
        (-3, "-3.000000"),
        ("0.0", "0.000000"),
        (Decimal("999999999999.999999"), "999999999999.999999"),
    ],
)
def test_money_is_exact_to_six_decimals(value: object, amount: str) -> None:
    assert parsed_field("revenue", value) == Decimal(amount)


@pytest.mark.parametrize("value", [None, ""])
def test_missing_money_is_null_and_not_zero(value: object) -> None:
    assert parsed_field("revenue", value) is None


@pytest.mark.parametrize(
    "value",
    [
        *NO_NUMBERS,
        float("nan"),
        float("inf"),
        Decimal("sNaN"),
        Decimal(10) ** 12,
        "ten",
        True,
        [1],
    ],
)
def test_a_value_that_is_not_an_amount_is_malformed(value: object) -> None:
    with pytest.raises(MalformedRow, match="revenue"):
        parsed_field("revenue", value)


@given(st.decimals(min_value=-(10**11), max_value=10**11, places=6), st.sampled_from([str, Decimal]))
def test_money_comes_back_as_sent(amount: Decimal, sent: Any) -> None:
    assert parsed_field("payout", sent(amount)) == amount


@pytest.mark.parametrize(
    "value", [10455172, Decimal("10455172"), Decimal("10455172.0"), 10455172.0, "10455172"]
)
def test_an_id_is_parsed_from_every_kind_of_number(value: object) -> None:
    assert parsed_field("buyer_id", value) == 10455172


@pytest.mark.parametrize("value", [-(2**63), 2**63 - 1])
@pytest.mark.parametrize("sent", [int, str])
def test_an_id_may_have_64_bits(value: int, sent: Any) -> None:
    assert parsed_field("buyer_id", sent(value)) == value


@pytest.mark.parametrize(
    "value", [*NO_NUMBERS, 1.5, "1.5", "tsUSCA", True, 2**63, -(2**63) - 1, Decimal("1e400"), {"id": 1}]
)
def test_an_id_must_be_a_whole_number_of_64_bits(value: object) -> None:
    with pytest.raises(MalformedRow, match="expected a whole number"):
        parsed_field("buyer_id", value)


@pytest.mark.parametrize(
    ("value", "duration"),
    [(98, 98.0), (3.25, 3.25), (Decimal("4.5"), 4.5), ("74.0", 74.0), ("", None), (None, None)],
)
def test_a_duration_is_seconds(value: object, duration: float | None) -> None:
    assert parsed_field("hold_duration", value) == duration


@pytest.mark.parametrize(
    "value", [*NO_NUMBERS, float("nan"), float("inf"), "-1e999", Decimal("1e999"), 10**400, True, "long"]
)
def test_a_value_that_is_not_a_duration_is_malformed(value: object) -> None:
    with pytest.raises(MalformedRow, match="expected a number of seconds"):
        parsed_field("hold_duration", value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2017-06-22T00:53:31.440+00:00", datetime(2017, 6, 22, 0, 53, 31, 440000, UTC)),
        ("2016-01-01 12:25:15 -0500", datetime(2016, 1, 1, 17, 25, 15, tzinfo=UTC)),
        ("2024-03-28 15:16:49 UTC", datetime(2024, 3, 28, 15, 16, 49, tzinfo=UTC)),
        ("2024-03-28T15:16:49Z", datetime(2024, 3, 28, 15, 16, 49, tzinfo=UTC)),
        ("2024-03-28T15:16:49.123456789+05:30", datetime(2024, 3, 28, 9, 46, 49, 123456, UTC)),
        ("", None),
        (None, None),
    ],
)
def test_an_instant_is_parsed_with_its_offset(value: object, expected: datetime | None) -> None:
    assert parsed_field("ended_at", value) == expected


@pytest.mark.parametrize(
    "value",
    [
        "2024-03-28T15:16:49",
        "2024-03-28",
        "2024-13-01T00:00:00Z",
        "0001-01-01T00:00:00+05:00",
        "9999-12-31T23:59:59-05:00",
        "yesterday",
        "2024-03-28T15:16:49" + " " * 100 + "+00:00",
        1719610895,
    ],
)
def test_a_value_that_is_not_an_instant_is_malformed(value: object) -> None:
    with pytest.raises(MalformedRow, match="expected a date and time with its offset"):
        parsed_field("ended_at", value)


@given(
    st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1)),  # noqa: DTZ001
    st.integers(min_value=-14 * 60, max_value=14 * 60),
    st.sampled_from(["%Y-%m-%dT%H:%M:%S.%f%z", "%Y-%m-%d %H:%M:%S.%f %z"]),
)
def test_an_instant_is_equal_in_every_zone_and_form(moment: datetime, minutes: int, form: str) -> None:
    sent = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    # strftime writes years below 1000 without zeros, hence the bounds above.
    assert parsed_field("ended_at", sent.strftime(form)) == sent
    assert parsed_field("ended_at", sent.isoformat()) == sent


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1070, "1070"),
        (Decimal("1.50"), "1.50"),
        ("1e500000000", "1e500000000"),
        (10**30, "1" + "0" * 30),
        (True, "true"),
        (False, "false"),
        ("", ""),
        (None, None),
        ({"b": Decimal("1.5"), "a": [1]}, '{"a":[1],"b":1.5}'),
    ],
)
def test_text_keeps_every_value(value: object, text: str | None) -> None:
    assert parsed_field("user_buyer_id", value) == text


@pytest.mark.parametrize(
    "name", ["offer", "traffic_source", "buyer", "name", "disposition_name", "schedule_name"]
)
def test_display_names_are_unescaped(name: str) -> None:
    assert parsed_field(name, "Auto &amp; Home") == "Auto & Home"


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("&amp;&lt;&gt;&quot;&#39;", "&<>\"'"),
        ("&amp;lt;", "&lt;"),
        ("&amp;amp;lt;", "&amp;lt;"),
        ("geo=1&region=us", "geo=1&region=us"),
        ("a&copy=1&not=2&lt=5&amp=6", "a&copy=1&not=2&lt=5&amp=6"),
        ("&copy;&eacute;&#x27;&#34;&nbsp;&AMP;", "&copy;&eacute;&#x27;&#34;&nbsp;&AMP;"),
    ],
)
def test_only_the_five_entities_of_rails_are_decoded_once(sent: str, name: str) -> None:
    assert parsed_field("buyer", sent) == name
    assert parse_report([{"name": sent, "id": 1, "calls": 2}], category="buyer_id")[
        "group_name"
    ].to_pylist() == [name]


def test_other_texts_stay_escaped() -> None:
    assert parsed_field("disposition_notes", "a &amp; b") == "a &amp; b"


def test_text_that_cannot_be_stored_is_malformed() -> None:
    with pytest.raises(MalformedRow, match=r"buyer is .* expected text"):
        parsed_field("buyer", "\ud800")
