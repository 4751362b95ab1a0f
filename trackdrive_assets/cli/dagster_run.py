"""A run over days in this process: the steps, the locks and the record in the Dagster home.

It takes Dagster a second to load. So the commands import this module only when they begin a run.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from uuid import uuid4

import click
import dagster as dg

from trackdrive_assets.cli.code_location import name_code_location
from trackdrive_assets.cli.run_progress import Detail, RunDisplay, RunProgress
from trackdrive_assets.cli.signals import EndedBySignal, dagster_signals
from trackdrive_assets.cost import requests_per_day
from trackdrive_assets.dagster.build import build_definitions
from trackdrive_assets.dagster.garbage import frozen_objects
from trackdrive_assets.dagster.instance import open_instance
from trackdrive_assets.dagster.locks import fail_dead_runs, hold_liveness_lock
from trackdrive_assets.dagster.runs import is_stopped_by_checks, range_tags
from trackdrive_assets.dagster.zone_change import ACCEPT_ZONE
from trackdrive_assets.settings import Settings

_LOGGER = "display"

_KIND = {dg.AssetCheckSeverity.WARN: "Warning", dg.AssetCheckSeverity.ERROR: "Error"}


@dataclass(frozen=True)
class RunSummary:
    """What a run did.

    Attributes:
        succeeded: Whether every step and every day succeeded.
        recorded: How many days of each table Dagster recorded, for a sentence. Empty for a run of views.
        rows: The rows of each table.
        requests: The requests of each table.
        seconds: The duration.
    """

    succeeded: bool
    recorded: str
    rows: Mapping[str, int]
    requests: Mapping[str, int]
    seconds: float


def materialize_days(
    settings: Settings,
    first: date,
    last: date,
    names: Collection[str],
    *,
    accept_zone: bool = False,
    shows: Detail = "days",
) -> RunSummary:
    """Materialize days in one run in the Dagster home of the environment. Print its progress and its errors.

    Args:
        settings: The settings of the account.
        first: The first day.
        last: The last day, included.
        names: The names of tables, and of single assets such as `reports/buyer_id`.
        accept_zone: Whether the run may change the time zone of the lake.
        shows: What is printed of the run.
    """
    definitions = build_definitions(settings)
    tables = {
        key: asset.op.name
        for asset in definitions.assets or ()
        if isinstance(asset, dg.AssetsDefinition)
        for key in asset.keys
        if asset.op.name in names or key.to_user_string() in names
    }
    days = (last - first).days + 1
    requests = requests_per_day(settings, names)
    expected = {
        table: sum(count for name, count in requests.items() if name.partition("/")[0] == table)
        for table in dict.fromkeys(tables.values())
        if table != "views"
    }
    progress = RunProgress({key: table for key, table in tables.items() if table in expected}, days, expected)
    began = time.monotonic()
    try:
        with (
            open_instance() as instance,
            RunDisplay(progress, shows=shows) as display,
            dagster_signals(),
            frozen_objects(),
        ):
            run_id = str(uuid4())
            # The job's executor does this in other runs. A run in this process has none.
            fail_dead_runs(instance)
            hold_liveness_lock(instance, run_id)
            job = _job(definitions, display)
            name_code_location(instance, job.name)
            result = job.execute_in_process(
                instance=instance,
                run_id=run_id,
                asset_selection=list(tables),
                tags={
                    **range_tags(first, last),
                    # A run that a person ends in the shell is over. The daemon would launch it again.
                    "dagster/max_retries": "0",
                    **({ACCEPT_ZONE: "true"} if accept_zone else {}),
                },
                run_config={"loggers": {_LOGGER: {}}},
                raise_on_error=False,
            )
    except EndedBySignal:
        if recorded := progress.describe_tables():
            click.echo(f"Ended. Days that are recorded: {recorded}.", err=True)
        raise
    for message in _problems(result):
        # The log has each failed day already.
        if lines := [line for line in message.splitlines() if line not in display.printed]:
            click.echo("\n".join(lines), err=True)
    return RunSummary(
        succeeded=result.success,
        recorded=progress.describe_tables(),
        rows=progress.rows,
        requests=progress.requests,
        seconds=time.monotonic() - began,
    )


def _job(definitions: dg.Definitions, display: RunDisplay) -> dg.JobDefinition:
    """Return the job of all assets, with the display as the only logger."""

    @dg.logger
    def show(_: dg.InitLoggerContext) -> logging.Logger:
        logger = logging.Logger(_LOGGER, logging.DEBUG)  # noqa: LOG001  only for this run
        logger.addHandler(display)
        return logger

    merged = dg.Definitions.merge(definitions, dg.Definitions(loggers={_LOGGER: show}))
    return merged.resolve_implicit_global_asset_job_def()


def _problems(result: dg.ExecuteInProcessResult) -> Iterator[str]:
    """Yield the failed checks and the errors of a run, as the UI shows them."""
    yield from describe_failed_checks(result.get_asset_check_evaluations())
    for event in result.all_events:
        if event.is_step_failure:
            failure = event.step_failure_data
            if failure.user_failure_data:
                yield str(failure.user_failure_data.description)
            elif failure.error and not is_stopped_by_checks(failure):
                yield failure.error.to_string()


def describe_failed_checks(evaluations: Iterable[dg.AssetCheckEvaluation]) -> Iterator[str]:
    """Yield a line for each violation. One that several checks found, such as a damaged file, is one line."""
    found: dict[str, list[dg.AssetCheckEvaluation]] = defaultdict(list)
    for evaluation in evaluations:
        if not evaluation.passed:
            # The last line has the days that were checked, which are those of the run and of the look-back.
            for line in (evaluation.description or "").splitlines()[:-1]:
                found[line].append(evaluation)
    for line, checks in found.items():
        first, *others = sorted(checks, key=lambda check: check.severity is not dg.AssetCheckSeverity.ERROR)
        names = f"checks {first.check_name} and {len(others)} more" if others else f"check {first.check_name}"
        yield f"{_KIND[first.severity]}: the {names}: {line}"
