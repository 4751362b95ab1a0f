"""The server of the benchmarks has exact calls, counts and limits, and the report has exact goals."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest

from benchmarks.account import FIRST_DAY, Account
from benchmarks.accounts import SCHEDULES
from benchmarks.bench import without_our_classes
from benchmarks.commands import Service
from benchmarks.instance import ticks
from benchmarks.measure import Cost, Run, RunningServer, serving
from benchmarks.report import GOAL_HEADER, case_result, goal_rows, report, summary
from benchmarks.request_log import TimedRequest, Traffic, summarize
from benchmarks.results import Goal, deviation_from_line
from benchmarks.scenarios import SCENARIOS
from benchmarks.server import Server, TokenBucket
from benchmarks.simulation import CALLS_OF_SMALL, accounts_of
from benchmarks.views import BUILD, Timing, goals, queries_of
from benchmarks.year_of_accounts import CALLS_OF_AN_ACCOUNT, AccountDay, puts_of_run, year_of_accounts
from trackdrive_assets.api.auth import KeyPair
from trackdrive_assets.api.client import Client
from trackdrive_assets.api.options import ClientOptions
from trackdrive_assets.api.query import Query
from trackdrive_assets.api.rows import Row
from trackdrive_assets.lake.database import build_database
from trackdrive_assets.lake.sql_catalog import views
from trackdrive_assets.sandbox import PRIVATE_KEY, PUBLIC_KEY
from trackdrive_assets.sandbox.parameters import InvalidParameter
from trackdrive_assets.tables.columns import schemas
from trackdrive_assets_tests.support.factories import lake_at

MIDNIGHT = datetime(FIRST_DAY.year, FIRST_DAY.month, FIRST_DAY.day, tzinfo=UTC)
DAY = timedelta(days=1)
CALLS = 2500
"""More than two pages, and more than the 700 distinct calls."""


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with serving(Service(CALLS, days=3, distinct=700)) as running:
        yield running


@pytest.fixture
def client(server: RunningServer) -> Iterator[Client]:
    server.clear_log()
    credentials = KeyPair(PUBLIC_KEY, PRIVATE_KEY)
    with Client(server.address, credentials, ClientOptions(per_page=1000, requests_per_second=0)) as client:
        yield client


def between(client: Client, start: datetime, end: datetime) -> list[Row]:
    # Texts, because the client sends a datetime in whole seconds.
    texts = [instant.isoformat(" ", "milliseconds") for instant in (start, end)]
    return list(client.calls(Query(created_at_from=texts[0], created_at_to=texts[1])))


def created_at(call: Row) -> datetime:
    return datetime.fromisoformat(str(call["created_at"]))


def test_the_product_fetches_every_call_of_a_day(client: Client) -> None:
    calls = between(client, MIDNIGHT + DAY, MIDNIGHT + 2 * DAY - timedelta(milliseconds=1))
    assert len({call["uuid"] for call in calls}) == len({call["id"] for call in calls}) == CALLS
    assert all(MIDNIGHT + DAY <= created_at(call) < MIDNIGHT + 2 * DAY for call in calls)
    assert all(newer["created_at"] >= older["created_at"] for newer, older in pairwise(calls))


def test_all_days_together_are_all_calls(client: Client) -> None:
    assert len({call["uuid"] for call in client.calls()}) == 3 * CALLS


def test_adjacent_windows_contain_each_call_once(client: Client) -> None:
    edges = [MIDNIGHT + DAY * part / 7 for part in range(8)]
    found = [
        call
        for start, end in pairwise(edges)
        for call in between(client, start, end - timedelta(milliseconds=1))
    ]
    assert len({call["uuid"] for call in found}) == len(found) == CALLS


def test_a_window_contains_both_ends(client: Client) -> None:
    some = between(client, MIDNIGHT, MIDNIGHT + DAY / 2)[100:200]
    assert between(client, created_at(some[-1]), created_at(some[0])) == some


def test_no_call_ends_before_it_starts(client: Client) -> None:
    ended = [call for call in client.calls() if call["ended_at"]]
    assert all(call["created_at"] < call["ended_at"] for call in ended)


def test_the_cursor_is_zero_only_on_the_empty_last_page(client: Client) -> None:
    pages = list(client.call_pages(Query(created_at_to=MIDNIGHT + DAY)))
    assert [len(page.rows) for page in pages] == [1000, 1000, 500]
    cursor = str(pages[-1].metadata.next_cursor)
    assert cursor != "0"
    (after,) = client.call_pages(Query(created_at_to=MIDNIGHT + DAY, cursor=cursor))
    assert (len(after.rows), after.metadata.next_cursor) == (0, "0")
    assert {page.metadata.total_count for page in pages} == {CALLS}


def test_page_numbers_return_the_same_calls(client: Client) -> None:
    by_number = list(client.calls(Query(page=1, created_at_to=MIDNIGHT + DAY)))
    assert by_number == list(client.calls(Query(created_at_to=MIDNIGHT + DAY)))


def test_an_unknown_filter_is_refused() -> None:
    account = Account(10, 1, FIRST_DAY, 10)
    for params in ({"status": "finished"}, {"columns": "uuid"}, {"order": "revenue"}):
        with pytest.raises(InvalidParameter):
            account.calls(params)


def test_reports_and_stats_match_the_calls(client: Client) -> None:
    start, end = MIDNIGHT + DAY + timedelta(hours=14), MIDNIGHT + DAY + timedelta(hours=17)
    calls = between(client, start, end)
    report = client.reports("buyer_id", Query(created_at_from=start, created_at_to=end))
    assert sum(row["calls"] for row in report.rows) == len(calls)
    stats = client.stats("status", "count", start, end)
    for status, count in stats.items():
        assert count == sum(call["status"] == status for call in calls)


def test_the_server_counts_its_requests(client: Client, server: RunningServer) -> None:
    between(client, MIDNIGHT, MIDNIGHT + DAY)
    traffic = server.traffic()
    assert (traffic.requests, traffic.refused, traffic.most_in_flight) == (3, 0, 1)
    server.clear_log()
    assert server.traffic().requests == 0


def test_a_token_bucket_allows_a_burst_of_one_second() -> None:
    now = 100.0
    bucket = TokenBucket(4, clock=lambda: now)
    assert [bucket.take() for _ in range(6)] == [True] * 4 + [False] * 2
    now += 0.25
    assert [bucket.take() for _ in range(2)] == [True, False]
    now += 60
    assert [bucket.take() for _ in range(5)] == [True] * 4 + [False]


def test_a_request_above_the_limit_gets_429_with_retry_after() -> None:
    async def responses() -> tuple[bytes, bytes, dict[str, int]]:
        server = Server(Account(10, 1, FIRST_DAY, 10), 0, TokenBucket(1, clock=lambda: 0))
        listener = await asyncio.start_server(server.handle_connection, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        send = sender(reader, writer)
        first, second = await send("/api/v1/calls"), await send("/api/v1/calls")
        _, log = (await send("/log")).split(b"\r\n\r\n")
        writer.close()
        listener.close()
        return first, second, json.loads(log)

    first, second, log = asyncio.run(responses())
    assert first.startswith(b"HTTP/1.1 200 ")
    assert second.startswith(b"HTTP/1.1 429 ")
    assert b"\r\nRetry-After: 1\r\n" in second
    assert (log["requests"], log["refused"]) == (2, 1)


def sender(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Callable[[str], Awaitable[bytes]]:
    async def send(target: str) -> bytes:
        writer.write(f"GET {target} HTTP/1.1\r\nHost: here\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
        return head + await reader.readexactly(length)

    return send


def test_the_busiest_second_can_start_at_any_request() -> None:
    arrivals = (0.0, 0.9, 1.0, 1.5, 1.8, 5.0)
    traffic = summarize([TimedRequest(arrived, arrived + 0.5, 1, 200) for arrived in arrivals])
    assert traffic.most_in_a_second == 4
    assert traffic.seconds == 5.5


def test_an_empty_log_has_zero_traffic() -> None:
    traffic = summarize([])
    assert (traffic.requests, traffic.most_in_flight, traffic.most_in_a_second, traffic.seconds) == (
        0,
        0,
        0,
        0,
    )


def test_a_goal_shows_its_number_its_limit_and_their_ratio() -> None:
    assert Goal("fast", 8, 10, "s").cells == "fast | 8 s | 10 s | 0.80 | met"
    assert Goal("fast", 1.5, 1.2).cells == "fast | 1.5 times | 1.2 times | 1.25 | **missed**"


def test_the_summary_has_the_goals_of_all_scenarios_and_failures() -> None:
    run = Run(Cost(1.5, 1, 100))
    startup = SCENARIOS["startup"]
    measured = {case.name: [run, run] for case in startup.cases}
    sections = {
        "startup": "\n".join(report(startup, 2, measured, {})),
        "one-day": "\n".join(report(startup, 2, measured, {"ours": "exit code 1"})),
    }
    assert summary(sections)[-3:] == [
        "| `startup` | import of the definitions, to `import dagster` | 1 times | 1.2 times | 0.83 | met |",
        "| `startup` | 20 accounts in a code location, more than one | 0 s | 3 s | 0.00 | met |",
        "| `one-day` | no result | | | | **failed** |",
    ]


def test_the_goals_of_a_chapter_are_found_after_another_table_of_its_width() -> None:
    other = ["| what | wall | CPU | peak | files |", GOAL_HEADER[1], "| calls | 1 | 1 | 1 | 3 |", ""]
    row = f"| {Goal('fast', 8, 10, 's').cells} |"
    assert goal_rows("\n".join([*other, *GOAL_HEADER, row, "", "- a remark"])) == [row]


def test_a_table_has_the_ratio_of_ours_to_each_program() -> None:
    measured = {"ours": [Run(Cost(3, 2, 100))], "import dagster": [Run(Cost(2, 4, 50))]}
    lines = list(report(SCENARIOS["startup"], 1, measured, {}))
    assert "| import dagster | 2.00 s | 4.00 s | 50 MB | 1.50 | 0.50 | 0 | 0 | 0 |" in lines
    assert GOAL_HEADER[0] in lines


def test_a_peer_that_failed_hides_only_the_goals_that_need_it() -> None:
    traffic = Traffic(requests=41, refused=1, most_in_flight=1, most_in_a_second=4, seconds=10.0)
    measured = {"ours": [Run(Cost(11, 4, 100), traffic)]}
    failed = {"dlt, Arrow pages, 5 threads": "too many requests"}
    rows = goal_rows("\n".join(report(SCENARIOS["limit-4"], 1, measured, failed)))
    assert [row.split(" | ")[-1] for row in rows] == ["met |", "met |"]
    assert not goal_rows("\n".join(report(SCENARIOS["startup"], 1, measured, {"import dagster": "no"})))


def test_a_peer_inside_dagster_gets_the_same_instance_without_our_classes() -> None:
    ours = "telemetry:\n  enabled: false\n\nevent_log_storage:\n  module: trackdrive_assets.dagster.x\n"
    assert without_our_classes(ours) == "telemetry:\n  enabled: false\n"


def test_only_a_bent_line_deviates_from_a_line() -> None:
    assert deviation_from_line([1, 2, 4], [5, 7, 11]) == pytest.approx(0)
    assert deviation_from_line([1, 2, 3], [10, 10, 13]) > 0.05


def test_a_case_has_the_median_cost_and_the_worst_traffic() -> None:
    runs = [
        Run(Cost(wall, wall, 100), Traffic(10, refused, refused, 0, wall))
        for wall, refused in ((1, 0), (9, 3), (2, 0))
    ]
    assert (case_result(runs).wall, case_result(runs).refused, case_result(runs).most_in_flight) == (2, 3, 3)


def test_the_summary_has_the_goals_of_the_build_and_of_every_view() -> None:
    slow = {
        name: Timing(0.5, 0.9) for name in [BUILD, *(views().keys() - {"call_facts"}), "daily_summary: a day"]
    }
    chapter = "\n".join([*GOAL_HEADER, *(f"| {goal.cells} |" for goal in goals(slow))])
    rows = goal_rows(chapter)
    assert len(rows) == len(views())
    assert rows[0] == "| trackdrive.duckdb: built | 0.5 s | 1 s | 0.50 | met |"
    assert "| daily_summary | 0.5 s | 0.3 s | 1.67 | **missed** |" in rows


def test_each_account_of_the_simulation_is_in_one_location_of_ten() -> None:
    servers = {calls: RunningServer(calls) for calls in (*CALLS_OF_SMALL, CALLS_OF_AN_ACCOUNT)}
    accounts = accounts_of(servers, 100)
    assert len({account.name for account in accounts}) == 101
    for account in accounts:
        assert len(account.location) == 10
        assert account.location[account.name] == account.server.address


def test_the_schedules_of_a_day_are_those_of_the_settings() -> None:
    due = ticks(FIRST_DAY, {"intraday_minutes": 60, "intraday_tables": "calls"})
    days_of = {name: [tick for tick in due if tick.schedule == name] for name in SCHEDULES}
    assert [len(days_of[name]) for name in SCHEDULES] == [24, 1, 1]
    # Until 06:00 yesterday is fetched too.
    assert [tick.first for tick in days_of["intraday"]].count(FIRST_DAY - DAY) == 6
    assert {tick.tables for tick in days_of["intraday"]} == {("calls",)}


def test_a_run_puts_each_object_of_its_days_and_the_views_once() -> None:
    last = FIRST_DAY + timedelta(days=1)
    assert puts_of_run(FIRST_DAY, FIRST_DAY, ["calls"]) == 4
    assert puts_of_run(FIRST_DAY, last, ["calls", "reports", "stats"]) == 11


def test_a_year_is_the_day_of_an_account_for_all_accounts_and_days() -> None:
    day = AccountDay(runs=98, requests=6000, rows=20_000, storage=50, cpu=864, puts=2000)
    rows = dict(row.strip("| ").split(" | ", 1) for row in list(year_of_accounts(day, 250))[2:])
    assert rows["rows of events"] == "20,000 | 730 M"
    assert rows["CPU"] == "864 s | 1.00 cores on average"
    assert rows["the lake"] == "0.68 MB | 25.0 GB"
    assert rows["dollars for PUT"].endswith("| 365")
    assert rows["Dagster's storage in 37 days"].endswith("| 185 GB")


def test_every_view_is_timed_by_queries_that_run(tmp_path: Path) -> None:
    built = build_database(lake_at(tmp_path), schemas(), time_zone="UTC")
    queries = queries_of(built)
    with duckdb.connect(built.url, read_only=True) as connection:
        for query in queries.values():
            connection.execute(query)
    assert {name.partition(":")[0] for name in queries} >= views().keys()
