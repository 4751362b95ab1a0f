"""Servers with the API of S3 for tests, and a proxy before one that counts, delays and refuses requests."""

import http.client
import logging
import os
import socket
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from pathlib import Path
from unittest.mock import patch
from urllib.parse import urlsplit
from wsgiref.types import StartResponse, WSGIEnvironment

import obstore
import obstore.exceptions
import requests
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from obstore.store import S3Store
from werkzeug.serving import make_server

REGION = "us-east-1"
KEY = "testing"
"""The key and the secret of every server."""

_HOP_HEADERS = {"connection", "transfer-encoding", "content-length", "date", "server"}


@dataclass(frozen=True)
class Refusal:
    """An error response of S3.

    Attributes:
        status: The status of the response.
        code: The code of the error, such as `SlowDown`.
        times: The number of requests that get it.
        is_carried_out: Whether the server carries the request out nevertheless.
    """

    status: int
    code: str
    times: int = 1
    is_carried_out: bool = False


@dataclass
class CountedServer:
    """A server with the API of S3 behind a proxy.

    Attributes:
        address: The address of the server.
        endpoint: The address of the proxy.
        delay: The seconds that the proxy waits before each request.
        requests: The method and the path of each request so far.
    """

    address: str
    endpoint: str = ""
    delay: float = 0.0
    requests: list[tuple[str, str]] = field(default_factory=list)
    _refusals: list[Refusal] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def counts(self) -> Counter[str]:
        """The number of requests by method."""
        return Counter(method for method, _ in self.requests)

    def refuse(self, refusal: Refusal) -> None:
        """Refuse the next requests."""
        with self._lock:
            self._refusals += [refusal] * refusal.times

    def next_refusal(self, method: str, path: str) -> Refusal | None:
        """Count a request, and return the error that it gets. None if it reaches the server."""
        with self._lock:
            self.requests.append((method, path))
            return self._refusals.pop(0) if self._refusals else None

    def variables(self) -> dict[str, str]:
        """Return the variables of the environment for this server."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": KEY,
            "AWS_REGION": REGION,
        }

    def bucket(self, name: str) -> S3Store:
        """Create a bucket, and return it. Its requests are counted, but not this one."""
        server = urlsplit(self.address)
        connection = http.client.HTTPConnection(str(server.hostname), server.port)
        connection.request("PUT", f"/{name}", headers={"Authorization": _unchecked_signature()})
        assert connection.getresponse().status == 200
        connection.close()
        return S3Store(
            name,
            endpoint=self.endpoint,
            region=REGION,
            access_key_id=KEY,
            secret_access_key=KEY,
            client_options={"allow_http": True},
        )


@contextmanager
def counting(address: str) -> Iterator[CountedServer]:
    """Run a proxy before a server."""
    counted = CountedServer(address)

    class Proxy(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            refusal = counted.next_refusal(self.command, self.path)
            time.sleep(counted.delay)
            if refusal and not refusal.is_carried_out:
                self._answer(refusal.status, {}, _error_body(refusal.code))
                return
            server = urlsplit(address)
            # The signature contains the host, so all headers stay as they are.
            connection = http.client.HTTPConnection(str(server.hostname), server.port)
            connection.request(self.command, self.path, body, dict(self.headers.items()))
            response = connection.getresponse()
            content = response.read()
            connection.close()
            if refusal:
                self._answer(refusal.status, {}, _error_body(refusal.code))
                return
            length = {"Content-Length": response.headers.get("Content-Length") or str(len(content))}
            headers = {k: v for k, v in response.getheaders() if k.lower() not in _HOP_HEADERS}
            self._answer(response.status, headers | length, content)

        def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(body))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _forward  # noqa: N815  http.server calls these

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with _running(ThreadingHTTPServer(("127.0.0.1", 0), Proxy)) as counted.endpoint:
        yield counted


@contextmanager
def _running(server: HTTPServer) -> Iterator[str]:
    """Run a server of this process, and yield its address."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    with server:
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def bucket_of(address: str) -> Iterator[str]:
    """Create a bucket, set the variables of its server during the block, and return its URL."""
    server = CountedServer(address, endpoint=address)
    server.bucket("lake")
    with patch.dict(os.environ, server.variables()):
        yield "s3://lake"


@contextmanager
def serving_moto() -> Iterator[str]:
    """Run moto without objects, and return its address. It checks conditions, but no signature."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto = DomainDispatcherApplication(create_backend_app)
    lock = threading.Lock()

    def respond(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        # moto checks the condition of a replacement, and then replaces the object. Nothing may come between.
        with lock:
            response: Iterable[bytes] = moto(environ, start_response)
            return response

    with _running(
        make_server("127.0.0.1", 0, respond, threaded=True, request_handler=MotoRequestHandler)
    ) as address:
        # All servers of a process share their objects.
        requests.post(f"{address}/moto-api/reset", timeout=10).raise_for_status()
        yield address


@contextmanager
def serving_seaweedfs(program: Path, address: str = "127.0.0.1") -> Iterator[str]:
    """Run SeaweedFS, and return the address of its S3 server. It is up in about 8 seconds.

    Args:
        program: The program `weed`.
        address: The IP address of the servers.
    """
    with tempfile.TemporaryDirectory(prefix="weed") as folder:
        ports = dict(zip(("master", "volume", "filer", "s3"), _free_ports(4, address), strict=True))
        options = [f"-{name}.port={port}" for name, port in ports.items()]
        with (Path(folder) / "log").open("wb") as log:
            process = subprocess.Popen(
                [
                    *(program, "server", f"-dir={folder}", f"-ip={address}", f"-ip.bind={address}"),
                    *("-filer", "-s3", "-volume.max=100", "-master.volumeSizeLimitMB=64"),
                    *("-master.telemetry=false", *options),
                ],
                stdout=log,
                stderr=log,
            )
        try:
            url = f"http://{address}:{ports['s3']}"
            _wait_until_ready(url)
            yield url
        finally:
            # It ends by itself only after more than a minute.
            process.kill()
            process.wait()


def _free_ports(number: int, address: str) -> list[int]:
    """Return free ports. SeaweedFS uses those that are higher by 10,000 too."""
    found: list[int] = []
    for port in range(21_000, 50_000):
        with suppress(OSError), socket.create_server((address, port)):
            with socket.create_server((address, port + 10_000)):
                found.append(port)
            if len(found) == number:
                return found
    raise OSError("No ports are free.")


def _wait_until_ready(address: str) -> None:
    """Wait until a server can store an object."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with suppress(AssertionError, OSError, obstore.exceptions.BaseError), counting(address) as counted:
            obstore.put(counted.bucket("ready"), "object", b"")
            return
        time.sleep(0.5)
    raise OSError("The server is not ready.")


def _unchecked_signature() -> str:
    scope = f"{KEY}/20240101/{REGION}/s3/aws4_request"
    return f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"


def _error_body(code: str) -> bytes:
    return f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>{code}</Message></Error>'.encode()
