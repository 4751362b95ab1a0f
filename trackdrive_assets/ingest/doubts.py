"""Decide whether what was fetched of a day may replace what is stored. Pure functions.

A server that fails can send an empty list and call it success. Not here: how often a day is fetched
(`attempts.py`), and whether one list is complete (`api/pagination.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

CONFIRMATIONS = 3
"""The number of fetches that must agree before a day loses most of its calls."""


@dataclass(frozen=True)
class Fetched:
    """What one fetch brought of a day.

    Attributes:
        rows: The number of calls of the day.
        counted: The number of calls that the API itself counts in the day; None if it does not count.
        fingerprint: A number that is the same for the same calls.
    """

    rows: int
    counted: int | None
    fingerprint: int = 0

    @property
    def has_surplus(self) -> bool:
        """Whether more calls came than the API counts."""
        return self.counted is not None and self.rows > self.counted


def is_mostly_gone(stored: int, rows: int) -> bool:
    """Return whether fewer than half of the calls of a stored day came.

    Calls of a day are hardly ever deleted. So a doubt costs two more fetches of a small day.
    """
    return 2 * rows < stored


def reason_to_doubt(
    fetched: Fetched, earlier: Sequence[Fetched], *, stored: int, is_finished: bool
) -> str | None:
    """Return why a fetch should not be stored yet; None to store it.

    Args:
        fetched: The fetch.
        earlier: The fetches of the same day before it that were in doubt.
        stored: The number of calls of the day in the lake.
        is_finished: Whether the day was over before the fetch. Until then calls arrive meanwhile.
    """
    if is_mostly_gone(stored, fetched.rows):
        confirmed = [each for each in (*earlier, fetched) if each.counted == each.rows == fetched.rows]
        if len(confirmed) < CONFIRMATIONS:
            count = "does not count them" if fetched.counted is None else f"counts {fetched.counted}"
            return (
                f"{stored} calls are stored, but the API now sends {fetched.rows} and {count}. The day "
                f"stays as it is in the lake, unless the API counts so {CONFIRMATIONS} times."
            )
    if is_finished and fetched.has_surplus and fetched not in earlier:
        return (
            f"The API counted {fetched.counted} rows but sent {fetched.rows}. If its count has a limit, "
            f"another fetch brings the same rows."
        )
    return None
