"""The assets `calls` and `call_changes`: every call, and what changed since it was last read, day by day.

One reading makes both. Whichever of the two is chosen, both are made and recorded.
"""

import warnings
from collections.abc import Mapping

import dagster as dg

from trackdrive_assets.api.client import Client
from trackdrive_assets.api.query import UnlistedValueWarning
from trackdrive_assets.assets.day_runs import Family, Metadata, api_spec, daily_assets, metadata_of
from trackdrive_assets.ingest.calls import CallsRead, calls_task
from trackdrive_assets.ingest.days import Day
from trackdrive_assets.ingest.readings import Task
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.settings import SettingError, Settings, variable
from trackdrive_assets.tables.columns import CALL_CHANGES, CALLS
from trackdrive_assets.tables.parse import Exclusion

_CALLS = dg.AssetKey(CALLS.name)
_CHANGES = dg.AssetKey(CALL_CHANGES.name)


def build_calls(settings: Settings, partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """The assets, for a deployment's settings."""
    exclude = excluded(settings)

    def task_of(client: Client, lake: Lake, day: Day, key: dg.AssetKey) -> Task[CallsRead]:
        return calls_task(client, lake, day, exclude, subject=(day, key))

    def told(_: dg.AssetKey, read: CallsRead) -> Mapping[dg.AssetKey, Metadata]:
        found = {"changes_found": read.changes.new}
        return {
            _CALLS: {**metadata_of(read.written), **found},
            _CHANGES: {**metadata_of(read.changes.written), **found},
        }

    specs = [
        api_spec(
            CALLS,
            _CALLS,
            group_name="api",
            description=(
                "A row is one phone call, as the API shows it when the day is read. "
                "Calls of the last weeks still change, so their days are read again."
            ),
        ),
        api_spec(
            CALL_CHANGES,
            _CHANGES,
            group_name="api",
            deps=[_CALLS],
            description=(
                "A row is one field of one call of the day that was different when the day was read again: "
                "a conversion that came or was taken back, revenue that moved, a call that appeared or "
                "vanished. Written whenever calls are read; the first reading of a day changes nothing."
            ),
        ),
    ]
    family = Family("calls", specs, task_of, told, read_as=lambda _: _CALLS)
    return daily_assets(family, settings, partitions)


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
