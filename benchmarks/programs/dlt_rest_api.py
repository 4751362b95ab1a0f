"""dlt's own REST source with its defaults: a description of the API without code.

    dlt_rest_api.py BASE_URL FIRST_DAY DAYS FOLDER

All days are one range, because a cursor is for one range.
"""

import sys
from datetime import date, timedelta

import dlt
from dlt.destinations import filesystem
from dlt.sources.rest_api import rest_api_source

base_url, first_day, days, folder = sys.argv[1:]
last_day = date.fromisoformat(first_day) + timedelta(days=int(days) - 1)

source = rest_api_source(
    {
        "client": {
            "base_url": f"{base_url}/api/v1/",
            "auth": {"type": "http_basic", "username": "tdpubsandbox", "password": "tdprvsandbox"},
            "paginator": {"type": "cursor", "cursor_path": "metadata.next_cursor", "cursor_param": "cursor"},
        },
        "resources": [
            {
                "name": "calls",
                "endpoint": {
                    "path": "calls",
                    "data_selector": "calls",
                    "params": {
                        "created_at_from": f"{first_day} 00:00:00 UTC",
                        "created_at_to": f"{last_day} 23:59:59.999 UTC",
                        "per_page": 1000,
                    },
                },
            }
        ],
    }
)
pipeline = dlt.pipeline(
    "calls",
    destination=filesystem(folder),
    dataset_name="lake",
)
pipeline.run(source, loader_file_format="parquet")
