"""The file `.env` of the current folder: its variables, and an error if it can't be read as text.

What the variables mean is in `settings.py`.
"""

import io
import os
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import parse_stream

from trackdrive_assets.settings import PREFIX, SettingError, setting_variables

_FILE = Path(".env")


def settings_environment() -> dict[str, str]:
    """Return the variables of settings, from the environment or else from `.env` in the current folder.

    Raises:
        SettingError: `.env` can't be read, or a variable is no setting.
    """
    return setting_variables(_env_file()) | setting_variables(os.environ)


def load_env_file() -> None:
    """Add the variables of `.env` to the environment of this process, which has precedence.

    Raises:
        SettingError: `.env` can't be read, or a variable is no setting.
    """
    others = {name: text for name, text in _env_file().items() if not name.upper().startswith(PREFIX)}
    os.environ.update(others | os.environ | settings_environment())


def _env_file() -> dict[str, str]:
    try:
        text = _FILE.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SettingError(f"The file .env can't be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise SettingError("The file .env is not UTF-8 text. Save it as UTF-8.")
    # `${NAME}` is expanded, except in settings: an unknown name would be an empty text, and /lake the lake.
    values = dotenv_values(stream=io.StringIO(text)) | _settings_as_written(text)
    return {name: value for name, value in values.items() if value is not None}


def _settings_as_written(text: str) -> dict[str, str]:
    """Return the settings of the file. A line of another program that can't be read is ignored."""
    settings = {}
    for line in parse_stream(io.StringIO(text)):
        name = line.key or (line.original.string.strip() if line.error else "")
        if not name.upper().removeprefix("EXPORT ").startswith(PREFIX):
            continue
        if line.error or line.value is None:
            raise SettingError(
                f"Line {line.original.line} of the file .env can't be read. Write NAME=value, without quotes."
            )
        settings[name] = line.value
    return settings
