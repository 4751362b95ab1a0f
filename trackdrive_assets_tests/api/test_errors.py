"""The texts of errors: the request, the response and what to do, without secrets."""

import base64

import pytest

from trackdrive_assets.api.auth import AuthToken, KeyPair
from trackdrive_assets.api.errors import (
    AccessDenied,
    CredentialError,
    IncompleteResponse,
    NotFound,
    QueryError,
    Rejected,
    RequestFailed,
    TrackdriveError,
    Unavailable,
    error_for,
    redact,
)

PAIR = KeyPair("tdpubexample", "tdprvexample")
PLAIN_PAIR = KeyPair("front-door", "back-door")
"""Keys without the form of keys."""


def error_of(status: int, message: str = "because") -> RequestFailed:
    return error_for(
        request="GET /api/v1/calls", status=status, server_message=message, credentials=str(PAIR)
    )


@pytest.mark.parametrize(
    ("status", "kind", "permanent"),
    [
        (401, AccessDenied, True),
        (403, AccessDenied, True),
        (407, AccessDenied, True),
        (404, NotFound, True),
        (400, Rejected, True),
        (422, Rejected, True),
        (302, Rejected, True),
        (408, Unavailable, False),
        (429, Unavailable, False),
        (500, Unavailable, False),
        (502, Unavailable, False),
        (599, Unavailable, False),
    ],
)
def test_the_status_decides_the_class_of_the_error(
    status: int, kind: type[RequestFailed], permanent: object
) -> None:
    error = error_of(status)
    assert type(error) is kind
    assert error.is_permanent is permanent
    assert error.status == status
    assert str(error).startswith(f"GET /api/v1/calls returned {status}")
    assert "because" in str(error)


def test_an_error_without_a_message_has_a_text_for_that() -> None:
    assert "422 Unprocessable" in str(error_of(422, message=""))
    assert "without an explanation" in str(error_of(422, message=""))


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (401, "Check in the Trackdrive profile that this key is active"),
        (403, "permission for GET /api/v1/calls"),
        (404, "the subdomain is this account's"),
        (422, "Correct the request"),
    ],
)
def test_an_error_advises_what_to_do(status: int, advice: str) -> None:
    assert advice in str(error_of(status))


@pytest.mark.parametrize(("status", "words"), [(403, "through the proxy p:1"), (407, "The proxy p:1 needs")])
def test_a_refusal_names_the_proxy(status: int, words: str) -> None:
    error = error_for(
        request="GET /api/v1/calls", status=status, server_message="", credentials=str(PAIR), proxy="p:1"
    )
    assert words in str(error)
    assert type(error) is AccessDenied


def test_a_refusal_without_a_proxy_names_none() -> None:
    assert "proxy" not in str(error_of(403))


def test_a_refusal_shows_only_the_beginning_of_the_key() -> None:
    assert "the key pair with the public key tdpube…. Check" in str(error_of(401))
    assert "tdpubex" not in str(error_of(401))


@pytest.mark.parametrize(
    ("public", "shown"),
    [
        ("tdpub0a1b2c3d4e5f6a7b", "the key pair with the public key tdpub0a1b…"),
        ("tdpub0a1b2c3", "the key pair with the public key tdpub0…"),
        ("tdpub0a1b2c", "the key pair"),
    ],
)
def test_at_most_half_of_a_key_is_shown(public: str, shown: str) -> None:
    assert str(KeyPair(public, "tdprvexample")) == shown


def test_an_incomplete_response_is_not_permanent() -> None:
    assert not IncompleteResponse.is_permanent
    assert TrackdriveError.is_permanent


@pytest.mark.parametrize("kind", [QueryError, CredentialError])
def test_mistakes_of_the_caller_are_value_errors_too(kind: type[Exception]) -> None:
    assert issubclass(kind, ValueError)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("tdpub0a1b2c and tdprv3d4e5f", "[redacted] and [redacted]"),
        ("Basic dGRwdWJleGFtcGxlOnRkcHJ2ZXhhbXBsZQ==", "Basic [redacted]"),
        ("/api/v1/calls?auth_token=abc%2F1&page=2", "/api/v1/calls?auth_token=[redacted]&page=2"),
        ('{"autth_token":"front-door"}', '{"autth_token":"[redacted]"}'),
        ("back-door", "[redacted]"),
        (base64.b64encode(b"front-door:back-door").decode(), "[redacted]"),
        ("nothing to hide", "nothing to hide"),
    ],
)
def test_secrets_and_texts_in_the_form_of_keys_are_redacted(text: str, kept: str) -> None:
    assert redact(text, PLAIN_PAIR.secrets) == kept


@pytest.mark.parametrize("spelled", ['a/b&"c', "a/b%26%22c", "a%2Fb%26%22c", "a/b&amp;&quot;c", 'a/b&\\"c'])
def test_a_secret_in_another_spelling_is_redacted(spelled: str) -> None:
    assert redact(f"It is {spelled}.", ('a/b&"c',)) == "It is [redacted]."


def test_a_secret_that_contains_another_is_redacted_completely() -> None:
    assert redact("door and door-key", ("door", "door-key")) == "[redacted] and [redacted]"


def test_credentials_do_not_show_their_secrets() -> None:
    for credentials in (PAIR, AuthToken("sesame"), AuthToken("sesame", "header")):
        for text in (repr(credentials), str(credentials)):
            assert not [secret for secret in credentials.secrets if secret in text]


@pytest.mark.parametrize(("public", "private", "named"), [("", "b", "public"), ("a", "", "private")])
def test_half_a_key_pair_is_refused(public: str, private: str, named: str) -> None:
    with pytest.raises(CredentialError, match=f"The {named} key is empty"):
        KeyPair(public, private)


def test_an_empty_token_is_refused() -> None:
    with pytest.raises(CredentialError, match="token is empty"):
        AuthToken("")


@pytest.mark.parametrize("token", ["sesame\n", "ses ame", "sésame"])
def test_a_token_that_a_header_cannot_have_is_refused(token: str) -> None:
    assert AuthToken(token).parameters == {"auth_token": token}
    with pytest.raises(CredentialError, match="Copy it again") as caught:
        AuthToken(token, "header")
    assert token not in str(caught.value)
