"""How often an incomplete day is fetched again before it fails, and what is stored of it until then."""

import logging

from trackdrive_assets.days import Day
from trackdrive_assets.lake.day_file import DayFile
from trackdrive_assets.lake.errors import DamagedFileError
from trackdrive_assets.lake.store import Lake

MAX_ATTEMPTS = 3
"""The number of times that a day is fetched: most incomplete responses pass by themselves."""

_log = logging.getLogger(__name__)


def log_next_attempt(what: str, attempt: int, error: Exception) -> None:
    """Log that something is fetched again after its attempt number `attempt`, and why."""
    _log.warning("Fetching %s again, attempt %d of %d: %s", what, attempt + 1, MAX_ATTEMPTS, error)


def stored_rows(lake: Lake, table: str, day: Day, **hive: str) -> int:
    """Return the number of rows that the lake has of a day. A damaged file has none."""
    path = lake.file(table, day.date, **hive)
    if not path.exists():
        return 0
    try:
        with DayFile(path) as file:
            return file.rows
    except DamagedFileError:
        return 0
