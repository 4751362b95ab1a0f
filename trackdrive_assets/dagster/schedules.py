"""Which days are read again, when, and what it costs. Every schedule is off until someone turns it on.

A day that is over still changes: revenue comes late, and is taken back. Each schedule is one run over a range
of days, which ends in fresh views. Not here: how a run works through its days (`assets/day_runs.py`), and how
runs take turns (`executor.py`).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import dagster as dg

from trackdrive_assets.api.catalog import LEGACY_GROUP_BYS, STATS
from trackdrive_assets.dagster.executor import fail_dead_runs
from trackdrive_assets.dagster.jobs import CALLS_AND_REPORTS, EVERYTHING
from trackdrive_assets.quality.file_checks import DUE_HOUR
from trackdrive_assets.settings import STATS_INTERVALS, Settings, variable

NIGHTLY_DAYS = 7

# Without NOT_STARTED: a run is that for a moment only, or for ever where the daemon ends in that moment.
_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


@dataclass(frozen=True)
class Days:
    """Days in a row, both ends included."""

    first: date
    last: date

    def since(self, start: date) -> "Days | None":
        """Those that are not before `start`, if there are any."""
        return Days(max(self.first, start), self.last) if start <= self.last else None


def days_under_way(now: datetime) -> Days:
    """Today, and yesterday too until it is due: its last calls end after midnight.

    `now` is on the account's clock.
    """
    return Days((now.replace(tzinfo=None) - timedelta(hours=DUE_HOUR)).date(), now.date())


def finished_days(count: int, now: datetime) -> Days:
    """The last so many days before today. `now` is on the account's clock."""
    today = now.date()
    return Days(_before(today, count), _before(today, 1))


def _before(day: date, days: int) -> date:
    return day - timedelta(days=days)


def cost(settings: Settings, *, days: int, stats: bool) -> str:
    """What a run costs in requests, and how long they take, in plain text: the UI shows it as it is.

    Args:
        settings: The reports, the series, the size of a page and the pace.
        days: How many days the run reads at most.
        stats: Whether it reads the statistics too.
    """
    series = len(LEGACY_GROUP_BYS) * len(STATS) * (24 * 60 // STATS_INTERVALS[settings.stats_interval])
    a_day = len(settings.report_categories) + (series if stats else 0)
    requests, pace = days * a_day, settings.requests_per_second
    time = f"; at {pace:g} a second they take {math.ceil(requests / pace / 60)} min" if pace else ""
    return (
        f"A run costs up to {requests:,} requests, {a_day:,} a day{time}. The calls come on top: "
        f"about a request for every {settings.per_page}, and at least one a day."
    )


def build_schedules(settings: Settings) -> list[dg.ScheduleDefinition]:
    """The three schedules. Each has a job of its name, which can be launched by hand for other days too."""
    every, lookback = settings.intraday_minutes, settings.lookback_days
    return [
        _schedule(
            settings,
            "intraday",
            cron="0 * * * *" if every == 60 else f"*/{every} * * * *",  # noqa: PLR2004 (minutes of an hour)
            reads=f"Every {every} minutes: all tables of today, and until {DUE_HOUR:02}:00 of yesterday too.",
            days=days_under_way,
            most=2,
            stats=True,
        ),
        _schedule(
            settings,
            "nightly",
            cron="0 3 * * *",
            reads=f"At 03:00: all tables of the last {NIGHTLY_DAYS} finished days.",
            days=partial(finished_days, NIGHTLY_DAYS),
            most=NIGHTLY_DAYS,
            stats=True,
        ),
        _schedule(
            settings,
            "look_back",
            cron="0 4 * * *",
            reads=f"At 04:00: calls and reports of the last {lookback} finished days, not the statistics.",
            days=partial(finished_days, lookback),
            most=lookback,
            stats=False,
        ),
    ]


def _schedule(
    settings: Settings,
    name: str,
    *,
    cron: str,
    reads: str,
    days: Callable[[datetime], Days],
    most: int,
    stats: bool,
) -> dg.ScheduleDefinition:
    def tick(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if run := _unfinished_run(context.instance, name):
            doing = "queued" if run.status is dg.DagsterRunStatus.QUEUED else "running"
            return dg.SkipReason(f"Run {run.run_id} of {name} is still {doing}, so no other is started.")
        wanted = days(context.scheduled_execution_time.astimezone(ZoneInfo(settings.time_zone)))
        given = wanted.since(settings.start_date)
        if given is None:
            return dg.SkipReason(
                f"No day to read yet: {variable('start_date')} is {settings.start_date}, and {name} reads "
                f"the days up to {wanted.last} now."
            )
        return dg.RunRequest(
            tags={
                "dagster/asset_partition_range_start": given.first.isoformat(),
                "dagster/asset_partition_range_end": given.last.isoformat(),
            }
        )

    return dg.ScheduleDefinition(
        name=name,
        job=dg.define_asset_job(name, selection=EVERYTHING if stats else CALLS_AND_REPORTS),
        cron_schedule=cron,
        execution_timezone=settings.time_zone,
        execution_fn=tick,
        description=f"{reads} {cost(settings, days=most, stats=stats)}",
        default_status=dg.DefaultScheduleStatus.STOPPED,
    )


def _unfinished_run(instance: dg.DagsterInstance, job_name: str) -> dg.DagsterRun | None:
    """A run of the job that is queued or running. Another one would only wait behind it for the same days."""
    fail_dead_runs(instance)
    runs = instance.get_runs(dg.RunsFilter(job_name=job_name, statuses=_UNFINISHED), limit=1)
    return runs[0] if runs else None
