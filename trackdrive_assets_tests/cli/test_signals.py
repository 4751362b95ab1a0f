"""A signal ends every command within seconds, with its exit code, and no temporary file is left."""

import itertools
import os
import signal
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from trackdrive_assets.cli.signals import GRACE, EndedBySignal, dagster_signals, raised_signals
from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets_tests.cli.conftest import variables
from trackdrive_assets_tests.support.commands import begin
from trackdrive_assets_tests.support.processes import Moment
from trackdrive_assets_tests.support.raw_server import HEAD, sending, slowly

SECONDS = 30
"""The process ends by itself before that, or the test fails."""

DAYS = ("--from", "2024-03-18", "--to", "2024-03-19")
TO_FILE = (*DAYS, "--output", "new.csv")
COMMANDS = {
    "calls": ("calls", *TO_FILE),
    "call": ("call", "8d4c6b1e-0000-4000-8000-0000000000f5"),
    "report": ("report", "status", *TO_FILE),
    "stats": ("stats", "status", *TO_FILE),
    "doctor": ("doctor",),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The current folder of a command."""
    (tmp_path / "here").mkdir()
    return tmp_path / "here"


def output(folder: Path) -> str:
    return folder.with_name("output").read_text()


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_in_the_middle_of_an_answer_ends_a_command(
    folder: Path, name: str, number: signal.Signals
) -> None:
    asked = threading.Event()

    def answer() -> Iterable[bytes]:
        asked.set()
        return itertools.chain([HEAD + b"X-Slow: "], slowly(itertools.repeat(b"a")))

    with sending(answer) as address:
        account = {"TRACKDRIVE_BASE_URL": address, "TRACKDRIVE_AUTH_TOKEN": "sesame"}
        process = begin(COMMANDS[name], folder, account)
        assert asked.wait(SECONDS)
        assert process.pid is not None
        os.kill(process.pid, number)
        process.join(SECONDS)
    assert process.exitcode == 128 + number
    assert "Traceback" not in output(folder)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", ["calls", "report", "stats"])
def test_a_signal_before_the_file_is_replaced_leaves_no_file(
    sandbox: Sandbox, folder: Path, name: str
) -> None:
    process = begin(COMMANDS[name], folder, variables(sandbox), at=Moment("os.rename"), number=signal.SIGTERM)
    process.join(SECONDS)
    assert process.exitcode == 128 + signal.SIGTERM, output(folder)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("at", "number"),
    [
        (Moment("http.client.send", "stats"), signal.SIGTERM),
        (Moment("os.rename", "calls.parquet"), signal.SIGHUP),
    ],
)
def test_a_signal_ends_the_demo_at_every_stage(folder: Path, at: Moment, number: signal.Signals) -> None:
    # The demo uses only this machine, so no proxy.
    proxies = {"HTTP_PROXY": "http://127.0.0.1:1", "ALL_PROXY": "http://127.0.0.1:1"}
    process = begin(("demo", "--days", "1"), folder, proxies, at=at, number=number)
    process.join(SECONDS)
    assert process.exitcode == 128 + number, output(folder)
    assert [path for path in folder.rglob("*") if ".tmp" in path.name] == []


@pytest.fixture
def signals() -> Iterator[None]:
    """Signals that raise exceptions, in this process."""
    with raised_signals():
        yield
    # A signal sets an alarm, which would end the tests.
    signal.alarm(0)


@pytest.mark.usefixtures("signals")
def test_only_the_first_signal_interrupts_what_a_command_removes() -> None:
    with pytest.raises(EndedBySignal) as caught:
        signal.raise_signal(signal.SIGHUP)
    assert caught.value.number == signal.SIGHUP
    signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGINT)
    assert 0 < signal.alarm(0) <= GRACE


@pytest.mark.usefixtures("signals")
def test_a_signal_while_an_object_is_deleted_is_not_lost() -> None:
    class Deleted:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGTERM)

    def wait() -> None:
        Deleted()
        threading.Event().wait(SECONDS)

    with pytest.raises(EndedBySignal) as caught:
        wait()
    assert caught.value.number == signal.SIGTERM


@pytest.mark.usefixtures("signals")
def test_another_exception_while_an_object_is_deleted_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    class Deleted:
        def __del__(self) -> None:
            raise ValueError("odd")

    Deleted()
    assert "ValueError: odd" in capsys.readouterr().err


@pytest.mark.usefixtures("signals")
def test_a_signal_that_dagster_drops_ends_the_command_after_the_run() -> None:
    signal.signal(signal.SIGTERM, lambda *_: None)
    with pytest.raises(EndedBySignal) as caught, dagster_signals():
        signal.raise_signal(signal.SIGTERM)
    assert caught.value.number == signal.SIGTERM


@pytest.fixture
def ignored_interrupts() -> Iterator[None]:
    """SIGINT is ignored, as in a command that a script runs in its background."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ignored_interrupts", "signals")
def test_sigterm_ends_a_run_also_where_sigint_is_ignored() -> None:
    def run() -> None:
        with dagster_signals():
            with dg.raise_execution_interrupts():
                pass
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(EndedBySignal) as caught:
        run()
    assert caught.value.number == signal.SIGTERM


@pytest.mark.usefixtures("ignored_interrupts", "signals")
def test_sigint_is_still_ignored_after_a_run() -> None:
    with dagster_signals():
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


@pytest.mark.usefixtures("signals")
def test_an_error_of_dagster_without_a_signal_is_raised_as_it_is() -> None:
    with pytest.raises(ValueError, match="odd"), dagster_signals():
        raise ValueError("odd")


def test_an_ignored_signal_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with raised_signals():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
