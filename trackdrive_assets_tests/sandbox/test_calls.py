"""`GET /calls`: the envelope, pages and cursors, columns, and CSV."""

import csv
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from trackdrive_assets.api.catalog import CALL_COLUMNS, LEGACY_CALL_COLUMNS
from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets_tests.sandbox.conftest import MARCH, NOON, Clock, HttpClient

DAY = {"created_at_from": "2024-03-18 00:00:00 UTC", "created_at_to": "2024-03-18 23:59:59.999 UTC"}
MONDAY = datetime(2024, 3, 18, tzinfo=UTC)


def expected_calls(sandbox: Sandbox, days: int = 1) -> list[dict[str, Any]]:
    return sandbox.calls(MONDAY, MONDAY + timedelta(days=days))


def test_the_envelope_has_the_captured_keys_in_order(shared: HttpClient) -> None:
    body = shared.get(**DAY).json()
    assert list(body) == ["status", "metadata", "calls"]
    assert list(body["metadata"]) == [
        "in_progress_count", "active_cc_count", "max_cc_count", "company", "root", "page", "total_pages",
        "per_page", "total_count", "next_cursor", "params",
    ]  # fmt: skip
    assert body["metadata"]["root"] == "calls"


def test_total_pages_is_one_too_high(shared: HttpClient) -> None:
    metadata = shared.get(per_page=10, **DAY).json()["metadata"]
    assert metadata["total_count"] == len(expected_calls(shared.sandbox))
    assert metadata["total_pages"] == -(-metadata["total_count"] // 10) + 1


def test_metadata_contains_unknown_parameters_and_defaults_but_no_token(shared: HttpClient) -> None:
    echo = shared.get(auth_token="sandbox-token", sort_by="x").json()["metadata"]["params"]
    assert echo == {"time_zone": "Etc/UTC", "order_dir": "desc", "per_page": "25", "sort_by": "x"}


def test_calls_are_newest_first_and_never_in_the_future(shared: HttpClient) -> None:
    created = [datetime.fromisoformat(row["created_at"]) for row in shared.rows()]
    assert created == sorted(created, reverse=True)
    assert NOON - timedelta(days=1) < created[0] <= NOON


@pytest.mark.parametrize("per_page", [1, 7, 46, 250])
def test_cursors_return_every_call_once_and_end_with_an_empty_page(shared: HttpClient, per_page: int) -> None:
    pages = shared.pages(per_page=per_page, **DAY)
    assert [row for page in pages for row in page] == expected_calls(shared.sandbox)[::-1]
    assert pages[-1] == []


def test_a_cursor_is_created_at_in_ten_microseconds_as_a_float(shared: HttpClient) -> None:
    text = shared.get(per_page=1).text
    body = json.loads(text)
    cursor = body["metadata"]["next_cursor"]
    assert isinstance(cursor, float)
    assert f'"next_cursor":{cursor!r}' in text
    created = datetime.fromisoformat(body["calls"][0]["created_at"]).timestamp()
    assert 0 <= cursor - created * 100_000 < 100


def test_a_legacy_cursor_is_the_id_of_the_last_row() -> None:
    with Sandbox(calls_per_day=40, first_day=MARCH, now=Clock(), api_version="legacy") as sandbox:
        http = HttpClient(sandbox)
        with http.session:
            pages = http.pages(per_page=7, **DAY)
            assert [row["uuid"] for page in pages for row in page] == [
                row["uuid"] for row in expected_calls(sandbox)[::-1]
            ]
            body = http.get(per_page=1).json()
            last = sandbox.generator.find(body["calls"][0]["uuid"])
            assert last is not None
            assert body["metadata"]["next_cursor"] == last.id
            assert list(body["calls"][0]) == list(LEGACY_CALL_COLUMNS)


def test_a_cursor_with_fewer_digits_continues_elsewhere(shared: HttpClient) -> None:
    exact = shared.get(per_page=1, **DAY).json()["metadata"]["next_cursor"]
    assert shared.rows(per_page=1, cursor=f"{exact:.4E}", **DAY) != shared.rows(
        per_page=1, cursor=repr(exact), **DAY
    )


@pytest.mark.parametrize(("ties_lost", "served"), [(False, 5), (True, 2)])
def test_ties_are_lost_between_pages_only_with_the_option(*, ties_lost: bool, served: int) -> None:
    with Sandbox(calls_per_day=0, first_day=MARCH, now=Clock(), ties_lost=ties_lost) as sandbox:
        for _ in range(5):
            sandbox.add_call(MONDAY)
        http = HttpClient(sandbox)
        with http.session:
            assert sum(map(len, http.pages(per_page=2))) == served


def test_page_numbers_return_every_call_once(shared: HttpClient) -> None:
    pages = [shared.rows(per_page=10, page=number, **DAY) for number in range(1, 8)]
    assert [row for page in pages for row in page] == expected_calls(shared.sandbox)[::-1]


def test_a_new_call_shifts_numbered_pages_but_not_cursors(sandbox: Sandbox, http: HttpClient) -> None:
    body = http.get(per_page=5).json()
    expected = http.rows(per_page=5, cursor=body["metadata"]["next_cursor"])
    sandbox.add_call(NOON)
    assert http.rows(per_page=5, page=2)[0] == body["calls"][-1]
    assert http.rows(per_page=5, cursor=body["metadata"]["next_cursor"]) == expected


def test_a_page_number_over_ten_is_refused(shared: HttpClient) -> None:
    refused = shared.get(page=11)
    assert refused.status_code == 422
    assert refused.json() == {
        "status": 422,
        "errors": {"page": "A page > 10 is not allowed, cursor must be used instead."},
    }


def test_a_page_is_limited_and_metadata_has_the_limit(shared: HttpClient) -> None:
    body = shared.get(per_page=1000).json()
    assert body["metadata"]["per_page"] == len(body["calls"]) == 250


def test_root_false_returns_an_array_without_an_envelope(shared: HttpClient) -> None:
    assert shared.get(root="false", **DAY).json() == shared.rows(per_page=25, **DAY)


def test_all_columns_are_in_order_and_tags_follow_them(shared: HttpClient) -> None:
    for row in shared.rows(**DAY):
        names = list(row)
        assert tuple(names[: len(CALL_COLUMNS)]) == CALL_COLUMNS
        assert "token-state" in names[len(CALL_COLUMNS) :]
        assert all(name.startswith("token-") for name in names[len(CALL_COLUMNS) :])


def test_chosen_columns_are_in_their_order_without_unknown_ones_or_tags(shared: HttpClient) -> None:
    rows = shared.rows(columns="status, uuid,number,created_at", **DAY)
    assert {tuple(row) for row in rows} == {("status", "uuid", "created_at")}


@pytest.mark.parametrize("how", ["suffix", "header"])
def test_csv_has_the_same_rows_and_a_header(shared: HttpClient, how: str) -> None:
    shared.session.headers["Accept"] = "text/csv" if how == "header" else "*/*"
    response = shared.get("/calls.csv" if how == "suffix" else "/calls", columns="uuid,buyer", **DAY)
    shared.session.headers["Accept"] = "*/*"
    assert response.headers["Content-Type"].startswith("text/csv")
    expected = shared.rows(columns="uuid,buyer", per_page=25, **DAY)
    assert list(csv.DictReader(response.text.splitlines())) == [
        {name: value or "" for name, value in row.items()} for row in expected
    ]


def test_the_json_suffix_works(shared: HttpClient) -> None:
    assert shared.get("/calls.json", **DAY).json()["calls"] == shared.get(**DAY).json()["calls"]


def test_calls_can_be_ordered_by_another_field_and_ascending(shared: HttpClient) -> None:
    durations = [row["total_duration"] for row in shared.rows(order="total_duration", order_dir="asc", **DAY)]
    assert durations == sorted(durations)
    assert shared.rows(order_dir="asc", **DAY) == expected_calls(shared.sandbox)


def test_an_unknown_order_is_ignored(shared: HttpClient) -> None:
    assert shared.rows(order="nonsense", sort_by="status", **DAY) == shared.rows(**DAY)


def test_an_added_call_has_the_fields_of_the_test(sandbox: Sandbox, http: HttpClient) -> None:
    uuid = sandbox.add_call(MONDAY, status="brand-new", revenue="", surprise={"nested": 1})
    instant = {"created_at_from": MONDAY.isoformat(), "created_at_to": MONDAY.isoformat()}
    (row,) = http.rows(**instant, status="brand-new")
    assert (row["uuid"], row["revenue"], row["surprise"]) == (uuid, "", {"nested": 1})
    assert row["created_at"] == "2024-03-18T00:00:00.000+00:00"


def test_a_test_can_rewrite_rows_before_they_are_sent(sandbox: Sandbox, http: HttpClient) -> None:
    sandbox.rewrite = lambda row: {**row, "total_duration": "soon"}
    assert {row["total_duration"] for row in http.rows(**DAY)} == {"soon"}
    assert "soon" not in {row["total_duration"] for row in expected_calls(sandbox)}


def test_late_conversions_appear_when_the_clock_advances(
    sandbox: Sandbox, http: HttpClient, clock: Clock
) -> None:
    before = {row["uuid"]: row for row in http.rows(**DAY)}
    since = clock.time
    clock.advance(days=20)
    after = {row["uuid"]: row for row in http.rows(**DAY)}
    changed = {uuid for uuid in before if before[uuid] != after[uuid]}
    assert list(before) == list(after)
    assert changed
    assert changed == {each.uuid for each in sandbox.changes(since, clock.time) if each.uuid in before}


def test_a_cached_filter_result_expires_when_a_call_changes(http: HttpClient, clock: Clock) -> None:
    def converted() -> int:
        total: int = http.get(buyer_converted="true", **DAY).json()["metadata"]["total_count"]
        return total

    seen = {converted()}
    for _ in range(20):
        clock.advance(days=1)
        seen.add(converted())
        assert converted() == sum(
            row["buyer_converted"] == "Converted" for row in expected_calls(http.sandbox)
        )
    assert len(seen) > 1
