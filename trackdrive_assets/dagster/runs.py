"""Which runs of an instance are of this package, what they are about, and what they left in its log."""

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime

import dagster as dg
from dagster._core.errors import DagsterAssetCheckFailedError
from dagster._core.execution.plan.objects import StepFailureData

from trackdrive_assets.dagster.account import ASSET_GROUPS, qualified_name

WAITS_FOR_ANOTHER_RUN = (
    "Another run uses the API. This run waits until the other one ends, or pauses between two days."
)

_JOBS = {
    "intraday",
    "nightly",
    "look_back",
    "refresh_range",
    "refetch_calls",
    "hang_up_calls",
    "prune_history",
}
# Dagster's name for the job of assets that a person selected.
_AD_HOC_JOB = "__ASSET_JOB"
_RANGE_TAGS = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
_PARTITION_TAG = "dagster/partition"
_SHOWN_DAYS_TAG = "days"
"""The list of runs shows this tag. Of Dagster's own tags, it shows only that of a single partition."""

_SEARCHED_RECORDS = 25
"""The number of records of a check among which its last result is searched."""


def is_ours(instance: dg.DagsterInstance, run: dg.DagsterRun, account: str | None = None) -> bool:
    """Return whether a run is of an account of this package. An instance can have other projects too."""
    if run.job_name in {qualified_name(account, job) for job in _JOBS}:
        return True
    if not run.job_name.startswith(_AD_HOC_JOB):
        return False
    keys = _selected_assets(run) or _planned_assets(instance, run.run_id)
    return bool(keys) and all(is_asset_of(key, account) for key in keys)


def is_asset_of(key: dg.AssetKey, account: str | None) -> bool:
    """Return whether an asset is of an account of this package."""
    path = key.path if account is None else key.path[1:] if key.path[0] == account else ()
    return bool(path) and path[0] in ASSET_GROUPS


def _selected_assets(run: dg.DagsterRun) -> set[dg.AssetKey]:
    checked = {key.asset_key for key in run.asset_check_selection or ()}
    return checked.union(run.asset_selection or ())


def _planned_assets(instance: dg.DagsterInstance, run_id: str) -> set[dg.AssetKey]:
    """Return the assets of a run without a selection, such as one in the process that launched it."""
    entries = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED)
    return {
        entry.dagster_event.asset_materialization_planned_data.asset_key
        for entry in entries
        if entry.dagster_event
    }


def name_of(run: dg.DagsterRun) -> str:
    """Return the name of a run for a sentence."""
    return "A materialization" if run.job_name.startswith(_AD_HOC_JOB) else run.job_name


def range_tags(first: date, last: date) -> dict[str, str]:
    """Return the tags of a run over a range of days, both ends included."""
    tags = dict(zip(_RANGE_TAGS, (first.isoformat(), last.isoformat()), strict=True))
    return {**tags, **shown_days(tags)}


def shown_days(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tag that shows the days of a run in the list of runs. Empty without a range."""
    days = days_of(tags)
    return {_SHOWN_DAYS_TAG: days} if days and _PARTITION_TAG not in tags else {}


def days_of(tags: Mapping[str, str]) -> str | None:
    """Return the days of a run with these tags, or its only day. None for a run without days."""
    ends = dict.fromkeys(tags[tag] for tag in _RANGE_TAGS if tag in tags)
    return "...".join(ends) or tags.get(_PARTITION_TAG)


def is_stopped_by_checks(failure: StepFailureData) -> bool:
    """Return whether a step failed only because a check did that stops what comes after it."""
    return failure.error is not None and failure.error.cls_name == DagsterAssetCheckFailedError.__name__


def silent_since(instance: dg.DagsterInstance, run_id: str) -> datetime | None:
    """Return when a run last logged something. None if it waits for another run, or has logged nothing."""
    records = instance.get_records_for_run(run_id, limit=1, ascending=False).records
    if not records or WAITS_FOR_ANOTHER_RUN in records[0].event_log_entry.user_message:
        return None
    return datetime.fromtimestamp(records[0].timestamp, UTC)


def last_evaluation(
    instance: dg.DagsterInstance,
    key: dg.AssetCheckKey,
    *,
    before_run: str | None = None,
) -> dg.AssetCheckEvaluation | None:
    """Return the last result of a check. None if none of the last records has one.

    Args:
        instance: The instance.
        key: The check.
        before_run: The id of a run whose results, and later ones, do not count.
    """
    history = instance.event_log_storage.get_asset_check_execution_history(key, limit=_SEARCHED_RECORDS)
    # By the number of the record, because its time is in whole seconds.
    end = 0 if before_run else math.inf
    end = min((record.id for record in history if record.run_id == before_run), default=end)
    for record in history:
        # The record of a check that is only planned has no evaluation, or a plan in its place.
        is_result = isinstance(record.evaluation, dg.AssetCheckEvaluation)
        if is_result and record.id < end:
            return record.evaluation
    return None
