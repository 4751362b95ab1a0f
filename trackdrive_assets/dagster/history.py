"""The deletion of old runs from the Dagster home, without what the UI shows of assets and checks.

`instance.delete_run` also deletes the events by which Dagster knows that a day is materialized. So the last
event of each day is stored again first, with its time and without a run, and then the last result of each
check, because Dagster shows only results about the latest event of an asset. Not here: the job
(`history_job.py`), and old ticks, which Dagster deletes itself (`retention` in `dagster.yaml`).
"""

import logging
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

import dagster as dg
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log import SqlEventLogStorage, SqliteEventLogStorage
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from sqlalchemy import delete, func, select

from trackdrive_assets.dagster.runs import is_asset_of, is_ours

_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
_RESULTS = {AssetCheckExecutionRecordStatus.SUCCEEDED, AssetCheckExecutionRecordStatus.FAILED}
_PAGE = 500
_NO_RUN = ""
"""The id and the job's name of an event without a run."""

Item = TypeVar("Item")


def delete_old_runs(
    instance: dg.DagsterInstance, before: datetime, log: logging.Logger, account: str | None = None
) -> int:
    """Delete the ended runs of an account that were created before an instant. Return their number.

    Args:
        instance: The instance.
        before: The instant, with its zone.
        log: The log, which gets the progress.
        account: The name of the account of the runs; None for the only account of the instance.
    """
    old = list(_old_runs(instance, before, account))
    if not old:
        return 0
    # Other accounts of the instance can have thousands of assets.
    keys = filter(partial(is_asset_of, account=account), instance.get_asset_keys())
    kept = sum(_keep_days(instance, key, frozenset(old)) for key in keys)
    log.info("Stored the last events of days and views again, without their runs: %s.", f"{kept:,}")
    done = 0
    for page in _pages(old):
        _delete_check_results(instance, page)
        for run_id in page:
            instance.delete_run(run_id)
            _delete_files(instance, run_id)
        done += len(page)
        log.info("Deleted %s of %s runs.", f"{done:,}", f"{len(old):,}")
    return done


def _old_runs(instance: dg.DagsterInstance, before: datetime, account: str | None) -> Iterator[str]:
    """Yield the ids of the runs to delete. A home can have many thousands, so they are read in pages."""
    filters = dg.RunsFilter(statuses=_ENDED, created_before=before)
    cursor = None
    while page := instance.get_runs(filters, cursor=cursor, limit=_PAGE):
        yield from (run.run_id for run in page if is_ours(instance, run, account))
        cursor = page[-1].run_id


def _keep_days(instance: dg.DagsterInstance, key: dg.AssetKey, old: Collection[str]) -> int:
    """Store the last event of each day of an asset again, if its run is deleted. Return their number."""
    latest = instance.get_latest_materialization_event(key)
    by_day = instance.get_latest_storage_id_by_partition(key, dg.DagsterEventType.ASSET_MATERIALIZATION)
    kept: list[dg.EventLogEntry] = []
    for page in _pages(sorted(by_day.values())):
        chosen = dg.AssetRecordsFilter(asset_key=key, storage_ids=page)
        records = instance.fetch_materializations(chosen, limit=_PAGE, ascending=True).records
        kept += [record.event_log_entry for record in records if record.run_id in old]
    if latest and (kept or latest.run_id in old):
        # Dagster shows the event that is stored last as the latest one of the asset.
        kept = [*(entry for entry in kept if entry != latest), latest]
    for entry in [*kept, *(_last_results(instance, key) if kept else ())]:
        event = entry.get_dagster_event()
        found = event.event_specific_data
        if isinstance(found, dg.AssetCheckEvaluation):
            found = _without_target(found)
        instance.report_dagster_event(
            dg.DagsterEvent(event.event_type_value, job_name=_NO_RUN, event_specific_data=found),
            run_id=_NO_RUN,
            timestamp=entry.timestamp,
        )
    return len(kept)


def _without_target(found: dg.AssetCheckEvaluation) -> dg.AssetCheckEvaluation:
    """Return a result that is about the latest materialization, because that in the result is deleted."""
    return dg.AssetCheckEvaluation(
        asset_key=found.asset_key,
        check_name=found.check_name,
        passed=found.passed,
        metadata=found.metadata,
        severity=found.severity,
        description=found.description,
        blocking=found.blocking,
    )


def _last_results(instance: dg.DagsterInstance, key: dg.AssetKey) -> Iterator[dg.EventLogEntry]:
    """Yield the event of the last result of each check of an asset."""
    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage):
        return
    table = AssetCheckExecutionsTable.c
    with storage.index_connection() as connection:
        rows = connection.execute(
            select(table.check_name).where(table.asset_key == key.to_string()).distinct()
        ).fetchall()
    for (name,) in rows:
        history = storage.get_asset_check_execution_history(
            dg.AssetCheckKey(key, name), limit=1, status=_RESULTS
        )
        yield from (record.event for record in history if record.event)


def _delete_check_results(instance: dg.DagsterInstance, run_ids: Sequence[str]) -> None:
    """Delete the results of the checks of some runs, except those that are the last of their check.

    Dagster has no function for that, and `delete_run` leaves them.
    """
    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage):
        return
    table = AssetCheckExecutionsTable.c
    last = (
        select(func.max(table.id))
        .where(table.execution_status != "PLANNED")
        .group_by(table.asset_key, table.check_name, table.partition)
    )
    with storage.index_connection() as connection:
        connection.execute(
            delete(AssetCheckExecutionsTable).where(table.run_id.in_(run_ids), table.id.not_in(last))
        )


def _delete_files(instance: dg.DagsterInstance, run_id: str) -> None:
    """Delete the captured output of a run. With SQLite, also the file of its event log."""
    instance.compute_log_manager.delete_logs(prefix=[run_id])
    storage = instance.event_log_storage
    if isinstance(storage, SqliteEventLogStorage):
        for suffix in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                Path(f"{storage.path_for_shard(run_id)}{suffix}").unlink()


def _pages(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """Yield parts that fit into one statement of SQL."""
    yield from (items[start : start + _PAGE] for start in range(0, len(items), _PAGE))
