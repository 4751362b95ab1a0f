"""How the API's values become typed ones, and how a malformed one is reported."""

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackdrive_assets.tables import parse
from trackdrive_assets.tables.columns import CALLS, REPORTS, STATS
from trackdrive_assets.tables.parse import Exclusion, MalformedRow, report_batch, stats_batch
from trackdrive_assets_tests.support.typed import typed

UUID = "5cc8897c-ad0f-44cb-8ea7-8f7736ae76f1"
NOW = datetime(2024, 6, 30, 12, tzinfo=UTC)


def a_call(**fields: object) -> dict[str, object]:
    """The least a call can be, and the fields that matter to the test."""
    return {"uuid": UUID, "created_at": "2024-06-28T21:41:35.977+00:00", **fields}


def read(*rows: dict[str, object], exclude: Exclusion = parse.NOTHING) -> list[dict[str, Any]]:
    batch = typed(rows, fetched_at=NOW, exclude=exclude)
    assert batch.schema == CALLS.schema
    found: list[dict[str, Any]] = batch.to_pylist()
    return found


def read_field(name: str, value: object) -> Any:
    return read(a_call(**{name: value}))[0][name]


# Flags


@pytest.mark.parametrize("value", ["Converted", "converted", "Repeat", "true", "1", "yes", True, 1])
def test_a_flag_is_true_in_every_spelling(value: object) -> None:
    assert read_field("buyer_converted", value) is True


@pytest.mark.parametrize("value", [None, "", False, "false", 0, "Not Converted", "no"])
def test_a_flag_that_is_sent_without_a_yes_is_false(value: object) -> None:
    assert read_field("buyer_converted", value) is False


def test_a_flag_that_is_not_sent_is_unknown() -> None:
    assert read(a_call())[0]["buyer_converted"] is None


@pytest.mark.parametrize("value", ["maybe", 2, ["Converted"], {}])
def test_a_flag_that_is_neither_is_malformed(value: object) -> None:
    with pytest.raises(MalformedRow, match=r"buyer_converted is .*expected Converted, Repeat"):
        read_field("buyer_converted", value)


# Money


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        (Decimal("0.07500000000000001"), "0.075000"),
        (0.07500000000000001, "0.075000"),
        (0.1, "0.100000"),
        ("10.50", "10.500000"),
        (" 10.50 ", "10.500000"),
        (10, "10.000000"),
        (-3, "-3.000000"),
        ("0.0", "0.000000"),
        (Decimal("999999999999.999999"), "999999999999.999999"),
    ],
)
def test_money_is_exact_to_six_decimals(value: object, amount: str) -> None:
    assert read_field("revenue", value) == Decimal(amount)


@pytest.mark.parametrize("value", [None, ""])
def test_no_money_is_not_zero(value: object) -> None:
    assert read_field("revenue", value) is None


@pytest.mark.parametrize(
    "value",
    ["NaN", "Infinity", float("nan"), float("inf"), Decimal("sNaN"), Decimal(10) ** 12, "ten", True, [1]],
)
def test_what_is_no_amount_is_malformed(value: object) -> None:
    with pytest.raises(MalformedRow, match="revenue"):
        read_field("revenue", value)


@given(st.decimals(min_value=-(10**11), max_value=10**11, places=6), st.sampled_from([str, Decimal]))
def test_money_comes_back_as_sent(amount: Decimal, sent: Any) -> None:
    assert read_field("payout", sent(amount)) == amount


# Numbers


@pytest.mark.parametrize(
    "value", [10455172, Decimal("10455172"), Decimal("10455172.0"), 10455172.0, "10455172"]
)
def test_an_id_is_read_from_any_kind_of_number(value: object) -> None:
    assert read_field("buyer_id", value) == 10455172


@pytest.mark.parametrize(
    "value", [1.5, "1.5", "tsUSCA", True, 2**63, -(2**63) - 1, Decimal("1e400"), {"id": 1}]
)
def test_an_id_that_is_no_whole_number_of_64_bits_is_malformed(value: object) -> None:
    with pytest.raises(MalformedRow, match="expected a whole number"):
        read_field("buyer_id", value)


@pytest.mark.parametrize(
    ("value", "duration"),
    [(98, 98.0), (3.25, 3.25), (Decimal("4.5"), 4.5), ("74.0", 74.0), ("", None), (None, None)],
)
def test_a_duration_is_seconds(value: object, duration: float | None) -> None:
    assert read_field("hold_duration", value) == duration


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "NaN", Decimal("1e999"), True, "long"])
def test_what_is_no_duration_is_malformed(value: object) -> None:
    with pytest.raises(MalformedRow, match="expected a number of seconds"):
        read_field("hold_duration", value)


# Instants


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
def test_an_instant_is_read_with_its_offset(value: object, expected: datetime | None) -> None:
    assert read_field("ended_at", value) == expected


@pytest.mark.parametrize(
    "value",
    [
        "2024-03-28T15:16:49",
        "2024-03-28",
        "2024-13-01T00:00:00Z",
        "0001-01-01T00:00:00+05:00",
        "9999-12-31T23:59:59-05:00",
        "yesterday",
        1719610895,
    ],
)
def test_what_is_no_instant_is_malformed(value: object) -> None:
    with pytest.raises(MalformedRow, match="expected a date and time with its offset"):
        read_field("ended_at", value)


@given(
    st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1)),  # noqa: DTZ001  given its zone below
    st.integers(min_value=-14 * 60, max_value=14 * 60),
    st.sampled_from(["%Y-%m-%dT%H:%M:%S.%f%z", "%Y-%m-%d %H:%M:%S.%f %z"]),
)
def test_an_instant_is_the_same_in_every_zone_and_form(moment: datetime, minutes: int, form: str) -> None:
    sent = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    # strftime writes years below 1000 without zeros, hence the bounds above.
    assert read_field("ended_at", sent.strftime(form)) == sent
    assert read_field("ended_at", sent.isoformat()) == sent


# Text and names


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1070, "1070"),
        (Decimal("1.50"), "1.50"),
        (True, "true"),
        ("", ""),
        (None, None),
        ({"b": Decimal("1.5"), "a": [1]}, '{"a":[1],"b":1.5}'),
    ],
)
def test_text_keeps_whatever_came(value: object, text: str | None) -> None:
    assert read_field("user_buyer_id", value) == text


@pytest.mark.parametrize(
    "name", ["offer", "traffic_source", "buyer", "name", "disposition_name", "schedule_name"]
)
def test_display_names_are_unescaped(name: str) -> None:
    assert read_field(name, "Auto &amp; Home") == "Auto & Home"


def test_other_text_is_left_escaped() -> None:
    assert read_field("disposition_notes", "a &amp; b") == "a &amp; b"


def test_text_that_no_file_can_hold_is_malformed() -> None:
    with pytest.raises(MalformedRow, match="buyer"):
        read_field("buyer", "\ud800")


# Tags and unknown keys


def test_tags_are_gathered_by_name() -> None:
    call = read(a_call(**{"token-zip": 80202, "token-state": "CO", "token-lead": None}))[0]
    assert call["tokens"] == [("lead", None), ("state", "CO"), ("zip", "80202")]
    assert call["extra"] is None


def test_a_call_without_tags_has_null_beside_one_with() -> None:
    first, second = read(a_call(**{"token-zip": "80202"}), a_call())
    assert (first["tokens"], second["tokens"]) == ([("zip", "80202")], None)


def test_keys_without_a_column_are_kept_as_json() -> None:
    call = read(a_call(weather={"wind": Decimal("1.50"), "at": "x"}, aura=None))[0]
    assert call["extra"] == '{"aura":null,"weather":{"at":"x","wind":1.50}}'


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"])), st.integers() | st.text("a&é", max_size=3)
    )
)
def test_nothing_unknown_is_lost(unknown: dict[str, object]) -> None:
    unknown = {f"x{key}": value for key, value in unknown.items()}
    call = read(a_call(**unknown))[0]
    assert json.loads(call["extra"] or "{}") == unknown


# Malformed rows


def test_one_malformed_value_fails_the_page_and_names_call_and_field() -> None:
    rows = [a_call(uuid=f"uuid-{n}", revenue=1) for n in range(250)]
    rows[137]["revenue"] = "ten dollars"
    with pytest.raises(MalformedRow, match=r"uuid-137.*revenue.*'ten dollars'.*amount of money") as failure:
        read(*rows)
    assert (failure.value.uuid, failure.value.field) == ("uuid-137", "revenue")


@pytest.mark.parametrize("field", ["uuid", "created_at"])
@pytest.mark.parametrize("value", [None, ""])
def test_a_call_needs_its_uuid_and_its_creation(field: str, value: object) -> None:
    with pytest.raises(MalformedRow) as failure:
        read(a_call(), a_call(**{field: value}))
    assert failure.value.field == field


def test_a_call_without_uuid_is_named_by_its_place() -> None:
    with pytest.raises(MalformedRow, match="Call 2 of the page: uuid"):
        read(a_call(), {"created_at": "2024-06-28T21:41:35Z"})


def test_a_row_that_is_no_object_is_malformed() -> None:
    with pytest.raises(MalformedRow, match="Report row 1: the row is 'oops'"):
        report_batch(["oops"], category="buyer")  # type: ignore[list-item]  # what a broken server may send


def test_a_long_value_is_cut_in_the_message() -> None:
    with pytest.raises(MalformedRow) as failure:
        read_field("revenue", "x" * 5000)
    assert len(str(failure.value)) < 300


def test_an_empty_page_is_an_empty_batch() -> None:
    assert read() == []


# Exclusion


def test_excluded_columns_stay_and_hold_nothing() -> None:
    call = read(a_call(caller_number="+17195550100", buyer="B"), exclude=Exclusion.of("caller_number, name"))[
        0
    ]
    assert (call["caller_number"], call["buyer"]) == (None, "B")


def test_an_excluded_value_is_not_even_read() -> None:
    assert read(a_call(revenue="secret"), exclude=Exclusion.of("revenue"))[0]["revenue"] is None


def test_one_tag_can_be_excluded() -> None:
    call = read(a_call(**{"token-email": "x", "token-zip": "1"}), exclude=Exclusion.of("token-email"))[0]
    assert call["tokens"] == [("zip", "1")]


def test_all_tags_can_be_excluded_in_both_forms() -> None:
    call = read(a_call(**{"token-email": "x", "token_values": "email:x"}), exclude=Exclusion.of("token-*"))[0]
    assert (call["tokens"], call["token_values"], call["extra"]) == (None, None, None)


@pytest.mark.parametrize("pattern", ["token-email", "token-e*"])
def test_excluding_one_tag_hides_the_text_that_repeats_them_all(pattern: str) -> None:
    sent = a_call(**{"token-email": "x", "token-state": "CO", "token_values": "email:x,state:CO"})
    call = read(sent, exclude=Exclusion.of(pattern))[0]
    assert (call["tokens"], call["token_values"]) == ([("state", "CO")], None)


def test_excluding_the_callers_number_hides_the_name_that_can_hold_it() -> None:
    sent = a_call(caller_number="+17195550100", name="+17195550100")
    call = read(sent, exclude=Exclusion.of("caller_number"))[0]
    assert (call["caller_number"], call["name"]) == (None, None)


def test_unknown_keys_can_be_excluded() -> None:
    assert read(a_call(ssn="1", mood="2"), exclude=Exclusion.of("ssn"))[0]["extra"] == '{"mood":"2"}'


@pytest.mark.parametrize("names", ["uuid", "buyer,created_at", "*"])
def test_what_every_call_is_known_by_cannot_be_excluded(names: str) -> None:
    with pytest.raises(ValueError, match="can't be excluded"):
        Exclusion.of(names)


# Reports


def report(row: dict[str, object], category: str = "buyer_id") -> dict[str, Any]:
    batch = report_batch([row], category=category)
    assert batch.schema == REPORTS.schema
    found: list[dict[str, Any]] = batch.to_pylist()
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize(
    "row",
    [
        {"buyer_id": 10455172, "buyer": "A &amp; B", "calls": 3, "revenue": "10.50"},
        {"group": "10455172", "name": "A &amp; B", "count": "3", "total_revenue": Decimal("10.5")},
        {"id": 10455172, "label": "A & B", "total_calls": 3, "buyer_revenue": 10.5},
    ],
)
def test_a_report_row_is_read_in_any_of_its_likely_shapes(row: dict[str, object]) -> None:
    found = report(row)
    assert (found["group_value"], found["group_name"]) == ("10455172", "A & B")
    assert (found["calls"], found["revenue"]) == (3, Decimal("10.5"))


def test_a_number_that_a_report_lacks_is_null() -> None:
    assert report({"buyer_id": 1})["payout"] is None


def test_a_report_keeps_the_row_as_it_came() -> None:
    assert report({"status": "finished", "odd": [1, {"a": None}]}, "status")["row"] == (
        '{"odd":[1,{"a":null}],"status":"finished"}'
    )


def test_the_only_words_in_a_row_name_its_group() -> None:
    assert report({"weather": "rain", "calls": "3"})["group_value"] == "rain"


@pytest.mark.parametrize("row", [{"calls": 3}, {"a": "x", "b": "y", "calls": 3}])
def test_a_row_whose_group_nobody_can_tell_is_malformed(row: dict[str, object]) -> None:
    with pytest.raises(MalformedRow, match=r"Report row 1: buyer_id.*one field that names the group"):
        report(row)


def test_a_report_by_conversion_does_not_count_its_group_as_a_number() -> None:
    found = report({"buyer_converted": True, "calls": 3}, "buyer_converted")
    assert (found["group_value"], found["buyer_conversions"]) == ("true", None)


@pytest.mark.parametrize("value", [None, ""])
def test_a_report_of_calls_without_a_value_has_a_null_group(value: object) -> None:
    assert report({"buyer_id": value, "calls": 3})["group_value"] is None


def test_a_malformed_number_of_a_report_names_row_and_key() -> None:
    with pytest.raises(MalformedRow, match="Report row 2: total_revenue is 'lots'"):
        report_batch([{"buyer_id": 1}, {"buyer_id": 2, "total_revenue": "lots"}], category="buyer_id")


# Statistics

NOON, ONE, TWO = (datetime(2024, 6, 28, hour, tzinfo=UTC) for hour in (12, 13, 14))


def test_the_four_statistics_of_a_group_stand_side_by_side() -> None:
    series: parse.Series = {
        "count": {"finished": Decimal(3), "no-buyer": Decimal(1)},
        "revenue": {"finished": Decimal("10.5")},
        "profit": {},
        "cost": {"finished": None},
    }
    batch = stats_batch([(NOON, ONE, series), (ONE, TWO, {"count": {"finished": Decimal(2)}})])
    assert batch.schema == STATS.schema
    assert [tuple(row.values()) for row in batch.to_pylist()] == [
        (NOON, ONE, "finished", 3, Decimal("10.5"), None, None),
        (NOON, ONE, "no-buyer", 1, None, None, None),
        (ONE, TWO, "finished", 2, None, None, None),
    ]


@pytest.mark.parametrize("group", [None, ""])
def test_calls_without_a_value_form_a_null_group(group: str | None) -> None:
    rows = stats_batch([(NOON, ONE, {"count": {group: Decimal(3)}})]).to_pylist()
    assert [(row["group_value"], row["count"]) for row in rows] == [(None, 3)]


def test_two_nameless_groups_are_malformed() -> None:
    with pytest.raises(MalformedRow, match="without a name"):
        stats_batch([(NOON, ONE, {"count": {None: Decimal(3), "": Decimal(1)}})])


def test_a_count_that_is_no_whole_number_is_malformed() -> None:
    with pytest.raises(MalformedRow, match="group 'finished': count"):
        stats_batch([(NOON, ONE, {"count": {"finished": Decimal("1.5")}})])
