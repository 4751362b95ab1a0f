"""Decide what a failed day ends: the asset or the step, and whether the step is retried.

Not here: which error of a day is a failure (`ingest/concurrency.py`), and the retries of single requests
(`api/retry.py`).
"""

from collections.abc import Mapping

import dagster as dg

from trackdrive_assets.api.errors import AccessDenied, TrackdriveError, Unavailable
from trackdrive_assets.lake.errors import LakeError

RETRY_DELAYS = (60, 180)
"""The seconds before each retry of a step, for failures that outlast the retries of single requests.

Each failure asks for its retry. A retry policy would also repeat failures that cannot pass, like a missing
credential.
"""


def concerns_one_asset(error: Exception) -> bool:
    """Return whether the other assets of a run can still be ingested.

    If a key is refused or the server is down, all assets fail. If the lake cannot be written, so do they.
    """
    return not isinstance(error, AccessDenied | Unavailable | LakeError)


def is_transient(error: Exception) -> bool:
    """Return whether a later run can succeed without a change of settings, account or code."""
    return isinstance(error, TrackdriveError) and not error.is_permanent


def summarize(refused: Mapping[dg.AssetKey, dg.Failure], selected_count: int) -> dg.Failure:
    """Return one failure for all assets that failed alone."""
    messages = [str(failure.description) for failure in refused.values()]
    return dg.Failure(
        "\n".join([f"{len(refused)} of {selected_count} failed; the others are stored.", *messages]),
        allow_retries=any(failure.allow_retries for failure in refused.values()),
    )


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
