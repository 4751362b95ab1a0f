"""The assets `calls` and `call_changes`: every call, and what changed since it was last read, day by day.

One reading makes both. Whichever of the two is chosen, both are made and recorded.
"""

import warnings
from collections.abc import Mapping

import dagster as dg

from trackdrive_assets.api.client import Client
from trackdrive_assets.api.query import UndocumentedValueWarning
from trackdrive_assets.dagster.assets.daily import Family, Metadata, api_spec, daily_assets, metadata_of
from trackdrive_assets.dagster.code_links import code_links
from trackdrive_assets.dagster.previews import picture_of_calls
from trackdrive_assets.days import Day
from trackdrive_assets.ingest.calls import CallsRead, calls_task
from trackdrive_assets.ingest.concurrency import Task
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.settings import SettingError, Settings, variable
from trackdrive_assets.tables.columns import CALL_CHANGES, CALLS
from trackdrive_assets.tables.exclusion import Exclusion

CALLS_KEY = dg.AssetKey(CALLS.name)
CALL_CHANGES_KEY = dg.AssetKey(CALL_CHANGES.name)


def build_calls(settings: Settings, partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """The assets, for a deployment's settings."""
    exclude = excluded(settings)

    def task_of(client: Client, lake: Lake, day: Day, key: dg.AssetKey) -> Task[CallsRead]:
        return calls_task(client, lake, day, exclude, subject=(day, key))

    specs = [
        api_spec(
            CALLS,
            CALLS_KEY,
            group_name="api",
            code=code_links(settings, "ingest/calls.py", "tables/columns.py"),
            description=(
                "A row is one phone call, as the API shows it when the day is read. "
                "Calls of the last weeks still change, so their days are read again."
            ),
        ),
        api_spec(
            CALL_CHANGES,
            CALL_CHANGES_KEY,
            group_name="api",
            code=code_links(settings, "ingest/changes.py", "tables/changes.py"),
            deps=[CALLS_KEY],
            description=(
                "A row is one field of one call of the day that was different when the day was read again: "
                "a conversion that came or was taken back, revenue that moved, a call that appeared or "
                "vanished. Written whenever calls are read; the first reading of a day changes nothing."
            ),
        ),
    ]
    family = Family(
        "calls",
        specs,
        task_of,
        lambda _, read: told(read, settings.time_zone),
        read_as=lambda _: CALLS_KEY,
        counts="calls",
    )
    return daily_assets(family, settings, partitions)


def told(read: CallsRead, zone: str) -> Mapping[dg.AssetKey, Metadata]:
    """What Dagster shows of a day of calls, and of what had changed in it."""
    found = {"changes_found": read.changes.new}
    return {
        CALLS_KEY: metadata_of(
            read.written, CALLS, {"picture": picture_of_calls(read.written.path, zone), **found}
        ),
        CALL_CHANGES_KEY: metadata_of(read.changes.written, CALL_CHANGES, found),
    }


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
    for pattern in exclusion.undocumented:
        warnings.warn(
            f"{name} names {pattern!r}, which is no documented column. It is kept out where it comes; "
            "check its spelling.",
            UndocumentedValueWarning,
            stacklevel=2,
        )
    return exclusion
