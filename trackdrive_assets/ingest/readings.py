"""Reading a day again when it comes short: most shortages pass by themselves."""

import logging
from collections.abc import Callable
from typing import TypeVar

from trackdrive_assets.api.errors import IncompleteAnswer

READINGS = 3
"""How often a day that comes short is read before it fails."""

Whole = TypeVar("Whole")
_log = logging.getLogger(__name__)


def until_whole(read: Callable[[int], Whole], what: str) -> Whole:
    """What `read` gives, as soon as it is whole.

    Args:
        read: Reads everything from the beginning, and is told for the how-manieth time, from 1; its effect
            is undone when it raises.
        what: Names the day, for the log.

    Raises:
        IncompleteAnswer: Even the last reading was short.
    """
    for reading in range(1, READINGS):
        try:
            return read(reading)
        except IncompleteAnswer as short:
            _log.warning("Reading %s once more, %d of %d: %s", what, reading + 1, READINGS, short)
    return read(READINGS)
