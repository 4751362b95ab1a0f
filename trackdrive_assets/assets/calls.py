"""The asset `calls`: every call, one file a day."""

import warnings

import dagster as dg

from trackdrive_assets.api.query import UnlistedValueWarning
from trackdrive_assets.assets.day_runs import api_spec, daily_assets
from trackdrive_assets.ingest.calls import ingest_calls
from trackdrive_assets.settings import SettingError, Settings, variable
from trackdrive_assets.tables.columns import CALLS
from trackdrive_assets.tables.parse import Exclusion


def build_calls(settings: Settings, partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """The asset, for a deployment's settings."""
    exclude = excluded(settings)

    specs = [
        api_spec(
            CALLS,
            ["calls"],
            group_name="api",
            description=(
                "A row is one phone call, as the API shows it when the day is read. "
                "Calls of the last weeks still change, so their days are read again."
            ),
        )
    ]
    return daily_assets(
        "calls",
        specs,
        lambda client, lake, day, _: ingest_calls(client, lake, day, exclude=exclude),
        settings,
        partitions,
    )


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
