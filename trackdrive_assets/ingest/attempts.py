"""How often an incomplete day is fetched again before it fails."""

import logging

MAX_ATTEMPTS = 3
"""The number of times that a day is fetched: most incomplete responses pass by themselves."""

_log = logging.getLogger(__name__)


def log_next_attempt(what: str, attempt: int, error: Exception) -> None:
    """Log that something is fetched again after its attempt number `attempt`, and why."""
    _log.warning("Fetching %s again, attempt %d of %d: %s", what, attempt + 1, MAX_ATTEMPTS, error)
