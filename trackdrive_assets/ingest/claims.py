"""Claim the lake for the account of a response, before a day is written."""

from trackdrive_assets.api.client import Client
from trackdrive_assets.days import Day
from trackdrive_assets.lake.identity import LakeIdentity
from trackdrive_assets.lake.ownership import claim
from trackdrive_assets.lake.store import ClaimedLake, Lake


def claim_lake(client: Client, lake: Lake, day: Day) -> ClaimedLake:
    """Return the lake for writing a day of the client's account.

    Raises:
        LakeError: The lake is that of another account or another time zone. Nothing was written.
    """
    return claim(lake, LakeIdentity(client.account(), day.zone.key))
