"""How a run works through its days: each day once, recorded as it finishes, and what a failure leaves.

Shared by the three families that are read from the API. Not here: what is read (`ingest/`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import product
from types import MappingProxyType
from typing import Any, Generic, TypeVar
from zoneinfo import ZoneInfo

import dagster as dg

from trackdrive_assets.api.client import Client
from trackdrive_assets.api.errors import AccessDenied, TrackdriveError, Unavailable
from trackdrive_assets.dagster.executor import account_lock
from trackdrive_assets.dagster.io_manager import IO_MANAGER_KEY
from trackdrive_assets.dagster.previews import first_rows
from trackdrive_assets.dagster.progress import Progress
from trackdrive_assets.dagster.resources import LakeResource, TrackdriveResource
from trackdrive_assets.days import Day, exact_day, not_begun
from trackdrive_assets.ingest.concurrency import Outcome, Task, side_by_side
from trackdrive_assets.lake.database import build_database
from trackdrive_assets.lake.day_writer import WriteResult
from trackdrive_assets.lake.errors import LakeError
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.quality.file_checks import DUE_HOUR
from trackdrive_assets.settings import Settings
from trackdrive_assets.tables.columns import COLUMN_DESCRIPTIONS, DESCRIPTIONS, SCHEMAS, Table

POOL = "trackdrive_api"
OWNERS = ["team:trackdrive"]

Metadata = Mapping[str, Any]

Stored = TypeVar("Stored")


@dataclass(frozen=True)
class Family(Generic[Stored]):
    """Assets that are read from the API day by day.

    Attributes:
        name: Of the step.
        specs: The assets, each after those of the family that it depends on.
        task_of: How a day of one of them is read. The task's subject is the day and the asset.
        told: What Dagster is to show of what was stored: of the asset, and of others that came with it.
        read_as: Gives the asset that an asset is read with; by default, itself.
        counts: What its progress counts: `calls`, or `answers` of the API.
        priority: Of the step among those of a run that need not wait for each other; the greater comes first.
    """

    name: str
    specs: Sequence[dg.AssetSpec]
    task_of: Callable[[Client, Lake, Day, dg.AssetKey], Task[Stored]]
    told: Callable[[dg.AssetKey, Stored], Mapping[dg.AssetKey, Metadata]]
    read_as: Callable[[dg.AssetKey], dg.AssetKey] = lambda key: key
    counts: str = "answers"
    priority: int = 0


WAITS = (60, 180)
"""Seconds before a step is tried again, for what outlasted the retries of single requests and can still pass.

Asked for failure by failure, and not by a policy: that would repeat whatever went wrong, a missing credential
too.
"""


def daily_assets(
    family: Family[Any], settings: Settings, partitions: dg.PartitionsDefinition[str]
) -> dg.AssetsDefinition:
    """The assets of a family, any of them alone or all together."""
    due = _due_every_morning(settings)

    @dg.multi_asset(
        name=family.name,
        specs=[spec.replace_attributes(freshness_policy=due) for spec in family.specs],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        can_subset=True,
        pool=POOL,
        op_tags={"dagster/priority": str(family.priority)},
    )
    def read_days(
        context: dg.AssetExecutionContext, trackdrive: TrackdriveResource, lake: LakeResource
    ) -> Iterator[dg.MaterializeResult[Any]]:
        files = lake.open()
        with trackdrive.client() as client:
            refused = run_days(context, settings, client, files, family)
        for key in [spec.key for spec in family.specs]:
            if key in context.selected_asset_keys and family.read_as(key) not in refused:
                yield dg.MaterializeResult(asset_key=key)
        if refused:
            # Dagster abandons the views of this run with the step. What was stored is to be seen in them.
            try:
                build_database(
                    files,
                    SCHEMAS,
                    time_zone=settings.time_zone,
                    descriptions=DESCRIPTIONS,
                    column_descriptions=COLUMN_DESCRIPTIONS,
                )
            except LakeError as error:
                context.log.warning(str(error))
            raise _retry_or_fail(context, _refusal(refused, of=len(context.selected_asset_keys)))

    return read_days


def api_spec(
    table: Table,
    key: dg.AssetKey,
    *,
    group_name: str,
    description: str,
    code: Mapping[str, Any],
    deps: Sequence[dg.AssetKey] = (),
) -> dg.AssetSpec:
    """What Dagster shows of an asset that is read from the API. Its `code` are the links to it."""
    return dg.AssetSpec(
        key,
        deps=deps,
        description=description,
        group_name=group_name,
        kinds={"api", "parquet"},
        owners=OWNERS,
        metadata={
            "dagster/table_name": ".".join(key.path),
            "dagster/column_schema": column_schema(table),
            **code,
        },
    ).with_io_manager_key(IO_MANAGER_KEY)


def _due_every_morning(settings: Settings) -> dg.FreshnessPolicy:
    """Every asset is read between midnight and the hour when yesterday is due.

    It is content with any day. The check `yesterday_loaded` looks for the right one.
    """
    return dg.FreshnessPolicy.cron(
        deadline_cron=f"0 {DUE_HOUR} * * *",
        lower_bound_delta=timedelta(hours=DUE_HOUR),
        timezone=settings.time_zone,
    )


def column_schema(table: Table) -> dg.TableSchema:
    """The columns of a table with their types and meanings, those of the folders included."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(name=column.name, type=str(column.type), description=column.description)
            for column in (*table.columns, *table.hive)
        ]
    )


def run_days(
    context: dg.AssetExecutionContext,
    settings: Settings,
    client: Client,
    lake: Lake,
    family: Family[Stored],
) -> Mapping[dg.AssetKey, dg.Failure]:
    """Ingest every selected asset for every day of the run. Gives the readings that were refused, and why.

    Days and assets are read side by side. A step that makes more than one file records each at once, so that
    the UI shows progress, and a run that dies or is retried keeps what it finished. What the account refuses
    for one asset (a category, say) ends that asset and not the others.

    Raises:
        dg.Failure: A day failed. It names the day; days that were not read keep their old files.
    """
    days = days_of(context.partition_keys, ZoneInfo(settings.time_zone), datetime.now(UTC))
    readings = sorted({family.read_as(key) for key in context.selected_asset_keys})
    at_once = len(days) * len(readings) > 1
    finished = _finished(context, family.read_as) if context.retry_number else {}
    refused: dict[dg.AssetKey, dg.Failure] = {}
    progress = Progress(context.log, family.counts, days, len(readings))

    def tasks() -> Iterator[Task[Stored]]:
        for day, key in product(days, readings):
            if stored := finished.get((str(day), key)):
                _record(context, day, stored, at_once=False)
                progress.ended(day)
            elif key in refused:
                progress.ended(day)
            else:
                yield family.task_of(client, lake, day, key)

    def ends_all(error: Exception) -> bool:
        return not concerns_one_asset(error) or len(readings) == 1

    with account_lock(context.instance, context.log):
        for outcome in side_by_side(client, tasks(), ends_all=ends_all, watch=progress.read):
            day, key = outcome.task.subject
            if outcome.stored is not None:
                metadata = _with_cost(family.told(key, outcome.stored), key, outcome)
                _record(context, day, metadata, at_once=at_once)
            elif outcome.error is not None:
                said = f"{key.to_user_string()} of {day}: {outcome.error}"
                failure = dg.Failure(said, allow_retries=is_transient_failure(outcome.error))
                if ends_all(outcome.error):
                    # The sentence says it all; the way to it through other people's code would bury it.
                    raise _retry_or_fail(context, failure) from None
                context.log.error(said)
                refused.setdefault(key, failure)
            progress.ended(day, outcome.amount.done)
    return refused


def _with_cost(
    metadata: Mapping[dg.AssetKey, Metadata], key: dg.AssetKey, outcome: Outcome[Any]
) -> Mapping[dg.AssetKey, Metadata]:
    """What was stored, and what it cost to read."""
    spent = {
        "requests": outcome.usage.requests,
        "retries": outcome.usage.retries,
        "seconds": outcome.seconds,
    }
    return {**metadata, key: {**metadata[key], **spent}}


def _retry_or_fail(context: dg.AssetExecutionContext, failure: dg.Failure) -> Exception:
    """The failure, or the request to try the step again if that can help and has not been done enough."""
    if not failure.allow_retries or context.retry_number >= len(WAITS):
        return failure
    wait = WAITS[context.retry_number]
    context.log.warning(
        "%s\nTrying again in %d s, %d of %d.",
        failure.description,
        wait,
        context.retry_number + 1,
        len(WAITS),
    )
    return dg.RetryRequested(max_retries=len(WAITS), seconds_to_wait=wait)


def _finished(
    context: dg.AssetExecutionContext, read_as: Callable[[dg.AssetKey], dg.AssetKey]
) -> Mapping[tuple[str, dg.AssetKey], Mapping[dg.AssetKey, Metadata]]:
    """What earlier attempts of this run recorded, by day and reading."""
    found: dict[tuple[str, dg.AssetKey], dict[dg.AssetKey, Metadata]] = {}
    for entry in context.instance.all_logs(
        context.run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION
    ):
        materialization = entry.asset_materialization
        if materialization and materialization.partition:
            key = materialization.asset_key
            stored = found.setdefault((materialization.partition, read_as(key)), {})
            stored[key] = materialization.metadata
    return found


def _refusal(refused: Mapping[dg.AssetKey, dg.Failure], of: int) -> dg.Failure:
    """One failure that tells of all."""
    said = [str(failure.description) for failure in refused.values()]
    return dg.Failure(
        "\n".join([f"{len(refused)} of {of} failed; the others are stored.", *said]),
        allow_retries=any(failure.allow_retries for failure in refused.values()),
    )


def days_of(partition_keys: Sequence[str], zone: ZoneInfo, now: datetime) -> list[Day]:
    """The days of partition keys.

    Raises:
        dg.Failure: There is none, or one of them has not begun.
    """
    if not partition_keys:
        raise dg.Failure("The range holds no day. Give its earlier day first.", allow_retries=False)
    days = [exact_day(date.fromisoformat(key), zone) for key in partition_keys]
    if early := not_begun(days, now):
        raise dg.Failure(
            f"{', '.join(map(str, early))} has not begun in {zone.key}. Choose days up to today.",
            allow_retries=False,
        )
    return days


def concerns_one_asset(error: Exception) -> bool:
    """Whether the other assets of a run can be read all the same.

    A key that is refused is refused everywhere, a server that is out is out for all of them, and a lake that
    can't be written has no place for the others either.
    """
    return not isinstance(error, AccessDenied | Unavailable | LakeError)


def is_transient_failure(error: Exception) -> bool:
    """Whether a later run can end differently without anybody changing anything."""
    return isinstance(error, TrackdriveError) and not error.is_permanent


def metadata_of(written: WriteResult, table: Table, besides: Metadata = MappingProxyType({})) -> Metadata:
    """What Dagster shows of a day's file: first what people look for."""
    return {
        "dagster/partition_row_count": written.rows,
        **({} if written.api_count is None else {"api_count": written.api_count}),
        **besides,
        "first_rows": first_rows(written.path, table),
        "path": dg.MetadataValue.path(written.path),
        "bytes": written.bytes,
    }


def _record(
    context: dg.AssetExecutionContext,
    day: Day,
    stored: Mapping[dg.AssetKey, Metadata],
    *,
    at_once: bool,
) -> None:
    """Tell Dagster of a day, now or at the end of the run.

    An asset that was read without being selected gets no word at the end, so it is told of now.
    """
    for key, metadata in stored.items():
        selected = key in context.selected_asset_keys
        if selected:
            context.add_asset_metadata(metadata, asset_key=key, partition_key=str(day))
        if at_once or not selected:
            context.log_event(dg.AssetMaterialization(key, metadata=metadata, partition=str(day)))
