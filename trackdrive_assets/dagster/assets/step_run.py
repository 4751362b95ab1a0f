"""Run a step over its days: fetch each once, and record it as soon as it is done.

Not here: which assets there are (`daily.py`), how a day is ingested (`ingest/`), what a failure ends
(`failures.py`), and what Dagster shows of a day (`dagster/metadata.py`).
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Generic
from zoneinfo import ZoneInfo

import dagster as dg

from trackdrive_assets.api.client import Client
from trackdrive_assets.api.errors import TrackdriveError
from trackdrive_assets.cost import count_of
from trackdrive_assets.dagster.assets.daily import DailyAssets, Result, show_after_failed_step
from trackdrive_assets.dagster.assets.failures import (
    RETRY_DELAYS,
    describe,
    is_fatal,
    is_transient,
    retry_or_fail,
)
from trackdrive_assets.dagster.locks import account_lock
from trackdrive_assets.dagster.metadata import ROW_COUNT, Metadata
from trackdrive_assets.dagster.progress import ProgressLog
from trackdrive_assets.dagster.zone_change import change_zone, lake_of_step, may_change_zone
from trackdrive_assets.days import Day, exact_day, not_begun
from trackdrive_assets.ingest.concurrency import Outcome, run_concurrently
from trackdrive_assets.ingest.errors import is_refusal
from trackdrive_assets.ingest.fetcher import Fetcher
from trackdrive_assets.ingest.parts import PartsFailed
from trackdrive_assets.lake.errors import LakeError
from trackdrive_assets.lake.ownership import end_zone_change
from trackdrive_assets.lake.store import Lake

DAYS_WITH_PREVIEW = 3
"""The last days of a range, which show a picture and first rows: most of what Dagster stores of a day."""

DayKeys = tuple[Day, Sequence[dg.AssetKey]]
"""A day, and the assets of it that are ingested together."""


def run_step(
    context: dg.AssetExecutionContext, assets: DailyAssets[Any]
) -> Iterator[dg.MaterializeResult[Any]]:
    """Ingest the days of a step, and return the selected assets that have all of them.

    Raises:
        dg.Failure: A day was not ingested. The message names each.
        dg.RetryRequested: A retry of the step can help.
    """
    try:
        opened = lake_of_step(context, assets.account.resource(context, "lake"))
    except LakeError as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    for remark in assets.remarks(context):
        context.log.warning(remark)
    with assets.account.resource(context, "trackdrive").client() as client:
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
    if step.stored_count:
        show_after_failed_step(context, opened, assets.account)


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
        self._progress = ProgressLog(context.log, assets.progress_unit, self._days)
        self._failures: dict[str, Exception] = {}
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
        with account_lock(self._context.instance, self._context.log, self._assets.settings.host) as lock:
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
                # Days that another run writes during a change of the time zone would be in the old zone.
                wants_pause=lambda: not may_change_zone(self._context) and lock.is_wanted(),
                pause=lock.pass_on,
            ):
                day, keys = outcome.key
                if outcome.error is not None:
                    self._fail(day, keys, outcome.error)
                rows = self._record_stored(outcome)
                self._progress.on_end(
                    day,
                    outcome.progress.done,
                    cost=f"{count_of(rows, 'row')}, {count_of(outcome.usage.requests, 'request')}, "
                    f"{outcome.seconds:.1f} s",
                    failed=outcome.error is not None,
                )
            if may_change_zone(self._context):
                end_zone_change(self._lake)
        if not self._failures:
            return None
        return dg.Failure(
            describe([(name, str(error)) for name, error in self._failures.items()]),
            allow_retries=any(map(is_transient, self._failures.values())),
        )

    def is_complete(self, key: dg.AssetKey) -> bool:
        """Return whether every day of an asset was ingested."""
        return self._done_count[key] == len(self._days)

    def _remaining(self) -> Iterator[DayKeys]:
        """Return the days to ingest, without what an earlier attempt of the step has recorded."""
        finished = _finished(self._context, self._assets) if self._context.retry_number else {}
        for day in self._days:
            keys: list[dg.AssetKey] = []
            for key in self._keys:
                if recorded := finished.get((str(day), key)):
                    self._done_count[key] += 1
                    self._record(day, recorded, at_once=False)
                elif key not in self._given_up:
                    keys.append(key)
            if keys:
                yield day, keys
            else:
                self._progress.on_end(day)

    def _ingest(self, day_keys: DayKeys, fetcher: Fetcher) -> Mapping[str, Result]:
        day, keys = day_keys
        return self._assets.ingest_day(self._client, self._lake, day, keys, fetcher)

    def _ends_step(self, error: Exception) -> bool:
        if isinstance(error, PartsFailed) and error.stored:
            self._unanswered_count = 0
        errors = error.errors.values() if isinstance(error, PartsFailed) else [error]
        self._unanswered_count += any(map(is_transient, errors))
        return any(
            is_fatal(
                each,
                unanswered_count=self._unanswered_count,
                is_last_attempt=self._context.retry_number >= len(RETRY_DELAYS),
            )
            for each in errors
        )

    def _fail(self, day: Day, keys: Sequence[dg.AssetKey], error: Exception) -> None:
        """Record the error of a day, or that of each of its assets."""
        by_name = {key.path[-1]: key for key in keys}
        errors = (
            [(by_name[name].to_user_string(), by_name[name], each) for name, each in error.errors.items()]
            if isinstance(error, PartsFailed)
            else [(_common_name(keys), keys[0], error)]
        )
        for name, key, each in errors:
            self._context.log.error("%s of %s: %s", name, day, each)
            self._failures[f"{name} of {day}"] = each
            if is_refusal(each):
                self._given_up.add(key)

    def _record_stored(self, outcome: Outcome[DayKeys, Mapping[str, Result]]) -> int:
        """Record what was stored of a day, at once if the step has more days or has failed.

        So the UI shows progress, and a run that dies or is retried keeps what it finished.

        Returns:
            The number of rows of the assets that were stored.
        """
        rows = 0
        day, keys = outcome.key
        error = outcome.error
        stored: Mapping[str, Any] = error.stored if isinstance(error, PartsFailed) else outcome.result or {}
        at_once = len(self._days) > 1 or error is not None
        has_preview = day in self._days[-DAYS_WITH_PREVIEW:]
        if error is None:
            self._unanswered_count = 0
        for key in keys:
            if (result := stored.get(key.path[-1])) is None:
                continue
            self._done_count[key] += 1
            self.stored_count += 1
            metadata = self._assets.metadata_for(key, result, has_preview=has_preview)
            costs = {**metadata[key], **_cost(outcome, metadata[key])}
            self._record(day, {**metadata, key: costs}, at_once=at_once)
            rows += metadata[key][ROW_COUNT]
        return rows

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


def _common_name(keys: Sequence[dg.AssetKey]) -> str:
    """Return the name of one asset, or what the keys of several have in common."""
    return keys[0].to_user_string() if len(keys) == 1 else "/".join(keys[0].path[:-1])


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


def _cost(outcome: Outcome[Any, Any], metadata: Metadata) -> Metadata:
    """Return what it took to ingest a day. An asset that is a part of it has its own requests."""
    cost = {
        "requests": outcome.usage.requests,
        "retries": outcome.usage.retries,
        "seconds": outcome.seconds,
    }
    return {name: metadata.get(name, value) for name, value in cost.items()}


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
