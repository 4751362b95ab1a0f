"""Connections that use no proxy to this machine, and whose responses have a bound in time and in size.

The timeouts of requests and urllib3 apply to each read alone, so a server that sends a byte now and then
would never end. `transport.py` sends the requests.
"""

import io
import math
import socket
import time
from collections.abc import Mapping
from http.client import HTTPException, HTTPResponse
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool
from urllib3.exceptions import HTTPError

from trackdrive_assets.addresses import is_loopback

LARGEST_RESPONSE = 32 << 20
"""The most bytes of a body, unpacked, and of a response as it is sent.

A page of 250 calls has about 1 MB. Each request in flight can need this much memory.
"""

# Bytes per read. The default of requests, ten kilobytes, needs hundreds of reads for a page of calls.
_CHUNK = 1 << 20


class ResponseOverdue(Exception):
    """A response that is not complete in time."""


class ResponseTooLarge(Exception):
    """A response with more than `LARGEST_RESPONSE` bytes."""


FAILURES = (OSError, ValueError, HTTPException, HTTPError, ResponseOverdue, ResponseTooLarge)
"""The errors of a request without a complete response. Most errors of requests are an `OSError`.

The others are of http.client and urllib3, which a malformed response can raise as they are.
"""


class BoundedAdapter(HTTPAdapter):
    """An adapter for which the read timeout of a request is the time for its whole response."""

    def send(self, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:
        """Send a request, to this machine without a proxy. `requests.Session` names all options."""
        if is_loopback(str(request.url)):
            options["proxies"] = None
        return super().send(request, *arguments, **options)

    def get_connection_with_tls_context(
        self,
        request: requests.PreparedRequest,
        verify: Any,
        proxies: Mapping[str, str] | None = None,
        cert: Any = None,
    ) -> HTTPConnectionPool:
        """Return the pool of a request, also that of a proxy. Its connections create bounded responses."""
        pool = super().get_connection_with_tls_context(request, verify, dict(proxies or {}), cert)
        kind = pool.ConnectionCls
        if getattr(kind, "response_class", None) is not _BoundedResponse:
            pool.ConnectionCls = type(kind.__name__, (kind,), {"response_class": _BoundedResponse})
        return pool


def read_body(response: requests.Response) -> bytes:
    """Return the unpacked body of a response.

    Raises:
        ResponseTooLarge: The body exceeds its bound. The rest is neither read nor unpacked.
    """
    chunks, size = [], 0
    # If the block raises, the connection has unread bytes and is closed.
    with response:
        for chunk in response.iter_content(_CHUNK):
            size += len(chunk)
            if size > LARGEST_RESPONSE:
                raise ResponseTooLarge
            chunks.append(chunk)
    return b"".join(chunks)


class _BoundedResponse(HTTPResponse):
    """A response whose status, headers and body are read from a bounded stream."""

    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp = io.BufferedReader(_BoundedStream(sock, self.fp.detach()))


class _BoundedStream(io.RawIOBase):
    """The bytes of one response. The timeout of its socket is the time until the last byte."""

    def __init__(self, sock: socket.socket, stream: io.RawIOBase) -> None:
        self._socket = sock
        self._stream = stream
        self._deadline = time.monotonic() + (sock.gettimeout() or math.inf)
        self._size = 0

    def readable(self) -> bool:
        """Return that the stream can be read."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Read the bytes that come next, into a buffer."""
        seconds = self._deadline - time.monotonic()
        if seconds <= 0:
            raise ResponseOverdue
        self._socket.settimeout(None if seconds == math.inf else seconds)
        try:
            count: int | None = self._stream.readinto(buffer)
        except TimeoutError:
            raise ResponseOverdue from None
        self._size += count or 0
        if self._size > LARGEST_RESPONSE:
            raise ResponseTooLarge
        return count

    def close(self) -> None:
        """Release the socket."""
        self._stream.close()
        super().close()
