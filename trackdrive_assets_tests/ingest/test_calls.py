"""Reading a day of calls without Dagster: what counts as inside, and what a fault in the middle leaves."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from trackdrive_assets.api.client import Client
from trackdrive_assets.api.credentials import KeyPair
from trackdrive_assets.api.errors import IncompleteAnswer, Unavailable
from trackdrive_assets.api.rows import Rows
from trackdrive_assets.ingest.calls import created, ingest_calls
from trackdrive_assets.ingest.days import exact_day
from trackdrive_assets.ingest.readings import READINGS
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets.tables.columns import CALLS
from trackdrive_assets_tests.hurry import Hurry

DAY = exact_day(date(2024, 3, 12), ZoneInfo("UTC"))


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Client]:
    """Small pages, so that a day has many, and no waiting."""
    with Client(
        sandbox.base_url,
        KeyPair(sandbox.public_key, sandbox.private_key),
        per_page=7,
        requests_per_second=0,
        retry_budget=20,
        clock=Hurry(),
    ) as made:
        yield made


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def uuids(lake: Lake) -> list[object]:
    stored: list[object] = lake.read("calls", CALLS.schema, [DAY.date]).column("uuid").to_pylist()
    return stored


def truth(sandbox: Sandbox) -> list[object]:
    return [row["uuid"] for row in sandbox.calls(DAY.start, DAY.end)]


def test_a_day_of_many_pages_is_whole(client: Client, lake: Lake, sandbox: Sandbox) -> None:
    written = ingest_calls(client, lake, DAY).written
    assert uuids(lake) == truth(sandbox)
    assert written.rows == written.api_count == len(truth(sandbox))
    assert client.usage.requests > 5


@pytest.mark.parametrize("inclusive_end", [True, False])
def test_a_day_is_the_same_whether_or_not_the_api_counts_the_end_in(
    client: Client, lake: Lake, sandbox: Sandbox, *, inclusive_end: bool
) -> None:
    sandbox.inclusive_end = inclusive_end
    last = sandbox.place(DAY.end - timedelta(milliseconds=1))
    sandbox.place(DAY.end)
    ingest_calls(client, lake, DAY)
    assert uuids(lake) == truth(sandbox)
    assert uuids(lake)[-1] == last


@pytest.mark.parametrize("kind", ["429", "429-bare", "500", "502", "drop", "truncated"])
def test_a_fault_that_passes_changes_nothing(client: Client, lake: Lake, sandbox: Sandbox, kind: str) -> None:
    sandbox.inject(kind, times=3, every=2, retry_after=1)
    ingest_calls(client, lake, DAY)
    assert uuids(lake) == truth(sandbox)


@pytest.mark.parametrize("kind", ["429", "500", "502", "drop", "truncated"])
def test_a_fault_that_stays_leaves_the_old_day(
    client: Client, lake: Lake, sandbox: Sandbox, kind: str
) -> None:
    ingest_calls(client, lake, DAY)
    before = lake.file("calls", DAY.date).read_bytes()
    sandbox.inject(kind, times=None, retry_after=9)
    with pytest.raises(Unavailable):
        ingest_calls(client, lake, DAY)
    assert lake.file("calls", DAY.date).read_bytes() == before


def test_a_repeating_cursor_fails_the_day_after_the_last_reading(
    client: Client, lake: Lake, sandbox: Sandbox
) -> None:
    sandbox.inject("repeat-cursor", times=None, path="/api/v1/calls")
    with pytest.raises(IncompleteAnswer):
        ingest_calls(client, lake, DAY)
    whole_days = [
        asked
        for asked in sandbox.requests
        if (asked.params["cursor"], asked.params["created_at_to"]) == ("-1", "2024-03-13 00:00:01 +0000")
    ]
    assert len(whole_days) == READINGS
    assert lake.days("calls") == []


@pytest.mark.parametrize("edge", [7, -7], ids=["oldest first", "newest first"])
def test_calls_lost_at_a_tie_at_the_edge_of_a_page_are_found_with_other_edges(
    client: Client, lake: Lake, sandbox: Sandbox, edge: int
) -> None:
    sandbox.ties_lost = True
    rows = sandbox.calls(DAY.start, DAY.end)
    at_the_edge = rows[edge if edge < 0 else edge - 1]
    sandbox.place(datetime.fromisoformat(str(at_the_edge["created_at"])))
    ingest_calls(client, lake, DAY)
    assert sorted(map(str, uuids(lake))) == sorted(map(str, truth(sandbox)))


def test_calls_lost_at_a_tie_are_noticed(client: Client, lake: Lake, sandbox: Sandbox) -> None:
    sandbox.ties_lost = True
    for _ in range(20):
        sandbox.place(DAY.start + timedelta(hours=12))
    with pytest.raises(IncompleteAnswer, match="missing"):
        ingest_calls(client, lake, DAY)


@pytest.mark.parametrize(
    ("created_at", "moment"),
    [
        ("2024-03-12T00:00:00.000+00:00", DAY.start),
        ("2024-03-11T19:00:00.000-05:00", DAY.start),
        ("2024-03-11 19:00:00 -0500", DAY.start),
        ("2024-03-12T00:00:00Z", DAY.start),
        ("yesterday", None),
        (None, None),
        (17, None),
    ],
)
def test_when_a_call_was_created_is_known_or_left_to_its_typing(
    created_at: object, moment: datetime | None
) -> None:
    assert created(Rows.of([{"created_at": created_at}])) == [moment]


def test_a_call_says_when_it_was_read(client: Client, lake: Lake) -> None:
    before = datetime.now(UTC)
    ingest_calls(client, lake, DAY)
    fetched = lake.read("calls", CALLS.schema, [DAY.date]).column("fetched_at").to_pylist()
    assert all(before <= moment <= datetime.now(UTC) for moment in fetched)
