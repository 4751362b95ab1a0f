"""The assets `reference/<list>`: the buyers, offers, traffic sources and numbers of the account, day by day.

They exist if the setting `reference_tables` names them. Only the partition of today can be fetched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import dagster as dg

from trackdrive_assets.dagster.account import DagsterAccount
from trackdrive_assets.dagster.assets.daily import DailyAssets
from trackdrive_assets.dagster.metadata import Metadata, api_asset_spec, code_links, part_metadata
from trackdrive_assets.tables.columns import REFERENCE

if TYPE_CHECKING:
    from trackdrive_assets.api.client import Client
    from trackdrive_assets.days import Day
    from trackdrive_assets.ingest.fetcher import Fetcher
    from trackdrive_assets.ingest.parts import IngestedPart
    from trackdrive_assets.lake.store import Lake


def build_reference(
    account: DagsterAccount, partitions: dg.PartitionsDefinition[str]
) -> list[dg.AssetsDefinition]:
    """Return the step with an asset for each list of the settings. Without lists there is no step."""
    return [ReferenceAssets(account).build(partitions)] if account.settings.fetched_lists else []


class ReferenceAssets(DailyAssets["IngestedPart"]):
    """The assets `reference/<list>`."""

    name = REFERENCE.name
    priority = -2

    def specs(self) -> Sequence[dg.AssetSpec]:
        """Return one spec for each list."""
        code = code_links(self.settings, "ingest/reference.py", "tables/columns.py")
        return [
            api_asset_spec(
                REFERENCE,
                self.account.key(REFERENCE.name, name),
                account=self.account,
                group=REFERENCE.name,
                code=code,
                description=(
                    f"The {name.replace('_', ' ')} of the account on the day, also those without calls. The "
                    "API has them only as they are now, so only the partition of today can be fetched."
                ),
            )
            for name in self.settings.fetched_lists
        ]

    def ingest_day(
        self, client: Client, lake: Lake, day: Day, keys: Sequence[dg.AssetKey], fetcher: Fetcher
    ) -> Mapping[str, IngestedPart]:
        """Fetch some lists of today, and write them together."""
        from trackdrive_assets.ingest.reference import ingest_reference  # noqa: PLC0415  # imports Arrow

        lists = [key.path[-1] for key in keys]
        return ingest_reference(client, lake, day, lists, fetcher=fetcher, exclude=self.settings.exclusion)

    def metadata_for(
        self, key: dg.AssetKey, result: IngestedPart, *, has_preview: bool
    ) -> Mapping[dg.AssetKey, Metadata]:
        """Return what Dagster shows of a day of one list."""
        return {key: part_metadata(result, REFERENCE, has_preview=has_preview)}
