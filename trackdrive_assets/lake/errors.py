"""The errors of the lake, and the translation of other libraries' errors into them.

Each message names the file, the reason, and what to do. What a damaged file means for a run is decided by the
caller.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class LakeError(Exception):
    """A failure to read or write the lake. The message names the file, the reason and what to do."""


class UnusableLakeError(LakeError, ValueError):
    """A place that can never be a lake. Nothing was read or written."""


class DamagedFileError(LakeError):
    """A file that exists but is not readable Parquet."""


def write_error(action: str, path: Path | str, reason: str) -> LakeError:
    """Return the error for a file that could not be written. `action` is a verb, such as `replace`."""
    return LakeError(
        f"Can't {action} {path}: {reason}. What was there before is unchanged. "
        "Check that the folder exists, is writable and has free space, then run again."
    )


@contextmanager
def translate_os_errors(action: str, path: Path | str) -> Iterator[None]:
    """Translate errors of the operating system into a `LakeError`. Keep callers' code out of the block."""
    try:
        yield
    except OSError as error:
        raise write_error(action, path, error.strerror or str(error)) from error


@contextmanager
def translate_read_errors(path: Path | str) -> Iterator[None]:
    """Translate errors of reading a Parquet file: `DamagedFileError` for bad content, else `LakeError`."""
    import pyarrow as pa  # noqa: PLC0415  # the errors are caught by Dagster's definitions, which load fast

    with translate_os_errors("read", path):
        try:
            yield
        except (pa.ArrowInvalid, OSError) as error:
            # Arrow also raises OSError for bad content, but then without an error number.
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise DamagedFileError(
                f"{path} is damaged: {str(error).rstrip('.')}. Run its partition again, which replaces it."
            ) from error
