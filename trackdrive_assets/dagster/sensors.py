"""The sensor that tells somebody when a run has failed. Off until someone turns it on and names a webhook.

Not here: what a failure says (the step that failed has said it).
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import requests
import tenacity

from trackdrive_assets.settings import Settings, variable

TRIES = 3
TIMEOUT = 10.0
"""Seconds in which the webhook must answer."""

TOLD = 2000
"""Letters of an error that the notice holds. Chat services refuse a long one."""

_RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
_PARTITION = "dagster/partition"
# What Dagster calls the job of assets that were chosen by hand.
_BY_HAND = "__ASSET_JOB"


def build_sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """The failure sensor, for a deployment's settings."""

    @dg.run_failure_sensor(
        name="report_failures",
        description=(
            f"Posts every failed run to the webhook that {variable('webhook_url')} names, as JSON with a "
            "`text` that chat services show. It does nothing until it is turned on."
        ),
        default_status=dg.DefaultSensorStatus.STOPPED,
    )
    def report_failures(context: dg.RunFailureSensorContext) -> dg.SkipReason | None:
        if settings.webhook_url is None:
            return dg.SkipReason(f"{variable('webhook_url')} is not set, so nobody was told of the failure.")
        said = [
            event.step_failure_data.user_failure_data.description
            for event in context.get_step_failure_events()
            if event.step_failure_data.user_failure_data
        ]
        run = context.dagster_run
        post(
            settings.webhook_url,
            notice(run.job_name, run.run_id, run.tags, said, context.failure_event.message),
        )
        return None

    return [report_failures]


def notice(
    job: str, run_id: str, tags: Mapping[str, str], said: list[str | None], otherwise: str | None
) -> dict[str, Any]:
    """What the webhook is sent.

    Args:
        job: Name of the run's job.
        run_id: Of the run.
        tags: Of the run.
        said: What its failed steps say of themselves.
        otherwise: What Dagster says of the run.
    """
    name = "A materialization" if job == _BY_HAND else job
    days = "...".join(tags[tag] for tag in _RANGE if tag in tags) or tags.get(_PARTITION)
    error = "\n".join(filter(None, said)) or otherwise or "It does not say why."
    if len(error) > TOLD:
        error = f"{error[:TOLD]} … The whole of it stands in the run's log."
    return {
        "text": f"Trackdrive: {name} failed{f' for {days}' if days else ''}. {error} (run {run_id})",
        "job": job,
        "run_id": run_id,
        "days": days,
        "error": error,
    }


def post(url: str, message: Mapping[str, Any]) -> None:
    """Give the message to the webhook, three times if need be.

    One that took the message and does not answer in time is not given it again: it would tell twice.

    Raises:
        RuntimeError: It does not take it. The URL, which may hold a secret, is not in the message.
    """
    try:
        _post(url, message)
    except requests.RequestException as error:
        answered = (
            f"it can't be reached ({type(error).__name__})"
            if error.response is None
            else f"it answered {error.response.status_code}"
        )
    else:
        return
    raise RuntimeError(
        f"The webhook of {variable('webhook_url')} did not take the notice: {answered}. "
        "Check the URL, and that it accepts JSON by POST."
    )


@tenacity.retry(
    retry=tenacity.retry_if_exception_type(requests.RequestException)
    & tenacity.retry_if_not_exception_type(requests.ReadTimeout),
    stop=tenacity.stop_after_attempt(TRIES),
    wait=tenacity.wait_exponential(max=TIMEOUT),
    reraise=True,
)
def _post(url: str, message: Mapping[str, Any]) -> None:
    requests.post(url, json=dict(message), timeout=TIMEOUT).raise_for_status()
