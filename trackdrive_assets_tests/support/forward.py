"""A program that passes what comes to a port of loopback on to a server: `forward PORT HOST:PORT`."""

import socket
import sys
import threading
from contextlib import suppress


def forward(port: int, server: tuple[str, int]) -> None:
    """Listen until the process ends."""
    with socket.create_server(("127.0.0.1", port), backlog=64) as listening:
        while True:
            client, _ = listening.accept()
            threading.Thread(target=_connect, args=(client, server), daemon=True).start()


def _connect(client: socket.socket, address: tuple[str, int]) -> None:
    with suppress(OSError), client, socket.create_connection(address) as server:
        back = threading.Thread(target=_pass_on, args=(server, client), daemon=True)
        back.start()
        _pass_on(client, server)
        back.join()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


if __name__ == "__main__":
    host, _, number = sys.argv[2].rpartition(":")
    forward(int(sys.argv[1]), (host, int(number)))
