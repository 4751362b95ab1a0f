"""`trackdrive sandbox` as a process: what it prints is enough to ask it, and a signal ends it."""

import re
import signal
import subprocess
import sys

import pytest
import requests
from click.testing import CliRunner

from trackdrive_assets.cli import main

COMMAND = [sys.executable, "-c", "from trackdrive_assets.cli import main; main()", "sandbox"]


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_the_printed_lines_open_the_sandbox_and_a_signal_ends_it(ending: signal.Signals) -> None:
    options = ["--port", "0", "--days", "2", "--now", "2024-03-20T20:00:00Z"]
    with subprocess.Popen([*COMMAND, *options], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        printed = "".join(process.stdout.readline() for _ in range(5))
        setting = dict(re.findall(r"export TRACKDRIVE_(\w+)=(\S+)", printed))
        answer = requests.get(
            f"{setting['BASE_URL']}/api/v1/calls",
            params={"per_page": "250", "order_dir": "asc"},
            auth=(setting["PUBLIC_KEY"], setting["PRIVATE_KEY"]),
            timeout=10,
        )
        process.send_signal(ending)
        assert process.wait(timeout=10) == 0
    assert setting["LAKE"] == "sandbox-data"
    assert answer.json()["calls"][0]["created_at"].startswith("2024-03-19T")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--fault", "flood"], "'flood' is not a fault of the sandbox. Choose one of: 429"),
        (["--now", "noon"], "'noon' is no moment. Write one like 2024-06-19T12:00:00Z"),
    ],
)
def test_an_option_that_is_not_understood_is_a_sentence(options: list[str], words: str) -> None:
    outcome = CliRunner().invoke(main, ["sandbox", *options])
    assert outcome.exit_code == 2
    assert words in outcome.output


def test_the_help_says_what_is_evidence_and_what_is_assumed() -> None:
    text = CliRunner().invoke(main, ["sandbox", "--help"]).output
    assert "Read off captured answers" in text
    assert "Assumed, because nobody has published an answer" in text
