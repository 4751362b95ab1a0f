"""The sensor that posts failed runs to a webhook. It is off until a person turns it on and sets the URL."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
import requests
import tenacity

from trackdrive_assets.settings import Settings, variable

MAX_ATTEMPTS = 3
TIMEOUT = 10.0
"""Seconds to wait for the webhook's response."""

MAX_ERROR_LENGTH = 2000
"""Length of the error in a message. Chat services refuse long messages."""

_RANGE_TAGS = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
_PARTITION_TAG = "dagster/partition"
# Dagster's name for the job of assets that a person selected.
_AD_HOC_JOB = "__ASSET_JOB"


def build_sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """Return the sensor `report_failures`."""

    @dg.run_failure_sensor(
        name="report_failures",
        description=(
            f"Posts every failed run to the webhook of {variable('webhook_url')}, as JSON with a `text` that "
            "chat services show. It is off until you turn it on."
        ),
        default_status=dg.DefaultSensorStatus.STOPPED,
    )
    def report_failures(context: dg.RunFailureSensorContext) -> dg.SkipReason | None:
        if settings.webhook_url is None:
            return dg.SkipReason(f"{variable('webhook_url')} is not set, so the failure was not posted.")
        step_errors = [
            event.step_failure_data.user_failure_data.description
            for event in context.get_step_failure_events()
            if event.step_failure_data.user_failure_data
        ]
        run = context.dagster_run
        message = failure_message(
            run.job_name, run.run_id, run.tags, step_errors, context.failure_event.message
        )
        post(settings.webhook_url, message)
        return None

    return [report_failures]


def failure_message(
    job: str,
    run_id: str,
    tags: Mapping[str, str],
    step_errors: Sequence[str | None],
    run_error: str | None,
) -> dict[str, Any]:
    """Return the message about a failed run.

    Args:
        job: The name of the run's job.
        run_id: The id of the run.
        tags: The tags of the run.
        step_errors: The errors of the failed steps.
        run_error: Dagster's error of the run, for a run without step errors.
    """
    name = "A materialization" if job == _AD_HOC_JOB else job
    days = "...".join(tags[tag] for tag in _RANGE_TAGS if tag in tags) or tags.get(_PARTITION_TAG)
    error = "\n".join(filter(None, step_errors)) or run_error or "The reason is unknown."
    if len(error) > MAX_ERROR_LENGTH:
        error = f"{error[:MAX_ERROR_LENGTH]}… The run's log has the complete error."
    return {
        "text": f"Trackdrive: {name} failed{f' for {days}' if days else ''}. {error} (run {run_id})",
        "job": job,
        "run_id": run_id,
        "days": days,
        "error": error,
    }


def post(url: str, message: Mapping[str, Any]) -> None:
    """Post a message to the webhook, with retries.

    A webhook that got the message and does not respond in time gets no retry, because it would report twice.

    Raises:
        RuntimeError: The webhook did not accept the message. The error has no URL, which may contain a
        secret.
    """
    try:
        _post(url, message)
    except requests.RequestException as error:
        reason = (
            f"it can't be reached ({type(error).__name__})"
            if error.response is None
            else f"it returned {error.response.status_code}"
        )
    else:
        return
    raise RuntimeError(
        f"The webhook of {variable('webhook_url')} did not accept the message: {reason}. "
        "Check the URL, and that it accepts JSON by POST."
    )


@tenacity.retry(
    retry=tenacity.retry_if_exception_type(requests.RequestException)
    & tenacity.retry_if_not_exception_type(requests.ReadTimeout),
    stop=tenacity.stop_after_attempt(MAX_ATTEMPTS),
    wait=tenacity.wait_exponential(max=TIMEOUT),
    reraise=True,
)
def _post(url: str, message: Mapping[str, Any]) -> None:
    requests.post(url, json=dict(message), timeout=TIMEOUT).raise_for_status()
