"""The server of the endpoints: credentials, one call, hang-up, faults, and the port."""

import socket
from datetime import timedelta

import pytest
import requests

from trackdrive_assets.sandbox.faults import KINDS, Fault, parse_fault
from trackdrive_assets.sandbox.server import PortTakenError, Sandbox
from trackdrive_assets_tests.sandbox.conftest import NOON, Clock, HttpClient

PAIR = ("tdpubsandbox", "tdprvsandbox")


@pytest.mark.parametrize(
    ("keys", "token", "status"),
    [
        (PAIR, None, 200),
        (None, "sandbox-token", 200),
        (None, None, 401),
        ((PAIR[0], "wrong"), None, 401),
        (None, "wrong", 401),
        ((PAIR[0], "wrong"), "sandbox-token", 401),
    ],
)
def test_only_the_key_pair_or_the_token_is_accepted(
    shared: HttpClient, keys: tuple[str, str] | None, token: str | None, status: int
) -> None:
    params = {"auth_token": token} if token else {}
    url = f"{shared.sandbox.base_url}/api/v1/calls"
    response = requests.get(url, params=params, auth=keys, timeout=10)
    assert response.status_code == status
    assert ("errors" in response.json()) == (status == 401)


def test_revoked_keys_are_refused(sandbox: Sandbox, http: HttpClient) -> None:
    assert http.get().status_code == 200
    sandbox.revoked = True
    assert http.get().status_code == 401


def test_one_call_is_returned_by_uuid_and_by_id(shared: HttpClient) -> None:
    row = shared.rows(per_page=1)[0]
    assert shared.get(f"/calls/{row['uuid']}").json() == {"call": row}
    assert shared.get(f"/calls/{row['id']}").json() == {"call": row}


@pytest.mark.parametrize("key", ["5cc8897c-ad0f-44cb-8ea7-8f7736ae76f1", "12", "nonsense"])
def test_an_unknown_call_is_not_found(shared: HttpClient, key: str) -> None:
    response = shared.get(f"/calls/{key}")
    assert response.status_code == response.json()["status"] == 404


def test_a_call_of_the_future_is_not_found(sandbox: Sandbox, http: HttpClient, clock: Clock) -> None:
    uuid = sandbox.add_call(NOON + timedelta(minutes=1))
    assert http.get(f"/calls/{uuid}").status_code == 404
    clock.advance(minutes=1)
    assert http.get(f"/calls/{uuid}").status_code == 200


def live_uuid(sandbox: Sandbox, clock: Clock) -> str:
    """Advance the clock into the middle of a call, and return its uuid."""
    since = int(clock.time.timestamp() * 1000)
    call = next(call for call in sandbox.generator.oldest_first(since, since + 86_400_000) if call.connected)
    clock.advance(milliseconds=(call.connected or 0) + 500 - since)
    return sandbox.generator.uuid(call.id)


def hang_up(http: HttpClient, uuid: str) -> requests.Response:
    url = f"{http.sandbox.base_url}/api/v1/calls/{uuid}"
    return http.session.delete(url, auth=PAIR, timeout=10)


def test_delete_hangs_up_a_live_call_and_it_stays_ended(
    sandbox: Sandbox, http: HttpClient, clock: Clock
) -> None:
    uuid = live_uuid(sandbox, clock)
    assert http.get(f"/calls/{uuid}").json()["call"]["ended_at"] is None
    response = hang_up(http, uuid)
    assert response.status_code == response.json()["status"] == 200
    ended_at = clock.time.isoformat(timespec="milliseconds")
    assert response.json()["call"]["ended_at"] == ended_at
    clock.advance(days=40)
    later = http.get(f"/calls/{uuid}").json()["call"]
    assert (later["ended_at"], later["buyer_converted"]) == (ended_at, None)


def test_an_ended_call_cannot_be_hung_up(sandbox: Sandbox, http: HttpClient, clock: Clock) -> None:
    uuid = live_uuid(sandbox, clock)
    hang_up(http, uuid)
    again = hang_up(http, uuid)
    assert again.status_code == 422
    assert again.json()["errors"] == {"call": "The call has ended already."}


def test_an_added_live_call_can_be_hung_up(sandbox: Sandbox, http: HttpClient) -> None:
    uuid = sandbox.add_call(NOON - timedelta(hours=1), ended_at=None, status="forwarded")
    assert hang_up(http, uuid).json()["call"]["ended_at"] == "2024-03-20T12:00:00.000+00:00"


def test_a_hung_up_call_is_no_longer_among_the_live_calls(
    sandbox: Sandbox, http: HttpClient, clock: Clock
) -> None:
    uuid = live_uuid(sandbox, clock)
    assert uuid in {row["uuid"] for row in http.rows(in_progress="true")}
    hang_up(http, uuid)
    assert uuid not in {row["uuid"] for row in http.rows(in_progress="true")}


def test_requests_are_logged(sandbox: Sandbox, http: HttpClient) -> None:
    http.get(status="finished")
    requests.get(f"{sandbox.base_url}/api/v1/calls/reports?auth_token=x", timeout=10)
    first, second = sandbox.requests
    assert (first.method, first.path, first.params) == ("GET", "/api/v1/calls", {"status": "finished"})
    assert (first.status, first.authorization) == (200, "basic")
    assert (second.status, second.authorization) == (401, "auth_token")


def test_a_429_has_a_retry_after_header_or_none(sandbox: Sandbox, http: HttpClient) -> None:
    sandbox.inject("429", times=2, retry_after=7)
    sandbox.inject("429-bare")
    responses = [http.get() for _ in range(4)]
    assert [response.status_code for response in responses] == [429, 429, 429, 200]
    assert [response.headers.get("Retry-After") for response in responses] == ["7", "7", None, None]


def test_a_fault_happens_only_on_its_path(sandbox: Sandbox, http: HttpClient) -> None:
    sandbox.inject("500", path="/api/v1/calls/reports")
    assert http.get().status_code == 200
    assert http.get("/calls/reports.json", category="status").status_code == 500
    assert http.get("/calls/reports", category="status").status_code == 200


def test_a_502_has_an_html_body(sandbox: Sandbox, http: HttpClient) -> None:
    sandbox.inject("502")
    response = http.get()
    assert (response.status_code, response.text[:6]) == (502, "<html>")


@pytest.mark.parametrize("kind", ["502", "html"])
def test_an_html_body_contains_the_requested_url(sandbox: Sandbox, kind: str) -> None:
    sandbox.inject(kind)
    url = f"{sandbox.base_url}/api/v1/calls?auth_token=a%2Fb"
    assert f"<p>No answer to {url}</p>" in requests.get(url, timeout=10).text


def test_a_response_can_have_an_empty_body(sandbox: Sandbox, http: HttpClient) -> None:
    sandbox.inject("empty")
    response = http.get()
    assert (response.status_code, response.content) == (200, b"")


def test_the_second_half_of_a_body_can_be_late(sandbox: Sandbox, http: HttpClient) -> None:
    whole = http.get().content
    sandbox.inject("stall", delay=0.0)
    assert http.get().content == whole
    sandbox.inject("stall", delay=0.5)
    with pytest.raises(requests.exceptions.ConnectionError, match="Read timed out"):
        requests.get(f"{sandbox.base_url}/api/v1/calls", auth=PAIR, timeout=0.1)


def test_a_key_can_be_refused_on_every_other_request(sandbox: Sandbox, http: HttpClient) -> None:
    sandbox.inject("401", every=2)
    assert [http.get().status_code for _ in range(2)] == [200, 401]


def test_a_recovered_sandbox_has_no_faults(sandbox: Sandbox, http: HttpClient) -> None:
    sandbox.inject("500", times=None)
    sandbox.revoked = True
    sandbox.recover()
    assert http.get().status_code == 200


@pytest.mark.parametrize("echoes", [True, False])
def test_metadata_contains_the_token_only_with_the_option(echoes: object) -> None:
    with Sandbox(calls_per_day=1, echoes_auth_token=echoes) as served:
        for path in ("calls", "calls/reports"):
            params = {"auth_token": served.auth_token, "category": "status"}
            body = requests.get(f"{served.base_url}/api/v1/{path}", params=params, timeout=10).json()
            assert ("auth_token" in body["metadata"]["params"]) is echoes


def test_a_short_report_has_fewer_groups_than_its_total(sandbox: Sandbox, http: HttpClient) -> None:
    sandbox.inject("short")
    body = http.get("/calls/reports", category="status").json()
    assert len(body["reports"]) == body["metadata"]["total_count"] // 2


def test_a_dropped_connection_ends_in_the_middle_of_a_body(sandbox: Sandbox, http: HttpClient) -> None:
    sandbox.inject("drop")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        http.get()
    assert http.get().status_code == 200


def test_truncated_json_has_status_200(sandbox: Sandbox, http: HttpClient) -> None:
    sandbox.inject("truncated")
    response = http.get()
    assert response.status_code == 200
    with pytest.raises(requests.exceptions.JSONDecodeError):
        response.json()


def test_a_200_can_have_an_error_in_its_body(sandbox: Sandbox, http: HttpClient) -> None:
    sandbox.inject("body-422")
    response = http.get()
    assert (response.status_code, response.json()["status"]) == (200, 422)


def test_a_slow_response_exceeds_a_short_timeout(sandbox: Sandbox) -> None:
    sandbox.inject("slow", delay=0.5)
    with pytest.raises(requests.exceptions.ReadTimeout):
        requests.get(f"{sandbox.base_url}/api/v1/calls", auth=PAIR, timeout=0.1)


def test_a_short_page_has_fewer_rows_than_the_total_counts(sandbox: Sandbox, http: HttpClient) -> None:
    params = {"created_at_from": "2024-03-18", "created_at_to": "2024-03-19", "per_page": 10}
    total = http.get(**params).json()["metadata"]["total_count"]
    sandbox.inject("short")
    pages = http.pages(**params)
    assert [len(page) for page in pages[:2]] == [5, 10]
    assert sum(map(len, pages)) == total - 5


def test_a_cursor_can_repeat(sandbox: Sandbox, http: HttpClient) -> None:
    sandbox.inject("repeat-cursor", times=None)
    first = http.get(per_page=5).json()["metadata"]["next_cursor"]
    assert http.get(per_page=5, cursor=first).json()["metadata"]["next_cursor"] == first


def test_a_fault_is_parsed_with_its_interval() -> None:
    fault = parse_fault("429:every=3")
    assert [fault.strikes("/x") for _ in range(6)] == [False, False, True, False, False, True]


@pytest.mark.parametrize("text", ["", "flood", "429:every=0", "429:sometimes"])
def test_an_invalid_fault_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="fault"):
        parse_fault(text)


def test_every_kind_of_fault_is_accepted() -> None:
    assert {Fault(kind).kind for kind in KINDS} == set(KINDS)


def test_the_error_for_a_taken_port_contains_the_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTakenError, match=f"port {port} "), Sandbox(port=port):
            pass


def test_the_port_is_free_after_the_block() -> None:
    with Sandbox(calls_per_day=1) as sandbox:
        url = sandbox.base_url
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.get(url, timeout=1)
