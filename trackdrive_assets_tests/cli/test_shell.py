"""The command as a real process: pipes, terminals, Ctrl-C, stdout and stderr."""

import json
import os
import pty
import signal
import subprocess
import sys
import threading
from pathlib import Path

from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets_tests.cli.conftest import variables

COMMAND = str(Path(sys.executable).parent / "trackdrive")


def environment(sandbox: Sandbox) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"} | variables(sandbox)


def test_a_closed_pipe_ends_the_command_quietly(sandbox: Sandbox, tmp_path: Path) -> None:
    line = f"set -o pipefail; {COMMAND} calls | head -n 2"
    process = subprocess.run(
        ["bash", "-c", line],
        env=environment(sandbox),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.stderr == ""
    assert process.returncode == 0
    assert len(process.stdout.splitlines()) == 2


def test_a_full_device_as_stdout_is_an_error_message(sandbox: Sandbox, tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        process = subprocess.run(
            [COMMAND, "calls", "--limit", "1"],
            env=environment(sandbox), cwd=tmp_path,
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert process.returncode == 1
    assert process.stderr.startswith("Error: [Errno 28] No space left on device. Check")


def test_a_closed_stdout_discards_the_output(sandbox: Sandbox, tmp_path: Path) -> None:
    for line in ("calls --limit 1", "calls --limit 1 --output calls.csv", "doctor"):
        process = subprocess.run(
            ["bash", "-c", f"{COMMAND} {line} >&-"],
            env=environment(sandbox), cwd=tmp_path, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
        written = "1 call in calls.csv.\n" if "--output" in line else ""
        assert (process.returncode, process.stderr) == (0, written)
    assert (tmp_path / "calls.csv").exists()


def test_a_closed_stderr_ends_no_command(sandbox: Sandbox, tmp_path: Path) -> None:
    process = subprocess.run(
        ["bash", "-c", f"{COMMAND} materialize --from 2024-03-18 --to 2024-03-18 --tables calls 2>&-"],
        env=environment(sandbox), cwd=tmp_path, stdout=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    assert process.returncode == 0
    assert "Done: 1 day, " in process.stdout


def test_rows_are_written_before_the_last_page_is_requested(sandbox: Sandbox, tmp_path: Path) -> None:
    seen = threading.Event()
    waited: list[bool] = []

    def wait_on_the_third_page(row: dict[str, object]) -> dict[str, object]:
        if len(sandbox.requests) == 3 and not waited:
            waited.append(seen.wait(timeout=30))
        return row

    sandbox.rewrite = wait_on_the_third_page
    with subprocess.Popen(
        [COMMAND, "calls", "--format", "jsonl"],
        env=environment(sandbox), cwd=tmp_path, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["uuid"]
        seen.set()
        process.communicate()
    assert process.returncode == 0
    assert waited == [True]


def test_ctrl_c_ends_the_command_with_130_and_no_traceback(sandbox: Sandbox, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [COMMAND, "calls", "--output", "calls.csv"],
        env=environment(sandbox), cwd=tmp_path, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip

    def interrupt(row: dict[str, object]) -> dict[str, object]:
        if len(sandbox.requests) == 2:
            # Only once, because a second Ctrl-C may end the process in any way.
            sandbox.rewrite = None
            process.send_signal(signal.SIGINT)
        return row

    sandbox.rewrite = interrupt
    _, stderr = process.communicate()
    assert process.returncode == 130, stderr
    assert "Traceback" not in stderr
    assert list(tmp_path.iterdir()) == []


def test_the_progress_bar_is_on_stderr_and_only_data_on_stdout(sandbox: Sandbox, tmp_path: Path) -> None:
    ours, terminal = pty.openpty()
    process = subprocess.run(
        [COMMAND, "calls", "--columns", "uuid"],
        env=environment(sandbox) | {"TERM": "xterm"},
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=terminal, check=False,
    )  # fmt: skip
    os.close(terminal)
    drawn = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert process.returncode == 0
    assert "calls" in drawn
    assert all(len(line) in {6, 38} for line in process.stdout.decode().splitlines())


def test_doctor_in_a_shell_ends_with_its_exit_code(sandbox: Sandbox, tmp_path: Path) -> None:
    process = subprocess.run(
        [COMMAND, "doctor", "--json"],
        env=environment(sandbox) | {"TRACKDRIVE_PRIVATE_KEY": "tdprv-wrong"},
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert process.returncode == 1
    assert process.stderr == ""
    assert json.loads(process.stdout)["result"] == "failed"


def test_the_library_prints_nothing_by_itself(sandbox: Sandbox) -> None:
    sandbox.inject("429", retry_after=0)
    program = """
import os
from trackdrive_assets.api.client import Client
from trackdrive_assets.settings import Settings
settings = Settings.read(os.environ)
with Client(settings.address, settings.credentials) as client:
    assert next(client.calls())
    assert client.usage.retries == 1
"""
    process = subprocess.run(
        [sys.executable, "-c", program], env=environment(sandbox), capture_output=True, text=True, check=False
    )
    assert (process.returncode, process.stdout, process.stderr) == (0, "", "")
