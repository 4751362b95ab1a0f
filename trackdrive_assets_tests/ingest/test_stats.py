"""Ingest a day of statistics without Dagster: four requests per interval, none for the future."""

from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from trackdrive_assets.api.auth import KeyPair
from trackdrive_assets.api.client import Client
from trackdrive_assets.api.options import ClientOptions
from trackdrive_assets.days import exact_day
from trackdrive_assets.ingest.stats import ingest_stats
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.sandbox.server import Sandbox

DAY = exact_day(date(2024, 3, 12), ZoneInfo("UTC"))


def test_intervals_that_have_not_begun_are_not_requested(sandbox: Sandbox, tmp_path: Path) -> None:
    pair = KeyPair(sandbox.public_key, sandbox.private_key)
    with Client(sandbox.base_url, pair, ClientOptions(requests_per_second=0)) as client:
        now = datetime(2024, 3, 12, 7, 30, tzinfo=UTC)
        ingest_stats(client, Lake(tmp_path), DAY, "status", minutes=360, now=now)
    spans = {asked.params["created_at_from"] for asked in sandbox.requests}
    assert spans == {"2024-03-12 00:00:00 +0000", "2024-03-12 06:00:00 +0000"}
    assert len(sandbox.requests) == 8
