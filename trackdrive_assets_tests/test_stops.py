"""A run of Dagster that gets a signal ends within seconds, whatever it waits for, and leaves no file."""

import fcntl
import itertools
import os
import signal
import threading
from collections.abc import Iterable
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from trackdrive_assets.lake.store import Lake
from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets_tests.support.factories import folder_of
from trackdrive_assets_tests.support.processes import Deployment, Moment
from trackdrive_assets_tests.support.raw_server import HEAD, sending, slowly

DAY = "2024-03-10"
SECONDS = 30
"""The process ends by itself before that, or the test fails."""


@pytest.fixture
def deployment(sandbox: Sandbox, tmp_path: Path) -> Deployment:
    return Deployment(sandbox, Lake(tmp_path / "lake"), tmp_path / "home")


def begin_until(deployment: Deployment, line: str) -> BaseProcess:
    """Start a run, and return when it has logged a line."""
    output = deployment.home / "output"
    os.mkfifo(output)
    process = deployment.begin("calls", DAY, DAY, output=output)
    with output.open() as lines:
        assert any(line in logged for logged in lines)
        # The run goes on logging, so the pipe must have a reader.
        threading.Thread(target=_discard, args=(os.dup(lines.fileno()),), daemon=True).start()
    return process


def _discard(descriptor: int) -> None:
    with os.fdopen(descriptor, "rb") as stream:
        while stream.read(1 << 16):
            pass


def assert_ended(deployment: Deployment, process: BaseProcess, number: signal.Signals) -> None:
    """Send a signal to a run, and check that it ends."""
    assert process.pid is not None
    os.kill(process.pid, number)
    process.join(SECONDS)
    assert process.exitcode not in {None, 0}
    assert list(folder_of(deployment.lake).rglob("*")) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_run_in_the_middle_of_an_answer_ends(deployment: Deployment, number: signal.Signals) -> None:
    asked = threading.Event()

    def answer() -> Iterable[bytes]:
        asked.set()
        return itertools.chain([HEAD + b"X-Slow: "], slowly(itertools.repeat(b"a")))

    with sending(answer) as address:
        process = deployment.begin("calls", DAY, DAY, TRACKDRIVE_BASE_URL=address)
        assert asked.wait(SECONDS)
        assert_ended(deployment, process, number)


def test_a_run_in_the_pause_before_a_retry_ends(deployment: Deployment) -> None:
    deployment.sandbox.inject("429", times=None, retry_after=200)
    process = begin_until(deployment, "Retrying in 200.0 s")
    assert_ended(deployment, process, signal.SIGINT)


def test_a_run_that_waits_for_another_run_ends(deployment: Deployment) -> None:
    lock = deployment.home / "trackdrive_runs" / "account-localhost"
    lock.parent.mkdir()
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        process = begin_until(deployment, "Another run uses the API")
        assert_ended(deployment, process, signal.SIGTERM)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_run_that_writes_a_file_leaves_no_temporary_one(
    deployment: Deployment, number: signal.Signals
) -> None:
    stop = partial(signal.raise_signal, number)
    process = deployment.begin("calls", DAY, DAY, at=Moment("os.rename", "calls.parquet"), do=stop)
    process.join(SECONDS)
    assert process.exitcode not in {None, 0}
    assert deployment.leftovers() == []
