"""A trial of an analyst: DuckDB 1.5 attaches trackdrive.duckdb in a bucket, and reads every view.

`make trial-analyst` runs it with SeaweedFS. The bucket has the lakes of two accounts, and a file over both.
Not here: the queries (`support/analyst_queries.py`), which run in another virtual environment.
"""

import json
import os
import subprocess
from datetime import UTC, date, datetime
from pathlib import Path
from unittest.mock import patch
from zoneinfo import ZoneInfo

import click
import duckdb

from trackdrive_assets.api.auth import KeyPair
from trackdrive_assets.api.client import Client
from trackdrive_assets.api.options import ClientOptions
from trackdrive_assets.days import exact_day
from trackdrive_assets.ingest.calls import ingest_calls
from trackdrive_assets.ingest.reports import ingest_reports
from trackdrive_assets.ingest.stats import ingest_stats
from trackdrive_assets.lake.accounts import build_accounts_database
from trackdrive_assets.lake.database import FILE, build_database, read_view
from trackdrive_assets.lake.sql_catalog import views
from trackdrive_assets.lake.store import ClaimedLake, Lake
from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets.tables.columns import schemas
from trackdrive_assets_tests.conftest import NOW
from trackdrive_assets_tests.support.factories import lake_at
from trackdrive_assets_tests.support.object_store import CountedServer, counting, serving_seaweedfs

ZONE = "America/New_York"
DAYS = (date(2024, 11, 17), date(2024, 11, 18))
QUERIES = Path(__file__).parent / "support" / "analyst_queries.py"


@click.command()
@click.option("--programs", type=Path, required=True, help="The folder with python and weed.")
def trial(programs: Path) -> None:
    """Read every view with an older DuckDB, and compare the numbers of rows with those of ours."""
    with (
        serving_seaweedfs(programs / "weed") as address,
        counting(address) as store,
        patch.dict(os.environ, store.variables()),
    ):
        store.bucket("lake")
        for account in ("acme", "zenith"):
            fill(lake_at(f"s3://lake/account={account}", ZONE))
        root = Lake(build_accounts_database("s3://lake", schemas()).url.rpartition("/")[0])
        for place in (Lake("s3://lake/account=acme"), root):
            read_as_analyst(programs / "python", store, place)


def read_as_analyst(python: Path, store: CountedServer, lake: Lake) -> None:
    """Let another DuckDB read the views of a DuckDB file in the bucket, and compare the numbers of rows."""
    expected = {view: read_view(lake, view).num_rows for view in [*schemas(), *views()]}
    store.requests.clear()
    done = subprocess.run(
        [python, QUERIES, store.endpoint.partition("//")[2], lake.storage.url(FILE)],
        check=True,
        capture_output=True,
        text=True,
    )
    found = json.loads(done.stdout)
    click.echo(f"DuckDB {found['version']}, {lake.storage.url(FILE)}: {dict(store.counts)} requests.")
    for view in sorted(expected.keys() | found["rows"].keys()):
        click.echo(f"  {view}: {found['rows'].get(view)} rows")
    if found["rows"] != expected:
        raise SystemExit(f"DuckDB {duckdb.__version__} finds others: {expected}")


def fill(lake: ClaimedLake, seed: int = 7) -> None:
    """Store two days of every table, with a change of each call that was paid for, and build the views."""
    with Sandbox(seed=seed, calls_per_day=40, first_day=date(2024, 3, 1), now=lambda: NOW) as sandbox:
        keys = KeyPair(sandbox.public_key, sandbox.private_key)
        with Client(sandbox.base_url, keys, ClientOptions(requests_per_second=0)) as client:
            for day in (exact_day(day, ZoneInfo(ZONE)) for day in DAYS):
                ingest_calls(client, lake, day)
                sandbox.rewrite = lambda row: {**row, "revenue": "77.70"} if row.get("revenue") else row
                ingest_calls(client, lake, day)
                sandbox.rewrite = lambda row: row
                ingest_reports(client, lake, day, ["buyer_id", "status"])
                ingest_stats(client, lake, day, ["status"], minutes=360, now=datetime.now(UTC))
    build_database(lake, schemas(), time_zone=ZONE)


if __name__ == "__main__":
    trial()
