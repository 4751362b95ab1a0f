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
from trackdrive_assets.ingest.calls import calls_task
from trackdrive_assets.ingest.concurrency import side_by_side
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.settings import Settings

settings = Settings.read(os.environ)
first, days = date.fromisoformat(sys.argv[1]), int(sys.argv[2])
with Client(
    settings.address,
    settings.credentials,
    settings.client_options,
) as client:
    lake, zone = Lake(settings.lake), ZoneInfo(settings.time_zone)
    dates = (first + timedelta(days=number) for number in range(days))
    tasks = (calls_task(client, lake, exact_day(date, zone)) for date in dates)
    for outcome in side_by_side(client, tasks):
        if outcome.error:
            raise outcome.error
