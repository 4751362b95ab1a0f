"""Exit codes, error messages with advice, and the help."""

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from trackdrive_assets.cli import COMMANDS, doctor, main, query_commands
from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets_tests.cli.conftest import Trackdrive, command_named
from trackdrive_assets_tests.support.http_server import serving

ACCOUNT_COMMANDS = [
    ["doctor"],
    ["calls"],
    ["call", "1"],
    ["report", "status"],
    ["stats", "status", "--from", "today"],
]


@pytest.fixture(autouse=True)
def no_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    for command in (doctor, query_commands):
        monkeypatch.setattr(command, "RETRY_BUDGET", 0)


@pytest.mark.parametrize("arguments", ACCOUNT_COMMANDS, ids=lambda arguments: arguments[0])
def test_every_command_has_the_same_exit_codes(
    trackdrive: Trackdrive, sandbox: Sandbox, arguments: list[str]
) -> None:
    refused = trackdrive(*arguments, TRACKDRIVE_PRIVATE_KEY="tdprv-wrong")
    assert refused.exit_code == 1
    sandbox.inject("500", times=None)
    assert trackdrive(*arguments).exit_code == 3
    unset = trackdrive(*arguments, TRACKDRIVE_PRIVATE_KEY="")
    assert unset.exit_code == 2
    assert unset.stderr.startswith("Error: TRACKDRIVE_PRIVATE_KEY is not set")
    assert not unset.stdout


def test_a_missing_call_is_exit_code_1(trackdrive: Trackdrive) -> None:
    outcome = trackdrive("call", "00000000-0000-4000-8000-000000000000")
    assert outcome.exit_code == 1
    assert "Check the id" in outcome.stderr


def test_a_malformed_value_is_exit_code_1(trackdrive: Trackdrive, sandbox: Sandbox) -> None:
    sandbox.rewrite = lambda row: row | {"revenue": "a lot"}
    outcome = trackdrive("calls")
    assert outcome.exit_code == 1
    assert "revenue is a text of 5 characters" in outcome.stderr


def test_a_bug_is_shown_with_its_traceback(trackdrive: Trackdrive, monkeypatch: pytest.MonkeyPatch) -> None:
    def mistaken() -> None:
        raise KeyError

    monkeypatch.setattr(query_commands, "account_settings", mistaken)
    assert isinstance(trackdrive("calls").exception, KeyError)


@pytest.mark.parametrize("body", [b"<html>Welcome</html>", b"OK", b"", b"{}", b'{"hello": "world"}'])
def test_another_server_than_trackdrive_is_named(trackdrive: Trackdrive, body: bytes) -> None:
    with serving(body) as (address, _):
        for command in (["calls"], ["call", "1"], ["doctor"]):
            outcome = trackdrive(*command, TRACKDRIVE_BASE_URL=address)
            assert outcome.exit_code in {1, 3}
            text = " ".join((outcome.stderr or outcome.stdout).split())
            assert "another server than Trackdrive" in text
            assert address in text


def test_a_refused_key_is_a_reason_to_start_again(trackdrive: Trackdrive) -> None:
    assert (
        "after a new key in the environment or in .env, start it again"
        in trackdrive("calls", TRACKDRIVE_PRIVATE_KEY="tdprv-wrong").stderr
    )


def test_a_retry_is_reported_on_stderr(
    trackdrive: Trackdrive, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query_commands, "RETRY_BUDGET", 5)
    sandbox.inject("429", retry_after=0)
    outcome = trackdrive("calls", "--limit", "1", "--columns", "uuid")
    assert outcome.exit_code == 0
    assert outcome.stderr.startswith("Retrying in")
    assert len(outcome.stdout.splitlines()) == 2


def test_the_account_can_be_in_a_dotenv_file(
    trackdrive: Trackdrive, sandbox: Sandbox, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text(f"TRACKDRIVE_PUBLIC_KEY={sandbox.public_key}\nTRACKDRIVE_PER_PAGE=7\n")
    assert trackdrive("calls", "--limit", "9", TRACKDRIVE_PUBLIC_KEY=None).exit_code == 0
    # Exported variables take precedence over the file.
    assert sandbox.requests[0].params["per_page"] == "9"


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_help_has_examples(name: str) -> None:
    outcome = CliRunner().invoke(main, [name, "--help"])
    assert outcome.exit_code == 0
    examples = outcome.stdout.partition("EXAMPLES\n")[2]
    assert f"trackdrive {name}" in examples


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_option_has_a_description(name: str) -> None:
    assert all(option.help for option in command_named(name).params if isinstance(option, click.Option))


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_is_listed_with_its_summary(name: str) -> None:
    _module, summary = COMMANDS[name]
    assert summary in CliRunner().invoke(main, ["--help"]).stdout
    assert command_named(name).help


def test_the_help_lists_the_exit_codes() -> None:
    text = CliRunner().invoke(main, ["--help"]).stdout
    for code in ("0", "1", "2", "3", "130"):
        assert f"\n    {code} " in text


def test_the_help_imports_no_slow_module() -> None:
    slow = "{'dagster', 'duckdb', 'pyarrow', 'requests', 'rich', 'starlette'}"
    program = (
        "import sys, click, trackdrive_assets.cli as cli; "
        "cli.main.get_help(click.Context(cli.main)); "
        f"sys.exit(', '.join({slow} & sys.modules.keys()))"
    )
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert process.stderr.strip() == ""


def test_doctor_has_the_same_findings_as_json(trackdrive: Trackdrive, sandbox: Sandbox) -> None:
    report = json.loads(trackdrive("doctor", "--json", "--days", "366").stdout)
    assert report["account"] == sandbox.base_url
    assert report["result"] == "ok"
    table = " ".join(trackdrive("doctor", "--days", "366").stdout.split())
    for finding in report["findings"]:
        assert finding["probe"] in table
    assert sandbox.private_key not in json.dumps(report) + table


def test_a_failed_first_request_leaves_a_short_output(trackdrive: Trackdrive) -> None:
    lines = trackdrive("doctor", TRACKDRIVE_PRIVATE_KEY="tdprv-wrong").stdout.splitlines()
    assert [line.split()[1] for line in lines if line.startswith(("ok", "failed", "inconcl"))] == ["access"]
    assert "12 questions not asked." in lines
    assert lines[-2].startswith("Failed: access.")
    assert lines[-1].strip() == "trackdrive doctor"
