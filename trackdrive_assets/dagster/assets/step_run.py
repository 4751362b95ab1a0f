"""Run a step over its days: fetch each once, and record it as soon as it is done.

Not here: which assets there are (`daily.py`), how a day is ingested (`ingest/`), what a failure ends
(`failures.py`), and what Dagster shows of a day (`dagster/metadata.py`).
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from itertools import product
from typing import Any, Generic
from zoneinfo import ZoneInfo

import dagster as dg

from trackdrive_assets.api.client import Client
from trackdrive_assets.api.errors import TrackdriveError
from trackdrive_assets.dagster.assets.daily import DailyAssets, Result
from trackdrive_assets.dagster.assets.failures import (
    RETRY_DELAYS,
    concerns_one_asset,
    describe,
    is_fatal,
    is_transient,
    retry_or_fail,
)
from trackdrive_assets.dagster.locks import account_lock
from trackdrive_assets.dagster.metadata import Metadata
from trackdrive_assets.dagster.progress import ProgressLog
from trackdrive_assets.dagster.resources import LakeResource, TrackdriveResource
from trackdrive_assets.dagster.zone_change import change_zone, lake_of_step, may_change_zone
from trackdrive_assets.days import Day, exact_day, not_begun
from trackdrive_assets.ingest.concurrency import Outcome, run_concurrently
from trackdrive_assets.ingest.fetcher import Fetcher
from trackdrive_assets.lake.errors import LakeError
from trackdrive_assets.lake.ownership import end_zone_change
from trackdrive_assets.lake.store import Lake

DayKey = tuple[Day, dg.AssetKey]


def run_step(
    context: dg.AssetExecutionContext,
    assets: DailyAssets[Any],
    trackdrive: TrackdriveResource,
    lake: LakeResource,
) -> Iterator[dg.MaterializeResult[Any]]:
    """Ingest the days of a step, and return the selected assets that have all of them.

    Raises:
        dg.Failure: A day was not ingested. The message names each.
        dg.RetryRequested: A retry of the step can help.
    """
    try:
        opened = lake_of_step(context, lake)
    except LakeError as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    for remark in assets.remarks(context):
        context.log.warning(remark)
    with trackdrive.client() as client:
        step = StepRun(context, assets, client, opened)
        failure = step.ingest_days()
    ending = retry_or_fail(context, failure) if failure else None
    if isinstance(ending, dg.RetryRequested):
        raise ending
    for spec in assets.specs():
        if spec.key in context.selected_asset_keys and step.is_complete(assets.source_key(spec.key)):
            yield dg.MaterializeResult(asset_key=spec.key)
    if ending:
        if step.stored_count:
            assets.show_stored_days(context, opened)
        # The message is enough. A traceback through other packages would hide it.
        raise ending from None


class StepRun(Generic[Result]):
    """One run of a step: every selected asset for every day, several at the same time.

    Args:
        context: The context of the step.
        assets: The assets of the step.
        client: The client of the account.
        lake: The lake to write to.

    Attributes:
        stored_count: The number of days that were stored, of all assets.

    Raises:
        dg.Failure: The run has no days, or one that has not begun.
    """

    def __init__(
        self, context: dg.AssetExecutionContext, assets: DailyAssets[Result], client: Client, lake: Lake
    ) -> None:
        self._context = context
        self._assets = assets
        self._client = client
        self._lake = lake
        self._days = days_of(context.partition_keys, ZoneInfo(assets.settings.time_zone), datetime.now(UTC))
        self._keys = sorted({assets.source_key(key) for key in context.selected_asset_keys})
        self._progress = ProgressLog(context.log, assets.progress_unit, self._days, len(self._keys))
        self._failures: dict[DayKey, Exception] = {}
        self._given_up: set[dg.AssetKey] = set()
        self._done_count: Counter[dg.AssetKey] = Counter()
        self._unanswered_count = 0
        self.stored_count = 0

    def ingest_days(self) -> dg.Failure | None:
        """Ingest the days, and record each as soon as it is done.

        A day whose data are bad fails alone. If the account refuses one asset, like a category, only that
        asset ends. Days that were not ingested keep their files.

        Returns:
            The failure of the step; None if all days were ingested.
        """
        with account_lock(self._context.instance, self._context.log):
            if may_change_zone(self._context):
                try:
                    days = [day.date for day in self._days]
                    change_zone(self._lake, self._client, self._assets.settings, days)
                except (LakeError, TrackdriveError) as error:
                    return dg.Failure(str(error), allow_retries=is_transient(error))
            for outcome in run_concurrently(
                self._client,
                self._remaining(),
                self._ingest,
                is_fatal=self._ends_step,
                on_progress=self._progress.on_response,
            ):
                day, key = outcome.key
                if outcome.error is not None:
                    self._fail(day, key, outcome.error)
                elif outcome.result is not None:
                    self._record_stored(day, key, outcome.result, _cost(outcome))
                self._progress.on_end(day, outcome.progress.done, failed=outcome.error is not None)
            if may_change_zone(self._context):
                end_zone_change(self._lake)
        if not self._failures:
            return None
        return dg.Failure(
            describe([(_name(*day_key), str(error)) for day_key, error in self._failures.items()]),
            allow_retries=any(map(is_transient, self._failures.values())),
        )

    def is_complete(self, key: dg.AssetKey) -> bool:
        """Return whether every day of an asset was ingested."""
        return self._done_count[key] == len(self._days)

    def _remaining(self) -> Iterator[DayKey]:
        """Return the days to ingest, without those that an earlier attempt of the step has recorded."""
        finished = _finished(self._context, self._assets) if self._context.retry_number else {}
        for day, key in product(self._days, self._keys):
            if recorded := finished.get((str(day), key)):
                self._done_count[key] += 1
                self._record(day, recorded, at_once=False)
                self._progress.on_end(day)
            elif key in self._given_up:
                self._progress.on_end(day)
            else:
                yield day, key

    def _ingest(self, day_key: DayKey, fetcher: Fetcher) -> Result:
        day, key = day_key
        return self._assets.ingest_day(self._client, self._lake, day, key, fetcher)

    def _ends_step(self, error: Exception) -> bool:
        self._unanswered_count += is_transient(error)
        return is_fatal(
            error,
            unanswered_count=self._unanswered_count,
            is_last_attempt=self._context.retry_number >= len(RETRY_DELAYS),
        )

    def _fail(self, day: Day, key: dg.AssetKey, error: Exception) -> None:
        self._context.log.error("%s: %s", _name(day, key), error)
        self._failures[day, key] = error
        if concerns_one_asset(error):
            self._given_up.add(key)

    def _record_stored(self, day: Day, key: dg.AssetKey, result: Result, cost: Metadata) -> None:
        """Record a day that was stored. A step that writes more than one file records each at once.

        So the UI shows progress, and a run that dies or is retried keeps what it finished.
        """
        self._done_count[key] += 1
        self.stored_count += 1
        self._unanswered_count = 0
        metadata = self._assets.metadata_for(key, result)
        at_once = len(self._days) * len(self._keys) > 1
        self._record(day, {**metadata, key: {**metadata[key], **cost}}, at_once=at_once)

    def _record(self, day: Day, recorded: Mapping[dg.AssetKey, Metadata], *, at_once: bool) -> None:
        """Record a day in Dagster, at once or at the end of the step.

        Dagster records selected assets when the step ends. Assets written along with them are recorded here.
        """
        for key, metadata in recorded.items():
            is_selected = key in self._context.selected_asset_keys
            if is_selected:
                self._context.add_asset_metadata(metadata, asset_key=key, partition_key=str(day))
            if at_once or not is_selected:
                self._context.log_event(dg.AssetMaterialization(key, metadata=metadata, partition=str(day)))


def _name(day: Day, key: dg.AssetKey) -> str:
    return f"{key.to_user_string()} of {day}"


def days_of(partition_keys: Sequence[str], zone: ZoneInfo, now: datetime) -> list[Day]:
    """Return the days of partition keys.

    Raises:
        dg.Failure: There is no key, or one of the days has not begun.
    """
    if not partition_keys:
        raise dg.Failure("The range has no days. Give its earlier day first.", allow_retries=False)
    days = [exact_day(date.fromisoformat(key), zone) for key in partition_keys]
    if early := not_begun(days, now):
        raise dg.Failure(
            f"{', '.join(map(str, early))} has not begun in {zone.key}. Choose days up to today.",
            allow_retries=False,
        )
    return days


def _cost(outcome: Outcome[Any, Any]) -> Metadata:
    """Return what it took to ingest a day."""
    return {
        "requests": outcome.usage.requests,
        "retries": outcome.usage.retries,
        "seconds": outcome.seconds,
    }


def _finished(
    context: dg.AssetExecutionContext, assets: DailyAssets[Any]
) -> Mapping[tuple[str, dg.AssetKey], Mapping[dg.AssetKey, Metadata]]:
    """Return what earlier attempts of this run recorded, by day and the asset whose ingest wrote it."""
    found: dict[tuple[str, dg.AssetKey], dict[dg.AssetKey, Metadata]] = {}
    for entry in context.instance.all_logs(
        context.run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION
    ):
        materialization = entry.asset_materialization
        if materialization and materialization.partition:
            key = materialization.asset_key
            recorded = found.setdefault((materialization.partition, assets.source_key(key)), {})
            recorded[key] = materialization.metadata
    return found
