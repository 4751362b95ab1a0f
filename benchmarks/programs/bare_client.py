"""The product's client alone: fetch days of calls one after another, and store nothing.

    bare_client.py FIRST_DAY DAYS

The TRACKDRIVE_* variables configure the account.
"""

import os
import sys
from datetime import date, timedelta

from trackdrive_assets.api.client import Client
from trackdrive_assets.api.query import Query
from trackdrive_assets.settings import Settings

settings = Settings.read(os.environ)
first, days = date.fromisoformat(sys.argv[1]), int(sys.argv[2])
with Client(
    settings.address,
    settings.credentials,
    settings.client_options,
) as client:
    for number in range(days):
        day = first + timedelta(days=number)
        query = Query(created_at_from=f"{day} 00:00:00 UTC", created_at_to=f"{day} 23:59:59.999 UTC")
        for _ in client.call_pages(query):
            pass
