"""`DailyAssets`, the base of the three kinds of assets that are fetched from the API.

Not here: how a step runs (`step_run.py`), which has to be imported only for a run, how a day is ingested
(`ingest/`), and what Dagster shows of a day (`dagster/metadata.py`).
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import dagster as dg

from trackdrive_assets.dagster.account import DagsterAccount
from trackdrive_assets.dagster.metadata import Metadata
from trackdrive_assets.lake.errors import LakeError
from trackdrive_assets.quality.catalog import DUE_HOUR
from trackdrive_assets.settings import FETCHED_TABLES, Settings, variable
from trackdrive_assets.tables.columns import COLUMN_DESCRIPTIONS, DESCRIPTIONS, REFERENCE, schemas

if TYPE_CHECKING:
    from trackdrive_assets.api.client import Client
    from trackdrive_assets.days import Day
    from trackdrive_assets.ingest.fetcher import Fetcher
    from trackdrive_assets.lake.store import Lake

POOL = "trackdrive_api"

Result = TypeVar("Result")


class DailyAssets(ABC, Generic[Result]):
    """The assets of one table that are fetched from the API day by day.

    Args:
        account: The account.

    Attributes:
        name: The name of their step, without the account.
        progress_unit: The unit in which the log of a run counts its progress.
        priority: The priority of the step among those of a run that are independent. The highest is first.
    """

    name: ClassVar[str]
    progress_unit: ClassVar[str] = "responses"
    priority: ClassVar[int] = 0

    def __init__(self, account: DagsterAccount) -> None:
        self.account = account
        self.settings = account.settings

    @abstractmethod
    def specs(self) -> Sequence[dg.AssetSpec]:
        """Return the specs of the assets, each after those that it depends on."""

    @abstractmethod
    def ingest_day(
        self, client: "Client", lake: "Lake", day: "Day", keys: Sequence[dg.AssetKey], fetcher: "Fetcher"
    ) -> Mapping[str, Result]:
        """Fetch a day of assets, and write it. This runs in a thread of its own.

        Args:
            client: The client of the account.
            lake: The lake to write to.
            day: The day.
            keys: The assets, each of which has its own ingest.
            fetcher: The threads of the day's requests.

        Returns:
            The result of each asset, by the last part of its key.
        """

    @abstractmethod
    def metadata_for(
        self, key: dg.AssetKey, result: Result, *, has_preview: bool
    ) -> Mapping[dg.AssetKey, Metadata]:
        """Return what Dagster shows of an ingested day, for the asset and those that were written with it.

        Args:
            key: The asset.
            result: The result of its ingest.
            has_preview: Whether Dagster shows a picture and first rows.
        """

    def source_key(self, key: dg.AssetKey) -> dg.AssetKey:
        """Return the asset whose ingest writes this asset: itself, unless two are written together."""
        return key

    def remarks(self, context: dg.AssetExecutionContext) -> Iterator[str]:
        """Yield what a person should know of the settings before the step's first request."""
        if self.settings.time_zone == Settings.time_zone and _is_first_step(context):
            yield f"Days are UTC days, because {variable('time_zone')} is UTC or not set."

    def show_stored_days(self, context: dg.AssetExecutionContext, lake: "Lake") -> None:
        """Build the views. The step fails, so Dagster skips those of the run, but days were stored."""
        _build_views(context, lake, self.settings.time_zone)

    def build(self, partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
        """Return the assets. A run can select any of them, or all together."""
        due = _due_every_morning(self.settings.time_zone)

        @dg.multi_asset(
            name=self.account.qualified(self.name),
            specs=[spec.replace_attributes(freshness_policy=due) for spec in self.specs()],
            partitions_def=partitions,
            backfill_policy=backfill_policy(self.settings.days_per_run),
            can_subset=True,
            required_resource_keys={self.account.qualified("trackdrive"), self.account.qualified("lake")},
            pool=self.account.qualified(POOL),
            op_tags={"dagster/priority": str(self.priority)},
        )
        def ingest_days_of_run(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
            from trackdrive_assets.dagster.assets.step_run import run_step  # noqa: PLC0415  # imports Arrow

            yield from run_step(context, self)

        return ingest_days_of_run


def backfill_policy(days_per_run: int) -> dg.BackfillPolicy:
    """Return the policy that a run of a backfill has so many days; 0 means all."""
    return dg.BackfillPolicy.multi_run(days_per_run) if days_per_run else dg.BackfillPolicy.single_run()


@cache
def _due_every_morning(time_zone: str) -> dg.FreshnessPolicy:
    """Return the policy that an asset is materialized between midnight and the hour when yesterday is due.

    Any day satisfies it. The check `yesterday_loaded` looks for the right one.
    """
    return dg.FreshnessPolicy.cron(
        deadline_cron=f"0 {DUE_HOUR} * * *",
        lower_bound_delta=timedelta(hours=DUE_HOUR),
        timezone=time_zone,
    )


def show_after_failed_step(context: dg.AssetExecutionContext, lake: "Lake", account: DagsterAccount) -> None:
    """Build the views again if an earlier step of the run failed, which built them without later tables."""
    steps = {account.qualified(name) for name in (*FETCHED_TABLES, REFERENCE.name)}
    failed = context.instance.all_logs(context.run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    if any(entry.step_key in steps for entry in failed):
        _build_views(context, lake, account.settings.time_zone)


def _build_views(context: dg.AssetExecutionContext, lake: "Lake", time_zone: str) -> None:
    """Build the DuckDB file. Log an error, because the run fails for another reason."""
    from trackdrive_assets.lake.database import build_database  # noqa: PLC0415  # imports DuckDB

    try:
        build_database(
            lake,
            schemas(),
            time_zone=time_zone,
            descriptions=DESCRIPTIONS,
            column_descriptions=COLUMN_DESCRIPTIONS,
        )
    except LakeError as error:
        context.log.warning(str(error))


def _is_first_step(context: dg.AssetExecutionContext) -> bool:
    """Return whether this is the first attempt of the first step of the run."""
    started = context.instance.all_logs(context.run.run_id, of_type=dg.DagsterEventType.STEP_START)
    step = context.get_step_execution_context().step.key
    return not context.retry_number and (not started or started[0].step_key == step)
