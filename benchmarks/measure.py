"""One run of one program: its cost, its stored calls, and its traffic on the server.

Not here: which programs and servers there are (`scenarios.py`), and the report (`bench.py`).
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
from typing import NamedTuple

from benchmarks.commands import PROGRAMS, Service
from benchmarks.request_log import Traffic

_MAX_LINES = 20


class ProgramFailed(Exception):
    """A program that failed. The message contains the end of its output."""


@dataclass(frozen=True)
class Cost:
    """The cost of a process with its child processes.

    Attributes:
        wall: The seconds from start to end.
        cpu: The seconds of user and system CPU.
        peak: The peak memory of one process in MB.
    """

    wall: float
    cpu: float
    peak: float


class Run(NamedTuple):
    """The measurements of one run: its cost, its traffic, and the growth of the Dagster home in MB."""

    cost: Cost
    traffic: Traffic | None = None
    home: float = 0


class RunningServer:
    """A server in a process of its own."""

    def __init__(self, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"

    def clear_log(self) -> None:
        """Clear the log."""
        self._request_log(b"")

    def traffic(self) -> Traffic:
        """Return the summary of the log."""
        return Traffic(**json.loads(self._request_log(None)))

    def _request_log(self, data: bytes | None) -> bytes:
        url = f"{self.address}/log"
        with urllib.request.urlopen(url, data) as response:  # noqa: S310  # http, on loopback
            return bytes(response.read())


@contextmanager
def serving(service: Service) -> Iterator[RunningServer]:
    """Run a server process for the `with` block."""
    command = [sys.executable, "-m", "benchmarks.server", *service.arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout  # noqa: S101  # it is piped
            yield RunningServer(int(process.stdout.readline()))
        finally:
            process.terminate()


def run(command: Sequence[str | Path], environment: Mapping[str, str], folder: Path) -> Cost:
    """Run a program in a folder, write its output into a file there, and return its cost.

    Raises:
        ProgramFailed: The exit code is not 0.
    """
    output = folder / "output"
    with output.open("w") as stream:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=stream, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        last = "\n".join(output.read_text().splitlines()[-_MAX_LINES:])
        raise ProgramFailed(
            f"{' '.join(map(str, command))} failed with exit code {process.returncode}:\n{last}"
        )
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def size(folder: Path) -> float:
    """Return the size of all files in a folder in MB."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def stored_calls(folder: Path) -> tuple[int, int]:
    """Return the number of calls in the Parquet files of a folder, and of distinct uuids.

    A child process counts them. Linux adds the memory of a parent to the peak of its children, so this
    process has to stay small.
    """
    result = subprocess.run(
        [sys.executable, PROGRAMS / "count.py", folder], check=True, stdout=subprocess.PIPE, text=True
    )
    rows, uuids = result.stdout.split()
    return int(rows), int(uuids)
