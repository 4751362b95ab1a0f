"""The assets `calls` and `call_changes`: every call, and what has changed since its day was last fetched.

One fetch of a day writes both. If a run selects one of them, both are written and recorded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import dagster as dg

from trackdrive_assets.dagster.account import DagsterAccount
from trackdrive_assets.dagster.asset_checks import evaluate_without_reports
from trackdrive_assets.dagster.assets.daily import DailyAssets
from trackdrive_assets.dagster.metadata import Metadata, api_asset_spec, code_links, day_metadata
from trackdrive_assets.tables.columns import CALL_CHANGES, CALLS

if TYPE_CHECKING:
    from trackdrive_assets.api.client import Client
    from trackdrive_assets.days import Day
    from trackdrive_assets.ingest.day_of_calls import IngestedCalls
    from trackdrive_assets.ingest.fetcher import Fetcher
    from trackdrive_assets.lake.store import Lake


def build_calls(account: DagsterAccount, partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """Return the assets of an account."""
    return CallsAssets(account).build(partitions)


class CallsAssets(DailyAssets["IngestedCalls"]):
    """The assets `calls` and `call_changes`."""

    name = "calls"
    progress_unit = "calls"

    def __init__(self, account: DagsterAccount) -> None:
        super().__init__(account)
        self._exclude = self.settings.exclusion

    def specs(self) -> Sequence[dg.AssetSpec]:
        """Return the specs of both assets."""
        return [
            api_asset_spec(
                CALLS,
                self.account.key(CALLS.name),
                account=self.account,
                group="api",
                code=code_links(self.settings, "ingest/calls.py", "tables/columns.py"),
                description=(
                    "Each row is one phone call, as the API has it when the day is fetched. "
                    "Calls of the last weeks still change, so their days are fetched again."
                ),
            ),
            api_asset_spec(
                CALL_CHANGES,
                self.account.key(CALL_CHANGES.name),
                account=self.account,
                group="api",
                code=code_links(self.settings, "ingest/changes.py", "tables/changes.py"),
                deps=[self.account.key(CALLS.name)],
                description=(
                    "Each row is one field of one call that was different when its day was fetched again: "
                    "a conversion that was gained or reversed, revenue that changed, a call that appeared or "
                    "vanished. Written whenever calls are fetched. The first fetch of a day changes nothing."
                ),
            ),
        ]

    def ingest_day(
        self,
        client: Client,
        lake: Lake,
        day: Day,
        keys: Sequence[dg.AssetKey],  # noqa: ARG002  one fetch writes both assets
        fetcher: Fetcher,
    ) -> Mapping[str, IngestedCalls]:
        """Fetch a day of calls, and write the calls and their changes."""
        from trackdrive_assets.ingest.calls import ingest_calls  # noqa: PLC0415  # imports Arrow

        ingested = ingest_calls(client, lake, day, exclude=self._exclude, fetcher=fetcher)
        return {CALLS.name: ingested}

    def metadata_for(
        self,
        key: dg.AssetKey,  # noqa: ARG002  one fetch writes both assets
        result: IngestedCalls,
        *,
        has_preview: bool,
    ) -> Mapping[dg.AssetKey, Metadata]:
        """Return what Dagster shows of a day of calls, and of its changes."""
        return calls_metadata(self.account, result, has_preview=has_preview)

    def show_stored_days(self, context: dg.AssetExecutionContext, lake: Lake) -> None:
        """Build the views, and evaluate the checks."""
        evaluate_without_reports(context, lake, self.account)
        super().show_stored_days(context, lake)

    def source_key(self, key: dg.AssetKey) -> dg.AssetKey:  # noqa: ARG002  one fetch writes both assets
        """Return `calls`, whose ingest writes both assets."""
        return self.account.key(CALLS.name)


def calls_metadata(
    account: DagsterAccount, ingested: IngestedCalls, *, has_preview: bool = True
) -> Mapping[dg.AssetKey, Metadata]:
    """Return what Dagster shows of a day of calls, and of its changes."""
    from trackdrive_assets.dagster.previews import picture_of_calls  # noqa: PLC0415  # imports Arrow

    found = {"changes_found": ingested.changes.new_count}
    picture = {}
    if has_preview and ingested.totals is not None:
        picture = {"picture": picture_of_calls(ingested.totals, account.settings.time_zone)}
    return {
        account.key(CALLS.name): day_metadata(
            ingested.written, CALLS, {**picture, **found}, has_preview=has_preview
        ),
        account.key(CALL_CHANGES.name): day_metadata(
            ingested.changes.written, CALL_CHANGES, found, has_preview=has_preview
        ),
    }
