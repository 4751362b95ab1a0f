"""How a command ends: the exit code of each kind of error, and its text in place of a traceback."""

import os
import sys
from enum import IntEnum
from typing import Any

import click


class ExitCode(IntEnum):
    """What `trackdrive --help` promises."""

    DONE = 0
    REFUSED = 1
    MISUSED = 2
    LATER = 3
    INTERRUPTED = 130


class Told(click.ClickException):
    """An error in words, with its exit code."""

    def __init__(self, message: str, code: ExitCode) -> None:
        super().__init__(message)
        self.code = code

    @property
    def exit_code(self) -> int:  # type: ignore[override]  # click's is a class variable
        """Taken by click."""
        return self.code


class Ending(click.Group):
    """A group whose commands end with the codes of `ExitCode`."""

    def invoke(self, context: click.Context) -> Any:
        """Run a command."""
        try:
            result = super().invoke(context)
            sys.stdout.flush()
        except KeyboardInterrupt:
            context.exit(ExitCode.INTERRUPTED)
        except BrokenPipeError:
            # Whoever read, as `head` does, has had enough.
            _abandon_stdout()
            context.exit(ExitCode.DONE)
        except click.ClickException:
            raise
        except Exception as error:
            code = code_of(error)
            if code is None:
                raise
            _abandon_stdout()
            advice = ". Check what it writes to, and run it again." if isinstance(error, OSError) else ""
            raise Told(f"{error}{advice}", code) from None
        return result


def _abandon_stdout() -> None:
    """Drop what cannot be written any more. Python would try once more at its end, and fail loudly."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def code_of(error: Exception) -> ExitCode | None:
    """The exit code of an error whose text is for people; None for any other, which is a mistake of ours."""
    # These import what a command that needs none of it, such as `--help`, should not wait for.
    from trackdrive_assets.api.errors import (  # noqa: PLC0415  # see above
        CredentialError,
        QueryError,
        TrackdriveError,
    )
    from trackdrive_assets.lake.errors import LakeError  # noqa: PLC0415  # see above
    from trackdrive_assets.report.page import PageError  # noqa: PLC0415  # see above
    from trackdrive_assets.settings import SettingError  # noqa: PLC0415  # see above
    from trackdrive_assets.tables.errors import MalformedRow  # noqa: PLC0415  # see above

    match error:
        case QueryError() | CredentialError() | SettingError():
            return ExitCode.MISUSED
        case TrackdriveError():
            return ExitCode.REFUSED if error.is_permanent else ExitCode.LATER
        case LakeError() | PageError() | MalformedRow() | OSError():
            return ExitCode.REFUSED
        case _:
            return None
