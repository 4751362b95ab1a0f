"""The product's client alone: reads some days of calls, one after another, and stores nothing.

    bare_client.py FIRST_DAY DAYS

The account is that of the TRACKDRIVE_* variables.
"""

import os
import sys
from datetime import UTC, datetime, timedelta

from trackdrive_assets.api.client import Client
from trackdrive_assets.api.query import Query
from trackdrive_assets.settings import Settings

settings = Settings.read(os.environ)
first, days = datetime.fromisoformat(sys.argv[1]).replace(tzinfo=UTC), int(sys.argv[2])
with Client(
    settings.address,
    settings.credentials,
    per_page=settings.per_page,
    requests_per_second=settings.requests_per_second,
    max_concurrency=settings.max_concurrency,
) as client:
    for number in range(days):
        start = first + timedelta(days=number)
        end = start + timedelta(days=1) - timedelta(milliseconds=1)
        for _ in client.call_pages(Query(created_at_from=start, created_at_to=end)):
            pass
