"""The server of the benchmarks: it has exactly the calls that it says, and its log and limit count right."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from benchmarks.bench import outcome
from benchmarks.measure import Cost, Served, Traffic, serving
from benchmarks.scenarios import Goal, Service, off_line
from benchmarks.server import FIRST_DAY, Account, Allowance, Asked, Server, summary
from trackdrive_assets.api.auth import KeyPair
from trackdrive_assets.api.client import Client
from trackdrive_assets.api.query import Query
from trackdrive_assets.api.rows import Row
from trackdrive_assets.sandbox import PRIVATE_KEY, PUBLIC_KEY
from trackdrive_assets.sandbox.parameters import InvalidParameter

MIDNIGHT = datetime(FIRST_DAY.year, FIRST_DAY.month, FIRST_DAY.day, tzinfo=UTC)
DAY = timedelta(days=1)
CALLS = 2500
"""More than two pages, and each of 700 different calls several times."""


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving(Service(CALLS, days=3, distinct=700)) as server:
        yield server


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    served.forget()
    credentials = KeyPair(PUBLIC_KEY, PRIVATE_KEY)
    with Client(served.address, credentials, per_page=1000, requests_per_second=0) as asking:
        yield asking


def between(client: Client, start: datetime, end: datetime) -> list[Row]:
    # As text: of a datetime the client sends whole seconds.
    texts = [moment.isoformat(" ", "milliseconds") for moment in (start, end)]
    return list(client.calls(Query(created_at_from=texts[0], created_at_to=texts[1])))


def created_at(call: Row) -> datetime:
    return datetime.fromisoformat(str(call["created_at"]))


def test_the_product_reads_a_day_whole(client: Client) -> None:
    calls = between(client, MIDNIGHT + DAY, MIDNIGHT + 2 * DAY - timedelta(milliseconds=1))
    assert len({call["uuid"] for call in calls}) == len({call["id"] for call in calls}) == CALLS
    assert all(MIDNIGHT + DAY <= created_at(call) < MIDNIGHT + 2 * DAY for call in calls)
    assert all(newer["created_at"] >= older["created_at"] for newer, older in pairwise(calls))


def test_the_days_together_are_all_there_is(client: Client) -> None:
    assert len({call["uuid"] for call in client.calls()}) == 3 * CALLS


def test_windows_that_touch_hold_each_call_once(client: Client) -> None:
    edges = [MIDNIGHT + DAY * part / 7 for part in range(8)]
    found = [
        call
        for start, end in pairwise(edges)
        for call in between(client, start, end - timedelta(milliseconds=1))
    ]
    assert len({call["uuid"] for call in found}) == len(found) == CALLS


def test_both_ends_of_a_window_are_counted_in(client: Client) -> None:
    some = between(client, MIDNIGHT, MIDNIGHT + DAY / 2)[100:200]
    assert between(client, created_at(some[-1]), created_at(some[0])) == some


def test_no_call_ends_before_it_begins(client: Client) -> None:
    ended = [call for call in client.calls() if call["ended_at"]]
    assert all(call["created_at"] < call["ended_at"] for call in ended)


def test_the_last_page_with_calls_has_a_cursor_and_the_empty_one_after_it_has_zero(client: Client) -> None:
    pages = list(client.call_pages(Query(created_at_to=MIDNIGHT + DAY)))
    assert [len(page.rows) for page in pages] == [1000, 1000, 500]
    cursor = str(pages[-1].metadata.next_cursor)
    assert cursor != "0"
    (after,) = client.call_pages(Query(created_at_to=MIDNIGHT + DAY, cursor=cursor))
    assert (len(after.rows), after.metadata.next_cursor) == (0, "0")
    assert {page.metadata.total_count for page in pages} == {CALLS}


def test_pages_by_number_hold_the_same_calls(client: Client) -> None:
    by_number = list(client.calls(Query(page=1, created_at_to=MIDNIGHT + DAY)))
    assert by_number == list(client.calls(Query(created_at_to=MIDNIGHT + DAY)))


def test_a_filter_that_it_does_not_know_is_refused() -> None:
    account = Account(10, 1, FIRST_DAY, 10)
    for params in ({"status": "finished"}, {"columns": "uuid"}, {"order": "revenue"}):
        with pytest.raises(InvalidParameter):
            account.calls(params)


def test_reports_and_stats_agree_with_the_calls(client: Client) -> None:
    start, end = MIDNIGHT + DAY + timedelta(hours=14), MIDNIGHT + DAY + timedelta(hours=17)
    calls = between(client, start, end)
    report = client.reports("buyer_id", Query(created_at_from=start, created_at_to=end))
    assert sum(row["calls"] for row in report.rows) == len(calls)
    stats = client.stats("status", "count", start, end)
    for status, count in stats.items():
        assert count == sum(call["status"] == status for call in calls)


def test_the_server_counts_its_requests(client: Client, served: Served) -> None:
    between(client, MIDNIGHT, MIDNIGHT + DAY)
    traffic = served.traffic()
    assert (traffic.requests, traffic.refused, traffic.most_in_flight) == (3, 0, 1)
    served.forget()
    assert served.traffic().requests == 0


def test_an_allowance_grants_a_second_of_requests_at_once_and_then_as_many_as_time_brings() -> None:
    now = 100.0
    allowance = Allowance(4, clock=lambda: now)
    assert [allowance.grants() for _ in range(6)] == [True] * 4 + [False] * 2
    now += 0.25
    assert [allowance.grants() for _ in range(2)] == [True, False]
    now += 60
    assert [allowance.grants() for _ in range(5)] == [True] * 4 + [False]


def test_a_request_beyond_the_allowance_is_answered_429_with_retry_after() -> None:
    async def asked() -> tuple[bytes, bytes, dict[str, int]]:
        server = Server(Account(10, 1, FIRST_DAY, 10), 0, Allowance(1, clock=lambda: 0))
        listening = await asyncio.start_server(server.connected, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        ask = asking(reader, writer)
        first, second = await ask("/api/v1/calls"), await ask("/api/v1/calls")
        _, log = (await ask("/log")).split(b"\r\n\r\n")
        writer.close()
        listening.close()
        return first, second, json.loads(log)

    first, second, log = asyncio.run(asked())
    assert first.startswith(b"HTTP/1.1 200 ")
    assert second.startswith(b"HTTP/1.1 429 ")
    assert b"\r\nRetry-After: 1\r\n" in second
    assert (log["requests"], log["refused"]) == (2, 1)


def asking(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Callable[[str], Awaitable[bytes]]:
    async def ask(target: str) -> bytes:
        writer.write(f"GET {target} HTTP/1.1\r\nHost: here\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
        return head + await reader.readexactly(length)

    return ask


def test_a_log_tells_the_busiest_second_wherever_it_begins() -> None:
    arrivals = (0.0, 0.9, 1.0, 1.5, 1.8, 5.0)
    told = summary([Asked(arrived, arrived + 0.5, 1, 200) for arrived in arrivals])
    assert told.most_in_a_second == 4
    assert told.seconds == 5.5


def test_an_empty_log_is_nothing() -> None:
    told = summary([])
    assert (told.requests, told.most_in_flight, told.most_in_a_second, told.seconds) == (0, 0, 0, 0)


def test_a_goal_says_by_how_much_it_falls_short() -> None:
    assert str(Goal("fast", 8, 9)) == "fast: met, 8 of at most 9 s"
    assert str(Goal("fast", 12, 10)) == "fast: falls short by 20%, 12 of at most 10 s"


def test_a_straight_line_is_off_by_nothing_and_a_bent_one_by_its_bend() -> None:
    assert off_line([1, 2, 4], [5, 7, 11]) == pytest.approx(0)
    assert off_line([1, 2, 3], [10, 10, 13]) > 0.05


def test_an_outcome_is_the_median_cost_and_the_worst_manners() -> None:
    runs = [
        (Cost(wall, wall, 100), Traffic(10, refused, refused, 0, wall))
        for wall, refused in ((1, 0), (9, 3), (2, 0))
    ]
    assert (outcome(runs).wall, outcome(runs).refused, outcome(runs).most_in_flight) == (2, 3, 3)
