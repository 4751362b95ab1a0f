"""How commands end: an exit code for each kind of error, and a message instead of a traceback."""

import os
import sys
from collections.abc import Mapping
from enum import IntEnum
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from trackdrive_assets.cli.signals import EndedBySignal, raised_signals


class ExitCode(IntEnum):
    """The exit codes that `trackdrive --help` lists."""

    SUCCESS = 0
    REFUSED = 1
    WRONG_USE = 2
    TEMPORARY = 3


class CliError(click.ClickException):
    """An error message with its exit code."""

    def __init__(self, message: str, code: ExitCode) -> None:
        super().__init__(message)
        self.code = code

    @property
    def exit_code(self) -> int:  # type: ignore[override]  # a class variable in click
        """The exit code that click uses."""
        return self.code


class ErrorHandlingGroup(click.Group):
    """A group that imports the module of a command when it is named, and ends with an `ExitCode`.

    Args:
        commands: The module and the summary of each command. The module has a function of the command's name.
    """

    def __init__(self, *args: Any, commands: Mapping[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._commands = commands

    def list_commands(self, _: click.Context) -> list[str]:
        """Return the names of all commands."""
        return list(self._commands)

    def get_command(self, _: click.Context, name: str) -> click.Command | None:
        """Import a command."""
        if name not in self._commands:
            return None
        module_name, _summary = self._commands[name]
        command: click.Command = getattr(import_module(f"{__package__}.{module_name}"), name)
        return command

    def format_commands(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the summaries without importing the commands, so that `--help` is fast."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_module, summary) in self._commands.items()])

    def invoke(self, context: click.Context) -> Any:
        """Run a command."""
        for name in ("stdout", "stderr"):
            if getattr(sys, name) is None:
                # The shell closed it (`>&-`). The output is discarded, as with `> /dev/null`.
                setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115  # open until the process ends
        try:
            with raised_signals():
                result = super().invoke(context)
                sys.stdout.flush()
        except EndedBySignal as error:
            # The exit code that shells use.
            context.exit(128 + error.number)
        except BrokenPipeError:
            # The reader of the pipe, such as `head`, needs no more.
            _discard_stdout()
            context.exit(ExitCode.SUCCESS)
        except click.ClickException:
            raise
        except Exception as error:
            code = exit_code_of(error)
            if code is None:
                raise
            _discard_stdout()
            advice = ". Check the file or device, then run again." if isinstance(error, OSError) else ""
            raise CliError(f"{error}{advice}", code) from None
        return result


def _discard_stdout() -> None:
    """Discard buffered output that cannot be written. Python would try again at exit, and fail loudly."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def exit_code_of(error: Exception) -> ExitCode | None:
    """Return the exit code of an error whose message is for people. None for a bug of this package."""
    # Only a command that failed needs these modules. Without an error, `--help` must not wait for them.
    from trackdrive_assets.api.errors import (  # noqa: PLC0415
        AddressError,
        CredentialError,
        QueryError,
        TrackdriveError,
    )
    from trackdrive_assets.lake.errors import LakeError, UnusableLakeError  # noqa: PLC0415
    from trackdrive_assets.report.page import PageError  # noqa: PLC0415
    from trackdrive_assets.settings import SettingError  # noqa: PLC0415
    from trackdrive_assets.tables.errors import MalformedRow  # noqa: PLC0415

    match error:
        case QueryError() | CredentialError() | AddressError() | SettingError() | UnusableLakeError():
            return ExitCode.WRONG_USE
        case TrackdriveError():
            return ExitCode.REFUSED if error.is_permanent else ExitCode.TEMPORARY
        case LakeError() | PageError() | MalformedRow() | OSError():
            return ExitCode.REFUSED
        case _:
            return None
