"""The job and the schedule that delete old runs from the Dagster home. The schedule is off until turned on.

How runs are deleted is in `history.py`, which only a run imports.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from trackdrive_assets.dagster.account import DagsterAccount
from trackdrive_assets.dagster.assets.daily import POOL
from trackdrive_assets.dagster.locks import account_lock

KEPT_DAYS = 30
FEWEST_KEPT_DAYS, MOST_KEPT_DAYS = 7, 36_500


def build_history_schedule(account: DagsterAccount) -> dg.ScheduleDefinition:
    """Return the weekly schedule of the job `prune_history`."""
    return dg.ScheduleDefinition(
        name=account.qualified("prune_history"),
        job=_prune_history(account),
        run_config=_config(account),
        # No day is due then, and no other schedule begins.
        cron_schedule="5 12 * * 0",
        execution_timezone=account.settings.time_zone,
        description=f"Sundays at 12:05: deletes runs older than {KEPT_DAYS} days, without a request.",
        default_status=account.default_status("prune_history"),
    )


def _config(account: DagsterAccount) -> dict[str, Any]:
    return {"ops": {account.qualified("delete_runs"): {"config": {"days": KEPT_DAYS}}}}


def _prune_history(account: DagsterAccount) -> dg.JobDefinition:
    @dg.op(
        name=account.qualified("delete_runs"),
        description="Deletes old runs with their events and logs, and keeps the last event of each day.",
        # It waits in the queue while a run fetches days.
        pool=account.qualified(POOL),
        config_schema={
            "days": dg.Field(
                int,
                description=f"Younger runs are kept: {FEWEST_KEPT_DAYS} to {MOST_KEPT_DAYS} days.",
            )
        },
    )
    def delete_runs(context: dg.OpExecutionContext) -> None:
        from trackdrive_assets.dagster.history import delete_old_runs  # noqa: PLC0415  # imports SQLAlchemy

        days = context.op_config["days"]
        if not FEWEST_KEPT_DAYS <= days <= MOST_KEPT_DAYS:
            raise dg.Failure(
                f"`days` is {days}, so no run was deleted. Use {FEWEST_KEPT_DAYS} to {MOST_KEPT_DAYS}.",
                allow_retries=False,
            )
        before = datetime.now(UTC) - timedelta(days=days)
        # A day that a run of a shell records meanwhile would be hidden by its older event.
        with account_lock(context.instance, context.log, account.settings.host):
            count = delete_old_runs(context.instance, before, context.log, account.name)
        context.add_output_metadata({"deleted_runs": count})

    of_account = f" of {account.name}" if account.name else ""

    @dg.job(
        name=account.qualified("prune_history"),
        description=(
            f"Deletes ended runs{of_account} that are older than {KEPT_DAYS} days, with their events and "
            "logs. The lake is not changed, days stay green, and checks keep their last results."
        ),
        config=_config(account),
    )
    def prune_history() -> None:
        delete_runs()

    return prune_history
