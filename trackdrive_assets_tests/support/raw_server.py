"""A server that sends any bytes, HTTP or not, as slowly and as long as a test needs."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
"""The beginning of a response. More headers can follow, then an empty line."""

_PAUSE = 0.01


@contextmanager
def sending(answer: Callable[[], Iterable[bytes]], context: ssl.SSLContext | None = None) -> Iterator[str]:
    """Run a server that answers each request with some bytes, and then ends the connection.

    Yields its address.

    Args:
        answer: Returns the bytes of a response, part by part.
        context: The context of https. Without one, the server has http.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stopped = threading.Event()
        threading.Thread(target=_accept, args=(listener, answer, context, stopped), daemon=True).start()
        try:
            yield f"{'https' if context else 'http'}://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            stopped.set()
            listener.shutdown(socket.SHUT_RDWR)


def slowly(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Yield parts with a pause before each, so that a client waits for each only a moment."""
    pause = threading.Event()
    for part in parts:
        pause.wait(_PAUSE)
        yield part


def _accept(
    listener: socket.socket,
    answer: Callable[[], Iterable[bytes]],
    context: ssl.SSLContext | None,
    stopped: threading.Event,
) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listener.accept()
            arguments = (connection, answer(), context, stopped)
            threading.Thread(target=_answer, args=arguments, daemon=True).start()


def _answer(
    connection: socket.socket,
    parts: Iterable[bytes],
    context: ssl.SSLContext | None,
    stopped: threading.Event,
) -> None:
    with (
        suppress(OSError),
        context.wrap_socket(connection, server_side=True) if context else connection as stream,
    ):
        stream.recv(1 << 16)
        for part in parts:
            if stopped.is_set():
                return
            stream.sendall(part)
