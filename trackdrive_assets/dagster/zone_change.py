"""Runs that change the time zone of a lake: `trackdrive materialize --accept-zone` launches them.

A run has the tag, because its steps are launched like those of any other run. Not here: what such a run may
do (`lake/ownership.py`), and the changes that are filed under other days (`ingest/zone_change.py`).
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

from trackdrive_assets.api.catalog import LEGACY_GROUP_BYS
from trackdrive_assets.api.client import Client
from trackdrive_assets.dagster.resources import LakeResource
from trackdrive_assets.ingest.zone_change import refile_changes
from trackdrive_assets.lake.identity import LakeIdentity
from trackdrive_assets.lake.ownership import AcceptedZone, begin_zone_change
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.settings import Settings

ACCEPT_ZONE = "trackdrive/accept_zone"
"""The tag of a run that may change the time zone."""


def may_change_zone(context: Any) -> bool:
    """Return whether the run of a step may change the time zone."""
    return ACCEPT_ZONE in context.run.tags


def lake_of_step(context: Any, lake: LakeResource) -> Lake:
    """Return the lake for a step that writes days, and log where it is.

    Raises:
        LakeError: The lake is that of another account, or of another time zone that this run may not change.
    """
    opened = lake.locate() if may_change_zone(context) else lake.open()
    context.log.info("The lake is %s.", opened.root)
    return opened


def change_zone(lake: Lake, client: Client, settings: Settings, days: Sequence[date]) -> None:
    """Begin or continue the change of a lake to the time zone of the settings.

    Args:
        lake: The lake.
        client: The client of the account.
        settings: The settings of the deployment.
        days: The days that the step replaces.

    Raises:
        LakeError: The step does not replace every day of the lake.
        TrackdriveError: The API does not name the company of an account on loopback.
    """
    accepted = AcceptedZone(
        days=days,
        first_day=settings.start_date,
        parts={"reports": settings.fetched_categories, "stats": LEGACY_GROUP_BYS},
    )
    identity = LakeIdentity(client.account(), settings.time_zone)
    refile_changes(begin_zone_change(lake, identity, accepted))
