"""The assets `stats/<group_by>`: the API's own statistics by interval, one file for each day and group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import dagster as dg

from trackdrive_assets import clock
from trackdrive_assets.api.catalog import LEGACY_GROUP_BYS
from trackdrive_assets.cost import describe_asset
from trackdrive_assets.dagster.account import DagsterAccount
from trackdrive_assets.dagster.assets.daily import DailyAssets
from trackdrive_assets.dagster.metadata import Metadata, api_asset_spec, code_links, part_metadata
from trackdrive_assets.settings import STATS_INTERVALS
from trackdrive_assets.tables.columns import STATS

if TYPE_CHECKING:
    from trackdrive_assets.api.client import Client
    from trackdrive_assets.days import Day
    from trackdrive_assets.ingest.fetcher import Fetcher
    from trackdrive_assets.ingest.parts import IngestedPart
    from trackdrive_assets.lake.store import Lake


def build_stats(account: DagsterAccount, partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """Return the assets, one for each group that the legacy API and today's API both have."""
    return StatsAssets(account).build(partitions)


class StatsAssets(DailyAssets["IngestedPart"]):
    """The assets `stats/<group_by>`."""

    name = "stats"
    # Statistics are most of the requests. A run that is ended among them has stored everything else.
    priority = -3

    def specs(self) -> Sequence[dg.AssetSpec]:
        """Return one spec for each group."""
        code = code_links(self.settings, "ingest/stats.py", "tables/columns.py")
        return [
            api_asset_spec(
                STATS,
                self.account.key("stats", group_by),
                account=self.account,
                group="aggregates",
                code=code,
                description=(
                    f"Each row is one {group_by} in one interval of {self.settings.stats_interval}, with "
                    "Trackdrive's own count, revenue, profit and cost. An interval without calls has no row. "
                    f"{describe_asset(self.settings, f'stats/{group_by}')} Take calls and reports first."
                ),
            )
            for group_by in LEGACY_GROUP_BYS
        ]

    def ingest_day(
        self, client: Client, lake: Lake, day: Day, keys: Sequence[dg.AssetKey], fetcher: Fetcher
    ) -> Mapping[str, IngestedPart]:
        """Fetch a day of statistics by some groups, and write them together."""
        from trackdrive_assets.ingest.stats import ingest_stats  # noqa: PLC0415  # imports Arrow

        minutes = STATS_INTERVALS[self.settings.stats_interval]
        now = clock.now()
        groupings = [key.path[-1] for key in keys]
        return ingest_stats(client, lake, day, groupings, minutes=minutes, now=now, fetcher=fetcher)

    def metadata_for(
        self, key: dg.AssetKey, result: IngestedPart, *, has_preview: bool
    ) -> Mapping[dg.AssetKey, Metadata]:
        """Return what Dagster shows of a day of statistics by one group."""
        return {key: part_metadata(result, STATS, has_preview=has_preview)}
