"""The clock by which days are fetched: when a fetch begins, and which days are over by then.

`trackdrive demo` sets it back together with that of the sandbox, so that it fetches days as they were. Every
other program uses the time of the machine.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta


class _Clock:
    behind = timedelta()


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC) - _Clock.behind


@contextmanager
def set_to(moment: datetime) -> Iterator[None]:
    """Let the clock of this process go on from a moment of the past during the block."""
    before, _Clock.behind = _Clock.behind, datetime.now(UTC) - moment
    try:
        yield
    finally:
        _Clock.behind = before
