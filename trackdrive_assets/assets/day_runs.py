"""How a run works through its days: each day once, recorded as it finishes, and what a failure leaves.

Shared by the three families that are read from the API. Not here: what is read (`ingest/`).
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg

from trackdrive_assets.api.client import Client
from trackdrive_assets.api.errors import AccessDenied, TrackdriveError, Unavailable
from trackdrive_assets.executor import turn_to_ask
from trackdrive_assets.ingest.days import Day, exact_day, not_begun
from trackdrive_assets.io_manager import IO_MANAGER_KEY
from trackdrive_assets.lake.store import Lake, LakeError, Written
from trackdrive_assets.resources import LakeResource, TrackdriveResource
from trackdrive_assets.settings import Settings
from trackdrive_assets.tables.columns import Table
from trackdrive_assets.tables.parse import MalformedRow

POOL = "trackdrive_api"
OWNERS = ["team:trackdrive"]

Ingest = Callable[[Client, Lake, Day, dg.AssetKey], tuple[Written, int | None]]
"""Replaces one day of one asset; gives the file and the API's own count of its rows."""


def daily_assets(
    name: str,
    specs: Sequence[dg.AssetSpec],
    ingest: Ingest,
    settings: Settings,
    partitions: dg.PartitionsDefinition[str],
) -> dg.AssetsDefinition:
    """One family of assets that are read from the API day by day, any of them alone or all together."""

    @dg.multi_asset(
        name=name,
        specs=specs,
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        can_subset=True,
        pool=POOL,
    )
    def family(
        context: dg.AssetExecutionContext, trackdrive: TrackdriveResource, lake: LakeResource
    ) -> Iterator[dg.MaterializeResult[Any]]:
        files = lake.open()
        with trackdrive.client() as client:
            yield from run_days(context, settings, client, files, ingest)

    return family


def api_spec(table: Table, key: Sequence[str], *, group_name: str, description: str) -> dg.AssetSpec:
    """What Dagster shows of an asset that is read from the API."""
    return dg.AssetSpec(
        dg.AssetKey(key),
        description=description,
        group_name=group_name,
        kinds={"api", "parquet"},
        owners=OWNERS,
        metadata={
            "dagster/table_name": ".".join(key),
            "dagster/column_schema": column_schema(table),
        },
    ).with_io_manager_key(IO_MANAGER_KEY)


def column_schema(table: Table) -> dg.TableSchema:
    """The columns of a table with their types and meanings, those of the folders included."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(name=column.name, type=str(column.type), description=column.meaning)
            for column in (*table.columns, *table.hive)
        ]
    )


def run_days(
    context: dg.AssetExecutionContext, settings: Settings, client: Client, files: Lake, ingest: Ingest
) -> Iterator[dg.MaterializeResult[Any]]:
    """Ingest every selected asset for every day of the run.

    In a range run each day is recorded at once, so that the UI shows progress and a run that dies keeps what
    it finished. What the account refuses for one asset (a category, say) ends that asset and not the others.

    Raises:
        dg.Failure: A day failed. It names the day; later days keep their old files.
    """
    days = days_of(context.partition_keys, ZoneInfo(settings.time_zone), datetime.now(UTC))
    with turn_to_ask(context.instance, context.run.run_id, context.log):
        refused = _work_through(context, days, client, files, ingest)
    for key in sorted(context.selected_asset_keys - refused.keys()):
        yield dg.MaterializeResult(asset_key=key)
    if refused:
        raise dg.Failure(
            f"{len(refused)} of {len(context.selected_asset_keys)} failed; the others are stored.\n"
            + "\n".join(refused.values()),
            allow_retries=False,
        )


def _work_through(
    context: dg.AssetExecutionContext, days: Sequence[Day], client: Client, files: Lake, ingest: Ingest
) -> Mapping[dg.AssetKey, str]:
    """Every open asset of every day. Gives the assets that were refused, and why."""
    refused: dict[dg.AssetKey, str] = {}
    for number, day in enumerate(days, start=1):
        if not (open_keys := sorted(context.selected_asset_keys - refused.keys())):
            break
        for key in open_keys:
            try:
                metadata = _measured(client, partial(ingest, client, files, day, key))
            except (TrackdriveError, MalformedRow, LakeError) as error:
                said = f"{key.to_user_string()} of {day}: {error}"
                if not concerns_one_asset(error) or len(context.selected_asset_keys) == 1:
                    # The sentence says it all; the way to it through other people's code would only bury it.
                    raise dg.Failure(said, allow_retries=may_pass(error)) from None
                context.log.error(said)  # noqa: TRY400 (a refusal is an answer: it has no traceback to tell)
                refused[key] = said
            else:
                _record(context, key, day, metadata, at_once=len(days) > 1)
        context.log.info("%s is done: day %d of %d.", day, number, len(days))
    return refused


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


def may_pass(error: Exception) -> bool:
    """Whether a later run can end differently without anybody changing anything."""
    return isinstance(error, TrackdriveError) and not error.permanent


def _measured(client: Client, work: Callable[[], tuple[Written, int | None]]) -> Mapping[str, Any]:
    usage, started = client.usage, time.monotonic()
    written, api_count = work()
    cost = client.usage - usage
    return {
        "dagster/partition_row_count": written.rows,
        **({} if api_count is None else {"api_count": api_count}),
        "requests": cost.requests,
        "retries": cost.retries,
        "seconds": round(time.monotonic() - started, 3),
        "bytes": written.bytes,
        "path": dg.MetadataValue.path(written.path),
    }


def _record(
    context: dg.AssetExecutionContext,
    key: dg.AssetKey,
    day: Day,
    metadata: Mapping[str, Any],
    *,
    at_once: bool,
) -> None:
    context.add_asset_metadata(metadata, asset_key=key, partition_key=str(day))
    if at_once:
        context.log_event(dg.AssetMaterialization(key, metadata=metadata, partition=str(day)))
