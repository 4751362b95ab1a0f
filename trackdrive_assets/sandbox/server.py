"""The sandbox as a real HTTP server on loopback: who may ask, what goes wrong on the way, and the port.

What is answered is `endpoints.py`.
"""

import asyncio
import base64
import html
import secrets
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Literal, Self

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from trackdrive_assets.sandbox import AUTH_TOKEN, PRIVATE_KEY, PUBLIC_KEY, serializers
from trackdrive_assets.sandbox.call import milliseconds
from trackdrive_assets.sandbox.endpoints import Answer, Endpoints, failure
from trackdrive_assets.sandbox.faults import Fault
from trackdrive_assets.sandbox.filters import Refused
from trackdrive_assets.sandbox.generator import Change
from trackdrive_assets.sandbox.serializers import Row

_HOST = "127.0.0.1"
_REQUESTS_KEPT = 100_000
_PAGE = """<html><head><title>{title}</title></head>
<body><h1>{title}</h1><p>No answer to {url}</p></body></html>"""

_PAGES = {"502": (502, "502 Bad Gateway"), "html": (200, "Please try again")}
_DENIED = failure(401, authorization="Access denied: the key pair or the auth_token is not valid.")
_BUSY = failure(429, base="Too many requests.")
_REFUSALS = {
    "401": _DENIED,
    "429": _BUSY,
    "429-bare": _BUSY,
    "500": failure(500, base="Something went wrong."),
    "body-422": Answer(200, failure(422, base="The request could not be processed.").body),
}


@dataclass(frozen=True)
class Asked:
    """A request that was answered.

    Attributes:
        method: `GET` or `DELETE`.
        path: As asked, with its suffix.
        params: The query, decoded.
        status: Of the answer.
        authorization: How it was authorized, whether or not it was right.
    """

    method: str
    path: str
    params: dict[str, str]
    status: int
    authorization: Literal["basic", "auth_token", "other", "none"]


_Answering = Callable[[Request, str | None], Answer]
"""Answers a request whose page may be fault, see `Endpoints.list_calls`."""


class PortTakenError(Exception):
    """Something else listens on the port."""


class Sandbox(Endpoints):
    """A Trackdrive account on a port of this machine, for as long as the `with` block lasts.

    Takes every argument of `Endpoints`, and:

    Args:
        port: 0: a free one.
        public_key: With the private key, HTTP Basic.
        private_key: See `public_key`.
        auth_token: The older way: a parameter.
        latency_ms: Every answer comes this much later.
        faults: What goes wrong from the start.
        **account: Arguments of `Endpoints`.

    Attributes:
        base_url: Without `/api/v1`; known inside the block.
        revoked: Set it, and every request is answered 401.

    Raises:
        PortTakenError: on entering, if the port is not free.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        public_key: str = PUBLIC_KEY,
        private_key: str = PRIVATE_KEY,
        auth_token: str = AUTH_TOKEN,
        latency_ms: int = 0,
        faults: Iterable[Fault] = (),
        **account: Any,
    ) -> None:
        super().__init__(**account)
        self.public_key = public_key
        self.private_key = private_key
        self.auth_token = auth_token
        self.latency_ms = latency_ms
        self.revoked = False
        self.base_url = ""
        self._port = port
        self._faults = list(faults)
        self._asked: deque[Asked] = deque(maxlen=_REQUESTS_KEPT)
        # The server's thread answers while a test places calls and injects faults.
        self._lock = threading.RLock()

    @property
    def requests(self) -> list[Asked]:
        """What was asked so far, in order."""
        return list(self._asked)

    def calls(self, start: datetime, end: datetime) -> list[Row]:
        """The truth: every call that began in [start, end), oldest first.

        As the wire shows them now, with their tags, before `rewrite` and faults.
        """
        with self._lock:
            now = milliseconds(self.now())
            found = self.generator.oldest_first(milliseconds(start), min(milliseconds(end), now + 1))
            return [serializers.row(self.generator, call, now, self.api_version, None) for call in found]

    def changes(self, since: datetime, until: datetime) -> list[Change]:
        """What became different between two moments, on the calls that were there at the first."""
        with self._lock:
            return self.generator.changes(milliseconds(since), milliseconds(until))

    def add_call(self, created_at: datetime, **fields: Any) -> str:
        """Adds one call that begins at this very instant, and returns its uuid.

        Args:
            created_at: To the millisecond, aware. Several calls may share one.
            **fields: What the wire shows instead of what it would; unknown names are shown too.
        """
        with self._lock:
            call = self.generator.add_call(milliseconds(created_at), fields)
            self._search.forget()
            return str(fields.get("uuid") or self.generator.uuid(call.id))

    def inject(
        self,
        kind: str,
        *,
        times: int | None = 1,
        every: int = 1,
        path: str | None = None,
        retry_after: int = 1,
        delay: float = 2.0,
    ) -> None:
        """Spoils the next answers. For the arguments see `faults.Fault`."""
        with self._lock:
            self._faults.append(Fault(kind, times, every, path, retry_after, delay))

    def recover(self) -> None:
        """Nothing goes wrong any more: every fault is over, and the keys open again."""
        with self._lock:
            self._faults.clear()
            self.revoked = False

    def __enter__(self) -> Self:
        listener = _listen(self._port)
        self.base_url = f"http://{_HOST}:{listener.getsockname()[1]}"
        config = uvicorn.Config(
            self._app(),
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            timeout_graceful_shutdown=1,
        )
        self._server = _Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listener]}, name="sandbox", daemon=True
        )
        self._thread.start()
        self._server.ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()

    def _app(self) -> Starlette:
        root = "/api/v1/calls"
        lists: list[tuple[str, _Answering, tuple[str, ...]]] = [
            (f"{root}/reports", self._report, ("", ".json", ".csv")),
            # The documentation's own example of stats ends with a slash.
            (f"{root}/stats", self._stats, ("", ".json", "/")),
            (root, self._list, ("", ".json", ".csv")),
        ]
        routes = [
            Route(path + ending, partial(self._serve, path, answer), methods=["GET"])
            for path, answer, endings in lists
            for ending in endings
        ]
        one = root + "/{key}"
        routes += [
            Route(one, partial(self._serve, None, self._show), methods=["GET"]),
            Route(one, partial(self._serve, None, self._hang_up), methods=["DELETE"]),
        ]
        return Starlette(routes=routes)

    def _list(self, request: Request, fault: str | None) -> Answer:
        return self.list_calls(request.query_params, fault)

    def _report(self, request: Request, fault: str | None) -> Answer:
        return self.report(request.query_params, fault)

    def _stats(self, request: Request, _: str | None) -> Answer:
        return self.stats(request.query_params)

    def _show(self, request: Request, _: str | None) -> Answer:
        return self.show_call(request.path_params["key"].removesuffix(".json"))

    def _hang_up(self, request: Request, _: str | None) -> Answer:
        return self.hang_up(request.path_params["key"].removesuffix(".json"))

    async def _serve(self, path: str | None, answer: _Answering, request: Request) -> Response:
        if self.latency_ms:
            await asyncio.sleep(self.latency_ms / 1000)
        with self._lock:
            asked_path = path or request.url.path
            fault = next((each for each in self._faults if each.strikes(asked_path)), None)
            kind = fault.kind if fault else None
            response = _refusal(fault, request) if fault else None
            if response is None:
                response = _response(request, self._authorized(request, answer, kind))
            self._asked.append(
                Asked(
                    request.method,
                    request.url.path,
                    dict(request.query_params),
                    response.status_code,
                    _authorization(request),
                )
            )
        return await _spoiled(response, fault) if fault else response

    def _authorized(self, request: Request, answer: _Answering, fault: str | None) -> Answer:
        if self.revoked or not self._knows(request):
            return _DENIED
        try:
            return answer(request, fault)
        except Refused as refused:
            return failure(422, **{refused.parameter: refused.message})

    def _knows(self, request: Request) -> bool:
        match _authorization(request):
            case "basic":
                pair = base64.b64encode(f"{self.public_key}:{self.private_key}".encode())
                return secrets.compare_digest(request.headers["authorization"].encode(), b"Basic " + pair)
            case "auth_token":
                return secrets.compare_digest(
                    request.query_params["auth_token"].encode(), self.auth_token.encode()
                )
            case _:
                return False


class _Server(uvicorn.Server):
    """Says when it is ready."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


class _Halting(Response):
    """Announces the whole body and sends half of it. Then it leaves, and the server closes the connection.

    With a `delay` it stays for so many seconds, and sends the other half.
    """

    def __init__(self, whole: Response, delay: float | None = None) -> None:
        super().__init__(whole.body, whole.status_code, media_type=whole.media_type)
        self._delay = delay

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        first = _half(self)
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": first, "more_body": True})
        if self._delay is not None:
            await asyncio.sleep(self._delay)
            await send({"type": "http.response.body", "body": bytes(self.body[len(first) :])})


def _listen(port: int) -> socket.socket:
    # The protocol is named, because asyncio sends without delay only on sockets that say they are TCP. Else
    # each answer comes 40 ms late.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((_HOST, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise PortTakenError(
            f"Port {port} of {_HOST} can't be had ({error.strerror}). "
            "Stop what listens there, or choose another."
        ) from error
    return listener


def _authorization(request: Request) -> Literal["basic", "auth_token", "other", "none"]:
    header = request.headers.get("authorization")
    if header:
        return "basic" if header.startswith("Basic ") else "other"
    return "auth_token" if "auth_token" in request.query_params else "none"


def _refusal(fault: Fault, request: Request) -> Response | None:
    """The answer of a fault that lets nobody through; none if the request is answered."""
    if fault.kind == "empty":
        return Response(b"", 200, media_type="application/json")
    if page := _PAGES.get(fault.kind):
        status, title = page
        text = _PAGE.format(title=title, url=html.escape(str(request.url)))
        return Response(text, status, media_type="text/html")
    if answer := _REFUSALS.get(fault.kind):
        return _json(answer, {"Retry-After": str(fault.retry_after)} if fault.kind == "429" else None)
    return None


async def _spoiled(response: Response, fault: Fault) -> Response:
    """The answer of a request that was let through, as it comes over the wire."""
    match fault.kind:
        case "slow":
            await asyncio.sleep(fault.delay)
            return response
        case "stall":
            return _Halting(response, fault.delay)
        case "truncated":
            return Response(_half(response), response.status_code, media_type=response.media_type)
        case "drop":
            return _Halting(response)
        case _:
            return response


def _response(request: Request, answer: Answer) -> Response:
    wants_csv = request.url.path.endswith(".csv") or "text/csv" in request.headers.get("accept", "")
    if wants_csv and answer.rows is not None:
        return Response(serializers.csv_text(answer.rows), answer.status, media_type="text/csv")
    return _json(answer)


def _json(answer: Answer, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(answer.body), answer.status, headers, "application/json")


def _half(response: Response) -> bytes:
    return bytes(response.body[: len(response.body) // 2])
