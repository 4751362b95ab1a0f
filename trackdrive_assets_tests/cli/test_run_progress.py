"""The lines and the bar of a run in a terminal and in a log."""

import io
import logging
import os
import pty
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from trackdrive_assets.cli.run_progress import RunDisplay, RunProgress
from trackdrive_assets.dagster.runs import WAITS_FOR_ANOTHER_RUN

CALLS, CHANGES = dg.AssetKey("calls"), dg.AssetKey("call_changes")
REPORT, OTHER_REPORT = dg.AssetKey(["reports", "status"]), dg.AssetKey(["reports", "buyer_id"])
TABLES = {CALLS: "calls", CHANGES: "calls", REPORT: "reports", OTHER_REPORT: "reports"}


@pytest.fixture
def progress() -> RunProgress:
    """A run of four days of calls and two reports."""
    return RunProgress(TABLES, 4, {"calls": 1, "reports": 2})


def record_calls(progress: RunProgress, day: str, *, rows: int = 100, requests: int = 1) -> str | None:
    progress.record(CHANGES, day, {"rows": 7})
    return progress.record(CALLS, day, {"rows": rows, "requests": requests, "seconds": 2.5})


def test_a_day_is_finished_when_all_assets_of_its_table_are_recorded(progress: RunProgress) -> None:
    day = "2024-06-19"
    assert progress.record(REPORT, day, {"rows": 20, "requests": 1, "seconds": 2.5}) is None
    line = progress.record(OTHER_REPORT, day, {"rows": 1000, "requests": 2, "seconds": 1})
    assert line is not None
    assert line.split() == ["reports", day, "1,020", "rows", "3", "requests", "2.5", "s"]


def test_the_lines_of_all_tables_have_the_same_columns() -> None:
    lists = dg.AssetKey(["reference", "buyers"])
    progress = RunProgress({CALLS: "calls", lists: "reference"}, 1, {"calls": 1, "reference": 1})
    lines = [
        progress.record(CALLS, "2024-06-19", {"rows": 12_000, "requests": 24, "seconds": 2.5}),
        progress.record(lists, "2024-06-19", {"rows": 1, "requests": 1, "seconds": 1}),
    ]
    assert lines == [
        "calls     2024-06-19      12,000 rows      24 requests      2.5 s",
        "reference 2024-06-19           1 row        1 request       1.0 s",
    ]


def test_the_changes_of_a_day_are_not_counted_as_calls(progress: RunProgress) -> None:
    assert record_calls(progress, "2024-06-19") is not None
    assert progress.rows == {"calls": 100}


def test_a_day_that_is_recorded_twice_is_counted_once(progress: RunProgress) -> None:
    record_calls(progress, "2024-06-19")
    assert record_calls(progress, "2024-06-19") is None
    assert (progress.rows["calls"], progress.requests["calls"]) == (100, 1)


def test_a_view_has_no_line(progress: RunProgress) -> None:
    assert progress.record(dg.AssetKey(["views", "calls"]), "2024-06-19", {"rows": 0}) is None


def test_each_table_has_the_share_of_its_requests(progress: RunProgress) -> None:
    assert progress.share == 0
    record_calls(progress, "2024-06-19")
    # A quarter of the calls, which are a third of the requests.
    assert progress.share == pytest.approx(1 / 4 * 1 / 3)


def test_the_requests_of_finished_days_replace_the_expected_number(progress: RunProgress) -> None:
    record_calls(progress, "2024-06-19", requests=18)
    assert progress.share == pytest.approx(1 / 4 * 18 / 20)


def test_a_long_day_has_a_share_before_it_is_finished(progress: RunProgress) -> None:
    progress.advance("calls", 0.5, 12_000)
    assert progress.share == pytest.approx(1 / 2 * 1 / 3)
    assert progress.fetched == 12_000


def test_the_finished_days_of_a_step_are_counted(progress: RunProgress) -> None:
    record_calls(progress, "2024-06-19")
    assert progress.describe("calls") == "calls 1/4 days"
    assert progress.describe("views") == "views"


def a_record(
    message: str, *, level: int = logging.INFO, step: str | None = "calls", event: Any = None, **extra: Any
) -> logging.LogRecord:
    """Return a record as Dagster passes it to the loggers of a run."""
    context = {"dagster_event": event, "orig_message": message, "step_key": step}
    return logging.makeLogRecord(
        {"msg": f"run - {message}", "levelno": level, "dagster_meta": context, **extra}
    )


def a_recorded_day(key: dg.AssetKey, day: str, **numbers: float) -> SimpleNamespace:
    """Return what is read of Dagster's event of a recorded day."""
    materialization = dg.AssetMaterialization(key, partition=day, metadata=numbers)
    return SimpleNamespace(
        event_type=dg.DagsterEventType.ASSET_MATERIALIZATION,
        partition=day,
        step_materialization_data=SimpleNamespace(materialization=materialization),
    )


@pytest.mark.parametrize(
    ("message", "level", "is_shown"),
    [
        ("429. The request is sent again.", logging.WARNING, True),
        ("calls of 2024-06-19: 503.", logging.ERROR, True),
        ("Fetched 10 of 20 calls.", logging.INFO, False),
        ("Dependencies for step views failed: ['calls']. Not executing.", logging.ERROR, False),
        (WAITS_FOR_ANOTHER_RUN, logging.INFO, True),
    ],
)
def test_a_log_has_warnings_errors_and_the_wait_for_another_run(
    progress: RunProgress, capsys: pytest.CaptureFixture[str], message: str, level: int, *, is_shown: bool
) -> None:
    with RunDisplay(progress, shows="days") as display:
        display.handle(a_record(message, level=level))
    assert capsys.readouterr() == ("", f"{message}\n" if is_shown else "")


def test_verbose_prints_every_line_of_the_log(
    progress: RunProgress, capsys: pytest.CaptureFixture[str]
) -> None:
    with RunDisplay(progress, shows="log") as display:
        display.handle(a_record("Fetched 10 of 20 calls."))
    assert capsys.readouterr().err == "run - Fetched 10 of 20 calls.\n"


def test_a_bar_alone_prints_no_days(progress: RunProgress, capsys: pytest.CaptureFixture[str]) -> None:
    with RunDisplay(progress, shows="bar") as display:
        display.handle(a_record("", event=a_recorded_day(CHANGES, "2024-06-19")))
        display.handle(a_record("", event=a_recorded_day(CALLS, "2024-06-19")))
        display.handle(a_record("A warning.", level=logging.WARNING))
    assert capsys.readouterr() == ("", "A warning.\n")
    assert progress.describe_tables() == "calls 1 of 4, reports 0 of 4"


def drawn_on(terminal: int) -> str:
    """Return everything that was written to a terminal whose other end is closed."""
    chunks = []
    with suppress(OSError):
        while chunk := os.read(terminal, 1 << 16):
            chunks.append(chunk)
    os.close(terminal)
    return b"".join(chunks).decode()


def test_a_terminal_has_a_bar_with_days_calls_and_the_time_left(
    progress: RunProgress, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = pty.openpty()
    output = io.StringIO()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stdout", output)
    numbers = {"dagster/partition_row_count": 90, "requests": 1, "seconds": 1.0}
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr("sys.stderr", terminal)
        with RunDisplay(progress, shows="days") as display:
            display.handle(a_record("", event=a_recorded_day(CHANGES, "2024-06-19")))
            display.handle(a_record("", event=a_recorded_day(CALLS, "2024-06-19", **numbers)))
            display.handle(a_record("Half.", share=0.5, fetched=12_345))
            display.handle(a_record("A warning.", level=logging.WARNING))
    drawn = drawn_on(ours)
    assert "A warning." in drawn
    assert "calls 1/4 days" in drawn
    assert "12,345 calls, about 1 s left" in drawn
    # The days are the output of the command, which is not this terminal.
    assert output.getvalue().startswith("calls   2024-06-19")
