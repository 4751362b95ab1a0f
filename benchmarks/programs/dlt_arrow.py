"""dlt at its best: a generator per day that yields Arrow tables, which dlt writes unchanged.

    dlt_arrow.py BASE_URL FIRST_DAY DAYS FOLDER

dlt reads five days at a time in threads, its default for parallelized resources. A day is one chain of
cursors, so threads cannot share it.
"""

import sys
from datetime import date, timedelta

import dlt
from arrow_pages import pages
from dlt.destinations import filesystem

base_url, first_day, days, folder = sys.argv[1:]


@dlt.source  # type: ignore[untyped-decorator]  # dlt is not installed when types are checked
def account() -> list[object]:
    """Return one resource per day, all of them for one table."""
    start = date.fromisoformat(first_day)
    return [
        dlt.resource(
            pages(base_url, start + timedelta(days=number)),
            name=f"calls_{number}",
            table_name="calls",
            parallelized=int(days) > 1,
        )
        for number in range(int(days))
    ]


pipeline = dlt.pipeline(
    "calls",
    destination=filesystem(folder),
    dataset_name="lake",
)
pipeline.run(account(), loader_file_format="parquet")
