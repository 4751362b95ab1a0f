"""A server that costs almost no CPU, so that a benchmark measures its client.

It has `/calls`, `/calls/reports` and `/calls/stats` of the sandbox. `GET /log` returns the summary of the
requests, and `POST /log` also clears it.

Not here: the calls (`account.py`), and faults, the legacy API and credentials, which only the sandbox has.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from benchmarks.account import FIRST_DAY, Account
from benchmarks.request_log import TOO_MANY_REQUESTS, TimedRequest, summarize
from trackdrive_assets.sandbox.parameters import InvalidParameter


class TokenBucket:
    """A limit of requests per second, with a burst of at most one second.

    Args:
        per_second: The requests per second; None for no limit.
        clock: The clock in seconds.
    """

    def __init__(self, per_second: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._clock = clock
        self._tokens = per_second or 0
        self._updated = clock()

    def take(self) -> bool:
        """Return whether one more request is allowed now."""
        if self._per_second is None:
            return True
        now = self._clock()
        self._tokens = min(self._per_second, self._tokens + (now - self._updated) * self._per_second)
        self._updated = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


@dataclass(frozen=True)
class HttpResponse:
    """A response. `headers` is the text of those beside Content-Type and Content-Length."""

    status: int
    body: bytes
    headers: str = ""


def failure(status: int, headers: str = "", **errors: str) -> HttpResponse:
    """Return an error with the body that the API is assumed to send."""
    return HttpResponse(status, msgspec.json.encode({"status": status, "errors": errors}), headers)


class Server:
    """An HTTP/1.1 server with persistent connections.

    Args:
        account: The account.
        latency: The seconds before every response.
        limit: The limit above which the response is 429.
    """

    def __init__(self, account: Account, latency: float, limit: TokenBucket) -> None:
        self._account = account
        self._latency = latency
        self._limit = limit
        self._log: list[TimedRequest] = []
        self._in_flight = 0

    async def handle_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Respond to the requests of one connection until it closes."""
        # Draining then ends when the last byte is sent, not shortly before.
        writer.transport.set_write_buffer_limits(high=0)
        try:
            while True:
                method, target, _ = (await reader.readuntil(b"\r\n\r\n")).decode("ascii").split(" ", 2)
                if target == "/log":
                    await _send(writer, self._log_response(clear=method == "POST"))
                else:
                    await self._serve(target, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _serve(self, target: str, writer: asyncio.StreamWriter) -> None:
        arrived = time.monotonic()
        self._in_flight += 1
        in_flight = self._in_flight
        try:
            if self._limit.take():
                await asyncio.sleep(self._latency)
                response = self._respond(target)
            else:
                response = failure(TOO_MANY_REQUESTS, "Retry-After: 1\r\n", base="Too many requests.")
            await _send(writer, response)
        finally:
            self._in_flight -= 1
        self._log.append(TimedRequest(arrived, time.monotonic(), in_flight, response.status))

    def _respond(self, target: str) -> HttpResponse:
        url = urlsplit(target)
        params = dict(parse_qsl(url.query))
        try:
            match url.path:
                case "/api/v1/calls":
                    return HttpResponse(200, self._account.calls(params))
                case "/api/v1/calls/reports":
                    return HttpResponse(200, self._account.report(params))
                case "/api/v1/calls/stats":
                    return HttpResponse(200, self._account.stats(params))
                case _:
                    return failure(404, base=f"There is no {url.path}.")
        except InvalidParameter as error:
            return failure(422, **{error.parameter: error.message})

    def _log_response(self, *, clear: bool) -> HttpResponse:
        response = HttpResponse(200, msgspec.json.encode(asdict(summarize(self._log))))
        if clear:
            self._log.clear()
        return response


async def _send(writer: asyncio.StreamWriter, response: HttpResponse) -> None:
    head = f"HTTP/1.1 {response.status} -\r\nContent-Type: application/json\r\n{response.headers}"
    writer.write(f"{head}Content-Length: {len(response.body)}\r\n\r\n".encode())
    writer.write(response.body)
    await writer.drain()


async def _run(server: Server, port: int) -> None:
    listener = await asyncio.start_server(server.handle_connection, "127.0.0.1", port)
    sys.stdout.write(f"{listener.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await listener.serve_forever()


def _parse(arguments: Sequence[str] | None) -> Any:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, default=0, help="the port, which is printed; 0 for a free one")
    parser.add_argument("--calls-per-day", type=int, default=100_000, help="exact number of calls per day")
    parser.add_argument("--days", type=int, default=1, help="number of days")
    parser.add_argument("--first-day", type=date.fromisoformat, default=FIRST_DAY, help="first UTC day")
    parser.add_argument(
        "--distinct", type=int, default=100_000, help="largest number of different calls in a day"
    )
    parser.add_argument("--latency", type=float, default=0, help="seconds before every response")
    parser.add_argument("--limit", type=float, help="requests per second above which the response is 429")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until the process is stopped."""
    options = _parse(arguments)
    account = Account(options.calls_per_day, options.days, options.first_day, options.distinct)
    asyncio.run(_run(Server(account, options.latency, TokenBucket(options.limit)), options.port))


if __name__ == "__main__":
    main()
