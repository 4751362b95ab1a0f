"""Whether a request may be retried, and after which pause. Pure decisions; `transport.py` acts on them."""

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from trackdrive_assets.api.errors import TrackdriveError, Unavailable
from trackdrive_assets.numbers import parse_number

RETRYABLE_METHODS = frozenset({"GET"})
"""A DELETE hangs up a call. If its response is lost, a person has to find out whether it happened."""

SHORTEST_PAUSE = 1.0
LONGEST_PAUSE = 30.0


def may_retry(method: str, error: BaseException) -> bool:
    """Return whether a retry can succeed and does no harm."""
    return method in RETRYABLE_METHODS and isinstance(error, Unavailable)


def pause_before(attempt: int, error: TrackdriveError, jitter: Callable[[], float]) -> float:
    """Return the seconds to wait before the next attempt.

    The pause of a Retry-After header is observed in full. Without it, or if it is zero, the pause is random
    within a range that doubles with each attempt. So many clients do not come back at the same time.

    Args:
        attempt: The number of failed attempts, from 1.
        error: The error of the last attempt.
        jitter: A function that returns a random number from 0 to 1.
    """
    if isinstance(error, Unavailable) and error.retry_after:
        return error.retry_after
    return float(min(LONGEST_PAUSE, SHORTEST_PAUSE * 2 ** min(attempt - 1, 10))) * (0.5 + jitter() / 2)


def fits_budget(spent: float, pause: float, budget: float) -> bool:
    """Return whether another attempt after `pause` begins within the budget. All in seconds."""
    return spent + pause <= budget


def parse_retry_after(header: str | None, now: datetime) -> float | None:
    """Return the seconds of a Retry-After header. None if it is missing or cannot be parsed.

    Args:
        header: Seconds, or an HTTP date.
        now: The current time, with a time zone.
    """
    if header is None:
        return None
    try:
        seconds = float(parse_number(header.strip()))
    except ValueError:
        pass
    else:
        return seconds if seconds >= 0 else None
    try:
        until = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return None
    return max(0.0, (until.replace(tzinfo=until.tzinfo or UTC) - now).total_seconds())
