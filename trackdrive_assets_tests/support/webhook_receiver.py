"""A chat service that receives messages, and responds as a test wants."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread


@dataclass
class Receiver:
    """A chat service that records messages.

    Attributes:
        reply: The status of its response; None to close the connection instead.
        may_respond: Set if it responds.
    """

    reply: int | None = 200
    headers: list[tuple[str, str]] = field(default_factory=list)
    messages: list[dict[str, object]] = field(default_factory=list)
    may_respond: Event = field(default_factory=Event)
    url: str = ""

    @contextmanager
    def listening(self) -> Iterator["Receiver"]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                outer.messages.append(json.loads(self.rfile.read(length)))
                outer.may_respond.wait()
                if outer.reply is None:
                    return
                self.send_response(outer.reply)
                for name, value in outer.headers:
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
            self.url = f"http://127.0.0.1:{server.server_port}/services/s3cr3t"
            self.may_respond.set()
            yield self
            self.may_respond.set()
            server.shutdown()
