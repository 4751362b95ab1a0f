"""Which columns, tags, keys and reports are never stored."""

import pytest

from trackdrive_assets.tables.exclusion import Exclusion
from trackdrive_assets_tests.support.api_calls import api_call, parsed

CALLER = {"caller_number": "+17195550100", "name": "+17195550100"}
TAGS = {"token-email": "x", "token-zip": "1", "token_values": "email:x,zip:1"}


def test_excluded_columns_are_null() -> None:
    call = parsed(api_call(**CALLER, buyer="B"), exclude=Exclusion.of("caller_number, name"))[0]
    assert (call["caller_number"], call["buyer"]) == (None, "B")


def test_an_excluded_value_is_not_parsed() -> None:
    assert parsed(api_call(revenue="secret"), exclude=Exclusion.of("revenue"))[0]["revenue"] is None


@pytest.mark.parametrize(
    "pattern", ["Caller_Number", "CALLER-NUMBER", "caller-number", "caller_*", "*_NUMBER", "c*r_n*r"]
)
def test_names_are_matched_without_case_and_with_wildcards(pattern: str) -> None:
    assert parsed(api_call(**CALLER), exclude=Exclusion.of(pattern))[0]["caller_number"] is None


@pytest.mark.parametrize("pattern", ["token-email", "TOKEN-Email", "token_email", "token-e*", "token-*l"])
def test_one_tag_can_be_excluded_and_clears_token_values(pattern: str) -> None:
    call = parsed(api_call(**TAGS), exclude=Exclusion.of(pattern))[0]
    assert (call["tokens"], call["token_values"]) == ([("zip", "1")], None)


@pytest.mark.parametrize("pattern", ["token-*", "TOKEN-*", "tokens", "Tokens", "t*en-*", "token*", "TOKEN_*"])
def test_all_tags_can_be_excluded_in_both_forms(pattern: str) -> None:
    exclusion = Exclusion.of(pattern)
    call = parsed(api_call(**TAGS), exclude=exclusion)[0]
    assert (call["tokens"], call["token_values"], call["extra"]) == (None, None, None)
    assert exclusion.excludes_all_tags
    assert exclusion.excludes("tokens")


def test_the_key_of_a_tag_in_capitals_is_excluded_too() -> None:
    call = parsed(api_call(**{"Token-Email": "x", "TOKENS": "x"}), exclude=Exclusion.of("tokens"))[0]
    assert (call["tokens"], call["extra"]) == (None, None)


@pytest.mark.parametrize("key", ["name", "token-caller_id", "token_values", "contact_id"])
def test_excluding_the_caller_number_clears_what_repeats_it(key: str) -> None:
    sent = api_call(caller_number="+17195550100", **{key: "+17195550100"})
    assert "7195550100" not in str(parsed(sent, exclude=Exclusion.of("caller_number")))


def test_without_exclusions_all_of_a_call_is_stored() -> None:
    call = parsed(api_call(**CALLER, **TAGS, contact_id="7"))[0]
    assert (call["name"], call["extra"]) == ("+17195550100", '{"contact_id":"7"}')
    assert (call["tokens"], call["token_values"]) == ([("email", "x"), ("zip", "1")], "email:x,zip:1")


@pytest.mark.parametrize("pattern", ["extra-ssn", "EXTRA-SSN", "extra_ssn", "extra-s*"])
def test_an_undocumented_key_can_be_excluded(pattern: str) -> None:
    exclusion = Exclusion.of(pattern)
    assert parsed(api_call(ssn="1", mood="2"), exclude=exclusion)[0]["extra"] == '{"mood":"2"}'
    assert not exclusion.excludes("extra")


@pytest.mark.parametrize("pattern", ["extra", "Extra", "extra-*", "ext*"])
def test_all_undocumented_keys_can_be_excluded(pattern: str) -> None:
    exclusion = Exclusion.of(pattern)
    call = parsed(api_call(**CALLER, **TAGS, ssn="1", mood="2"), exclude=exclusion)[0]
    assert call["extra"] is None
    assert (call["caller_number"], len(call["tokens"])) == ("+17195550100", 2)
    assert exclusion.excludes("ssn")
    assert exclusion.excludes("extra")
    assert not exclusion.excludes_report("direction")


@pytest.mark.parametrize(
    "names", ["uuid", "buyer,created_at", "*", "UUID", "created-at", "u*", "*_at", "fetched_at"]
)
def test_required_columns_cannot_be_excluded(names: str) -> None:
    with pytest.raises(ValueError, match="can't be excluded"):
        Exclusion.of(names)


@pytest.mark.parametrize(
    ("pattern", "advice"),
    [
        ("caler_number", "Did you mean caller_number?"),
        ("Caller_Nummber", "Did you mean caller_number?"),
        ("tokens-email", "Did you mean"),
        ("callernumber", "Did you mean caller_number?"),
        ("aura_*", "Use token-aura_* for a tag, or extra-aura_* for a key"),
        ("ssn", "or extra-ssn for a key that is not documented."),
        ("*email", "Use token-*email for a tag"),
        ("token-", "Did you mean token"),
        ("extra-", "Did you mean extra?"),
    ],
)
def test_a_pattern_that_matches_nothing_is_an_error(pattern: str, advice: str) -> None:
    with pytest.raises(ValueError, match="matches no known column") as caught:
        Exclusion.of(f"buyer,{pattern}")
    assert repr(pattern) in str(caught.value)
    assert advice in str(caught.value)


@pytest.mark.parametrize(
    ("names", "category"),
    [
        ("contact_id", "contact_id"),
        ("Contact-Id", "CONTACT_ID"),
        ("contact_*", "contact_state"),
        ("caller_number", "contact_id"),
        ("caller_number", "caller_number"),
        ("caller_country", "contact_country"),
        ("tokens", "token-email"),
        ("buyer_id", "buyer_id"),
        ("Buyer", "buyer_id"),
        ("number_called", "number_id"),
    ],
)
def test_a_report_by_an_excluded_column_is_excluded(names: str, category: str) -> None:
    assert Exclusion.of(names).excludes_report(category)
    assert not Exclusion.of(names).excludes_report("status")
    assert not Exclusion().excludes_report(category)
