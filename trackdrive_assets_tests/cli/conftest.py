"""A sandbox with a fixed clock, and a function that runs the command on it in this process."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from trackdrive_assets.cli import main
from trackdrive_assets.sandbox.server import Sandbox

NOW = datetime(2024, 3, 20, 12, tzinfo=UTC)

Trackdrive = Callable[..., Result]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Run a sandbox with four and a half days of about 40 calls."""
    with Sandbox(seed=7, calls_per_day=40, first_day=date(2024, 3, 16), now=lambda: NOW) as running:
        yield running


def variables(sandbox: Sandbox) -> dict[str, str]:
    """Return the variables that make the sandbox the account."""
    return {
        "TRACKDRIVE_BASE_URL": sandbox.base_url,
        "TRACKDRIVE_PUBLIC_KEY": sandbox.public_key,
        "TRACKDRIVE_PRIVATE_KEY": sandbox.private_key,
        "TRACKDRIVE_REQUESTS_PER_SECOND": "0",
        "TRACKDRIVE_PER_PAGE": "50",
    }


@pytest.fixture
def trackdrive(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trackdrive:
    """Return a function that runs `trackdrive` on the sandbox, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, **environment: Any) -> Result:
        return CliRunner(env=variables(sandbox) | environment).invoke(main, arguments)

    return run


def command_named(name: str) -> click.Command:
    """Return a subcommand of `trackdrive`."""
    command = main.get_command(click.Context(main), name)
    assert command is not None
    return command
