"""The sensors: one ends dead runs and keeps results visible, the other posts what failed to a webhook.

Both look at the runs of this package that ended since their last evaluation. An evaluation posts one message
at most, so that Dagster stores what was delivered before the next one. `webhook.py` makes a message.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import dagster as dg

from trackdrive_assets.dagster import webhook
from trackdrive_assets.dagster.account import DagsterAccount
from trackdrive_assets.dagster.kept_results import keep_last_results
from trackdrive_assets.dagster.locks import PROCESS_GONE, fail_dead_runs
from trackdrive_assets.dagster.resources import LakeResource
from trackdrive_assets.dagster.runs import (
    days_of,
    is_ours,
    is_stopped_by_checks,
    last_evaluation,
    name_of,
    silent_since,
)
from trackdrive_assets.quality.catalog import YESTERDAY_LOADED, checks
from trackdrive_assets.settings import Settings, variable

INTERVAL = 60
"""Seconds between two evaluations of a sensor."""

SILENCE = timedelta(minutes=15)
"""How long a run may log nothing. No request and no retry takes longer."""

_WILL_RETRY_TAG = "dagster/will_retry"

_FAILED_BY_DAGSTER = "This run has been marked as failed from outside the execution context."
"""Dagster's message for a run that it marks as failed itself, without a reason."""

_ENDED = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED, dg.DagsterRunStatus.SUCCESS]


@dataclass(frozen=True)
class Cursor:
    """What a sensor has dealt with.

    Attributes:
        since: The time of the last change of the last run.
        day: The last day that was reported as missing.
        silent: The run that was last reported as silent.
    """

    since: datetime
    day: str = ""
    silent: str = ""

    @classmethod
    def read(cls, text: str | None, now: datetime) -> "Cursor":
        """Return the cursor of an earlier evaluation. The first evaluation begins now."""
        since, *others = (text or now.isoformat()).split(",")
        return cls(datetime.fromisoformat(since), *others)

    def __str__(self) -> str:
        return ",".join([self.since.isoformat(), self.day, self.silent])


def build_sensors(account: DagsterAccount) -> list[dg.SensorDefinition]:
    """Return the sensors `watch_runs` and `report_failures`."""
    return [_watch_runs(account), _report_failures(account)]


def _watch_runs(account: DagsterAccount) -> dg.SensorDefinition:
    @dg.sensor(
        name=account.qualified("watch_runs"),
        description="Marks runs of dead processes as failed. After a run that fetched nothing, it shows the "
        "last results of checks and views again. It launches nothing.",
        minimum_interval_seconds=INTERVAL,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def watch_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        cursor = Cursor.read(context.cursor, datetime.now(UTC))
        dead = fail_dead_runs(context.instance, account.name)
        for record in ended_runs(context.instance, cursor.since, account.name):
            keep_last_results(context.instance, record.dagster_run.run_id)
            cursor = replace(cursor, since=record.update_timestamp)
        context.update_cursor(str(cursor))
        return dg.SkipReason(f"Dead runs that were marked as failed: {len(dead)}.")

    return watch_runs


def _report_failures(account: DagsterAccount) -> dg.SensorDefinition:
    settings = account.settings

    @dg.sensor(
        name=account.qualified("report_failures"),
        description="Posts failed and silent runs, checks that begin to fail or to warn, and a missing "
        f"yesterday to the webhook of {variable('webhook_url')}, as JSON with a `text` for chat services. It "
        "is on if the URL is set.",
        minimum_interval_seconds=INTERVAL,
        default_status=dg.DefaultSensorStatus.RUNNING
        if settings.webhook_url
        else dg.DefaultSensorStatus.STOPPED,
    )
    def report_failures(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        if settings.webhook_url is None:
            return dg.SkipReason(f"{variable('webhook_url')} is not set, so nothing was posted.")
        cursor = Cursor.read(context.cursor, datetime.now(UTC))
        message, cursor = next_message(context.instance, account, cursor)
        # Stored only if the delivery raises no error: what the receiver has not got is sent again.
        context.update_cursor(str(cursor))
        if message is None:
            return dg.SkipReason("Nothing failed.")
        return dg.SkipReason(webhook.deliver(settings.webhook_url, message).description)

    return report_failures


def next_message(
    instance: dg.DagsterInstance, account: DagsterAccount, cursor: Cursor
) -> tuple[webhook.Message | None, Cursor]:
    """Return the first message that was not posted, and the cursor after it."""
    settings, name = account.settings, account.name
    day, sentence = missing_day(settings)
    if sentence and day != cursor.day:
        return webhook.message(settings, sentence, days=day), replace(cursor, day=day)
    if (run := silent_run(instance, name, datetime.now(UTC))) and run.run_id != cursor.silent:
        minutes = SILENCE // timedelta(minutes=1)
        sentence = (
            f"{name_of(run)} has logged nothing for {minutes} minutes. If it hangs, terminate it in the UI."
        )
        return webhook.message(settings, sentence, run_id=run.run_id, days=days_of(run.tags)), replace(
            cursor, silent=run.run_id
        )
    for record in ended_runs(instance, cursor.since, name):
        run = record.dagster_run
        cursor = replace(cursor, since=record.update_timestamp)
        if sentence := problem_of(instance, run):
            days = days_of(run.tags)
            return webhook.message(settings, sentence, run_id=run.run_id, days=days), cursor
    return None, cursor


def ended_runs(instance: dg.DagsterInstance, since: datetime, account: str | None) -> Iterator[dg.RunRecord]:
    """Yield the runs of an account that ended after a time, the earliest first."""
    filters = dg.RunsFilter(statuses=_ENDED, updated_after=since)
    for record in instance.get_run_records(filters, order_by="update_timestamp", ascending=True):
        if is_ours(instance, record.dagster_run, account):
            yield record


def silent_run(instance: dg.DagsterInstance, account: str | None, now: datetime) -> dg.DagsterRun | None:
    """Return a run that has started and logged nothing for some minutes. None if there is none."""
    for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])):
        since = silent_since(instance, run.run_id) if is_ours(instance, run, account) else None
        if since and now - since >= SILENCE:
            return run
    return None


def missing_day(settings: Settings) -> tuple[str, str | None]:
    """Return the last day that is due, and what is wrong with it: no run came, or it came too early."""
    from trackdrive_assets.quality import file_checks  # noqa: PLC0415  # imports Arrow

    result = file_checks.check_yesterday(LakeResource(path=settings.lake).locate(), settings)
    return str(result.days[0]) if result.days else "", file_checks.describe_missing(result)


def problem_of(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str | None:
    """Return what failed in a run: the run, and checks that passed before. None if nothing did."""
    sentences = []
    if run.status is dg.DagsterRunStatus.FAILURE:
        days = days_of(run.tags)
        name = f"{name_of(run)} failed{f' for {days}' if days else ''}."
        sentences += [name, _reason(instance, run.run_id)]
        if run.tags.get(_WILL_RETRY_TAG) == "true":
            sentences.append("Dagster runs it again.")
    if failed := list(_newly_failed_checks(instance, run.run_id)):
        first, *others = failed
        description, _, _ = (first.description or "").partition("\n")
        sentences += [f"The check {first.check_name} failed.", description]
        if others:
            sentences.append(f"These checks failed too: {', '.join(check.check_name for check in others)}.")
    return " ".join(sentences) or None


def _reason(instance: dg.DagsterInstance, run_id: str) -> str:
    """Return the error of the first failed step, or else why the run failed without one."""
    entries = instance.all_logs(
        run_id,
        of_type={
            dg.DagsterEventType.RUN_START,
            dg.DagsterEventType.STEP_FAILURE,
            dg.DagsterEventType.RUN_FAILURE,
        },
    )
    events = [entry.dagster_event for entry in entries if entry.dagster_event]
    for event in events:
        if not event.is_step_failure:
            continue
        if failure := event.step_failure_data.user_failure_data:
            # The first line about several failed days is only their number.
            return " ".join((failure.description or "").splitlines()[:2])
        if is_stopped_by_checks(event.step_failure_data):
            return "Its calls failed a check, so no views were built."
    message = next((event.message or "" for event in events if event.is_run_failure), "")
    if message != _FAILED_BY_DAGSTER:
        return message
    has_started = any(event.event_type is dg.DagsterEventType.RUN_START for event in events)
    return PROCESS_GONE if has_started else "Dagster could not start it. Its log in the UI has the reason."


def _newly_failed_checks(instance: dg.DagsterInstance, run_id: str) -> Iterator[dg.AssetCheckEvaluation]:
    """Yield the checks that failed in a run for a reason or a day that the result before did not have."""
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION):
        if entry.dagster_event is None:
            continue
        evaluation = entry.dagster_event.asset_check_evaluation_data
        # A missing yesterday has a message of its own, which needs no run.
        if evaluation.passed or evaluation.check_name not in checks().keys() - {YESTERDAY_LOADED.name}:
            continue
        before = last_evaluation(instance, evaluation.asset_check_key, before_run=run_id)
        if before is None or not _found(evaluation) <= _found(before):
            yield evaluation


def _found(evaluation: dg.AssetCheckEvaluation) -> set[str]:
    """Return the codes and the days of what a check found."""
    values = [
        evaluation.metadata[name].value for name in ("violations", "days") if name in evaluation.metadata
    ]
    return {str(value) for found in values if isinstance(found, dict | list) for value in found}
