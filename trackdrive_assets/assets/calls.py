"""The asset `calls`: every call, one file a day."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from trackdrive_assets.assets.day_runs import POOL, api_spec, run_days
from trackdrive_assets.ingest.calls import ingest_calls
from trackdrive_assets.resources import LakeResource, TrackdriveResource
from trackdrive_assets.settings import Settings
from trackdrive_assets.tables.columns import CALLS
from trackdrive_assets.tables.parse import Exclusion


def build_calls(settings: Settings, partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """The asset, for a deployment's settings."""
    exclude = Exclusion(settings.exclude_columns)

    @dg.multi_asset(
        name="calls",
        specs=[
            api_spec(
                CALLS,
                ["calls"],
                group_name="api",
                description=(
                    "A row is one phone call, as the API shows it when the day is read. "
                    "Calls of the last weeks still change, so their days are read again."
                ),
            )
        ],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=POOL,
    )
    def calls(
        context: dg.AssetExecutionContext, trackdrive: TrackdriveResource, lake: LakeResource
    ) -> Iterator[dg.MaterializeResult[Any]]:
        files = lake.open()
        with trackdrive.client() as client:
            yield from run_days(
                context, settings, client, lambda day, _: ingest_calls(client, files, day, exclude=exclude)
            )

    return calls
