"""Ingest a day of statistics without Dagster: four requests per interval, none for the future."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from trackdrive_assets.api.auth import KeyPair
from trackdrive_assets.api.client import Client
from trackdrive_assets.api.options import ClientOptions
from trackdrive_assets.days import exact_day
from trackdrive_assets.ingest.parts import PartsFailed
from trackdrive_assets.ingest.stats import ingest_stats
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.sandbox.endpoints import EndpointResult
from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets.tables.columns import STATS
from trackdrive_assets_tests.support.factories import lake_at

DAY = exact_day(date(2024, 3, 12), ZoneInfo("UTC"))


def test_intervals_that_have_not_begun_are_not_requested(sandbox: Sandbox, tmp_path: Path) -> None:
    pair = KeyPair(sandbox.public_key, sandbox.private_key)
    with Client(sandbox.base_url, pair, ClientOptions(requests_per_second=0)) as client:
        now = datetime(2024, 3, 12, 7, 30, tzinfo=UTC)
        ingest_stats(client, lake_at(tmp_path), DAY, ["status"], minutes=360, now=now)
    asked_stats = [asked for asked in sandbox.requests if asked.path.endswith("/stats")]
    spans = {asked.params["created_at_from"] for asked in asked_stats}
    assert spans == {"2024-03-12 00:00:00 +0000", "2024-03-12 06:00:00 +0000"}
    assert len(asked_stats) == 8


def client_of(sandbox: Sandbox, date_precision: str = "microsecond") -> Client:
    options = ClientOptions(requests_per_second=0, date_precision=date_precision)
    return Client(sandbox.base_url, KeyPair(sandbox.public_key, sandbox.private_key), options)


def stored_count(lake: Lake) -> int:
    counts = lake.read(STATS.name, STATS.schema, [DAY.date], ["count"], part="status")["count"]
    return sum(counts.to_pylist())


AFTERWARDS = datetime(2024, 4, 1, tzinfo=UTC)


@pytest.mark.parametrize("inclusive_end", [True, False])
def test_each_call_counts_in_one_interval(sandbox: Sandbox, tmp_path: Path, *, inclusive_end: bool) -> None:
    sandbox.inclusive_end = inclusive_end
    for edge in (DAY.start, DAY.start + timedelta(hours=6), DAY.end):
        sandbox.add_call(edge)
        sandbox.add_call(edge - timedelta(milliseconds=1))
    lake = Lake(tmp_path)
    with client_of(sandbox) as client:
        ingest_stats(client, lake, DAY, ["status"], minutes=360, now=AFTERWARDS)
    assert stored_count(lake) == len(sandbox.calls(DAY.start, DAY.end))


def test_an_account_without_fractions_is_asked_up_to_the_whole_second(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.whole_seconds = True
    sandbox.add_call(DAY.end - timedelta(milliseconds=1))
    lake = Lake(tmp_path)
    with client_of(sandbox, "second") as client:
        ingest_stats(client, lake, DAY, ["status"], minutes=1440, now=AFTERWARDS)
    assert stored_count(lake) == len(sandbox.calls(DAY.start, DAY.end))
    asked_stats = [asked for asked in sandbox.requests if asked.path.endswith("/stats")]
    assert {asked.params["created_at_to"] for asked in asked_stats} == {"2024-03-13 00:00:00 +0000"}


def test_statistics_that_come_empty_do_not_replace_the_stored_ones(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake(tmp_path)
    with client_of(sandbox) as client:
        ingest_stats(client, lake, DAY, ["status"], minutes=1440, now=AFTERWARDS)
        before = stored_count(lake)
        monkeypatch.setattr(sandbox, "stats", lambda _: EndpointResult(200, {"status": 200, "stats": {}}))
        with pytest.raises(PartsFailed, match=f"{before} calls are stored, but the API now sends 0"):
            ingest_stats(client, lake, DAY, ["status"], minutes=1440, now=AFTERWARDS)
    assert stored_count(lake) == before > 0


@pytest.mark.parametrize("stat", ["revenue", "profit", "cost"])
def test_amounts_that_come_empty_do_not_replace_the_stored_ones(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stat: str
) -> None:
    lake = Lake(tmp_path)
    answer = sandbox.stats
    with client_of(sandbox) as client:
        ingest_stats(client, lake, DAY, ["status"], minutes=1440, now=AFTERWARDS)
        monkeypatch.setattr(
            sandbox,
            "stats",
            lambda params: (
                EndpointResult(200, {"status": 200, "stats": {}})
                if params["stat"] == stat
                else answer(params)
            ),
        )
        with pytest.raises(PartsFailed, match=f"rows are stored with {stat}, but the API now sends it for 0"):
            ingest_stats(client, lake, DAY, ["status"], minutes=1440, now=AFTERWARDS)
    rows = lake.read("stats", STATS.schema, [DAY.date], part="status")
    assert rows[stat].null_count < len(rows)


def test_statistics_of_a_day_whose_calls_are_gone_are_replaced(sandbox: Sandbox, tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    with client_of(sandbox) as client:
        ingest_stats(client, lake, DAY, ["status"], minutes=1440, now=AFTERWARDS)
    empty = Sandbox(seed=7, calls_per_day=0, first_day=date(2024, 3, 1))
    with empty, client_of(empty) as client:
        ingest_stats(client, lake, DAY, ["status"], minutes=1440, now=AFTERWARDS)
        assert len([asked for asked in empty.requests if asked.path.endswith("/calls")]) == 3
    assert stored_count(lake) == 0
