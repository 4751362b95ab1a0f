"""The calls in progress: one look in a pipe, and a table in a terminal that lasts until Ctrl-C."""

import csv
import io
import os
import pty
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from rich.console import Console

from trackdrive_assets.api.errors import Unavailable
from trackdrive_assets.cli import main
from trackdrive_assets.cli.watch import CallsInProgress, pause_after, show_calls
from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets_tests.cli.conftest import Trackdrive, variables
from trackdrive_assets_tests.support.processes import forks

SECONDS = 30
"""A command ends by itself before that, or the test fails."""

NOW = datetime(2024, 3, 20, 12, tzinfo=UTC)
UUID = "8d4c6b1e-0000-4000-8000-0000000000f5"
LIVE = {"status": "forwarded", "ended_at": None}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Run a sandbox with a call that is in progress by the clock of this machine."""
    now = datetime.now(UTC)
    with Sandbox(seed=7, calls_per_day=40, first_day=now.date() - timedelta(days=1), now=lambda: now) as each:
        each.add_call(now - timedelta(minutes=3), uuid=UUID, **LIVE)
        yield each


def printed(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def drawn(found: CallsInProgress, zone: str = "UTC", *, width: int = 120) -> str:
    """Return a table as a terminal shows it."""
    console = Console(file=io.StringIO(), width=width)
    console.print(show_calls(found, ZoneInfo(zone), width))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def a_look(*seconds: int, count: int | None = None, status: str = "forwarded") -> CallsInProgress:
    """Return calls that started so many seconds before the API was asked."""
    rows = [{"created_at": NOW - timedelta(seconds=each), "status": status} for each in seconds]
    schema = pa.schema([("created_at", pa.timestamp("us", "UTC")), ("status", pa.string())])
    calls = pa.RecordBatch.from_pylist(rows, schema=schema)
    return CallsInProgress(calls, len(rows) if count is None else count, NOW)


def test_a_pipe_gets_the_calls_in_progress_once(trackdrive: Trackdrive, sandbox: Sandbox) -> None:
    rows = printed(trackdrive("watch").stdout)
    now = sandbox.now()
    live = [row for row in sandbox.calls(now - timedelta(days=1), now) if row["ended_at"] is None]
    assert UUID in {row["uuid"] for row in rows} == {row["uuid"] for row in live}
    assert [request.params["in_progress"] for request in sandbox.requests] == ["true"]


def test_calls_that_have_ended_are_not_shown(trackdrive: Trackdrive, sandbox: Sandbox) -> None:
    # A server that ignores the filter, as it ignores parameters that it does not know.
    sandbox.rewrite = lambda row: {**row, "ended_at": "2024-03-20T11:59:00.000+00:00"}
    assert printed(trackdrive("watch").stdout) == []


def test_excluded_columns_are_not_requested_and_not_shown(trackdrive: Trackdrive, sandbox: Sandbox) -> None:
    outcome = trackdrive("watch", TRACKDRIVE_EXCLUDE_COLUMNS="buyer")
    assert outcome.stdout.splitlines()[0] == '"created_at","status","traffic_source","offer","uuid"'
    assert "buyer" not in sandbox.requests[-1].params["columns"].split(",")


def test_the_number_of_the_caller_is_not_requested(trackdrive: Trackdrive, sandbox: Sandbox) -> None:
    trackdrive("watch")
    assert not {"caller_number", "name"} & set(sandbox.requests[-1].params["columns"].split(","))


def test_the_table_has_local_times_and_lengths() -> None:
    text = drawn(a_look(3, 754), "America/New_York")
    assert [line.split()[:2] for line in text.splitlines()[3:5]] == [
        ["07:59:57", "0:03"],
        ["07:47:26", "12:34"],
    ]
    assert "2 calls in progress at 08:00:00 EDT.\n" in text


@pytest.mark.parametrize(("width", "is_complete"), [(80, False), (100, True), (120, True)])
def test_a_uuid_is_in_one_line_if_the_terminal_is_wide(width: int, *, is_complete: bool) -> None:
    names = dict.fromkeys(("status", "traffic_source", "offer", "buyer"), "A rather long name of a buyer")
    calls = pa.RecordBatch.from_pylist([{"created_at": NOW, **names, "uuid": UUID}])
    text = drawn(CallsInProgress(calls, 1, NOW), width=width)
    assert (UUID in text) == is_complete
    # In a narrow terminal, the names would be columns of two letters.
    assert "rather" in text


def test_a_call_from_a_clock_that_is_ahead_has_no_negative_length() -> None:
    assert "0:00" in drawn(a_look(-5)).splitlines()[3].split()


def test_the_table_shows_how_many_calls_it_leaves_out() -> None:
    assert "300 calls in progress at 12:00:00 UTC, the newest 1 are shown" in drawn(a_look(3, count=300))


def test_markup_and_control_characters_of_the_api_are_text() -> None:
    assert "[red]a [2J" in drawn(a_look(3, status="[red]a\x1b[2J"))


def test_a_permanent_error_ends_the_command(trackdrive: Trackdrive, sandbox: Sandbox) -> None:
    sandbox.revoked = True
    outcome = trackdrive("watch")
    assert (outcome.exit_code, outcome.stdout) == (1, "")


# In a terminal


class Terminal:
    """A terminal in which `trackdrive watch --every 2` runs."""

    def __init__(self, reader: int, process: BaseProcess) -> None:
        self._reader = reader
        self.process = process
        self.text = ""

    def read_until(self, expected: str) -> None:
        """Read what the command writes until it contains a text."""
        while expected not in self.text:
            self.text += os.read(self._reader, 1 << 16).decode()

    def press_ctrl_c(self) -> int | None:
        """Send the signal of Ctrl-C, and return the exit code of the command."""
        assert self.process.pid is not None
        os.kill(self.process.pid, signal.SIGINT)
        self.process.join(SECONDS)
        return self.process.exitcode


def _run_in_terminal(terminal: str, folder: Path, environment: dict[str, str]) -> None:
    opened = os.open(terminal, os.O_RDWR)
    for number in range(3):
        os.dup2(opened, number)
    os.chdir(folder)
    os.environ.update(environment)
    main(["watch", "--every", "2"])


@contextmanager
def watching(sandbox: Sandbox, folder: Path) -> Iterator[Terminal]:
    """Run the command in a terminal of 80 columns."""
    reader, terminal = pty.openpty()
    environment = {**variables(sandbox), "COLUMNS": "80", "TERM": "xterm"}
    process = forks.Process(
        target=_run_in_terminal, args=(os.ttyname(terminal), folder, environment), daemon=True
    )
    process.start()
    try:
        yield Terminal(reader, process)
    finally:
        process.kill()
        process.join()
        os.close(reader)
        os.close(terminal)


@pytest.mark.timeout(60)
def test_a_temporary_error_is_shown_and_ctrl_c_ends_the_table(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.inject("500", times=None)
    with watching(sandbox, tmp_path) as terminal:
        terminal.read_until("Not refreshed at")
        sandbox.recover()
        terminal.read_until("in progress at")
        assert "Traceback" not in terminal.text
        assert terminal.press_ctrl_c() == 0


def test_an_error_that_cannot_pass_ends_the_table(sandbox: Sandbox, tmp_path: Path) -> None:
    with watching(sandbox, tmp_path) as terminal:
        terminal.read_until("Ctrl-C ends it")
        sandbox.revoked = True
        terminal.read_until("401")
        terminal.process.join(SECONDS)
        assert terminal.process.exitcode == 1


@pytest.mark.parametrize(("demanded", "pause"), [(None, 10), (3.0, 10), (300.0, 300)])
def test_the_next_refresh_waits_as_long_as_the_server_demands(demanded: float | None, pause: float) -> None:
    error = Unavailable("Busy.", request="GET /api/v1/calls", status=429, retry_after=demanded)
    assert pause_after(error, 10) == pause


def test_a_call_of_the_first_year_is_shown() -> None:
    started = datetime(1, 1, 1, tzinfo=UTC)
    found = a_look(int((NOW - started).total_seconds()))
    assert "00:00:00" in drawn(found, "America/New_York")
