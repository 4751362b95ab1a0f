"""The errors of an ingest, and how much they concern: one day, or what the account refuses on every day.

Not here: what a run does then (`dagster/assets/failures.py`).
"""

from trackdrive_assets.api.errors import (
    IncompleteResponse,
    NotFound,
    QueryError,
    Rejected,
    TrackdriveError,
    UnreadableResponse,
)
from trackdrive_assets.lake.errors import DamagedFileError, LakeError
from trackdrive_assets.tables.errors import MalformedRow


class DayIsOver(Exception):
    """A day whose data the API had only until its end."""


EXPLAINED = (TrackdriveError, MalformedRow, LakeError, DayIsOver)
"""Errors that explain what is wrong with the data, the account or the lake. Any other error is a bug."""


class PatchedMeanwhile(LakeError):
    """A day whose file got single calls of a later fetch, while the whole day was fetched."""


def concerns_one_day(error: Exception) -> bool:
    """Return whether other days can still be ingested: the data of this day are bad."""
    return isinstance(
        error,
        MalformedRow
        | UnreadableResponse
        | IncompleteResponse
        | DamagedFileError
        | PatchedMeanwhile
        | DayIsOver,
    )


def is_refusal(error: Exception) -> bool:
    """Return whether the account refuses what was requested, such as a report, on every day."""
    return isinstance(error, Rejected | NotFound | QueryError)
