"""How a page of calls becomes a batch, and how a malformed call is reported."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackdrive_assets.api.rows import Row
from trackdrive_assets.tables.calls import merge_extra
from trackdrive_assets.tables.errors import MalformedRow
from trackdrive_assets.tables.exclusion import Exclusion
from trackdrive_assets_tests.support.api_calls import NOW, api_call, parsed, parsed_field


def test_tags_are_collected_by_name() -> None:
    call = parsed(api_call(**{"token-zip": 80202, "token-state": "CO", "token-lead": None}))[0]
    assert call["tokens"] == [("lead", None), ("state", "CO"), ("zip", "80202")]
    assert call["extra"] is None


def test_a_call_without_tags_has_null() -> None:
    first, second = parsed(api_call(**{"token-zip": "80202"}), api_call())
    assert (first["tokens"], second["tokens"]) == ([("zip", "80202")], None)


def test_keys_without_a_column_are_stored_as_json() -> None:
    call = parsed(api_call(weather={"wind": Decimal("1.50"), "at": "x"}, aura=None))[0]
    assert call["extra"] == '{"aura":null,"weather":{"at":"x","wind":1.50}}'


def test_a_call_without_undocumented_keys_has_null() -> None:
    first, second = parsed(api_call(mood="2", ssn="1"), api_call(ssn="3"))
    assert (first["extra"], second["extra"]) == ('{"mood":"2","ssn":"1"}', '{"ssn":"3"}')
    assert parsed(api_call(mood="2"), api_call())[1]["extra"] is None


def test_every_call_has_the_time_of_its_fetch() -> None:
    assert [call["fetched_at"] for call in parsed(api_call(), api_call())] == [NOW, NOW]


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"])), st.integers() | st.text("a&é", max_size=3)
    )
)
def test_no_undocumented_key_is_lost(unknown: dict[str, object]) -> None:
    unknown = {f"x{key}": value for key, value in unknown.items()}
    call = parsed(api_call(**unknown))[0]
    assert json.loads(call["extra"] or "{}") == unknown


def test_a_malformed_value_fails_the_page_and_names_call_and_field() -> None:
    rows = [api_call(uuid=f"uuid-{n}", revenue=1) for n in range(250)]
    rows[137]["revenue"] = "ten dollars"
    with pytest.raises(
        MalformedRow, match=r"uuid-137: revenue is a text of 11 characters, expected an amo"
    ) as failure:
        parsed(*rows)
    assert (failure.value.uuid, failure.value.field) == ("uuid-137", "revenue")


@pytest.mark.parametrize("field", ["uuid", "created_at"])
@pytest.mark.parametrize("value", [None, ""])
def test_a_call_needs_uuid_and_created_at(field: str, value: object) -> None:
    with pytest.raises(MalformedRow) as failure:
        parsed(api_call(), api_call(**{field: value}))
    assert failure.value.field == field


@pytest.mark.parametrize("field", ["uuid", "created_at"])
def test_a_page_whose_calls_all_lack_a_required_key_is_malformed(field: str) -> None:
    call = api_call()
    del call[field]
    with pytest.raises(MalformedRow) as failure:
        parsed(call)
    assert failure.value.field == field


@pytest.mark.parametrize("call", [{}, {"uuid": ""}, {"uuid": None}])
def test_a_call_without_uuid_is_named_by_its_position(call: Row) -> None:
    with pytest.raises(MalformedRow, match="Call 2 of the page: uuid") as failure:
        parsed(api_call(), {"created_at": "2024-06-28T21:41:35Z", **call})
    assert failure.value.uuid is None


@pytest.mark.parametrize(
    "value", ["+17195550123", Decimal("7195550123"), ["+17195550123"], {"+17195550123": 1}]
)
def test_the_message_never_contains_the_value(value: object) -> None:
    with pytest.raises(MalformedRow) as failure:
        parsed_field("ended_at", value)
    assert "719" not in str(failure.value)


def test_a_message_is_short_however_long_uuid_and_value_are() -> None:
    with pytest.raises(MalformedRow) as failure:
        parsed(api_call(uuid="u" * 10_000, revenue="x" * 10**6))
    assert len(str(failure.value)) < 300


def nested(depth: int) -> object:
    return [] if depth == 0 else [nested(depth - 1)]


@pytest.mark.parametrize("key", ["mood", "token-mood", "user_buyer_id", "buyer_converted"])
def test_a_value_nested_too_deep_is_malformed(key: str) -> None:
    assert parsed(api_call(**{key: nested(90)}))
    with pytest.raises(MalformedRow) as failure:
        parsed(api_call(**{key: nested(200)}))
    assert failure.value.field in {key, "extra"}


def test_an_empty_page_is_an_empty_batch() -> None:
    assert parsed() == []


@pytest.mark.parametrize(
    ("stored", "fetched", "answered", "exclude", "merged"),
    [
        (None, None, [], "", None),
        ('{"mood":1.50}', None, ["buyer_converted"], "", '{"mood":1.50}'),
        ('{"mood":1,"x":2}', '{"mood":3}', [], "", '{"mood":3,"x":2}'),
        ('{"buyer_converted":"Duplicate"}', None, ["buyer_converted"], "", None),
        ('{"buyer_converted":"Duplicate"}', None, [], "", '{"buyer_converted":"Duplicate"}'),
        (None, '{"buyer_converted":"Duplicate"}', ["buyer_converted"], "", '{"buyer_converted":"Duplicate"}'),
        ('{"mood":1,"x":2}', None, [], "extra-mood", '{"x":2}'),
        ('{"mood":1}', '{"mood":2}', [], "extra", None),
    ],
)
def test_extra_is_merged_key_by_key(
    stored: str | None, fetched: str | None, answered: list[str], exclude: str, merged: str | None
) -> None:
    assert merge_extra(stored, fetched, answered, Exclusion.of(exclude)) == merged


@pytest.mark.parametrize("uuid", ["Jane Doe +17195550100", "+17195550100", "17195550100", "Jane"])
def test_a_uuid_that_is_no_id_is_not_named(uuid: str) -> None:
    with pytest.raises(MalformedRow, match="Call 1 of the page: payout is a text") as error:
        parsed(api_call(uuid=uuid, payout="x"))
    assert error.value.uuid is None
    assert uuid not in str(error.value)
