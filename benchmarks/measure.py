"""One run of one program: what it cost, what it left on disk, and what the server saw of it.

Not here: which programs and servers (`scenarios.py`), and what is made of the numbers (`bench.py`).
"""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.scenarios import PROGRAMS, Service

_LINES_SHOWN = 20


class ProgramFailed(Exception):
    """A program ended with an error. The message holds the last that it said."""


@dataclass(frozen=True)
class Cost:
    """What a process and those that it started took.

    Attributes:
        wall: Seconds from its start to its end.
        cpu: Seconds of processor, user's and system's.
        peak: Most memory that one of the processes held, in MB.
    """

    wall: float
    cpu: float
    peak: float


@dataclass(frozen=True)
class Traffic:
    """What a server counted. The names are explained at `server.Summary`."""

    requests: int
    refused: int
    most_in_flight: int
    most_in_a_second: int
    seconds: float


class Served:
    """A running server."""

    def __init__(self, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"

    def forget(self) -> None:
        """Empty the log."""
        self._log(b"")

    def traffic(self) -> Traffic:
        """What the log says."""
        return Traffic(**json.loads(self._log(None)))

    def _log(self, data: bytes | None) -> bytes:
        with urllib.request.urlopen(f"{self.address}/log", data) as answer:  # noqa: S310  # http, on loopback
            return bytes(answer.read())


@contextmanager
def serving(service: Service) -> Iterator[Served]:
    """A server process, for as long as the `with` block lasts."""
    command = [sys.executable, "-m", "benchmarks.server", *service.arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout  # noqa: S101  # it is piped
            yield Served(int(process.stdout.readline()))
        finally:
            process.terminate()


def run(command: Sequence[str | Path], environment: Mapping[str, str], output: Path) -> Cost:
    """Run a program to its end. What it says goes into a file.

    Raises:
        ProgramFailed: It did not end well.
    """
    with output.open("w") as said:
        started = time.perf_counter()
        process = subprocess.Popen(command, env=environment, stdout=said, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        last = "\n".join(output.read_text().splitlines()[-_LINES_SHOWN:])
        raise ProgramFailed(f"{' '.join(map(str, command))} ended with {process.returncode}:\n{last}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def stored_calls(folder: Path) -> tuple[int, int]:
    """How many calls lie in the Parquet files of a folder, and how many distinct uuids.

    Counted in a process of its own: Linux counts the memory of a parent towards the peak of a child that it
    starts, so this one has to stay small.
    """
    counted = subprocess.run(
        [sys.executable, PROGRAMS / "count.py", folder], check=True, stdout=subprocess.PIPE, text=True
    )
    rows, uuids = counted.stdout.split()
    return int(rows), int(uuids)
