"""Odd values of every option and argument: an exit code and one sentence, and never a traceback."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from trackdrive_assets.cli import COMMANDS, doctor, main, query_commands, watch
from trackdrive_assets_tests.cli.conftest import command_named

RUN = {
    "calls": ["calls"],
    "call": ["call", "1"],
    "report": ["report", "status"],
    "stats": ["stats", "status", "--from", "today"],
    "materialize": ["materialize", "--from", "2024-06-19"],
    "doctor": ["doctor"],
    "watch": ["watch"],
    "export": ["export", "calls"],
    "page": ["page", "--from", "2024-06-19"],
    "views": ["views"],
    "lake": ["lake", "copy", ".", "copy"],
}
"""The commands that end by themselves, and what they need."""

ODD = ["", "0001-01-01", "9999-12-31 23:59:59 -1200", "-1", "٣", "nan", "9" * 5000, "\udcff", "a\x1b[31mb"]
DAYS = ["0001-01-01", "9999-12-31", "1999-12-31", "2100-01-01", "2024-02-30", "20240619", "٢٠٢٤-٠٦-١٩", ""]
NOTHING_LISTENS = {
    "TRACKDRIVE_BASE_URL": "http://127.0.0.1:9",
    "TRACKDRIVE_PUBLIC_KEY": "tdpubexample",
    "TRACKDRIVE_PRIVATE_KEY": "tdprvexample",
    "TRACKDRIVE_REQUESTS_PER_SECOND": "0",
}


def arguments() -> Iterator[tuple[str, str, list[str]]]:
    """Yield each command and parameter, with what comes before an odd value of it."""
    for name, run in RUN.items():
        for parameter in command_named(name).params:
            if isinstance(parameter, click.Argument):
                yield name, parameter.human_readable_name, [name, *run[2:], "--"]
            elif isinstance(parameter, click.Option) and not parameter.is_flag:
                yield name, parameter.opts[0], [*run, parameter.opts[0]]


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for command in (doctor, query_commands, watch):
        monkeypatch.setattr(command, "RETRY_BUDGET", 0)


@pytest.mark.parametrize(
    ("command", "parameter", "before"),
    [pytest.param(*case, id=f"{case[0]} {case[1]}") for case in arguments()],
)
def test_no_odd_value_is_a_traceback(command: str, parameter: str, before: list[str]) -> None:
    for value in ODD:
        outcome = CliRunner(env=NOTHING_LISTENS).invoke(main, [*before, value])
        assert isinstance(outcome.exception, SystemExit), (command, value, outcome.exception)
        assert outcome.exit_code in {1, 2, 3}
        if outcome.exit_code == 2 and parameter.startswith("--"):
            name = parameter.removeprefix("--").replace("-", "_")
            assert name in outcome.stderr.replace("-", "_")


@pytest.mark.parametrize("option", ["--from", "--to", "--created-at-from", "--created-at-to"])
@pytest.mark.parametrize("command", ["calls", "report", "stats"])
def test_a_day_that_no_account_has_is_named_with_its_option(command: str, option: str) -> None:
    before = RUN[command] if option == "--to" and command == "stats" else RUN[command][:2]
    more = ["--from", "today"] if option == "--to" and command != "stats" else []
    for day in DAYS:
        outcome = CliRunner(env=NOTHING_LISTENS).invoke(main, [*before, *more, option, day])
        assert (outcome.exit_code, outcome.stdout) == (2, "")
        assert option.lstrip("-").replace("-", "_") in outcome.stderr.replace("-", "_")


@pytest.mark.parametrize(
    "command",
    [
        ["demo", "--days", "9" * 30],
        ["demo", "--days", "3000000"],
        ["sandbox", "--days", "3000000"],
        ["sandbox", "--now", "9999-12-31T23:59:59-12:00"],
        ["sandbox", "--now", "0001-01-01"],
        ["sandbox", "--latency-ms", "9" * 30],
        ["sandbox", "--port", "65536"],
        ["dev", "--port", "0"],
    ],
    ids=" ".join,
)
def test_a_number_without_bound_is_refused(command: list[str]) -> None:
    outcome = CliRunner(env=NOTHING_LISTENS).invoke(main, command)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert command[1] in outcome.stderr


def test_every_command_is_tried_here() -> None:
    assert RUN.keys() | {"demo", "dev", "sandbox"} == COMMANDS.keys()
