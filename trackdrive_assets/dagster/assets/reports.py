"""The assets `reports/<category>`: the API's own totals by category, one file a day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import dagster as dg

from trackdrive_assets.api.catalog import REPORT_CATEGORIES
from trackdrive_assets.dagster.account import DagsterAccount
from trackdrive_assets.dagster.assets.daily import DailyAssets
from trackdrive_assets.dagster.metadata import Metadata, api_asset_spec, code_links, part_metadata
from trackdrive_assets.settings import describe_undocumented
from trackdrive_assets.tables.columns import REPORTS

if TYPE_CHECKING:
    from trackdrive_assets.api.client import Client
    from trackdrive_assets.days import Day
    from trackdrive_assets.ingest.fetcher import Fetcher
    from trackdrive_assets.ingest.parts import IngestedPart
    from trackdrive_assets.lake.store import Lake

CATEGORY_OF_CALLERS = "contact_id"
"""The category whose groups are callers. More people read the event log than the lake."""

_GROUP_COLUMNS = ("group_value", "group_name")


def build_reports(account: DagsterAccount, partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """Return the assets of an account, one for each category of its settings."""
    return ReportsAssets(account).build(partitions)


class ReportsAssets(DailyAssets["IngestedPart"]):
    """The assets `reports/<category>`."""

    name = "reports"
    # All views but one need only the calls.
    priority = -1

    def specs(self) -> Sequence[dg.AssetSpec]:
        """Return one spec for each category."""
        code = code_links(self.settings, "ingest/reports.py", "tables/columns.py")
        return [
            api_asset_spec(
                REPORTS,
                self.account.key("reports", category),
                account=self.account,
                group="aggregates",
                code=code,
                description=(
                    f"Each row is one {category} of the day, with the totals of Trackdrive's own report. "
                    "They can differ from `calls` if a call has changed since."
                ),
            )
            for category in self.settings.fetched_categories
        ]

    def remarks(self, context: dg.AssetExecutionContext) -> Iterator[str]:
        """Yield the selected categories that are not documented, because they may be slips."""
        yield from super().remarks(context)
        for key in sorted(context.selected_asset_keys):
            if (category := key.path[-1]) not in REPORT_CATEGORIES:
                yield describe_undocumented(category)

    def ingest_day(
        self, client: Client, lake: Lake, day: Day, keys: Sequence[dg.AssetKey], fetcher: Fetcher
    ) -> Mapping[str, IngestedPart]:
        """Fetch a day of some reports, and write them together."""
        from trackdrive_assets.ingest.reports import ingest_reports  # noqa: PLC0415  # imports Arrow

        return ingest_reports(client, lake, day, [key.path[-1] for key in keys], fetcher=fetcher)

    def metadata_for(
        self, key: dg.AssetKey, result: IngestedPart, *, has_preview: bool
    ) -> Mapping[dg.AssetKey, Metadata]:
        """Return what Dagster shows of a day of one report."""
        hidden = _GROUP_COLUMNS if key.path[-1] == CATEGORY_OF_CALLERS else ()
        return {key: part_metadata(result, REPORTS, hidden=hidden, has_preview=has_preview)}
