"""The assets `stats/<group_by>`: the API's own series of the day, one file a day and grouping."""

from datetime import UTC, datetime

import dagster as dg

from trackdrive_assets.api.catalog import LEGACY_GROUP_BYS
from trackdrive_assets.dagster.assets.daily import Family, api_spec, daily_assets, metadata_of
from trackdrive_assets.dagster.code_links import code_links
from trackdrive_assets.ingest.stats import stats_task
from trackdrive_assets.settings import STATS_INTERVALS, Settings
from trackdrive_assets.tables.columns import STATS


def build_stats(settings: Settings, partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """The assets, one for each grouping that both generations of the API know."""
    minutes = STATS_INTERVALS[settings.stats_interval]
    code = code_links(settings, "ingest/stats.py", "tables/columns.py")
    specs = [
        api_spec(
            STATS,
            dg.AssetKey(["stats", group_by]),
            group_name="aggregates",
            code=code,
            description=(
                f"A row is one {group_by} in one interval of {settings.stats_interval}, with "
                "Trackdrive's own count, revenue, profit and cost. An interval without calls has no row."
            ),
        )
        for group_by in LEGACY_GROUP_BYS
    ]
    family = Family(
        "stats",
        specs,
        lambda client, lake, day, key: stats_task(
            client, lake, day, key.path[-1], minutes=minutes, now=datetime.now(UTC), subject=(day, key)
        ),
        lambda key, written: {key: metadata_of(written, STATS)},
    )
    return daily_assets(family, settings, partitions)
