"""How a request without a response is reported."""

from typing import NoReturn

import pytest
import requests

from trackdrive_assets.api.auth import KeyPair
from trackdrive_assets.api.client import Client
from trackdrive_assets.api.errors import Unavailable
from trackdrive_assets.api.options import ClientOptions
from trackdrive_assets.api.rate_limit import Clock

SECRET = "tdprvsesame"
OPTIONS = ClientOptions(requests_per_second=0, connect_timeout=7, response_timeout=9, retry_budget=0)


@pytest.mark.parametrize(
    ("kind", "cause"),
    [
        (requests.exceptions.SSLError, r"no secure connection.*\(SSLError\)"),
        (requests.ConnectTimeout, r" 7 s \(ConnectTimeout\)"),
        (requests.ReadTimeout, r" 9 s \(ReadTimeout\)"),
        (requests.ConnectionError, r"connection failed \(ConnectionError\)"),
    ],
)
def test_a_lost_request_is_reported_with_its_cause_and_without_its_url(
    kind: type[requests.RequestException], cause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> NoReturn:
        raise kind(f"https://acme.example/?auth_token={SECRET}")

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", fail)
    with (
        Client("https://acme.example", KeyPair("tdpubopen", SECRET), OPTIONS, clock=Clock()) as client,
        pytest.raises(Unavailable, match=cause) as caught,
    ):
        client.call(5)
    assert "https://acme.example is the account's address" in str(caught.value)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is caught.value.__context__ is None
