"""Some accounts of the benchmark `accounts`, as one code location.

ACCOUNTS is JSON: the address of the server by the name of each account. SETTINGS is JSON of other settings.
LAKE is the root of the lakes.
"""

import json
import os

import dagster as dg

from trackdrive_assets import LakeIOManager, LakeResource, Settings, TrackdriveResource, build_definitions
from trackdrive_assets.sandbox import PRIVATE_KEY, PUBLIC_KEY


def _account(name: str, address: str) -> dg.Definitions:
    settings = Settings(
        subdomain=name,
        lake=f"{os.environ['LAKE']}/account={name}",
        requests_per_second=0,
        **json.loads(os.environ["SETTINGS"]),
    )
    server = TrackdriveResource(
        base_url=address,
        public_key=PUBLIC_KEY,
        private_key=PRIVATE_KEY,
        per_page=settings.per_page,
        requests_per_second=0,
    )
    # The settings name a host for each account, because all runs of one host wait for the same lock. The
    # resources have the host of the server.
    lake = {"path": settings.lake, "account": "localhost", "time_zone": settings.time_zone}
    return build_definitions(
        settings,
        account=name,
        resources={
            "trackdrive": server,
            "lake": LakeResource(**lake),
            "trackdrive_lake": LakeIOManager(**lake),
        },
    )


defs = dg.Definitions.merge(
    *(_account(name, address) for name, address in json.loads(os.environ["ACCOUNTS"]).items())
)
