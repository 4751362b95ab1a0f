"""A typical loop: each page into a list, the list into a data frame, the data frame into a file.

pandas_loop.py BASE_URL FIRST_DAY DAYS FOLDER
"""

import sys
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import requests

base_url, first_day, days, folder = sys.argv[1:]

session = requests.Session()
session.auth = ("tdpubsandbox", "tdprvsandbox")

for number in range(int(days)):
    day = date.fromisoformat(first_day) + timedelta(days=number)
    rows: list[dict[str, object]] = []
    cursor: float = -1
    while cursor:
        params: dict[str, str | float] = {
            "created_at_from": f"{day} 00:00:00 UTC",
            "created_at_to": f"{day} 23:59:59.999 UTC",
            "cursor": cursor,
            "per_page": 1000,
        }
        response = session.get(f"{base_url}/api/v1/calls", params=params, timeout=60)
        response.raise_for_status()
        page = response.json()
        rows += page["calls"]
        cursor = page["metadata"]["next_cursor"]
    calls = pd.DataFrame(rows)
    for column in ("created_at", "ended_at"):
        calls[column] = pd.to_datetime(calls[column])
    calls.to_parquet(Path(folder) / f"{day}.parquet")
