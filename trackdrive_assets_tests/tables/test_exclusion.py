"""Which columns, tags and keys are never stored."""

import pytest

from trackdrive_assets.tables.exclusion import Exclusion
from trackdrive_assets_tests.support.api_calls import api_call, parsed


def test_excluded_columns_are_null() -> None:
    call = parsed(
        api_call(caller_number="+17195550100", buyer="B"), exclude=Exclusion.of("caller_number, name")
    )[0]
    assert (call["caller_number"], call["buyer"]) == (None, "B")


def test_an_excluded_value_is_not_parsed() -> None:
    assert parsed(api_call(revenue="secret"), exclude=Exclusion.of("revenue"))[0]["revenue"] is None


def test_one_tag_can_be_excluded() -> None:
    call = parsed(api_call(**{"token-email": "x", "token-zip": "1"}), exclude=Exclusion.of("token-email"))[0]
    assert call["tokens"] == [("zip", "1")]


def test_all_tags_can_be_excluded_in_both_forms() -> None:
    call = parsed(
        api_call(**{"token-email": "x", "token_values": "email:x"}), exclude=Exclusion.of("token-*")
    )[0]
    assert (call["tokens"], call["token_values"], call["extra"]) == (None, None, None)


@pytest.mark.parametrize("pattern", ["token-email", "token-e*"])
def test_excluding_a_tag_clears_token_values(pattern: str) -> None:
    sent = api_call(**{"token-email": "x", "token-state": "CO", "token_values": "email:x,state:CO"})
    call = parsed(sent, exclude=Exclusion.of(pattern))[0]
    assert (call["tokens"], call["token_values"]) == ([("state", "CO")], None)


def test_excluding_the_caller_number_clears_the_name() -> None:
    sent = api_call(caller_number="+17195550100", name="+17195550100")
    call = parsed(sent, exclude=Exclusion.of("caller_number"))[0]
    assert (call["caller_number"], call["name"]) == (None, None)


def test_undocumented_keys_can_be_excluded() -> None:
    assert parsed(api_call(ssn="1", mood="2"), exclude=Exclusion.of("ssn"))[0]["extra"] == '{"mood":"2"}'


@pytest.mark.parametrize("names", ["uuid", "buyer,created_at", "*"])
def test_required_columns_cannot_be_excluded(names: str) -> None:
    with pytest.raises(ValueError, match="can't be excluded"):
        Exclusion.of(names)


def test_misspelled_columns_are_undocumented_and_tags_are_not() -> None:
    exclusion = Exclusion.of("caller_number, caler_number, agent_*, aura_*, token-email")
    assert exclusion.undocumented == ("caler_number", "aura_*")
