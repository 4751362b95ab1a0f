"""Serve the Dagster UI behind a guard: `python -m trackdrive_assets.dagster.ui`, a guarded dagster-webserver.

Every page that an operator visits can send requests to a UI on the operator's machine. Dagster answers them,
and launches runs even by GET. The guard is a layer inside the server. A proxy would leave the port of the
server behind it open to the same pages.
"""

import os
import sys
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from dagster_webserver import app, cli
from dagster_webserver.webserver import DagsterWebserver
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trackdrive_assets.dagster.instance import open_instance
from trackdrive_assets.settings import SettingError, Settings, variable

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_DEFAULT_PORTS = {"http": 80, "https": 443}
_REFUSED = 403


def refusal(
    method: str, path: str, query: str, *, host: str, origin: str | None, ui_url: str | None = None
) -> str | None:
    """Return why a request is refused. None if it comes from the UI itself, or from no web page.

    The host protects against names of other sites that lead to this machine. Its port does not matter: a page
    reaches this server only under the name and port in its address.

    Args:
        method: The method of the request. That of a websocket is GET.
        path: The path of the request.
        query: The query string of the request.
        host: The header `Host`.
        origin: The header `Origin`, which browsers send with everything but plain GET requests.
        ui_url: The URL at which people open the UI, if it is not on their own machine.
    """
    name = _name_of(host)
    if name not in _LOOPBACK and (ui_url is None or name != _name_of(urlsplit(ui_url).netloc)):
        return (
            f"This UI is not served under this host name. If people open it under this name, set "
            f"{variable('ui_url')} to its URL."
        )
    own = {f"http://{host}"} if name in _LOOPBACK else set()
    if origin is not None and origin not in own | {_origin_of(ui_url)}:
        return (
            f"This request comes from another web page. If the page is this UI, set {variable('ui_url')} to "
            f"the URL in the address bar."
        )
    if path.rstrip("/").endswith("/graphql") and method != "POST" and query:
        return "GraphQL is answered by POST only, because any web page can send a GET request."
    return None


def _name_of(host: str) -> str | None:
    """Return the name in a header `Host`, without the port."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _origin_of(url: str | None) -> str | None:
    """Return the origin of a URL as browsers write it: without a path, and without a default port."""
    if url is None:
        return None
    parts = urlsplit(url)
    host = parts.netloc.lower()
    return f"{parts.scheme}://{host.removesuffix(f':{_DEFAULT_PORTS.get(parts.scheme)}')}"


class Guard:
    """An ASGI layer that refuses requests of other web pages, and does not let them show the UI in a frame.

    Args:
        app: The application behind it.
        ui_url: The URL at which people open the UI.
    """

    def __init__(self, app: ASGIApp, ui_url: str | None) -> None:
        self._app = app
        self._ui_url = ui_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request or a websocket on, or refuse it."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = HTTPConnection(scope).headers
        reason = refusal(
            scope.get("method", "GET"),
            scope["path"],
            scope["query_string"].decode("latin-1") if scope["type"] == "http" else "",
            host=headers.get("host", ""),
            origin=headers.get("origin"),
            ui_url=self._ui_url,
        )
        if reason is None:
            await self._app(scope, receive, _without_frames(send))
        else:
            await PlainTextResponse(reason, _REFUSED)(scope, receive, send)


def _without_frames(send: Send) -> Send:
    """Return a `send` that forbids other pages to put a frame with the UI under the mouse of a person."""

    async def send_without_frames(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], (b"x-frame-options", b"SAMEORIGIN")]
        await send(message)

    return send_without_frames


class GuardedWebserver(DagsterWebserver[Any, Any]):
    """Dagster's webserver with the guard before everything else."""

    def build_middleware(self) -> list[Middleware]:
        """Return Dagster's layers inside the guard."""
        return [Middleware(Guard, ui_url=Settings.read(os.environ).ui_url), *super().build_middleware()]


def serve(arguments: Sequence[str]) -> None:
    """Serve the UI with the options of dagster-webserver, until the process is stopped."""
    try:
        Settings.read(os.environ)
        if "DAGSTER_HOME" in os.environ:
            # The daemon of a new home can start at the same time.
            open_instance().dispose()
    except SettingError as error:
        sys.stderr.write(f"Error: {error}\n")
        sys.exit(2)
    # Dagster's command has all options, and no way to add a layer. It creates its server through this name.
    app.DagsterWebserver = GuardedWebserver  # type: ignore[attr-defined]
    cli.dagster_webserver.main(list(arguments), "trackdrive UI", auto_envvar_prefix="DAGSTER_WEBSERVER")


if __name__ == "__main__":
    serve(sys.argv[1:])
