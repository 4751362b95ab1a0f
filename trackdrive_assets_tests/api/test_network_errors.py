"""Errors of proxies and certificates, from real ones on this machine."""

import itertools
import socket
import ssl
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from trackdrive_assets.api.auth import KeyPair
from trackdrive_assets.api.client import Client
from trackdrive_assets.api.errors import RequestFailed, Unavailable
from trackdrive_assets.api.network_errors import proxy_of
from trackdrive_assets.api.options import ClientOptions
from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets_tests.support.certificates import Authority
from trackdrive_assets_tests.support.raw_server import HEAD, sending, slowly

OPTIONS = ClientOptions(requests_per_second=0, retry_budget=0)
CALL = HEAD + b'Content-Length: 10\r\n\r\n{"uuid":1}'
HERE = "IP:127.0.0.1"
PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def _no_network_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PROXY_VARIABLES, "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def client_for(address: str) -> Client:
    return Client(address, KeyPair("tdpubopen", "tdprvsesame"), OPTIONS)


def error_of(address: str) -> RequestFailed:
    with client_for(address) as client, pytest.raises(RequestFailed) as caught:
        client.call(5)
    return caught.value


@pytest.mark.parametrize(
    ("context", "is_trusted", "reason"),
    [
        (lambda authority: authority.self_signed(HERE), False, "it is self-signed"),
        (lambda authority: authority.issue(HERE), False, "this machine does not trust its issuer"),
        (lambda authority: authority.issue(HERE, expired=True), True, "it has expired"),
        (lambda authority: authority.issue("DNS:acme.example"), True, "it belongs to another host"),
    ],
    ids=["self-signed", "unknown authority", "expired", "other host"],
)
def test_a_refused_certificate_is_permanent_and_has_its_reason(
    authority: Authority,
    context: Callable[[Authority], ssl.SSLContext],
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_trusted: bool,
) -> None:
    if is_trusted:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.bundle))
    with sending(lambda: [CALL], context(authority)) as address:
        error = error_of(address)
    assert error.is_permanent
    assert f"the certificate of {address} is refused, because {reason}" in str(error)
    assert "set REQUESTS_CA_BUNDLE to a file that contains them" in str(error)


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_bundle_with_the_authority_makes_the_certificate_valid(
    authority: Authority, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, str(authority.bundle))
    with sending(lambda: [CALL], authority.issue(HERE)) as address, client_for(address) as client:
        assert client.call(5) == {"uuid": 1}


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
@pytest.mark.parametrize(
    ("exists", "reason"),
    [
        (False, "this path cannot be read (No such file or directory)"),
        (True, "this file contains no certificates"),
    ],
)
def test_a_bundle_without_certificates_names_its_variable(
    variable: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, exists: bool
) -> None:
    bundle = tmp_path / "bundle.pem"
    if exists:
        bundle.touch()
    monkeypatch.setenv(variable, str(bundle))
    error = error_of("https://127.0.0.1:1")
    assert error.is_permanent
    assert f"{variable} is {bundle}, and {reason}. Correct the variable or remove it." in str(error)


def test_a_host_without_https_is_a_temporary_error() -> None:
    with sending(lambda: [CALL]) as address:
        error = error_of(address.replace("http:", "https:"))
    assert isinstance(error, Unavailable)
    assert "the host may not have https" in str(error)


def proxy(status: str) -> bytes:
    return f"HTTP/1.1 {status} Not for operator:sesame\r\nX-Key: sesame\r\n\r\n".encode()


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
@pytest.mark.parametrize(
    ("status", "kind", "advice"),
    [
        ("407", RequestFailed, "Write its user and password into HTTPS_PROXY"),
        ("403", RequestFailed, "Ask its operator to allow the address"),
        ("503", Unavailable, "HTTPS_PROXY, ALL_PROXY and NO_PROXY"),
    ],
)
def test_a_proxy_that_refuses_is_named_without_its_password(
    variable: str, status: str, kind: type[RequestFailed], advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sending(lambda: [proxy(status)]) as address:
        host = address.removeprefix("http://")
        monkeypatch.setenv(variable, f"http://operator:sesame@{host}")
        error = error_of("https://acme.example")
    assert type(error) is kind
    assert f"the proxy {host}" in str(error)
    assert status in str(error)
    assert advice in str(error)
    assert "sesame" not in str(error)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://operator:sesame@127.0.0.1:1", "the proxy 127.0.0.1:1 is not available"),
        ("operator:sesame@127.0.0.1:1", "the proxy 127.0.0.1:1 cannot be used"),
        ("socks5://operator:sesame@127.0.0.1:1", "the proxy 127.0.0.1:1 needs the package PySocks"),
        ("ftp://operator:sesame@127.0.0.1:1", "the proxy 127.0.0.1:1 cannot be used"),
        ("http://", "the proxy of the environment cannot be used"),
        ("http://operator:sesame@a:b:c/", "the proxy a:b:c cannot be used"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_named_without_its_password(
    url: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", url)
    error = error_of("https://acme.example")
    assert shown in str(error)
    assert "sesame" not in str(error)


def test_a_proxy_that_trickles_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with sending(lambda: slowly(itertools.repeat(b"a"))) as address:
        monkeypatch.setenv("HTTPS_PROXY", address)
        options = replace(OPTIONS, connect_timeout=0.2)
        client = Client("https://acme.example", KeyPair("tdpubopen", "tdprvsesame"), options)
        with client, pytest.raises(Unavailable, match="that the proxy 127"):
            client.call(5)


@pytest.mark.parametrize("variable", PROXY_VARIABLES[:3])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "acme.localhost"])
def test_a_request_to_this_machine_uses_no_proxy(
    still: Sandbox, variable: str, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "http://127.0.0.1:1")
    monkeypatch.setattr(socket, "getaddrinfo", resolve_to_this_machine)
    address = still.base_url.replace("127.0.0.1", host)
    with Client(address, KeyPair(still.public_key, still.private_key), OPTIONS) as client:
        assert next(client.calls())


def resolve_to_this_machine(_: str, port: int, *__: object) -> list[object]:
    # Not every machine resolves names that end with localhost.
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]


def test_a_host_in_no_proxy_has_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    assert proxy_of("https://acme.example") == "127.0.0.1:1"
    monkeypatch.setenv("NO_PROXY", "acme.example")
    assert proxy_of("https://acme.example") is None
