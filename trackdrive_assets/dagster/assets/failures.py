"""Decide whether a failed day ends the step, and whether the step is retried.

Not here: how much an error concerns (`ingest/errors.py`), and the retries of single requests
(`api/retry.py`).
"""

from collections.abc import Sequence
from itertools import islice

import dagster as dg

from trackdrive_assets.api.errors import Unavailable
from trackdrive_assets.ingest.errors import concerns_one_day, is_refusal

RETRY_DELAYS = (60, 180)
"""The seconds before each retry of a step, for failures that outlast the retries of single requests.

Each failure asks for its retry. A retry policy would also repeat failures that cannot pass, like a missing
credential.
"""

_MOST_UNANSWERED = 2
_EXPLAINED_DAYS = 10
_LISTED_DAYS = 50
_LONGEST_REASON = 1_000


def is_fatal(error: Exception, *, unanswered_count: int, is_last_attempt: bool) -> bool:
    """Return whether the step ends, because its other days and assets would fail in the same way.

    That is so if a key is refused, the lake cannot be written, or the server is down. A server can also fail
    for a single day again and again. So the last attempt of a step skips one day that gets no answer, and
    only the second one in a row ends it.

    Args:
        error: The error of a day.
        unanswered_count: The number of days without an answer since the last day that was stored, with this.
        is_last_attempt: Whether the step is not retried any more.
    """
    if isinstance(error, Unavailable) and is_last_attempt:
        return unanswered_count >= _MOST_UNANSWERED
    return not (concerns_one_day(error) or is_refusal(error))


def is_transient(error: Exception) -> bool:
    """Return whether the same step can succeed some minutes later.

    An incomplete day was fetched three times already. The next run fetches it again.
    """
    return isinstance(error, Unavailable)


def describe(failures: Sequence[tuple[str, str]]) -> str:
    """Return a message about failed days that stays short, however many there are.

    Args:
        failures: The name and the reason of each. Not empty.
    """
    shown = [f"{name}: {_shorten(reason)}" for name, reason in islice(failures, _EXPLAINED_DAYS)]
    others = [name for name, _ in failures[_EXPLAINED_DAYS:]]
    if others:
        unlisted = len(others) - _LISTED_DAYS
        listed = ", ".join(others[:_LISTED_DAYS]) + (f" and {unlisted} more" if unlisted > 0 else "")
        shown.append(f"The reasons of the others are in the log: {listed}.")
    if len(failures) == 1:
        return shown[0]
    return "\n".join([f"{len(failures)} failed. Everything else that was fetched is stored.", *shown])


def _shorten(reason: str) -> str:
    return reason if len(reason) <= _LONGEST_REASON else f"{reason[:_LONGEST_REASON]}…"


def retry_or_fail(context: dg.AssetExecutionContext, failure: dg.Failure) -> Exception:
    """Return the failure, or a request to retry the step if that can help and retries are left."""
    if not failure.allow_retries or context.retry_number >= len(RETRY_DELAYS):
        return failure
    delay = RETRY_DELAYS[context.retry_number]
    context.log.warning(
        "%s\nRetrying in %d s, %d of %d.",
        failure.description,
        delay,
        context.retry_number + 1,
        len(RETRY_DELAYS),
    )
    return dg.RetryRequested(max_retries=len(RETRY_DELAYS), seconds_to_wait=delay)
