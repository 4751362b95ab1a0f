"""The server around the endpoints: who may ask, one call, hanging up, faults, and the port."""

import socket
from datetime import timedelta

import pytest
import requests

from trackdrive_assets.sandbox.faults import KINDS, Fault, parse_fault
from trackdrive_assets.sandbox.server import PortTakenError, Sandbox
from trackdrive_assets_tests.sandbox.conftest import NOON, Clock, Visitor

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
def test_the_key_pair_or_the_token_opens_and_nothing_else(
    still: Visitor, keys: tuple[str, str] | None, token: str | None, status: int
) -> None:
    asked = {"auth_token": token} if token else {}
    url = f"{still.sandbox.base_url}/api/v1/calls"
    answer = requests.get(url, params=asked, auth=keys, timeout=10)
    assert answer.status_code == status
    assert ("errors" in answer.json()) == (status == 401)


def test_revoked_keys_open_nothing(sandbox: Sandbox, visitor: Visitor) -> None:
    assert visitor.get().status_code == 200
    sandbox.revoked = True
    assert visitor.get().status_code == 401


def test_one_call_is_shown_by_uuid_and_by_id(still: Visitor) -> None:
    row = still.rows(per_page=1)[0]
    assert still.get(f"/calls/{row['uuid']}").json() == {"call": row}
    assert still.get(f"/calls/{row['id']}").json() == {"call": row}


@pytest.mark.parametrize("key", ["5cc8897c-ad0f-44cb-8ea7-8f7736ae76f1", "12", "nonsense"])
def test_a_call_that_is_not_there_is_not_found(still: Visitor, key: str) -> None:
    answer = still.get(f"/calls/{key}")
    assert answer.status_code == answer.json()["status"] == 404


def test_a_call_of_the_future_is_not_there_yet(sandbox: Sandbox, visitor: Visitor, clock: Clock) -> None:
    uuid = sandbox.add_call(NOON + timedelta(minutes=1))
    assert visitor.get(f"/calls/{uuid}").status_code == 404
    clock.pass_by(minutes=1)
    assert visitor.get(f"/calls/{uuid}").status_code == 200


def live_uuid(sandbox: Sandbox, clock: Clock) -> str:
    """Moves the clock into the middle of a call."""
    since = int(clock.moment.timestamp() * 1000)
    call = next(call for call in sandbox.generator.oldest_first(since, since + 86_400_000) if call.connected)
    clock.pass_by(milliseconds=(call.connected or 0) + 500 - since)
    return sandbox.generator.uuid(call.id)


def hang_up(visitor: Visitor, uuid: str) -> requests.Response:
    url = f"{visitor.sandbox.base_url}/api/v1/calls/{uuid}"
    return visitor.session.delete(url, auth=PAIR, timeout=10)


def test_delete_hangs_up_a_live_call_and_it_stays_ended(
    sandbox: Sandbox, visitor: Visitor, clock: Clock
) -> None:
    uuid = live_uuid(sandbox, clock)
    assert visitor.get(f"/calls/{uuid}").json()["call"]["ended_at"] is None
    answer = hang_up(visitor, uuid)
    assert answer.status_code == answer.json()["status"] == 200
    ended_at = clock.moment.isoformat(timespec="milliseconds")
    assert answer.json()["call"]["ended_at"] == ended_at
    clock.pass_by(days=40)
    later = visitor.get(f"/calls/{uuid}").json()["call"]
    assert (later["ended_at"], later["buyer_converted"]) == (ended_at, None)


def test_a_call_that_has_ended_cannot_be_hung_up(sandbox: Sandbox, visitor: Visitor, clock: Clock) -> None:
    uuid = live_uuid(sandbox, clock)
    hang_up(visitor, uuid)
    again = hang_up(visitor, uuid)
    assert again.status_code == 422
    assert again.json()["errors"] == {"call": "The call has ended already."}


def test_a_placed_live_call_can_be_hung_up(sandbox: Sandbox, visitor: Visitor) -> None:
    uuid = sandbox.add_call(NOON - timedelta(hours=1), ended_at=None, status="forwarded")
    assert hang_up(visitor, uuid).json()["call"]["ended_at"] == "2024-03-20T12:00:00.000+00:00"


def test_a_call_that_was_hung_up_is_no_longer_found_among_the_live_ones(
    sandbox: Sandbox, visitor: Visitor, clock: Clock
) -> None:
    uuid = live_uuid(sandbox, clock)
    assert uuid in {row["uuid"] for row in visitor.rows(in_progress="true")}
    hang_up(visitor, uuid)
    assert uuid not in {row["uuid"] for row in visitor.rows(in_progress="true")}


def test_what_was_asked_is_on_record(sandbox: Sandbox, visitor: Visitor) -> None:
    visitor.get(status="finished")
    requests.get(f"{sandbox.base_url}/api/v1/calls/reports?auth_token=x", timeout=10)
    first, second = sandbox.requests
    assert (first.method, first.path, first.params) == ("GET", "/api/v1/calls", {"status": "finished"})
    assert (first.status, first.authorization) == (200, "basic")
    assert (second.status, second.authorization) == (401, "auth_token")


def test_too_many_requests_says_when_to_come_back_or_does_not(sandbox: Sandbox, visitor: Visitor) -> None:
    sandbox.inject("429", times=2, retry_after=7)
    sandbox.inject("429-bare")
    answers = [visitor.get() for _ in range(4)]
    assert [answer.status_code for answer in answers] == [429, 429, 429, 200]
    assert [answer.headers.get("Retry-After") for answer in answers] == ["7", "7", None, None]


def test_a_fault_strikes_its_path_alone(sandbox: Sandbox, visitor: Visitor) -> None:
    sandbox.inject("500", path="/api/v1/calls/reports")
    assert visitor.get().status_code == 200
    assert visitor.get("/calls/reports.json", category="status").status_code == 500
    assert visitor.get("/calls/reports", category="status").status_code == 200


def test_a_broken_proxy_answers_html(sandbox: Sandbox, visitor: Visitor) -> None:
    sandbox.inject("502")
    answer = visitor.get()
    assert (answer.status_code, answer.text[:6]) == (502, "<html>")


@pytest.mark.parametrize("kind", ["502", "html"])
def test_a_web_page_repeats_the_url_that_was_asked(sandbox: Sandbox, kind: str) -> None:
    sandbox.inject(kind)
    url = f"{sandbox.base_url}/api/v1/calls?auth_token=a%2Fb"
    assert f"<p>No answer to {url}</p>" in requests.get(url, timeout=10).text


def test_an_answer_can_be_without_a_body(sandbox: Sandbox, visitor: Visitor) -> None:
    sandbox.inject("empty")
    answer = visitor.get()
    assert (answer.status_code, answer.content) == (200, b"")


def test_the_rest_of_a_body_can_come_late(sandbox: Sandbox, visitor: Visitor) -> None:
    whole = visitor.get().content
    sandbox.inject("stall", delay=0.0)
    assert visitor.get().content == whole
    sandbox.inject("stall", delay=0.5)
    with pytest.raises(requests.exceptions.ConnectionError, match="Read timed out"):
        requests.get(f"{sandbox.base_url}/api/v1/calls", auth=PAIR, timeout=0.1)


def test_a_key_can_be_refused_from_a_request_on(sandbox: Sandbox, visitor: Visitor) -> None:
    sandbox.inject("401", every=2)
    assert [visitor.get().status_code for _ in range(2)] == [200, 401]


def test_a_sandbox_that_has_recovered_answers_as_ever(sandbox: Sandbox, visitor: Visitor) -> None:
    sandbox.inject("500", times=None)
    sandbox.revoked = True
    sandbox.recover()
    assert visitor.get().status_code == 200


@pytest.mark.parametrize("echoes", [True, False])
def test_the_token_is_said_back_only_by_a_server_that_does_so(echoes: object) -> None:
    with Sandbox(calls_per_day=1, echoes_auth_token=echoes) as served:
        for path in ("calls", "calls/reports"):
            asked = {"auth_token": served.auth_token, "category": "status"}
            body = requests.get(f"{served.base_url}/api/v1/{path}", params=asked, timeout=10).json()
            assert ("auth_token" in body["metadata"]["params"]) is echoes


def test_a_short_page_of_a_report_lacks_groups_that_the_total_counts(
    sandbox: Sandbox, visitor: Visitor
) -> None:
    sandbox.inject("short")
    body = visitor.get("/calls/reports", category="status").json()
    assert len(body["reports"]) == body["metadata"]["total_count"] // 2


def test_a_dropped_connection_breaks_in_the_middle(sandbox: Sandbox, visitor: Visitor) -> None:
    sandbox.inject("drop")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        visitor.get()
    assert visitor.get().status_code == 200


def test_truncated_json_comes_with_a_200(sandbox: Sandbox, visitor: Visitor) -> None:
    sandbox.inject("truncated")
    answer = visitor.get()
    assert answer.status_code == 200
    with pytest.raises(requests.exceptions.JSONDecodeError):
        answer.json()


def test_an_error_can_hide_in_a_200(sandbox: Sandbox, visitor: Visitor) -> None:
    sandbox.inject("body-422")
    answer = visitor.get()
    assert (answer.status_code, answer.json()["status"]) == (200, 422)


def test_a_slow_answer_exceeds_an_impatient_timeout(sandbox: Sandbox) -> None:
    sandbox.inject("slow", delay=0.5)
    with pytest.raises(requests.exceptions.ReadTimeout):
        requests.get(f"{sandbox.base_url}/api/v1/calls", auth=PAIR, timeout=0.1)


def test_a_short_page_loses_rows_that_the_total_still_counts(sandbox: Sandbox, visitor: Visitor) -> None:
    asked = {"created_at_from": "2024-03-18", "created_at_to": "2024-03-19", "per_page": 10}
    total = visitor.get(**asked).json()["metadata"]["total_count"]
    sandbox.inject("short")
    pages = visitor.pages(**asked)
    assert [len(page) for page in pages[:2]] == [5, 10]
    assert sum(map(len, pages)) == total - 5


def test_a_cursor_can_repeat(sandbox: Sandbox, visitor: Visitor) -> None:
    sandbox.inject("repeat-cursor", times=None)
    first = visitor.get(per_page=5).json()["metadata"]["next_cursor"]
    assert visitor.get(per_page=5, cursor=first).json()["metadata"]["next_cursor"] == first


def test_a_fault_is_written_as_a_kind_and_how_often() -> None:
    fault = parse_fault("429:every=3")
    assert [fault.strikes("/x") for _ in range(6)] == [False, False, True, False, False, True]


@pytest.mark.parametrize("text", ["", "flood", "429:every=0", "429:sometimes"])
def test_a_fault_that_is_not_understood_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="fault"):
        parse_fault(text)


def test_every_kind_of_fault_can_be_made() -> None:
    assert {Fault(kind).kind for kind in KINDS} == set(KINDS)


def test_a_taken_port_is_an_error_that_names_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTakenError, match=f"port {port} "), Sandbox(port=port):
            pass


def test_the_port_is_free_again_afterwards() -> None:
    with Sandbox(calls_per_day=1) as sandbox:
        url = sandbox.base_url
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.get(url, timeout=1)
