"""An HTTP server with fixed responses, for those that the sandbox does not send."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def serving(
    *bodies: bytes,
    status: int = 200,
    headers: dict[str, str] | None = None,
    meanwhile: Callable[[], object] = lambda: None,
) -> Iterator[tuple[str, list[BaseHTTPRequestHandler]]]:
    """Run a server that sends these bodies in order, then the last one for ever.

    Yields its address and the requests so far.
    """
    asked: list[BaseHTTPRequestHandler] = []

    class Answering(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = bodies[min(len(asked), len(bodies) - 1)]
            asked.append(self)
            meanwhile()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_DELETE = do_GET  # noqa: N815  # http.server calls this name

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        server.daemon_threads = True
        server.block_on_close = False
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()
