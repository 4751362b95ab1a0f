"""The product without Dagster: fetch days of calls into a lake.

    ingest_alone.py FIRST_DAY DAYS

The TRACKDRIVE_* variables configure the account and the lake.
"""

import os
import sys
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from trackdrive_assets.api.client import Client
from trackdrive_assets.days import exact_day
from trackdrive_assets.ingest.calls import ingest_calls
from trackdrive_assets.ingest.concurrency import run_concurrently
from trackdrive_assets.ingest.day_of_calls import IngestedCalls
from trackdrive_assets.ingest.fetcher import Fetcher
from trackdrive_assets.lake.identity import LakeIdentity
from trackdrive_assets.lake.ownership import claim
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.settings import Settings

settings = Settings.read(os.environ)
first, days = date.fromisoformat(sys.argv[1]), int(sys.argv[2])
with Client(
    settings.address,
    settings.credentials,
    settings.client_options,
) as client:
    # The server of the benchmarks names no company.
    lake = claim(Lake(settings.lake), LakeIdentity("localhost", settings.time_zone))
    zone = ZoneInfo(settings.time_zone)

    def ingest(date: date, fetcher: Fetcher) -> IngestedCalls:
        """Ingest the calls of a date."""
        return ingest_calls(client, lake, exact_day(date, zone), fetcher=fetcher)

    dates = (first + timedelta(days=number) for number in range(days))
    for outcome in run_concurrently(client, dates, ingest):
        if outcome.error:
            raise outcome.error
