"""The assets `reports/<category>`: the API's own totals by category, one file a day and category."""

import dagster as dg

from trackdrive_assets.dagster.assets.daily import Family, api_spec, daily_assets, metadata_of
from trackdrive_assets.dagster.code_links import code_links
from trackdrive_assets.ingest.reports import report_task
from trackdrive_assets.settings import Settings
from trackdrive_assets.tables.columns import REPORTS


def build_reports(settings: Settings, partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """The assets, one for each category of a deployment's settings."""
    code = code_links(settings, "ingest/reports.py", "tables/columns.py")
    specs = [
        api_spec(
            REPORTS,
            dg.AssetKey(["reports", category]),
            group_name="aggregates",
            code=code,
            description=(
                f"A row is one {category} of the day, with the totals of Trackdrive's own report. "
                "They can differ from `calls` where a call has changed since."
            ),
        )
        for category in settings.report_categories
    ]
    family = Family(
        "reports",
        specs,
        lambda client, lake, day, key: report_task(client, lake, day, key.path[-1], subject=(day, key)),
        lambda key, written: {key: metadata_of(written, REPORTS)},
        # A refused category fails the step, which then builds the views itself: over all that the run reads.
        priority=-1,
    )
    return daily_assets(family, settings, partitions)
