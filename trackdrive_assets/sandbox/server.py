"""The sandbox as a real HTTP server on loopback: credentials, the log of requests, faults, and the port.

Not here: what the endpoints return (`endpoints.py`).
"""

import asyncio
import base64
import secrets
import socket
import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Literal, Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from trackdrive_assets.sandbox import AUTH_TOKEN, PRIVATE_KEY, PUBLIC_KEY, serializers
from trackdrive_assets.sandbox.endpoints import EndpointResult, Endpoints, failure
from trackdrive_assets.sandbox.faults import Fault
from trackdrive_assets.sandbox.faulty_responses import ACCESS_DENIED, distorted, json_response, replacement
from trackdrive_assets.sandbox.generator import Change
from trackdrive_assets.sandbox.lists import LISTS
from trackdrive_assets.sandbox.parameters import InvalidParameter
from trackdrive_assets.sandbox.serializers import Row
from trackdrive_assets.sandbox.times import milliseconds

_HOST = "127.0.0.1"
_API = "/api/v1"
_ROOT = f"{_API}/calls"
_MAX_LOGGED_REQUESTS = 100_000

Authorization = Literal["basic", "token", "auth_token", "other", "none"]
"""The kind of credentials: a key pair, a token in the header or in the query, anything else, or none."""

_Endpoint = Literal["list", "report", "stats", "reference", "call"]


@dataclass(frozen=True)
class LoggedRequest:
    """A request and the status of its response. `authorization` is the kind of credentials, valid or not."""

    method: str
    path: str
    params: dict[str, str]
    status: int
    authorization: Authorization


class PortTakenError(Exception):
    """A port on which another program listens."""


class Sandbox(Endpoints):
    """A Trackdrive account on a port of this machine, for as long as its `with` block lasts.

    Args:
        port: The port; 0 for a free one.
        public_key: The user name of HTTP Basic. `private_key` is the password.
        auth_token: The token of the legacy API, a parameter or in the header.
        latency_ms: The milliseconds by which every response is late.
        faults: The faults from the start on.
        **account: The arguments of `Endpoints`.

    Attributes:
        base_url: The address without `/api/v1`, known inside the block.
        revoked: Whether every request is refused with 401. A test sets it.

    Raises:
        PortTakenError: On entering the block, if the port is not free.
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
        self._log: deque[LoggedRequest] = deque(maxlen=_MAX_LOGGED_REQUESTS)
        # The thread of the server responds while a test adds calls and injects faults.
        self._lock = threading.RLock()

    @property
    def requests(self) -> list[LoggedRequest]:
        """The requests so far, in order."""
        return list(self._log)

    def calls(self, start: datetime, end: datetime) -> list[Row]:
        """Return the calls created in [start, end), oldest first, unchanged by `rewrite` and faults."""
        with self._lock:
            now = self._now()
            found = self.generator.oldest_first(milliseconds(start), min(milliseconds(end), now + 1))
            return [serializers.row(self.generator, call, now, self.api_version, None) for call in found]

    def changes(self, since: datetime, until: datetime) -> list[Change]:
        """Return the fields that differ between two instants, for the calls that existed at the first."""
        with self._lock:
            return self.generator.changes(milliseconds(since), milliseconds(until))

    def add_call(self, created_at: datetime, **fields: Any) -> str:
        """Add a call that was created at an aware instant, to the millisecond, and return its uuid.

        Several calls may share an instant. Unknown fields are sent too.
        """
        with self._lock:
            call = self.generator.add_call(milliseconds(created_at), fields)
            self._search.clear()
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
        """Add a fault to the next responses. `faults.Fault` describes the arguments."""
        with self._lock:
            self._faults.append(Fault(kind, times, every, path, retry_after, delay))

    def recover(self) -> None:
        """Remove all faults, and accept the credentials again."""
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
        self._thread = threading.Thread(target=self._server.run, args=([listener],), daemon=True)
        self._thread.start()
        self._server.ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()

    def _app(self) -> Starlette:
        lists: tuple[tuple[_Endpoint, str, tuple[str, ...]], ...] = (
            ("report", f"{_ROOT}/reports", ("", ".json", ".csv")),
            # The example of statistics in the documentation ends with a slash.
            ("stats", f"{_ROOT}/stats", ("", ".json", "/")),
            ("list", _ROOT, ("", ".json", ".csv")),
            *(("reference", f"{_API}/{path}", ("", ".json", ".csv")) for path in LISTS),
        )
        routes = [
            Route(path + suffix, partial(self._serve, endpoint, path), methods=["GET"])
            for endpoint, path, suffixes in lists
            for suffix in suffixes
        ]
        one_call = Route(_ROOT + "/{key}", partial(self._serve, "call", None), methods=["GET", "DELETE"])
        return Starlette(routes=[*routes, one_call])

    async def _serve(self, endpoint: _Endpoint, path: str | None, request: Request) -> Response:
        """Return the response to a request. `path` is that of a list without its suffix."""
        if self.latency_ms:
            await asyncio.sleep(self.latency_ms / 1000)
        with self._lock:
            fault_path = path or request.url.path
            fault = next((fault for fault in self._faults if fault.strikes(fault_path)), None)
            response = replacement(fault, request) if fault else None
            if response is None:
                result = self._authorized_result(endpoint, request, fault.kind if fault else None)
                response = _response(request, result)
            query, kind = dict(request.query_params), _authorization(request)
            logged = LoggedRequest(request.method, request.url.path, query, response.status_code, kind)
            self._log.append(logged)
        return await distorted(response, fault) if fault else response

    def _authorized_result(self, endpoint: _Endpoint, request: Request, fault: str | None) -> EndpointResult:
        if self.revoked or not self._is_authorized(request):
            return ACCESS_DENIED
        try:
            return self._result(endpoint, request, fault)
        except InvalidParameter as error:
            return failure(422, **{error.parameter: error.message})

    def _result(self, endpoint: _Endpoint, request: Request, fault: str | None) -> EndpointResult:
        match endpoint:
            case "list":
                return self.list_calls(request.query_params, fault)
            case "report":
                return self.report(request.query_params, fault)
            case "stats":
                return self.stats(request.query_params)
            case "reference":
                path = request.url.path.removeprefix(f"{_API}/").partition(".")[0]
                return self.reference_list(path, request.query_params, fault)
            case "call":
                key = request.path_params["key"].removesuffix(".json")
                return self.hang_up(key) if request.method == "DELETE" else self.show_call(key)

    def _is_authorized(self, request: Request) -> bool:
        match _authorization(request):
            case "basic":
                pair = base64.b64encode(f"{self.public_key}:{self.private_key}".encode())
                return secrets.compare_digest(request.headers["authorization"].encode(), b"Basic " + pair)
            case "token":
                token = request.headers["authorization"].removeprefix("Token ")
                return secrets.compare_digest(token.encode(), self.auth_token.encode())
            case "auth_token":
                token = request.query_params["auth_token"]
                return secrets.compare_digest(token.encode(), self.auth_token.encode())
            case _:
                return False


class _Server(uvicorn.Server):
    """A server that sets an event when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


def _listen(port: int) -> socket.socket:
    # asyncio sends without delay only on sockets whose protocol is TCP by name. Otherwise each response is
    # 40 ms late.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((_HOST, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise PortTakenError(
            f"The sandbox cannot listen on port {port} of {_HOST} ({error.strerror}). "
            "Stop the program that uses the port, or choose another port."
        ) from error
    return listener


def _authorization(request: Request) -> Authorization:
    header = request.headers.get("authorization")
    if header:
        kinds: dict[str, Authorization] = {"Basic": "basic", "Token": "token"}
        return kinds.get(header.partition(" ")[0], "other")
    return "auth_token" if "auth_token" in request.query_params else "none"


def _response(request: Request, result: EndpointResult) -> Response:
    wants_csv = request.url.path.endswith(".csv") or "text/csv" in request.headers.get("accept", "")
    if wants_csv and result.rows is not None:
        return Response(serializers.csv_text(result.rows), result.status, media_type="text/csv")
    return json_response(result)
