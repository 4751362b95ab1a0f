"""What a fault does to an HTTP response.

Not here: when it happens (`faults.py`), and faults of rows and cursors (`endpoints.py`).
"""

import asyncio
import html

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from trackdrive_assets.sandbox.endpoints import EndpointResult, failure
from trackdrive_assets.sandbox.faults import Fault

ACCESS_DENIED = failure(401, authorization="Access denied: the key pair or the auth_token is not valid.")

_TOO_MANY_REQUESTS = failure(429, base="Too many requests.")
_ERRORS = {
    "401": ACCESS_DENIED,
    "429": _TOO_MANY_REQUESTS,
    "429-bare": _TOO_MANY_REQUESTS,
    "500": failure(500, base="Something went wrong."),
    "body-422": EndpointResult(200, failure(422, base="The request could not be processed.").body),
}
_PAGES = {"502": (502, "502 Bad Gateway"), "html": (200, "Please try again")}
_HTML = """<html><head><title>{title}</title></head>
<body><h1>{title}</h1><p>No answer to {url}</p></body></html>"""


def json_response(result: EndpointResult, headers: dict[str, str] | None = None) -> Response:
    """Return a result as JSON."""
    return Response(msgspec.json.encode(result.body), result.status, headers, "application/json")


def replacement(fault: Fault, request: Request) -> Response | None:
    """Return the response in place of the endpoint's; None if the fault leaves that to the endpoint."""
    if fault.kind == "empty":
        return Response(b"", 200, media_type="application/json")
    if fault.kind in _PAGES:
        status, title = _PAGES[fault.kind]
        page = _HTML.format(title=title, url=html.escape(str(request.url)))
        return Response(page, status, media_type="text/html")
    if error := _ERRORS.get(fault.kind):
        return json_response(error, {"Retry-After": str(fault.retry_after)} if fault.kind == "429" else None)
    return None


async def distorted(response: Response, fault: Fault) -> Response:
    """Return a good response as it is sent with the fault."""
    match fault.kind:
        case "slow":
            await asyncio.sleep(fault.delay)
        case "stall":
            return _InterruptedResponse(response, fault.delay)
        case "truncated":
            return Response(_first_half(response), response.status_code, media_type=response.media_type)
        case "drop":
            return _InterruptedResponse(response)
    return response


class _InterruptedResponse(Response):
    """A response that declares its whole body and sends the first half.

    After `delay` seconds it sends the rest. Without a delay it ends, and the server closes the connection.
    """

    def __init__(self, response: Response, delay: float | None = None) -> None:
        super().__init__(response.body, response.status_code, media_type=response.media_type)
        self._delay = delay

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        first = _first_half(self)
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": first, "more_body": True})
        if self._delay is not None:
            await asyncio.sleep(self._delay)
            await send({"type": "http.response.body", "body": bytes(self.body[len(first) :])})


def _first_half(response: Response) -> bytes:
    return bytes(response.body[: len(response.body) // 2])
