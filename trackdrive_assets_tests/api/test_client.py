"""The five endpoints over real HTTP: exact data or the right error, under every fault."""

import csv
import gzip
import logging
import socket
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from importlib.metadata import version
from typing import Any
from urllib.parse import quote_plus

import pytest

from trackdrive_assets.api import catalog
from trackdrive_assets.api.auth import AuthToken, Credentials, KeyPair
from trackdrive_assets.api.client import Client, paging_for
from trackdrive_assets.api.envelope import encode
from trackdrive_assets.api.errors import (
    AccessDenied,
    EndlessList,
    IncompleteResponse,
    NotFound,
    QueryError,
    Rejected,
    RequestFailed,
    TrackdriveError,
    Unavailable,
    UnreadableResponse,
)
from trackdrive_assets.api.options import ClientOptions
from trackdrive_assets.api.page_decisions import Paging
from trackdrive_assets.api.query import Query, UndocumentedValueWarning
from trackdrive_assets.api.rate_limit import Clock
from trackdrive_assets.api.usage import RequestGroup, Usage
from trackdrive_assets.sandbox.faults import KINDS
from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets_tests.api.conftest import NOON, Doorkeeper, account
from trackdrive_assets_tests.support.fake_clock import FakeClock
from trackdrive_assets_tests.support.http_server import serving

PAIR = KeyPair("tdpubopen", "tdprvsesame")
TOKEN = AuthToken("open-sesame")
START, END = datetime(2024, 3, 15, tzinfo=UTC), datetime(2024, 3, 20, tzinfo=UTC)
SPAN = Query(created_at_from=START, created_at_to=END - timedelta(seconds=1))


def client_for(
    base_url: str, credentials: Credentials = PAIR, *, clock: Clock | None = None, **options: Any
) -> Client:
    return Client(
        base_url,
        credentials,
        ClientOptions(**{"requests_per_second": 0, **options}),
        clock=clock or FakeClock(),
    )


def keys_of(sandbox: Sandbox) -> KeyPair:
    return KeyPair(sandbox.public_key, sandbox.private_key)


def plain(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with floats, like the rows of the sandbox."""
    return {name: float(value) if isinstance(value, Decimal) else value for name, value in row.items()}


def truth(sandbox: Sandbox, start: datetime = START, end: datetime = END) -> list[dict[str, Any]]:
    """Return the calls of the sandbox, in the order of its responses."""
    return sandbox.calls(start, end)[::-1]


# The calls.


@pytest.mark.parametrize("api_version", ["current", "legacy"])
def test_the_calls_are_the_accounts_own(api_version: str) -> None:
    with account(api_version=api_version, refuse_page_over=None) as sandbox:
        calls = truth(sandbox)
        assert len(calls) > 100
        for per_page in (7, 250, 1000):
            with client_for(sandbox.base_url, keys_of(sandbox), per_page=per_page) as client:
                for paging in Paging:
                    assert [plain(row) for row in client.calls(SPAN, paging=paging)] == calls


def test_a_list_is_paged_by_cursor_unless_the_query_forbids_it(reader: Client, still: Sandbox) -> None:
    before = len(still.requests)
    list(reader.calls(SPAN))
    list(reader.calls(Query(page=1, columns="uuid")))
    assert ["cursor" in asked.params for asked in still.requests[before:]] == [True, False, False]


@pytest.mark.parametrize(
    ("query", "paging"),
    [
        (Query(), Paging.CURSOR),
        (Query(order="created_at", order_dir="desc"), Paging.CURSOR),
        (Query(order="created_at", order_dir="asc"), Paging.PAGE),
        (Query(order="revenue"), Paging.PAGE),
        (Query(page=2), Paging.PAGE),
        (Query(root=False), Paging.PAGE),
        (Query(root=True), Paging.CURSOR),
    ],
)
def test_a_query_that_a_cursor_cannot_keep_is_paged_by_number(query: Query, paging: Paging) -> None:
    assert paging_for(query) is paging


def test_the_requested_order_is_kept(reader: Client, still: Sandbox) -> None:
    query = Query(created_at_from=START, created_at_to=END, order="created_at", order_dir="asc")
    assert [row["uuid"] for row in reader.calls(query)] == [call["uuid"] for call in still.calls(START, END)]


def test_bare_arrays_are_complete_from_a_server_with_smaller_pages() -> None:
    with (
        account(per_page_limit=40) as sandbox,
        client_for(sandbox.base_url, keys_of(sandbox), per_page=100) as client,
    ):
        query = Query(created_at_from=START, created_at_to=END, root=False)
        assert [plain(row) for row in client.calls(query)] == truth(sandbox)


def test_a_list_begins_at_the_page_or_cursor_of_the_query(reader: Client, still: Sandbox) -> None:
    uuids = [call["uuid"] for call in truth(still, START, NOON)]
    by_page = reader.calls(Query(page=3, per_page=20))
    assert [row["uuid"] for row in by_page] == uuids[40:]
    first = next(reader.call_pages(Query(per_page=10)))
    by_cursor = reader.calls(Query(cursor=first.metadata.next_cursor, per_page=10))
    assert [row["uuid"] for row in by_cursor] == uuids[10:]


@pytest.mark.parametrize(
    ("query", "paging"), [(Query(page=2), Paging.CURSOR), (Query(cursor=5), Paging.PAGE)]
)
def test_a_page_and_a_cursor_cannot_be_combined(reader: Client, query: Query, paging: Paging) -> None:
    with pytest.raises(QueryError, match=f"cannot be combined with paging by {paging}"):
        list(reader.calls(query, paging=paging))


def test_pages_after_the_tenth_fail_with_the_name_of_the_parameter(reader: Client) -> None:
    with pytest.raises(Rejected, match=r"returned 422 .*errors: \{page: text\(56\)\}"):
        list(reader.calls(Query(per_page=5), paging=Paging.PAGE))


def test_the_columns_are_the_requested_ones(reader: Client) -> None:
    rows = list(reader.calls(Query(columns=("created_at", "uuid", "revenue"))))
    assert {tuple(row) for row in rows} == {("created_at", "uuid", "revenue")}


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        (Query(status="no-buyer"), lambda call: call["status"] == "no-buyer"),
        (Query(buyer_converted=True), lambda call: call["buyer_converted"] == "Converted"),
        (Query(offer_converted=False), lambda call: not call["traffic_source_converted"]),
        (Query(no_buyer=True), lambda call: call["buyer_id"] is None),
        (
            Query(either_converted=True, has_recording=True),
            lambda call: (
                call["recording_url"] and (call["buyer_converted"] or call["traffic_source_converted"])
            ),
        ),
    ],
)
def test_filters_are_applied(reader: Client, still: Sandbox, query: Query, wanted: Any) -> None:
    found = [row["uuid"] for row in reader.calls(query)]
    assert found == [call["uuid"] for call in truth(still, START, NOON) if wanted(call)]
    assert found


def test_calls_as_csv_are_a_page_of_the_calls(reader: Client, still: Sandbox) -> None:
    text = reader.calls_csv(Query(columns=("uuid", "caller_number"), per_page=5))
    newest = truth(still, START, NOON)[:5]
    assert list(csv.DictReader(text.splitlines())) == [
        {"uuid": call["uuid"], "caller_number": call["caller_number"]} for call in newest
    ]


def test_calls_of_one_instant_that_the_server_loses_are_missed() -> None:
    with account(ties_lost=True) as sandbox, client_for(sandbox.base_url, keys_of(sandbox)) as client:
        for _ in range(4):
            sandbox.add_call(START)
        with pytest.raises(IncompleteResponse, match="are missing"):
            list(client.calls(Query(created_at_to=START, per_page=2)))


# Reports and statistics.


@pytest.mark.parametrize("shape", ["objects", "map", "bare"])
def test_every_report_adds_up_to_the_calls_in_every_shape(shape: str) -> None:
    with (
        account(report_shape=shape) as sandbox,
        client_for(sandbox.base_url, keys_of(sandbox), per_page=20) as client,
    ):
        for category in catalog.REPORT_CATEGORIES:
            report = client.reports(category, SPAN)
            groups = [str(row[category] or "") for row in report.rows]
            assert len(groups) == len(set(groups))
            assert sum(row["calls"] for row in report.rows) == len(truth(sandbox))
            assert report.total_count == (None if shape == "bare" else len(groups))


def test_a_report_counts_the_calls_of_each_group(reader: Client, still: Sandbox) -> None:
    rows = reader.reports("buyer_id", SPAN).rows
    assert {row["buyer_id"]: row["calls"] for row in rows} == Counter(
        call["buyer_id"] for call in truth(still)
    )


def test_a_page_of_a_report_is_requested_alone(reader: Client, still: Sandbox) -> None:
    whole = reader.reports("contact_id").rows
    before = len(still.requests)
    assert reader.reports("contact_id", Query(page=2, per_page=10)).rows == whole[10:20]
    assert len(still.requests) == before + 1


def test_a_report_without_a_category_is_refused_before_any_request(reader: Client, still: Sandbox) -> None:
    before = len(still.requests)
    for ask in (reader.reports, reader.reports_csv):
        with pytest.raises(QueryError, match="category must be a text that is not empty"):
            ask("")
    assert len(still.requests) == before


def test_a_report_without_pages_is_not_doubled() -> None:
    with serving(b'[{"buyer_id": 7, "calls": 3}]') as (address, asked), client_for(address) as client:
        assert client.reports("buyer_id").rows == [{"buyer_id": 7, "calls": 3}]
        assert len(asked) == 2


def test_a_report_without_pages_and_with_new_numbers_is_not_doubled() -> None:
    moving = (b'[{"buyer_id": 7, "calls": 3}]', b'[{"buyer_id": 7, "calls": 4}]')
    with serving(*moving) as (address, _), client_for(address) as client:
        assert client.reports("buyer_id").rows == [{"buyer_id": 7, "calls": 3}]


def _report_page(*rows: dict[str, Any], **metadata: Any) -> bytes:
    return encode({"status": 200, "metadata": {"root": "reports", **metadata}, "reports": list(rows)})


def test_a_report_without_the_root_that_it_names_is_not_an_empty_report() -> None:
    body = b'{"status": 200, "metadata": {"root": "reports", "total_count": 0}}'
    with serving(body) as (address, _), client_for(address) as client:
        for ask in (lambda: client.reports("status"), lambda: client.stats("status", "count", START, END)):
            with pytest.raises(UnreadableResponse):
                ask()
        assert client.hang_up("a-1") == {}


def test_groups_with_a_name_only_are_counted_once_if_their_numbers_move() -> None:
    pages = [_report_page(*({"name": f"Buyer {n}", "calls": n + k} for n in range(4))) for k in range(3)]
    with serving(*pages) as (address, asked), client_for(address) as client:
        assert [row["calls"] for row in client.reports("buyer_id").rows] == [0, 1, 2, 3]
        assert len(asked) == 2


@pytest.mark.parametrize("pages", [{"total_pages": 1}, {"total_pages": 2}, {}, {"per_page": 250}])
def test_a_report_whose_count_is_that_of_the_page_is_complete(pages: dict[str, int]) -> None:
    groups: list[dict[str, Any]] = [{"contact_id": n, "calls": 1} for n in range(75)]
    chunks = [groups[:25], groups[25:50], groups[50:], []]
    bodies = [_report_page(*rows, **{"total_count": len(rows), "per_page": 25, **pages}) for rows in chunks]
    with serving(*bodies) as (address, _), client_for(address) as client:
        report = client.reports("contact_id")
    assert report.rows == groups
    assert report.total_count == 25


@pytest.mark.parametrize("group", [(7, 7), (7, "7"), (None, "")])
def test_one_group_twice_on_a_page_is_an_error(group: tuple[Any, Any]) -> None:
    rows = [{"buyer_id": 1, "calls": 1}, *({"buyer_id": each, "calls": 3} for each in group)]
    with (
        serving(_report_page(*rows)) as (address, _),
        client_for(address) as client,
        pytest.raises(UnreadableResponse, match="The report buyer_id has one group twice, in rows 2 and 3"),
    ):
        client.reports("buyer_id")


def test_a_report_with_a_new_group_on_every_page_ends() -> None:
    bodies = [_report_page({"contact_id": n, "calls": 1}) for n in range(200)]
    with serving(*bodies) as (address, asked), client_for(address) as client:
        with pytest.raises(EndlessList, match="goes on"):
            client.reports("contact_id")
        assert len(asked) < 120


def test_an_undocumented_category_is_sent_with_a_warning(reader: Client) -> None:
    with (
        pytest.warns(UndocumentedValueWarning, match="category 'moon_phase'"),
        pytest.raises(Rejected, match=r"errors: \{category: text"),
    ):
        reader.reports("moon_phase")


def test_a_refused_category_fails_with_the_server_message() -> None:
    with (
        account(refused_categories={"contact_id": "Not permitted for this user."}) as sandbox,
        client_for(sandbox.base_url, keys_of(sandbox)) as client,
        pytest.raises(Rejected, match="Not permitted for this user"),
    ):
        client.reports("contact_id")


def test_a_report_as_csv_is_the_report(reader: Client) -> None:
    text = reader.reports_csv("status")
    assert [(row["status"], row["calls"]) for row in csv.DictReader(text.splitlines())] == [
        (row["status"], str(row["calls"])) for row in reader.reports("status").rows
    ]


@pytest.mark.parametrize("shape", ["map", "pairs", "series", "bare_map"])
def test_statistics_match_the_calls_in_every_shape(shape: str, sandbox: Sandbox, client: Client) -> None:
    sandbox.stats_shape = shape  # type: ignore[assignment]  # one of its literals
    calls, until = truth(sandbox), END - timedelta(seconds=1)
    assert client.stats("status", "count", START, until) == Counter(call["status"] for call in calls)
    revenue: defaultdict[str | None, float] = defaultdict(float)
    for call in calls:
        revenue[call["buyer_converted"]] += float(call["revenue"] or call["buyer_revenue"] or 0)
    converted = client.stats("buyer_converted", "revenue", START, until)
    assert converted.keys() == {"Converted", None}
    assert {group: float(number or 0) for group, number in converted.items()} == pytest.approx(dict(revenue))


def test_statistics_take_the_filters_of_calls(reader: Client) -> None:
    found = reader.stats("status", "count", START, END, Query(buyer_converted=True))
    assert set(found) == {"finished"}


@pytest.mark.parametrize(
    ("group_by", "stat", "named"), [("moon", "count", "group_by"), ("status", "luck", "stat")]
)
def test_an_unknown_statistic_is_refused_before_any_request(
    reader: Client, still: Sandbox, group_by: str, stat: str, named: str
) -> None:
    before = len(still.requests)
    with pytest.raises(QueryError, match=rf"^{named} is .* must be one of: "):
        reader.stats(group_by, stat, START, END)
    assert len(still.requests) == before


@pytest.mark.parametrize(
    "body",
    [
        b'{"status": 200, "stats": 5}',
        b'{"status": 200, "stats": {"finished": "tdprvsesame"}}',
        b'[{"colour": "red tdprvsesame"}]',
        b"[1]",
    ],
)
def test_an_unknown_shape_is_shown_with_a_request_to_report_it(body: bytes) -> None:
    with serving(body) as (address, _), client_for(address) as client:
        with pytest.raises(UnreadableResponse, match="has an unknown shape") as caught:
            client.stats("status", "count", START, END)
        assert "Please report this outline" in str(caught.value)
        assert "sesame" not in str(caught.value)


def test_the_error_shows_the_outline_of_the_content_and_no_value() -> None:
    envelope = b'{"status": 200, "metadata": {"root": "rows", "params": {"autth_token": "a"}}, "rows": %s}'
    with serving(envelope % b'{"finished": "many"}') as (address, _), client_for(address) as client:
        asks: tuple[Callable[[], object], ...] = (
            lambda: client.reports("status"),
            lambda: client.stats("status", "count", START, END),
            lambda: list(client.calls()),
        )
        for ask in asks:
            with pytest.raises(UnreadableResponse, match=r"outline is \{finished: text\(4\)\}"):
                ask()
    with (
        serving(envelope % b"5") as (address, _),
        client_for(address) as client,
        pytest.raises(UnreadableResponse, match="outline is number"),
    ):
        client.call(5)


FAILED_BODIES = [
    b'{"success": false, "error": "db", "calls": []}',
    b'{"status": "error", "calls": []}',
    b'{"status": 200, "metadata": {"root": "calls"}, "errors": ["db"], "calls": [{"uuid": "a-1"}]}',
    b'{"errors": {"base": "Jo Doe +17195550142"}}',
    b'[{"error": "db"}]',
]


@pytest.mark.parametrize("body", FAILED_BODIES)
def test_a_body_that_states_a_failure_fails_every_endpoint(body: bytes) -> None:
    with serving(body) as (address, asked), client_for(address, retry_budget=0.0) as client:
        asks: tuple[Callable[[], object], ...] = (
            lambda: list(client.calls()),
            lambda: client.reports("status"),
            lambda: client.stats("status", "count", START, END),
            lambda: client.call("a-1"),
            lambda: client.hang_up("a-1"),
            client.calls_csv,
            lambda: client.reports_csv("status"),
        )
        for ask in asks:
            with pytest.raises(Unavailable, match="its body states a failure") as caught:
                ask()
            assert "Jo" not in str(caught.value)
        assert len(asked) == len(asks)


def test_a_failure_without_a_status_is_retried_within_the_budget() -> None:
    with serving(FAILED_BODIES[0], b'{"uuid": "a-1"}') as (address, asked), client_for(address) as client:
        assert client.call("a-1") == {"uuid": "a-1"}
        assert len(asked) == 2


@pytest.mark.parametrize("status", [202, 206])
def test_a_part_of_an_answer_is_retried_and_never_data(status: int) -> None:
    body = b'{"status": 200, "metadata": {"root": "calls", "total_count": 0}, "calls": []}'
    with serving(body, status=status) as (address, asked), client_for(address, retry_budget=1.0) as client:
        for ask in (lambda: list(client.calls()), client.calls_csv):
            with pytest.raises(Unavailable, match=f"returned {status} "):
                ask()
        assert len(asked) > 2


def test_a_call_that_failed_is_data() -> None:
    with serving(b'{"status": "failed", "uuid": "a-1"}') as (address, _), client_for(address) as client:
        assert client.call("a-1")["status"] == "failed"
        assert client.hang_up("a-1")["status"] == "failed"


@pytest.mark.parametrize("body", [b'{"call": {"error": "db"}}', b'{"message": "Jo Doe"}', b"{}"])
def test_a_message_is_not_a_call(body: bytes) -> None:
    with (
        serving(body) as (address, _),
        client_for(address) as client,
        pytest.raises(UnreadableResponse, match="one call is an object with a uuid or an id"),
    ):
        client.call("a-1")


def test_a_call_that_is_not_found_in_a_good_response_is_not_found() -> None:
    with (
        serving(b'{"success": false, "error": "Not found"}') as (address, asked),
        client_for(address) as client,
    ):
        with pytest.raises(NotFound):
            client.call("a-1")
        assert len(asked) == 1


@pytest.mark.parametrize("beside", [b"", b', "totals": {"calls": 2}', b', "status": 200, "totals": []'])
def test_calls_without_metadata_are_a_page_with_any_other_keys(beside: bytes) -> None:
    body = b'{"calls": [{"uuid": "a-1"}, {"uuid": "a-2"}]%s}' % beside
    with serving(body) as (address, _), client_for(address) as client:
        assert list(client.calls()) == [{"uuid": "a-1"}, {"uuid": "a-2"}]


@pytest.mark.parametrize(
    "body", [b"{}", b"5", b'{"metadata": {"root": "calls"}, "calls": {"a": 1}}', b"[1, 2]"]
)
def test_calls_that_are_not_objects_are_not_an_empty_page(body: bytes) -> None:
    with serving(body) as (address, _), client_for(address) as client, pytest.raises(UnreadableResponse):
        list(client.calls())


# One call.


def test_a_call_is_found_by_its_uuid_or_its_number(reader: Client, still: Sandbox) -> None:
    wanted = truth(still)[0]
    assert plain(reader.call(wanted["uuid"])) == wanted
    assert plain(reader.call(wanted["id"], serializer="call")) == wanted
    assert still.requests[-1].params == {"serializer": "call"}


def test_a_call_without_an_envelope_is_complete() -> None:
    body = b'{"id": 5, "uuid": "a-1", "status": "finished"}'
    with serving(body) as (address, _), client_for(address) as client:
        assert client.call("a-1") == {"id": 5, "uuid": "a-1", "status": "finished"}


def test_an_unknown_call_is_not_found(reader: Client, still: Sandbox) -> None:
    before = len(still.requests)
    with pytest.raises(NotFound, match=r"GET /api/v1/calls/77777777-dbe3 returned 404"):
        reader.call("77777777-dbe3")
    assert len(still.requests) == before + 1


@pytest.mark.parametrize("name", ["", "reports", "stats", "../secure", "a/1", "a?1", "+17195550100"])
def test_any_other_name_of_a_call_is_refused(reader: Client, name: str) -> None:
    for ask in (reader.call, reader.hang_up):
        with pytest.raises(QueryError, match="named by its uuid or its number"):
            ask(name)


def test_hanging_up_ends_a_live_call(sandbox: Sandbox, client: Client) -> None:
    uuid = sandbox.add_call(NOON - timedelta(minutes=1), ended_at=None, status="initiated")
    client.hang_up(uuid)
    assert client.call(uuid)["ended_at"]


def test_the_response_to_a_hang_up_may_be_empty() -> None:
    with serving(b"") as (address, asked), client_for(address) as client:
        assert client.hang_up("a-1") == {}
        assert [each.requestline for each in asked] == ["DELETE /api/v1/calls/a-1 HTTP/1.1"]


@pytest.mark.parametrize("kind", ["429", "429-bare", "500", "502", "drop", "truncated", "body-422"])
def test_hanging_up_is_requested_once_under_every_fault(
    sandbox: Sandbox, client: Client, clock: FakeClock, kind: str
) -> None:
    uuid = sandbox.add_call(NOON - timedelta(minutes=1), ended_at=None, status="initiated")
    sandbox.inject(kind)
    with pytest.raises((Unavailable, Rejected)):
        client.hang_up(uuid)
    assert [asked.method for asked in sandbox.requests] == ["DELETE"]
    assert clock.pauses == []


# What goes wrong on the way.

PASSING = ["429", "429-bare", "500", "502", "html", "empty", "drop", "truncated"]


@pytest.mark.parametrize("kind", PASSING)
def test_after_temporary_failures_the_calls_are_exact(
    sandbox: Sandbox, client: Client, clock: FakeClock, kind: str
) -> None:
    sandbox.inject(kind, times=4, every=2)
    query = Query(created_at_from=START, created_at_to=END, per_page=25)
    assert [plain(row) for row in client.calls(query)] == truth(sandbox)
    assert len(clock.pauses) >= 4
    assert client.usage == Usage(len(sandbox.requests), 4)


def test_a_group_counts_its_own_requests_and_retries(sandbox: Sandbox, client: Client) -> None:
    sandbox.inject("500", times=1)
    calls, totals = RequestGroup(), RequestGroup()
    query = Query(created_at_from=START, created_at_to=END)
    list(client.call_pages(query, group=calls))
    client.reports("status", query, group=totals)
    client.stats("status", "count", START, END, group=totals)
    assert calls.usage.retries == 1
    assert totals.usage.retries == 0
    assert client.usage == calls.usage + totals.usage


def test_no_request_of_a_cancelled_group_is_sent(sandbox: Sandbox, client: Client) -> None:
    group = RequestGroup()
    group.cancel()
    with pytest.raises(RequestFailed, match="was cancelled"):
        client.reports("status", SPAN, group=group)
    assert sandbox.requests == []
    assert group.usage == client.usage == Usage()


@pytest.mark.parametrize("kind", PASSING)
def test_after_temporary_failures_reports_and_statistics_are_exact(
    sandbox: Sandbox, client: Client, kind: str
) -> None:
    report = client.reports("status", SPAN)
    stats = client.stats("status", "count", START, END)
    sandbox.inject(kind, path="/api/v1/calls/reports")
    sandbox.inject(kind, path="/api/v1/calls/stats")
    assert client.reports("status", SPAN) == report
    assert client.stats("status", "count", START, END) == stats
    assert client.usage.retries == 2


@pytest.mark.parametrize("kind", ["slow", "stall"])
def test_a_response_that_does_not_come_is_requested_again(sandbox: Sandbox, kind: str) -> None:
    sandbox.inject(kind, delay=0.3)
    with client_for(sandbox.base_url, keys_of(sandbox), response_timeout=0.1) as client:
        assert [plain(row) for row in client.calls(SPAN)] == truth(sandbox)
        assert client.usage.retries == 1


def test_a_connection_that_is_not_established_times_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        # The handshake of https gets no answer; were there no limit, the hanging up would end it.
        hanging_up = threading.Timer(10, mute.close)
        hanging_up.start()
        address = f"https://127.0.0.1:{mute.getsockname()[1]}"
        with (
            client_for(address, connect_timeout=0.05, retry_budget=0.0) as client,
            pytest.raises(Unavailable, match=r"\(\w*Timeout\)"),
        ):
            client.call(5)
        hanging_up.cancel()


@pytest.mark.parametrize(("kind", "page"), [("short", 1), ("short", 2), ("repeat-cursor", 2)])
def test_a_faulty_page_is_an_incomplete_response(
    sandbox: Sandbox, client: Client, kind: str, page: int
) -> None:
    sandbox.inject(kind, every=page)
    with pytest.raises(IncompleteResponse):
        list(client.calls(Query(created_at_from=START, created_at_to=END, per_page=40)))


def test_a_first_page_that_points_to_itself_loses_no_call(sandbox: Sandbox, client: Client) -> None:
    sandbox.inject("repeat-cursor")
    query = Query(created_at_from=START, created_at_to=END, per_page=25)
    assert [plain(row) for row in client.calls(query)] == truth(sandbox)


def test_an_error_in_the_body_of_a_good_response_is_an_error(sandbox: Sandbox, client: Client) -> None:
    sandbox.inject("body-422", times=None)
    with pytest.raises(Rejected, match=r"returned 422 .*could not be processed"):
        list(client.calls())
    assert len(sandbox.requests) == 1


def test_every_fault_of_the_sandbox_is_tested() -> None:
    assert {*PASSING, "slow", "stall", "short", "repeat-cursor", "body-422", "401"} == set(KINDS)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, Rejected), (401, AccessDenied), (403, AccessDenied), (404, NotFound), (422, Rejected)],
)
def test_a_permanent_error_is_requested_once(status: int, kind: type[TrackdriveError]) -> None:
    body = b'{"status": 422, "errors": {"base": "No."}}'
    with serving(body, status=status) as (address, asked), client_for(address) as client:
        with pytest.raises(kind, match=rf'GET /api/v1/calls returned {status} .*base: "No\."'):
            list(client.calls())
        assert len(asked) == 1
        assert client.usage == Usage(requests=1)


def test_the_error_of_a_revoked_key_names_what_to_check(sandbox: Sandbox, client: Client) -> None:
    sandbox.inject("401")
    with pytest.raises(AccessDenied, match="Check in the Trackdrive profile that this key is active"):
        client.call(5)


def test_the_pause_that_the_server_demands_is_observed_in_full(
    sandbox: Sandbox, client: Client, clock: FakeClock
) -> None:
    sandbox.inject("429", retry_after=120)
    next(client.calls())
    assert clock.pauses == [120]


def test_a_pause_until_a_date_is_observed() -> None:
    clock = FakeClock()
    later = {"Retry-After": format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)}
    with (
        serving(b"", status=503, headers=later) as (address, asked),
        client_for(address, clock=clock, retry_budget=3600) as client,
        pytest.raises(Unavailable),
    ):
        client.call(5)
    # Their number depends on the second of the date. Only their length matters.
    assert clock.pauses
    assert all(pause > 3000 for pause in clock.pauses)
    assert len(asked) == len(clock.pauses) + 1


def test_a_pause_over_the_budget_is_an_error_with_its_length(
    sandbox: Sandbox, client: Client, clock: FakeClock
) -> None:
    sandbox.inject("429", retry_after=900)
    with pytest.raises(
        Unavailable, match=r"Sent once\. Another pause of 900 s would exceed the retry budget of 300 s"
    ):
        next(client.calls())
    assert clock.pauses == []


def test_without_a_retry_budget_the_error_names_none(sandbox: Sandbox) -> None:
    sandbox.inject("502", times=None)
    with (
        client_for(sandbox.base_url, keys_of(sandbox), retry_budget=0.0) as client,
        pytest.raises(Unavailable, match=r"502 Bad Gateway((?!budget).)*$") as caught,
    ):
        client.call(5)
    assert caught.value.status == 502
    assert len(sandbox.requests) == 1


def test_the_error_of_an_unreachable_server_names_its_address() -> None:
    with socket.socket() as taken:
        # The port is bound, but no server listens.
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with (
            client_for(address, retry_budget=0.0) as client,
            pytest.raises(Unavailable, match=f"that {address} is the account's address"),
        ):
            client.call(5)


def test_an_invalid_host_is_an_error_without_a_retry(clock: FakeClock) -> None:
    with (
        client_for("https://.acme", TOKEN, clock=clock) as client,
        pytest.raises(RequestFailed) as caught,
    ):
        client.call(5)
    assert "was not sent: 'https://.acme' is not an address" in str(caught.value)
    assert "Use a base_url such as https://acme.trackdrive.com" in str(caught.value)
    assert caught.value.is_permanent
    assert clock.pauses == []


def test_a_redirect_is_not_followed() -> None:
    # It redirects to itself. If the client followed, it would send another request.
    with (
        serving(b"", status=302, headers={"Location": "/login"}) as (address, asked),
        client_for(address) as client,
    ):
        with pytest.raises(
            Rejected, match="302 Found: it redirects, so the account probably has another address"
        ):
            client.call(5)
        with pytest.raises(Rejected, match="it redirects"):
            client.calls_csv()
        assert len(asked) == 2


# Authorization and connections.


def test_credentials_are_sent_in_the_header_or_as_a_parameter(still: Sandbox) -> None:
    ways: list[tuple[Credentials, str]] = [
        (keys_of(still), "basic"),
        (AuthToken(still.auth_token), "auth_token"),
        (AuthToken(still.auth_token, "header"), "token"),
    ]
    for credentials, way in ways:
        with client_for(still.base_url, credentials) as client:
            next(client.calls())
        assert still.requests[-1].authorization == way
        assert ("auth_token" in still.requests[-1].params) == (way == "auth_token")


@pytest.mark.parametrize("credentials", [PAIR, TOKEN, AuthToken("open-sesame", "header")])
def test_a_wrong_key_is_refused(still: Sandbox, credentials: Credentials) -> None:
    with client_for(still.base_url, credentials) as client, pytest.raises(AccessDenied):
        next(client.calls())


def test_the_user_agent_names_the_program() -> None:
    with serving(b'{"id": 5}') as (address, asked), client_for(address) as client:
        client.call(5)
        assert asked[0].headers["User-Agent"] == f"trackdrive-assets/{version('trackdrive-assets')}"


def test_a_compressed_response_is_requested_and_read() -> None:
    with (
        serving(gzip.compress(b'{"id": 5}'), headers={"Content-Encoding": "gzip"}) as (address, asked),
        client_for(address) as client,
    ):
        assert client.call(5) == {"id": 5}
        assert "gzip" in asked[0].headers["Accept-Encoding"]


def test_one_connection_serves_many_requests() -> None:
    with serving(b'{"id": 5}') as (address, asked), client_for(address) as client:
        for _ in range(5):
            client.call(5)
        assert len({request.client_address for request in asked}) == 1


def test_a_closed_client_sends_nothing_and_does_not_wait() -> None:
    with serving(b'{"id": 5}') as (address, asked):
        client = client_for(address, clock=Clock(), retry_budget=300)
        client.close()
        with pytest.raises(RequestFailed, match="the client is closed"):
            client.call(5)
        assert asked == []


def test_no_more_requests_are_in_flight_than_allowed() -> None:
    doorkeeper = Doorkeeper()
    # No request gets a response before two are in flight. With fewer slots, the barrier would break.
    pair, everyone = threading.Barrier(2, timeout=10), threading.Barrier(16, timeout=10)

    def wait_for_another() -> None:
        doorkeeper.enter()
        pair.wait()
        doorkeeper.leave()

    def send(number: int) -> None:
        everyone.wait()
        client.call(number)

    with (
        serving(b'{"id": 5}', meanwhile=wait_for_another) as (address, asked),
        client_for(address, max_concurrency=2) as client,
        ThreadPoolExecutor(16) as threads,
    ):
        list(threads.map(send, range(16)))
    assert len(asked) == 16
    assert doorkeeper.most == 2


def test_the_repr_of_a_client_has_its_address_and_no_secret() -> None:
    with client_for("https://acme.example", PAIR) as client:
        assert "https://acme.example" in repr(client)
        assert not [secret for secret in PAIR.secrets if secret in repr(client)]


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize(
    "credentials", [PAIR, TOKEN, AuthToken("s/e&s=ame +"), AuthToken("s/e&s=ame", "header")]
)
@pytest.mark.parametrize("status", [200, 302, 401, 404, 422, 500])
def test_no_secret_is_in_an_error_or_log_if_the_server_repeats_it(
    caplog: pytest.LogCaptureFixture, credentials: Credentials, status: int
) -> None:
    echo = " ".join(credentials.secrets)
    with serving(echo.encode(), status=status, headers={"Location": f"/?{echo}"}) as (address, asked):
        shown = _shown(address, credentials, caplog)
    assert "GET /api/v1/calls" in shown
    assert not [secret for secret in credentials.secrets if secret in shown]
    # The same in the spelling of a URL.
    assert not [secret for secret in credentials.secrets if quote_plus(secret) in shown]
    assert asked


def test_no_secret_is_in_the_error_of_a_connection_that_fails(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox.inject("drop", times=None)
    token = AuthToken(sandbox.auth_token)
    assert token.token not in _shown(sandbox.base_url, token, caplog)


def _shown(address: str, credentials: Credentials, caplog: pytest.LogCaptureFixture) -> str:
    """Return all texts that a failed request shows in errors and logs."""
    caplog.set_level(logging.DEBUG)
    with (
        client_for(address, credentials, retry_budget=2.0) as client,
        pytest.raises(TrackdriveError) as caught,
    ):
        next(client.calls())
    seen = [*(f"{error} {error!r} {vars(error)}" for error in _chain(caught.value)), *caplog.messages]
    assert any("/api/v1/calls" in message for message in caplog.messages)
    return "\n".join(seen)
