"""The file .env, and settings that stop every command before its first request."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from trackdrive_assets.cli import main
from trackdrive_assets.cli.env_file import load_env_file, settings_environment
from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets.settings import SettingError
from trackdrive_assets_tests.cli.conftest import Trackdrive

COMMANDS = [
    ["doctor"],
    ["calls"],
    ["call", "1"],
    ["report", "status"],
    ["stats", "status", "--from", "today"],
    ["page", "--from", "today"],
    ["materialize", "--from", "today"],
    ["demo"],
    ["dev"],
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


WRONG_SETTINGS = {
    "TRACKDRIVE_TIMEZONE": ("America/New_York", "Did you mean TRACKDRIVE_TIME_ZONE?"),
    "TRACKDRIVE_TIME_ZONE": ("EST", "use America/New_York"),
    "TRACKDRIVE_EXCLUDE_COLUMNS": ("caler_number", "Did you mean caller_number?"),
    "TRACKDRIVE_START_DATE": ("0001-01-01", "use a date of the years 2000 to 2099"),
    "TRACKDRIVE_BASE_URL": ("http://a..b", "its host is not a valid name"),
    "TRACKDRIVE_PUBLIC_KEY": ("tdprvswapped", "exchange the two keys"),
}
OWN_ACCOUNT = {
    "TRACKDRIVE_BASE_URL",
    "TRACKDRIVE_PUBLIC_KEY",
    "TRACKDRIVE_START_DATE",
    "TRACKDRIVE_TIME_ZONE",
}
"""The variables that `trackdrive demo` sets itself."""


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (arguments, name)
        for arguments in COMMANDS
        for name in WRONG_SETTINGS
        if arguments != ["demo"] or name not in OWN_ACCOUNT
    ],
    ids=str,
)
def test_a_wrong_setting_stops_every_command(
    trackdrive: Trackdrive, sandbox: Sandbox, arguments: list[str], name: str
) -> None:
    value, advice = WRONG_SETTINGS[name]
    outcome = trackdrive(*arguments, **{name: value})
    assert outcome.exit_code == 2
    assert outcome.stderr.startswith(f"Error: {name} is ")
    assert advice in outcome.stderr
    assert outcome.stdout == ""
    assert not sandbox.requests


@pytest.mark.parametrize(
    "lake", ["lake?", "date=2024-06-19/lake", "s3://key:sesame@bucket", "file", "file/lake"]
)
def test_a_place_that_can_never_be_a_lake_is_exit_code_2(
    trackdrive: Trackdrive, tmp_path: Path, lake: str
) -> None:
    (tmp_path / "file").write_text("a note")
    for arguments in (["page", "--from", "today"], ["dev"]):
        outcome = trackdrive(*arguments, TRACKDRIVE_LAKE=lake)
        assert (outcome.exit_code, outcome.stdout) == (2, "")
        assert "TRACKDRIVE_LAKE" in outcome.stderr
        assert "sesame" not in outcome.stderr


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("TRACKDRIVE_SUBDOMAIN=acme".encode("utf-16"), "is not UTF-8 text"),
        ("TRACKDRIVE_SUBDOMAIN=acme".encode("utf-16-le"), "is not UTF-8 text"),
        ("# Zürich\nTRACKDRIVE_SUBDOMAIN=acme".encode("latin-1"), "is not UTF-8 text"),
        (b"A=1\nTRACKDRIVE_SUBDOMAIN: acme\n", "Line 2 of the file .env can't be read"),
        (b'TRACKDRIVE_SUBDOMAIN="acme\n', "Line 1 of the file .env can't be read"),
        (b"export TRACKDRIVE_SUBDOMAIN 'acme\n", "Line 1 of the file .env can't be read"),
        (b"trackdrive_subdomain\n", "Line 1 of the file .env can't be read"),
        (b"TRACKDRIVE_TIMEZONE=America/Denver", "Did you mean TRACKDRIVE_TIME_ZONE?"),
        (b"TRACKDRIVE_LAKE=${HOME}/lake", "TRACKDRIVE_LAKE is invalid (it is '${HOME}/lake')"),
        (b"TRACKDRIVE_LAKE=${NOPE}/lake", "TRACKDRIVE_LAKE is invalid (it is '${NOPE}/lake')"),
        (b"TRACKDRIVE_LAKE=$HOME/lake", "TRACKDRIVE_LAKE is invalid (it is '$HOME/lake')"),
    ],
)
def test_an_unreadable_file_is_one_sentence(folder: Path, content: bytes, reason: str) -> None:
    (folder / ".env").write_bytes(content)
    outcome = CliRunner().invoke(main, ["doctor"])
    assert outcome.exit_code == 2
    assert reason in outcome.stderr
    assert not outcome.stdout


def test_a_folder_of_that_name_is_one_sentence(folder: Path) -> None:
    (folder / ".env").mkdir()
    outcome = CliRunner().invoke(main, ["doctor"])
    assert (outcome.exit_code, outcome.stderr) == (2, "Error: The file .env can't be read: Is a directory.\n")


def test_a_byte_order_mark_and_other_lines_are_no_error(folder: Path) -> None:
    text = "TRACKDRIVE_SUBDOMAIN=acme\nother: line\n# TRACKDRIVE_TIMEZONE=x\n\nexport A='1'\n"
    (folder / ".env").write_text(text, "utf-8-sig")
    assert settings_environment() == {"TRACKDRIVE_SUBDOMAIN": "acme"}


def test_the_environment_wins_in_any_case(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {"trackdrive_subdomain": "shell", "OTHER": "shell"})
    (folder / ".env").write_text("TRACKDRIVE_SUBDOMAIN=file\nTrackdrive_Lake=lake\nOTHER=file\nMORE=file\n")
    assert settings_environment() == {"TRACKDRIVE_SUBDOMAIN": "shell", "TRACKDRIVE_LAKE": "lake"}
    load_env_file()
    assert os.environ["TRACKDRIVE_SUBDOMAIN"] == "shell"
    assert os.environ["TRACKDRIVE_LAKE"] == "lake"
    assert (os.environ["OTHER"], os.environ["MORE"]) == ("shell", "file")


def test_an_unreadable_file_stops_dev(folder: Path) -> None:
    (folder / ".env").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingError, match="UTF-8"):
        load_env_file()
    assert CliRunner().invoke(main, ["dev"]).exit_code == 2
