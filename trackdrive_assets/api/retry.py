"""Whether a request may be asked again, and after how long. Pure decisions; `client.py` acts on them."""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from trackdrive_assets.api.errors import TrackdriveError, Unavailable

SAFE_TO_REPEAT = frozenset({"GET"})
"""A DELETE hangs up a call: whether a lost answer means that it happened is for a person to find out."""

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0


def may_retry(method: str, error: BaseException) -> bool:
    """Whether asking the same again can end differently, and harms nothing."""
    return method in SAFE_TO_REPEAT and isinstance(error, Unavailable)


def pause_before(attempt: int, error: TrackdriveError, jitter: Callable[[], float]) -> float:
    """Seconds to wait before the next try.

    What the server asked for in Retry-After is waited in full. Without it, or where it asks for no pause at
    all, the pause is drawn at random from a span that doubles with each try, so that many clients do not come
    back at the same moment, and none without end.

    Args:
        attempt: How many tries have failed, from 1.
        error: How the last one failed.
        jitter: A draw from [0, 1).
    """
    if isinstance(error, Unavailable) and error.retry_after:
        return error.retry_after
    return float(min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(attempt - 1, 10))) * (0.5 + jitter() / 2)


def fits_budget(spent: float, pause: float, budget: float) -> bool:
    """Whether another try after `pause` begins within the budget. All in seconds."""
    return spent + pause <= budget


def parse_retry_after(header: str | None, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for; None when it is missing or cannot be read.

    Args:
        header: Seconds, or an HTTP date.
        now: Aware; what the date is compared with.
    """
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        pass
    else:
        return seconds if math.isfinite(seconds) and seconds >= 0 else None
    try:
        until = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return None
    return max(0.0, (until.replace(tzinfo=until.tzinfo or UTC) - now).total_seconds())
