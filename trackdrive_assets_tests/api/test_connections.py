"""Responses without an end, in time or in size, from servers that mean harm."""

import gzip
import itertools
import tracemalloc
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import replace

import pytest

from trackdrive_assets.api import connections
from trackdrive_assets.api.auth import KeyPair
from trackdrive_assets.api.client import Client
from trackdrive_assets.api.errors import RequestFailed, Unavailable
from trackdrive_assets.api.options import ClientOptions
from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets_tests.support.raw_server import HEAD, sending, slowly

OPTIONS = ClientOptions(requests_per_second=0, response_timeout=0.2, retry_budget=0)
PATIENT = ClientOptions(requests_per_second=0, retry_budget=0)
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def client_for(address: str, options: ClientOptions = PATIENT) -> Client:
    return Client(address, KeyPair("tdpubopen", "tdprvsesame"), options)


def forever(part: bytes) -> Iterator[bytes]:
    return slowly(itertools.repeat(part))


@pytest.mark.parametrize(
    ("beginning", "rest"),
    [
        (b"", b"H"),
        (HEAD + b"X-Slow: ", b"a"),
        (HEAD, b"X-More: 1\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (HEAD + b"Content-Length: 100000\r\n\r\n", b" "),
        (HEAD + b"\r\n", b" "),
        (CHUNKED, b"1\r\n \r\n"),
        (CHUNKED, b"0"),
        (CHUNKED + b"2\r\n{}\r\n0\r\n", b"X-Trailer: 1\r\n"),
    ],
    ids=["status", "header", "headers", "100s", "body", "no length", "chunks", "chunk size", "trailers"],
)
def test_a_response_that_trickles_is_given_up(beginning: bytes, rest: bytes) -> None:
    def answer() -> Iterable[bytes]:
        return itertools.chain([beginning], forever(rest))

    with (
        sending(answer) as address,
        client_for(address, OPTIONS) as client,
        pytest.raises(Unavailable, match=r"calls/5 got no response: no complete response within 0.2 s"),
    ):
        client.call(5)


def gzipped(body: bytes) -> bytes:
    return gzip.compress(body, compresslevel=1)


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzipped(b" " * (64 << 20))),
        ("gzip, gzip", gzipped(gzipped(b" " * (64 << 20)))),
        ("deflate", zlib.compress(b" " * (64 << 20), 1)),
        ("identity", b" " * (64 << 20)),
    ],
)
def test_a_body_over_the_limit_is_not_unpacked(
    encoding: str, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "LARGEST_RESPONSE", 1 << 20)
    head = HEAD + f"Content-Encoding: {encoding}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with sending(lambda: [head, body]) as address, client_for(address) as client:
        tracemalloc.start()
        with pytest.raises(RequestFailed, match="Request fewer rows") as caught:
            client.call(5)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert caught.value.is_permanent
    assert peak < 16 << 20


@pytest.mark.parametrize(
    ("beginning", "rest"),
    [(CHUNKED, b"100000\r\n" + b" " * (1 << 20) + b"\r\n"), (HEAD + b"\r\n", b" " * (1 << 20))],
    ids=["chunked", "no length"],
)
def test_an_endless_body_ends_with_a_permanent_error(beginning: bytes, rest: bytes) -> None:
    with (
        sending(lambda: itertools.chain([beginning], itertools.repeat(rest))) as address,
        client_for(address) as client,
        pytest.raises(RequestFailed, match="has more than 32 MB") as caught,
    ):
        client.call(5)
    assert caught.value.is_permanent


@pytest.mark.parametrize(
    "answer",
    [
        HEAD + b"X-Long: " + b"a" * 100_000 + b"\r\n\r\n",
        HEAD + b"X-More: 1\r\n" * 1000 + b"\r\n",
        HEAD + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
        HEAD + b"Content-Encoding: " + b"gzip, " * 99 + b"gzip\r\nContent-Length: 2\r\n\r\n{}",
        HEAD + b"Content-Length: 99\r\n\r\n{}",
        CHUNKED + b"5\r\n{}",
        CHUNKED + b"-5\r\n{}\r\n",
        CHUNKED + b"-1\r\n{}\r\n",
        CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n",
        CHUNKED + b"f" * 1000 + b"\r\n{}",
        b"HTTP/9.9 200 OK\r\n\r\n{}",
        b"HTTP/1.1 999999 OK\r\n\r\n{}",
        b"\xff\xfe\x00\r\n\r\n",
        b"",
    ],
)
def test_a_response_that_is_no_http_is_a_temporary_error(answer: bytes) -> None:
    with (
        sending(lambda: [answer]) as address,
        client_for(address) as client,
        pytest.raises(Unavailable, match="calls/5 got no response: "),
    ):
        client.call(5)


def test_the_next_request_has_a_deadline_of_its_own(still: Sandbox) -> None:
    options = replace(OPTIONS, response_timeout=30)
    with Client(still.base_url, KeyPair(still.public_key, still.private_key), options) as client:
        assert len(list(client.calls())) == len(list(client.calls())) > 0
