"""Which addresses get the credentials, and which are this machine."""

import pytest

from trackdrive_assets.addresses import address_fault, is_loopback
from trackdrive_assets.api.auth import KeyPair
from trackdrive_assets.api.client import Client
from trackdrive_assets.api.errors import AddressError

LOCAL = ["127.0.0.1", "127.8.9.10:8765", "[::1]:80", "localhost", "LOCALHOST:3000", "acme.localhost"]
NOT_LOCAL = [
    "acme.example",
    "127.0.0.1.acme.example",
    "localhost.acme.example",
    "mylocalhost",
    "10.0.0.1",
    "[::ffff:10.0.0.1]",
    "127.1",
    "2130706433",
    "localhost:80@acme.example",
    "acme.example\\@127.0.0.1",
    "acme.example#@127.0.0.1",
]
"""Some look local only to another parser of URLs."""


@pytest.mark.parametrize("host", LOCAL)
def test_http_is_for_this_machine(host: str) -> None:
    assert is_loopback(f"http://{host}")
    assert address_fault(f"http://{host}") is None


@pytest.mark.parametrize("host", NOT_LOCAL)
def test_http_to_another_machine_is_refused(host: str) -> None:
    assert not is_loopback(f"http://{host}")
    assert "use https" in str(address_fault(f"http://{host}"))
    assert address_fault(f"https://{host}") is None


@pytest.mark.parametrize(
    "url", ["", "acme.trackdrive.com", "http://", "ftp://acme", "http://a:99999", "https://a b"]
)
def test_a_text_that_is_no_address_is_refused(url: str) -> None:
    assert "use a scheme and a host" in str(address_fault(url))


@pytest.mark.parametrize("url", ["http://acme.example", "HTTP://user:sesame@acme.example", "acme.example"])
def test_a_client_of_an_unsafe_address_cannot_be_made(url: str) -> None:
    with pytest.raises(AddressError, match="cannot be the address of an account") as caught:
        Client(url, KeyPair("tdpubopen", "tdprvsesame"))
    assert "sesame" not in str(caught.value)
    assert caught.value.is_permanent
