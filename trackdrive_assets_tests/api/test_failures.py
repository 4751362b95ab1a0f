"""A response that failed is an error on every endpoint and in every format, and never data."""

import json
from typing import Any

import pytest

from trackdrive_assets.api.envelope import encode, open_envelope
from trackdrive_assets.api.failures import failure_of_csv, is_accepted
from trackdrive_assets.api.rows import RowDecoder

ROW = {"uuid": "a-1", "created_at": "2024-03-12T00:00:00.000+00:00", "status": "failed"}
CALLS = {"status": 200, "metadata": {"root": "calls", "total_count": 0}, "calls": []}

FAILED = [
    {"success": False, "error": "db", "calls": []},
    {"success": False, "calls": []},
    {"success": "false", "calls": []},
    {"success": 0, "calls": []},
    {"ok": False, "calls": []},
    {"status": "error", "calls": []},
    {"status": "ERROR", "calls": []},
    {"status": "failed", "calls": []},
    {"status": "fail", "data": None},
    {"status": "unavailable", "calls": []},
    {"status": False, "calls": []},
    {"status": 500, "calls": []},
    {"status": "500", "calls": []},
    {"status": "503 Service Unavailable", "calls": []},
    {"status": 206, "calls": []},
    {"status": 0, "calls": []},
    {**CALLS, "error": "db"},
    {**CALLS, "errors": ["db"]},
    {**CALLS, "errors": [["db"]]},
    {**CALLS, "errors": {"base": ["db"]}},
    {**CALLS, "errors": "db"},
    {**CALLS, "error": {"code": 7}},
    {**CALLS, "error": True},
    {**CALLS, "exception": "db"},
    {**CALLS, "error_message": "db"},
    {**CALLS, "partial": True},
    {**CALLS, "metadata": {"root": "calls", "error": "db"}},
    {**CALLS, "metadata": {"root": "calls", "success": False}},
    {"errors": ["db"], "calls": [ROW]},
    {"error": "db", "metadata": {"root": "calls"}, "calls": [ROW]},
    {"error": "db", "uuid": "a-1"},
    {"status": 404, "uuid": "a-1"},
    {"error": "db", "stats": {"finished": 3}},
    {"metadata": {"root": "reports"}, "reports": {"error": "db"}},
    {"code": 500, "message": "db down", "calls": []},
    {**CALLS, "status": 200, "code": 503},
    {**CALLS, "http_status": "502 Bad Gateway"},
    {**CALLS, "metadata": {"root": "calls", "code": 503, "total_count": 0}},
    {"result": "error", "message": "db", "calls": []},
    {"state": "failed", "calls": []},
    {**CALLS, "outcome": "Failure"},
    [{"code": 500, "message": "db down"}],
    [{"error": "db"}],
    [{"error": "db", "code": 7, "message": "no"}],
    [{"success": False}],
    {**CALLS, "calls": [{"error": "db"}]},
    {"calls": [{"error": "db"}]},
    {"reports": [{"error": "db", "message": "no"}], "totals": {}},
]

GOOD = [
    CALLS,
    {**CALLS, "status": "ok"},
    {**CALLS, "code": 200, "result": "success"},
    {**CALLS, "code": 0},
    {**CALLS, "calls": [{**ROW, "code": 500, "state": "failed", "result": "error"}]},
    {**CALLS, "status": "success"},
    {**CALLS, "success": True},
    {**CALLS, "success": "true"},
    {**CALLS, "success": None},
    {**CALLS, "errors": []},
    {**CALLS, "errors": {}},
    {**CALLS, "errors": {"base": []}},
    {**CALLS, "errors": None},
    {**CALLS, "error": None},
    {**CALLS, "error": False},
    {**CALLS, "error": ""},
    {**CALLS, "error": " "},
    {**CALLS, "error": 0},
    {**CALLS, "partial": False},
    {**CALLS, "message": "Five new features."},
    {**CALLS, "metadata": {"root": "calls", "errors": [], "params": {"status": "failed"}}},
    {**CALLS, "calls": [{**ROW, "error": "busy", "success": False}]},
    {**CALLS, "calls": [{"status": "failed"}, {"status": "no-buyer"}]},
    {"status": "failed", "uuid": "a-1"},
    {"status": "failed", "id": 5},
    {**ROW, "error": "a key of its own"},
    {"call": {**ROW, "error": "a key of its own"}},
    [ROW, {"status": "failed"}],
    [["finished", 3]],
    [{"status": "failed", "calls": 3}],
    {"status": {"failed": 3}},
    {"failed": 3, "finished": 2},
    {"failed": {"calls": 3}},
    {"status": 200, "stats": {"failed": 3, "": 1}},
    [],
    {},
]


@pytest.mark.parametrize("body", FAILED, ids=json.dumps)
def test_a_failure_is_recognized_in_every_spelling(body: Any) -> None:
    assert open_envelope(encode(body)).failure is not None
    assert open_envelope(encode(body), RowDecoder().decode).failure is not None


@pytest.mark.parametrize("body", GOOD, ids=json.dumps)
def test_a_response_without_a_failure_is_data(body: Any) -> None:
    assert open_envelope(encode(body)).failure is None
    assert open_envelope(encode(body), RowDecoder().decode).failure is None


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"status": 422, "errors": {"page": "no"}}, 422),
        ({"success": False, "error": {"code": 404}}, 404),
        ({"errors": [{"status": "403", "title": "no"}]}, 403),
        ({"error": "invalid_token"}, 401),
        ({"error": "Not found."}, 404),
        ({"success": False, "code": 429}, 429),
        ({"success": False, "error": "db"}, None),
        ({"status": "error"}, None),
        ({"success": False, "code": 7}, None),
    ],
)
def test_the_status_of_a_failure_is_the_one_that_it_states(body: Any, status: int | None) -> None:
    failure = open_envelope(encode(body)).failure
    assert failure is not None
    assert failure.status == status


def test_a_failure_is_described_without_its_values() -> None:
    failure = open_envelope(b'{"errors": {"base": "Jo Doe +17195550142"}, "calls": [{"name": "Jo"}]}').failure
    assert failure is not None
    assert failure.statement == "{errors: {base: text(19)}}"


@pytest.mark.parametrize("status", [201, 202, 203, 204, 205, 206, 226, 300, 304, 404, 500])
def test_a_get_needs_a_full_answer(status: int) -> None:
    assert is_accepted("GET", 200)
    assert not is_accepted("GET", status)
    assert is_accepted("DELETE", status) is (status < 300)


@pytest.mark.parametrize(
    "text",
    [
        '{"success": false}',
        '[{"uuid": "a"}]',
        "<html></html>",
        "error\ndb",
        "error,message\ndb,no",
        "The database is down.",
        '"error"',
    ],
)
def test_a_message_in_place_of_csv_is_a_failure(text: str) -> None:
    assert failure_of_csv(text) is not None


@pytest.mark.parametrize(
    "text",
    ["", "uuid", "uuid,error\na,", "status\nfailed", "status,type\nfailed,Call", "Caller Number,Status\n"],
)
def test_csv_is_no_failure(text: str) -> None:
    assert failure_of_csv(text) is None
