"""Machines for a trial: network namespaces with links between them, and accounts that log who uses them when.

Not here: what happens in the trial and what must be true after it (`trackdrive_assets_tests/machines.py`).
Only root can make namespaces.
"""

import re
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

CENTER = "tdc"
"""The namespace of the database, the daemon, the UI and the accounts."""

MACHINES = ("tdm1", "tdm2")
"""The namespaces of the code servers."""

DATABASE = "10.77.100.3"
ACCOUNTS = {"acme": "10.77.100.1", "globex": "10.77.100.2"}

_CHUNK = 1 << 16


@dataclass
class Exchange:
    """A request and its response, as the account saw them.

    Attributes:
        process: The id of the process that sent the request.
        began: When the request came, in seconds.
        ended: When the last part of the response was sent.
    """

    process: int
    began: float
    ended: float


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


@contextmanager
def namespaces() -> Iterator[None]:
    """Create the center and the machines, with a link from the center to each. Remove them at the end."""
    for name in (CENTER, *MACHINES):
        _ip("netns", "add", name)
        _ip("-n", name, "link", "set", "lo", "up")
    try:
        for address in (DATABASE, *ACCOUNTS.values()):
            _ip("-n", CENTER, "address", "add", f"{address}/32", "dev", "lo")
        for number, name in enumerate(MACHINES, start=1):
            link = ("type", "veth", "peer", "name", "center", "netns", name)
            _ip("-n", CENTER, "link", "add", name, *link)
            ends = ((CENTER, name, f"10.77.{number}.1"), (name, "center", f"10.77.{number}.2"))
            for space, device, address in ends:
                _ip("-n", space, "address", "add", f"{address}/24", "dev", device)
                _ip("-n", space, "link", "set", device, "up")
            _ip("-n", name, "route", "add", "default", "via", f"10.77.{number}.1")
        yield
    finally:
        for name in (*MACHINES, CENTER):
            for process in processes_of(name):
                with suppress(ProcessLookupError):
                    subprocess.run(["kill", "-9", str(process)], check=False)
            subprocess.run(["ip", "netns", "delete", name], check=False)


def address_of(machine: str) -> str:
    """Return the address of a machine."""
    return f"10.77.{MACHINES.index(machine) + 1}.2"


def processes_of(namespace: str) -> list[int]:
    """Return the processes of a namespace, all of which the trial started."""
    found = subprocess.run(["ip", "netns", "pids", namespace], capture_output=True, text=True, check=False)
    return [int(line) for line in found.stdout.split()]


def set_link(machine: str, state: str) -> None:
    """Set the link of a machine `up` or `down`, at the end in the center."""
    _ip("-n", CENTER, "link", "set", machine, state)


def start(
    namespace: str, command: Sequence[str], environment: Mapping[str, str], output: str
) -> subprocess.Popen[bytes]:
    """Start a program in a namespace. Its output is added to a file."""
    with open(output, "ab") as stream:  # noqa: PTH123  appended to
        return subprocess.Popen(
            ["ip", "netns", "exec", namespace, *command],
            env=dict(environment),
            stdout=stream,
            stderr=subprocess.STDOUT,
        )


@dataclass
class AccountFront:
    """The address of an account: it takes HTTPS, passes it to a sandbox, and logs each exchange.

    Attributes:
        address: The IP address, on which it listens at port 443.
        port: The port of the sandbox on loopback.
        context: The certificate.
        exchanges: What was exchanged so far.
    """

    address: str
    port: int
    context: ssl.SSLContext
    exchanges: list[Exchange] = field(default_factory=list)

    def serve(self) -> None:
        """Serve in other threads until the process ends."""
        listening = socket.create_server((self.address, 443), backlog=64)
        threading.Thread(target=self._accept, args=(listening,), daemon=True).start()

    def _accept(self, listening: socket.socket) -> None:
        while True:
            client, peer = listening.accept()
            threading.Thread(target=self._connect, args=(client, peer), daemon=True).start()

    def _connect(self, client: socket.socket, peer: tuple[str, int]) -> None:
        process = _process_of(*peer)
        with suppress(OSError), self.context.wrap_socket(client, server_side=True) as secure:
            server = socket.create_connection(("127.0.0.1", self.port))
            with server:
                back = threading.Thread(target=self._pass_back, args=(server, secure), daemon=True)
                back.start()
                while data := secure.recv(_CHUNK):
                    if data.startswith(b"GET "):
                        now = time.monotonic()
                        self.exchanges.append(Exchange(process, now, now))
                        server_exchange[server] = self.exchanges[-1]
                    server.sendall(data)

    def _pass_back(self, server: socket.socket, secure: ssl.SSLSocket) -> None:
        with suppress(OSError):
            while data := server.recv(_CHUNK):
                secure.sendall(data)
                if exchange := server_exchange.get(server):
                    exchange.ended = time.monotonic()


server_exchange: dict[socket.socket, Exchange] = {}
"""The last exchange of each connection."""


def _process_of(address: str, port: int) -> int:
    """Return the process of a machine that uses a port; 0 if it has ended."""
    machine = MACHINES[int(address.split(".")[2]) - 1]
    words = ["ip", "netns", "exec", machine, "ss", "-tnpHO", "sport", "=", f":{port}"]
    found = subprocess.run(words, capture_output=True, text=True, check=False)
    match = re.search(r"pid=(\d+)", found.stdout)
    return int(match[1]) if match else 0


def overlaps(exchanges: Sequence[Exchange]) -> list[tuple[Exchange, Exchange]]:
    """Return the pairs of exchanges of different processes that were under way at the same time."""
    ordered = sorted(exchanges, key=lambda exchange: exchange.began)
    found = []
    last: dict[int, Exchange] = {}
    for exchange in ordered:
        found += [
            (other, exchange)
            for process, other in last.items()
            if process != exchange.process and other.ended > exchange.began
        ]
        current = last.get(exchange.process)
        if current is None or exchange.ended > current.ended:
            last[exchange.process] = exchange
    return found
