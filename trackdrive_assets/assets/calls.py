"""The asset `calls`: every call, one file a day."""

import warnings
from collections.abc import Iterator
from typing import Any

import dagster as dg

from trackdrive_assets.api.query import UnlistedValueWarning
from trackdrive_assets.assets.day_runs import POOL, api_spec, run_days
from trackdrive_assets.ingest.calls import ingest_calls
from trackdrive_assets.resources import LakeResource, TrackdriveResource
from trackdrive_assets.settings import SettingError, Settings, variable
from trackdrive_assets.tables.columns import CALLS
from trackdrive_assets.tables.parse import Exclusion


def build_calls(settings: Settings, partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """The asset, for a deployment's settings."""
    exclude = excluded(settings)

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


def excluded(settings: Settings) -> Exclusion:
    """What the settings want never to be stored.

    Raises:
        SettingError: They name a column that every call needs.
    """
    name = variable("exclude_columns")
    try:
        exclusion = Exclusion(settings.exclude_columns)
    except ValueError as error:
        raise SettingError(f"{name} cannot be followed: {error}") from None
    for pattern in exclusion.unlisted:
        warnings.warn(
            f"{name} names {pattern!r}, which is no documented column. It is kept out where it comes; "
            "check its spelling.",
            UnlistedValueWarning,
            stacklevel=2,
        )
    return exclusion
