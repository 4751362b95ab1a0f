"""`trackdrive sandbox` as a process: it prints the settings of a client, and a signal stops it."""

import re
import signal
import subprocess
import sys
from collections.abc import Sequence

import pytest
import requests
from click.testing import CliRunner

from trackdrive_assets.cli import main

COMMAND = [sys.executable, "-c", "from trackdrive_assets.cli import main; main()", "sandbox"]


@pytest.mark.parametrize(
    "numbers", [(signal.SIGINT,), (signal.SIGTERM,), (signal.SIGHUP,), (signal.SIGINT, signal.SIGTERM) * 5]
)
def test_the_printed_settings_work_and_a_signal_stops_the_sandbox(numbers: Sequence[signal.Signals]) -> None:
    options = ["--port", "0", "--days", "2", "--now", "2024-03-20T20:00:00Z"]
    with subprocess.Popen([*COMMAND, *options], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        printed = "".join(process.stdout.readline() for _ in range(6))
        setting = dict(re.findall(r"export TRACKDRIVE_(\w+)=(\S+)", printed))
        response = requests.get(
            f"{setting['BASE_URL']}/api/v1/calls",
            params={"per_page": "250", "order_dir": "asc"},
            auth=(setting["PUBLIC_KEY"], setting["PRIVATE_KEY"]),
            timeout=10,
        )
        for number in numbers:
            process.send_signal(number)
        assert process.wait(timeout=10) == 0
    assert setting["LAKE"] == "sandbox-data"
    assert setting["TIME_ZONE"] == "America/New_York"
    assert response.json()["calls"][0]["created_at"].startswith("2024-03-19T")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--port", "99999"], "99999 is not in the range 0<=x<=65535"),
        (["--fault", "flood"], "'flood' is not a fault of the sandbox. Choose one of: 429"),
        (["--now", "noon"], "'noon' is not an instant. Use a text like 2024-06-19T12:00:00Z"),
    ],
)
def test_an_invalid_option_is_explained(options: list[str], words: str) -> None:
    outcome = CliRunner().invoke(main, ["sandbox", *options])
    assert outcome.exit_code == 2
    assert words in outcome.output


def test_the_help_lists_evidence_and_assumptions() -> None:
    text = CliRunner().invoke(main, ["sandbox", "--help"]).output
    assert "Seen in captured responses" in text
    assert "No response of these is published" in text
