"""The assets `reports/<category>`: the API's own totals by category, one file a day and category."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from trackdrive_assets.assets.day_runs import POOL, api_spec, run_days
from trackdrive_assets.ingest.reports import ingest_report
from trackdrive_assets.resources import LakeResource, TrackdriveResource
from trackdrive_assets.settings import Settings
from trackdrive_assets.tables.columns import REPORTS


def build_reports(settings: Settings, partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """The assets, one for each category of a deployment's settings."""

    @dg.multi_asset(
        name="reports",
        specs=[
            api_spec(
                REPORTS,
                ["reports", category],
                group_name="aggregates",
                description=(
                    f"A row is one {category} of the day, with the totals of Trackdrive's own report. "
                    "They can differ from `calls` where a call has changed since."
                ),
            )
            for category in settings.report_categories
        ],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        can_subset=True,
        pool=POOL,
    )
    def reports(
        context: dg.AssetExecutionContext, trackdrive: TrackdriveResource, lake: LakeResource
    ) -> Iterator[dg.MaterializeResult[Any]]:
        files = lake.open()
        with trackdrive.client() as client:
            yield from run_days(
                context, settings, client, lambda day, key: ingest_report(client, files, day, key.path[-1])
            )

    return reports
