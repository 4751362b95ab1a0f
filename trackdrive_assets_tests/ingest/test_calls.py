"""Ingest a day of calls without Dagster: which calls belong to it, and what a fault leaves."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from trackdrive_assets.api.auth import KeyPair
from trackdrive_assets.api.client import Client
from trackdrive_assets.api.errors import IncompleteResponse, Unavailable
from trackdrive_assets.api.options import ClientOptions
from trackdrive_assets.api.rows import Rows
from trackdrive_assets.days import exact_day
from trackdrive_assets.ingest.attempts import MAX_ATTEMPTS
from trackdrive_assets.ingest.calls import ingest_calls
from trackdrive_assets.ingest.windows import created
from trackdrive_assets.lake.day_file import DayFile
from trackdrive_assets.lake.store import ClaimedLake
from trackdrive_assets.sandbox.endpoints import EndpointResult
from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets.tables.columns import CALLS
from trackdrive_assets.tables.exclusion import Exclusion
from trackdrive_assets_tests.conftest import NOW
from trackdrive_assets_tests.support.factories import file_of, lake_at
from trackdrive_assets_tests.support.fake_clock import FakeClock

DAY = exact_day(date(2024, 3, 12), ZoneInfo("UTC"))


def client_of(sandbox: Sandbox, max_concurrency: int = 16, per_page: int = 7) -> Client:
    """Small pages, so that a day has many, and no waiting."""
    return Client(
        sandbox.base_url,
        KeyPair(sandbox.public_key, sandbox.private_key),
        ClientOptions(
            per_page=per_page, requests_per_second=0, max_concurrency=max_concurrency, retry_budget=20
        ),
        clock=FakeClock(),
    )


@pytest.fixture(params=[1, 16], ids=["one request at a time", "sixteen"])
def client(sandbox: Sandbox, request: pytest.FixtureRequest) -> Iterator[Client]:
    with client_of(sandbox, request.param) as made:
        yield made


@pytest.fixture
def lake(tmp_path: Path) -> ClaimedLake:
    return lake_at(tmp_path / "lake")


def uuids(lake: ClaimedLake) -> list[object]:
    stored: list[object] = lake.read("calls", CALLS.schema, [DAY.date]).column("uuid").to_pylist()
    return stored


def truth(sandbox: Sandbox) -> list[object]:
    return [row["uuid"] for row in sandbox.calls(DAY.start, DAY.end)]


def test_a_day_of_many_pages_is_complete(client: Client, lake: ClaimedLake, sandbox: Sandbox) -> None:
    written = ingest_calls(client, lake, DAY).written
    assert uuids(lake) == truth(sandbox)
    assert written.rows == written.api_count == len(truth(sandbox))
    assert client.usage.requests > 5


@pytest.mark.parametrize("inclusive_end", [True, False])
def test_a_day_does_not_depend_on_whether_the_end_is_inclusive(
    client: Client, lake: ClaimedLake, sandbox: Sandbox, *, inclusive_end: bool
) -> None:
    sandbox.inclusive_end = inclusive_end
    last = sandbox.add_call(DAY.end - timedelta(milliseconds=1))
    sandbox.add_call(DAY.end)
    ingest_calls(client, lake, DAY)
    assert uuids(lake) == truth(sandbox)
    assert uuids(lake)[-1] == last


@pytest.mark.parametrize("kind", ["429", "429-bare", "500", "502", "drop", "truncated"])
def test_a_transient_fault_changes_nothing(
    client: Client, lake: ClaimedLake, sandbox: Sandbox, kind: str
) -> None:
    sandbox.inject(kind, times=3, every=2, retry_after=1)
    ingest_calls(client, lake, DAY)
    assert uuids(lake) == truth(sandbox)


@pytest.mark.parametrize("kind", ["429", "500", "502", "drop", "truncated"])
def test_a_permanent_fault_keeps_the_old_day(
    client: Client, lake: ClaimedLake, sandbox: Sandbox, kind: str
) -> None:
    ingest_calls(client, lake, DAY)
    before = file_of(lake, "calls", DAY.date).read_bytes()
    sandbox.inject(kind, times=None, retry_after=9)
    with pytest.raises(Unavailable):
        ingest_calls(client, lake, DAY)
    assert file_of(lake, "calls", DAY.date).read_bytes() == before


def test_a_repeating_cursor_fails_the_day_after_the_last_attempt(
    client: Client, lake: ClaimedLake, sandbox: Sandbox
) -> None:
    sandbox.inject("repeat-cursor", times=None, path="/api/v1/calls")
    with pytest.raises(IncompleteResponse):
        ingest_calls(client, lake, DAY)
    whole_days = [
        asked
        for asked in sandbox.requests
        if (asked.params["cursor"], asked.params["created_at_to"]) == ("-1", "2024-03-13 00:00:01 +0000")
    ]
    assert len(whole_days) == MAX_ATTEMPTS
    assert lake.days("calls") == []


@pytest.mark.parametrize("edge", [7, -7], ids=["oldest first", "newest first"])
def test_calls_lost_at_the_edge_of_a_page_come_with_other_page_edges(
    client: Client, lake: ClaimedLake, sandbox: Sandbox, edge: int
) -> None:
    sandbox.ties_lost = True
    rows = sandbox.calls(DAY.start, DAY.end)
    at_the_edge = rows[edge if edge < 0 else edge - 1]
    sandbox.add_call(datetime.fromisoformat(str(at_the_edge["created_at"])))
    ingest_calls(client, lake, DAY)
    assert sorted(map(str, uuids(lake))) == sorted(map(str, truth(sandbox)))


def test_calls_lost_in_one_instant_fail_the_day(client: Client, lake: ClaimedLake, sandbox: Sandbox) -> None:
    sandbox.ties_lost = True
    for _ in range(20):
        sandbox.add_call(DAY.start + timedelta(hours=12))
    with pytest.raises(IncompleteResponse, match="missing"):
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
def test_an_unreadable_created_at_is_left_to_the_typing(created_at: object, moment: datetime | None) -> None:
    assert created(Rows.of([{"created_at": created_at}])) == [moment]


def test_a_day_is_fetched_at_the_time_before_its_first_request(lake: ClaimedLake, sandbox: Sandbox) -> None:
    served_at: list[datetime] = []

    def note_time(row: dict[str, object]) -> dict[str, object]:
        served_at.append(datetime.now(UTC))
        return row

    sandbox.rewrite = note_time
    with client_of(sandbox) as client:
        ingest_calls(client, lake, DAY)
    with DayFile(file_of(lake, CALLS.name, DAY.date)) as file:
        assert file.fetch_info is not None
        assert file.fetch_info.fetched_at < min(served_at)


def test_a_call_has_the_time_when_it_was_fetched(client: Client, lake: ClaimedLake) -> None:
    before = datetime.now(UTC)
    ingest_calls(client, lake, DAY)
    fetched = lake.read("calls", CALLS.schema, [DAY.date]).column("fetched_at").to_pylist()
    assert all(before <= moment <= datetime.now(UTC) for moment in fetched)


# Only the columns that are needed.


@pytest.mark.parametrize(
    ("excluded", "asked"),
    [("", False), ("caller_number", False), ("token-*", True), ("caller_number,token-*", True)],
)
def test_columns_are_named_if_all_tags_are_excluded_too(
    lake: ClaimedLake, sandbox: Sandbox, excluded: str, *, asked: bool
) -> None:
    exclude = Exclusion.of(excluded)
    with client_of(sandbox) as client:
        ingest_calls(client, lake, DAY, exclude=exclude)
    assert all(("columns" in request.params) is asked for request in sandbox.requests)
    assert uuids(lake) == truth(sandbox)


def test_excluded_columns_are_not_requested(lake: ClaimedLake, sandbox: Sandbox) -> None:
    with client_of(sandbox) as client:
        ingest_calls(client, lake, DAY, exclude=Exclusion.of("caller_*,token-*"))
    columns = sandbox.requests[0].params["columns"].split(",")
    assert {"uuid", "created_at", "revenue"} < set(columns)
    assert not [name for name in columns if name.startswith("caller_")]


# A day in windows.


def first_pages(sandbox: Sandbox) -> list[tuple[str, str]]:
    """Return the bounds of each list that was requested."""
    return [
        (asked.params["created_at_from"], asked.params["created_at_to"])
        for asked in sandbox.requests
        if asked.params["cursor"] == "-1"
    ]


def test_a_day_of_many_pages_is_fetched_in_windows(lake: ClaimedLake, sandbox: Sandbox) -> None:
    with client_of(sandbox) as client:
        ingest_calls(client, lake, DAY)
    assert len(set(first_pages(sandbox))) > 2
    assert uuids(lake) == truth(sandbox)


def test_one_request_at_a_time_fetches_a_day_undivided(lake: ClaimedLake, sandbox: Sandbox) -> None:
    with client_of(sandbox, max_concurrency=1) as client:
        ingest_calls(client, lake, DAY)
    assert len(first_pages(sandbox)) == 1


def test_a_small_day_is_one_request(lake: ClaimedLake, sandbox: Sandbox) -> None:
    with client_of(sandbox, per_page=250) as client:
        ingest_calls(client, lake, DAY)
    assert len(sandbox.requests) == 1


def test_calls_of_one_instant_come_once(lake: ClaimedLake, sandbox: Sandbox) -> None:
    for hour in range(24):
        for _ in range(9):
            sandbox.add_call(DAY.start + timedelta(hours=hour, milliseconds=500))
    with client_of(sandbox) as client:
        ingest_calls(client, lake, DAY)
    assert sorted(map(str, uuids(lake))) == sorted(map(str, truth(sandbox)))
    assert len(set(uuids(lake))) == len(uuids(lake))


def test_hundreds_of_calls_in_one_second_are_complete(lake: ClaimedLake, sandbox: Sandbox) -> None:
    for number in range(300):
        sandbox.add_call(DAY.start + timedelta(hours=12, milliseconds=number))
    with client_of(sandbox) as client:
        ingest_calls(client, lake, DAY)
    assert uuids(lake) == truth(sandbox)


@pytest.mark.parametrize("neighbour", [timedelta(0), timedelta(milliseconds=500), timedelta(seconds=1)])
def test_calls_around_midnight_belong_to_their_own_day(
    lake: ClaimedLake, sandbox: Sandbox, neighbour: timedelta
) -> None:
    for _ in range(10):
        sandbox.add_call(DAY.start - neighbour - timedelta(milliseconds=1))
        sandbox.add_call(DAY.end + neighbour)
    with client_of(sandbox) as client:
        written = ingest_calls(client, lake, DAY).written
    assert uuids(lake) == truth(sandbox)
    assert written.rows == written.api_count


class HourlySandbox(Sandbox):
    """A sandbox that rounds the end of a span to the hour, if the span is shorter than a day."""

    def list_calls(self, params: Mapping[str, str], fault: str | None = None) -> EndpointResult:
        since = datetime.strptime(params["created_at_from"], "%Y-%m-%d %H:%M:%S %z")
        until = datetime.strptime(params["created_at_to"], "%Y-%m-%d %H:%M:%S %z")
        if until - since < timedelta(days=1):
            until = until.replace(minute=0, second=0)
        return super().list_calls({**params, "created_at_to": str(until)}, fault)


def test_calls_lost_between_windows_come_with_an_undivided_attempt(
    lake: ClaimedLake, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        HourlySandbox(seed=7, calls_per_day=300, first_day=date(2024, 3, 1), now=lambda: NOW) as hourly,
        client_of(hourly) as client,
    ):
        ingest_calls(client, lake, DAY)
        assert uuids(lake) == truth(hourly)
    assert "in windows" in caplog.text


class UnorderedSandbox(Sandbox):
    """A sandbox that lists a few calls out of order, and counts correctly."""

    def list_calls(self, params: Mapping[str, str], _: str | None = None) -> EndpointResult:
        since = datetime.strptime(params["created_at_from"], "%Y-%m-%d %H:%M:%S %z")
        until = datetime.strptime(params["created_at_to"], "%Y-%m-%d %H:%M:%S %z")
        rows = list(self.calls(since, until + timedelta(milliseconds=1)))[::-1]
        for here, there in ((0.8, 0.02), (0.01, 0.5)):
            rows.insert(int(there * len(rows)), rows.pop(int(here * len(rows))))
        page = 0 if params["cursor"] == "-1" else int(params["cursor"])
        shown = rows[page * 7 : (page + 1) * 7]
        metadata = {
            "root": "calls",
            "total_count": len(rows),
            "per_page": 7,
            "next_cursor": page + 1 if shown else 0,
        }
        return EndpointResult(200, {"status": 200, "metadata": metadata, "calls": shown}, shown)


def test_a_list_that_is_not_newest_first_is_exact_too(lake: ClaimedLake) -> None:
    with (
        UnorderedSandbox(seed=7, calls_per_day=300, first_day=date(2024, 3, 1), now=lambda: NOW) as unordered,
        client_of(unordered) as client,
    ):
        written = ingest_calls(client, lake, DAY).written
        assert sorted(map(str, uuids(lake))) == sorted(map(str, truth(unordered)))
        assert written.rows == written.api_count


def test_calls_in_two_windows_fail_the_divided_attempt(
    lake: ClaimedLake, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    twice = sandbox.add_call(DAY.start + timedelta(hours=20))

    first = truth(sandbox)[0]
    sandbox.rewrite = lambda row: {**row, "uuid": twice} if row["uuid"] == first else row
    with client_of(sandbox) as client, pytest.raises(IncompleteResponse):
        ingest_calls(client, lake, DAY)
    assert "in two windows of the day" in caplog.text
    assert lake.days("calls") == []


def test_nameless_calls_of_a_neighbouring_day_do_not_matter(lake: ClaimedLake, sandbox: Sandbox) -> None:
    for number in range(3):
        sandbox.add_call(DAY.start - timedelta(milliseconds=number + 1), uuid=None, id=None)
    with client_of(sandbox) as client:
        written = ingest_calls(client, lake, DAY).written
    assert written.rows == written.api_count == len(uuids(lake))


def test_calls_bunched_in_time_cost_few_extra_requests(lake: ClaimedLake, sandbox: Sandbox) -> None:
    for number in range(700):
        sandbox.add_call(DAY.start + timedelta(hours=12, milliseconds=number))
    with client_of(sandbox) as client:
        ingest_calls(client, lake, DAY)
    assert uuids(lake) == truth(sandbox)
    assert len(sandbox.requests) < 1.4 * len(uuids(lake)) / 7
