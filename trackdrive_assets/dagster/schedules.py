"""The schedules: which days they fetch again, when, and what that costs. They are off until turned on.

Finished days still change, because revenue is added late and reversed. Each schedule is one run over a range
of days, which ends with fresh views. How a run fetches its days is in `assets/daily.py`, and how runs wait
for each other is in `locks.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg

from trackdrive_assets.cost import describe_days
from trackdrive_assets.dagster.account import DagsterAccount
from trackdrive_assets.dagster.history_job import build_history_schedule
from trackdrive_assets.dagster.jobs import selection_of
from trackdrive_assets.dagster.locks import fail_dead_runs
from trackdrive_assets.dagster.runs import range_tags
from trackdrive_assets.quality.catalog import DUE_HOUR
from trackdrive_assets.settings import FETCHED_TABLES, Settings, variable
from trackdrive_assets.tables.columns import REFERENCE

NIGHTLY_DAYS = 7
_INTRADAY_DAYS = 2
_MINUTES_PER_HOUR = 60

# NOT_STARTED is missing. A run has that status for a moment only, or for ever if the daemon stopped then.
_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


@dataclass(frozen=True)
class Days:
    """Consecutive days, both ends included."""

    first: date
    last: date

    def since(self, start: date) -> "Days | None":
        """Return the days that are not before `start`. None if there are none."""
        return Days(max(self.first, start), self.last) if start <= self.last else None


def unfinished_days(now: datetime) -> Days:
    """Return today, and yesterday too until it is due, because its last calls end after midnight.

    Args:
        now: The current time in the account's time zone.
    """
    return Days((now.replace(tzinfo=None) - timedelta(hours=DUE_HOUR)).date(), now.date())


def finished_days(count: int, now: datetime) -> Days:
    """Return the last days before today.

    Args:
        count: The number of days.
        now: The current time in the account's time zone.
    """
    today = now.date()
    return Days(today - timedelta(days=count), today - timedelta(days=1))


def schedule_days(name: str, settings: Settings, now: datetime) -> Days:
    """Return the days that a schedule fetches at a time in the account's time zone."""
    match name:
        case "intraday":
            return unfinished_days(now)
        case "nightly":
            return finished_days(NIGHTLY_DAYS, now)
        case "reference":
            return Days(now.date(), now.date())
        case _:
            return finished_days(settings.lookback_days, now)


def build_schedules(account: DagsterAccount) -> list[dg.ScheduleDefinition]:
    """Return the schedules. Each has a job of the same name, which people can launch for other days."""
    settings = account.settings
    minutes, lookback = settings.intraday_minutes, settings.lookback_days
    return [
        _schedule(
            account,
            "intraday",
            cron="0 * * * *" if minutes == _MINUTES_PER_HOUR else f"*/{minutes} * * * *",
            description=f"Every {minutes} minutes: {' and '.join(settings.intraday_tables)} of today, and "
            f"until {DUE_HOUR:02}:00 of yesterday too.",
            max_days=_INTRADAY_DAYS,
            tables=settings.intraday_tables,
        ),
        _schedule(
            account,
            "nightly",
            cron="0 3 * * *",
            description=f"At 03:00: all tables of the last {NIGHTLY_DAYS} finished days.",
            max_days=NIGHTLY_DAYS,
            tables=FETCHED_TABLES,
        ),
        _schedule(
            account,
            "look_back",
            cron="0 4 * * *",
            description=f"At 04:00: calls and reports of the last {lookback} finished days, no statistics.",
            max_days=lookback,
            tables=("calls", "reports"),
        ),
        *_reference_schedules(account),
        build_history_schedule(account),
    ]


def _reference_schedules(account: DagsterAccount) -> list[dg.ScheduleDefinition]:
    """Return the schedule of the reference lists, if the settings have any."""
    lists = account.settings.fetched_lists
    if not lists:
        return []
    return [
        _schedule(
            account,
            "reference",
            cron="0 5 * * *",
            description=f"At 05:00: {', '.join(lists)} of today, because the API has them only as they are.",
            max_days=1,
            tables=(REFERENCE.name,),
        )
    ]


def _schedule(
    account: DagsterAccount,
    name: str,
    *,
    cron: str,
    description: str,
    max_days: int,
    tables: Sequence[str],
) -> dg.ScheduleDefinition:
    settings, job_name = account.settings, account.qualified(name)
    full_description = f"{description} {describe_days(settings, tables, max_days)}"

    def tick(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if run := _unfinished_run(context.instance, job_name, account.name):
            state = "queued" if run.status is dg.DagsterRunStatus.QUEUED else "running"
            return dg.SkipReason(f"Run {run.run_id} of {job_name} is still {state}, so no other run starts.")
        now = context.scheduled_execution_time.astimezone(ZoneInfo(settings.time_zone))
        planned = schedule_days(name, settings, now)
        days = planned.since(settings.start_date)
        if days is None:
            return dg.SkipReason(
                f"There is no day to fetch yet. {variable('start_date')} is {settings.start_date}, and "
                f"{job_name} fetches the days up to {planned.last} now."
            )
        return dg.RunRequest(
            # By its priority it leaves the queue before the runs of backfills.
            tags={**range_tags(days.first, days.last), "dagster/priority": "1"}
        )

    return dg.ScheduleDefinition(
        name=job_name,
        job=dg.define_asset_job(
            job_name,
            selection=selection_of(account, tables),
            description=f"The schedule of the same name launches it. {full_description} People can launch it "
            "for other days: click “Materialize all”.",
        ),
        cron_schedule=cron,
        execution_timezone=settings.time_zone,
        execution_fn=tick,
        description=full_description,
        default_status=account.default_status(name),
    )


def _unfinished_run(instance: dg.DagsterInstance, job_name: str, account: str | None) -> dg.DagsterRun | None:
    """Return a queued or running run of a job. Another run would only wait for it, for the same days."""
    fail_dead_runs(instance, account)
    runs = instance.get_runs(dg.RunsFilter(job_name=job_name, statuses=_UNFINISHED), limit=1)
    return runs[0] if runs else None
