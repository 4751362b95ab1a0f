"""`GET /calls`: the envelope, pages and cursors, columns, and CSV."""

import csv
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from trackdrive_assets.api.catalog import CALL_COLUMNS, LEGACY_CALL_COLUMNS
from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets_tests.sandbox.conftest import MARCH, NOON, Clock, Visitor

DAY = {"created_at_from": "2024-03-18 00:00:00 UTC", "created_at_to": "2024-03-18 23:59:59.999 UTC"}
MONDAY = datetime(2024, 3, 18, tzinfo=UTC)


def truth(sandbox: Sandbox, days: int = 1) -> list[dict[str, Any]]:
    return sandbox.calls(MONDAY, MONDAY + timedelta(days=days))


def test_the_envelope_has_the_captured_keys_in_order(still: Visitor) -> None:
    body = still.get(**DAY).json()
    assert list(body) == ["status", "metadata", "calls"]
    assert list(body["metadata"]) == [
        "in_progress_count", "active_cc_count", "max_cc_count", "company", "root", "page", "total_pages",
        "per_page", "total_count", "next_cursor", "params",
    ]  # fmt: skip
    assert body["metadata"]["root"] == "calls"


def test_total_pages_is_one_too_high(still: Visitor) -> None:
    about = still.get(per_page=10, **DAY).json()["metadata"]
    assert about["total_count"] == len(truth(still.sandbox))
    assert about["total_pages"] == -(-about["total_count"] // 10) + 1


def test_the_echo_has_unknown_parameters_and_defaults_but_no_token(still: Visitor) -> None:
    echo = still.get(auth_token="sandbox-token", sort_by="x").json()["metadata"]["params"]
    assert echo == {"time_zone": "Etc/UTC", "order_dir": "desc", "per_page": "25", "sort_by": "x"}


def test_calls_come_newest_first_and_none_from_the_future(still: Visitor) -> None:
    moments = [datetime.fromisoformat(row["created_at"]) for row in still.rows()]
    assert moments == sorted(moments, reverse=True)
    assert NOON - timedelta(days=1) < moments[0] <= NOON


@pytest.mark.parametrize("per_page", [1, 7, 46, 250])
def test_cursors_give_every_call_once_and_end_with_an_empty_page(still: Visitor, per_page: int) -> None:
    pages = still.pages(per_page=per_page, **DAY)
    assert [row for page in pages for row in page] == truth(still.sandbox)[::-1]
    assert pages[-1] == []


def test_the_cursor_is_the_creation_in_units_of_ten_microseconds_as_a_float(still: Visitor) -> None:
    text = still.get(per_page=1).text
    body = json.loads(text)
    cursor = body["metadata"]["next_cursor"]
    assert isinstance(cursor, float)
    assert f'"next_cursor":{cursor!r}' in text
    created = datetime.fromisoformat(body["calls"][0]["created_at"]).timestamp()
    assert 0 <= cursor - created * 100_000 < 100


def test_a_legacy_cursor_is_the_id_of_the_last_row() -> None:
    with Sandbox(calls_per_day=40, first_day=MARCH, now=Clock(), api_version="legacy") as sandbox:
        visitor = Visitor(sandbox)
        with visitor.session:
            pages = visitor.pages(per_page=7, **DAY)
            assert [row["uuid"] for page in pages for row in page] == [
                row["uuid"] for row in truth(sandbox)[::-1]
            ]
            body = visitor.get(per_page=1).json()
            last = sandbox.generator.find(body["calls"][0]["uuid"])
            assert last is not None
            assert body["metadata"]["next_cursor"] == last.id
            assert list(body["calls"][0]) == list(LEGACY_CALL_COLUMNS)


def test_a_cursor_printed_with_an_exponent_lands_elsewhere(still: Visitor) -> None:
    exact = still.get(per_page=1, **DAY).json()["metadata"]["next_cursor"]
    assert still.rows(per_page=1, cursor=f"{exact:.4E}", **DAY) != still.rows(
        per_page=1, cursor=repr(exact), **DAY
    )


@pytest.mark.parametrize(("ties_lost", "served"), [(False, 5), (True, 2)])
def test_calls_of_one_millisecond_are_lost_at_a_page_edge_only_if_asked_for(
    *, ties_lost: bool, served: int
) -> None:
    with Sandbox(calls_per_day=0, first_day=MARCH, now=Clock(), ties_lost=ties_lost) as sandbox:
        for _ in range(5):
            sandbox.add_call(MONDAY)
        visitor = Visitor(sandbox)
        with visitor.session:
            assert sum(map(len, visitor.pages(per_page=2))) == served


def test_pages_by_number_give_every_call_once(still: Visitor) -> None:
    pages = [still.rows(per_page=10, page=number, **DAY) for number in range(1, 8)]
    assert [row for page in pages for row in page] == truth(still.sandbox)[::-1]


def test_a_call_that_arrives_shifts_pages_by_number_but_not_by_cursor(
    sandbox: Sandbox, visitor: Visitor
) -> None:
    body = visitor.get(per_page=5).json()
    expected = visitor.rows(per_page=5, cursor=body["metadata"]["next_cursor"])
    sandbox.add_call(NOON)
    assert visitor.rows(per_page=5, page=2)[0] == body["calls"][-1]
    assert visitor.rows(per_page=5, cursor=body["metadata"]["next_cursor"]) == expected


def test_a_page_over_ten_is_refused_in_favour_of_cursors(still: Visitor) -> None:
    refused = still.get(page=11)
    assert refused.status_code == 422
    assert refused.json() == {
        "status": 422,
        "errors": {"page": "A page > 10 is not allowed, cursor must be used instead."},
    }


def test_a_page_is_cut_to_the_limit_and_says_so(still: Visitor) -> None:
    body = still.get(per_page=1000).json()
    assert body["metadata"]["per_page"] == len(body["calls"]) == 250


def test_root_false_gives_a_bare_array(still: Visitor) -> None:
    assert still.get(root="false", **DAY).json() == still.rows(per_page=25, **DAY)


def test_all_of_todays_columns_come_in_order_and_tags_after_them(still: Visitor) -> None:
    for row in still.rows(**DAY):
        names = list(row)
        assert tuple(names[: len(CALL_COLUMNS)]) == CALL_COLUMNS
        assert "token-state" in names[len(CALL_COLUMNS) :]
        assert all(name.startswith("token-") for name in names[len(CALL_COLUMNS) :])


def test_columns_come_in_the_order_asked_without_spaces_unknown_ones_or_tags(still: Visitor) -> None:
    rows = still.rows(columns="status, uuid,number,created_at", **DAY)
    assert {tuple(row) for row in rows} == {("status", "uuid", "created_at")}


@pytest.mark.parametrize("how", ["suffix", "header"])
def test_csv_has_the_same_rows_under_a_header(still: Visitor, how: str) -> None:
    still.session.headers["Accept"] = "text/csv" if how == "header" else "*/*"
    answer = still.get("/calls.csv" if how == "suffix" else "/calls", columns="uuid,buyer", **DAY)
    still.session.headers["Accept"] = "*/*"
    assert answer.headers["Content-Type"].startswith("text/csv")
    expected = still.rows(columns="uuid,buyer", per_page=25, **DAY)
    assert list(csv.DictReader(answer.text.splitlines())) == [
        {name: value or "" for name, value in row.items()} for row in expected
    ]


def test_the_json_suffix_works(still: Visitor) -> None:
    assert still.get("/calls.json", **DAY).json()["calls"] == still.get(**DAY).json()["calls"]


def test_order_by_another_field_and_ascending(still: Visitor) -> None:
    durations = [row["total_duration"] for row in still.rows(order="total_duration", order_dir="asc", **DAY)]
    assert durations == sorted(durations)
    assert still.rows(order_dir="asc", **DAY) == truth(still.sandbox)


def test_an_unknown_order_is_ignored(still: Visitor) -> None:
    assert still.rows(order="nonsense", sort_by="status", **DAY) == still.rows(**DAY)


def test_a_placed_call_shows_what_it_was_told_to(sandbox: Sandbox, visitor: Visitor) -> None:
    uuid = sandbox.add_call(MONDAY, status="brand-new", revenue="", surprise={"nested": 1})
    moment = {"created_at_from": MONDAY.isoformat(), "created_at_to": MONDAY.isoformat()}
    (row,) = visitor.rows(**moment, status="brand-new")
    assert (row["uuid"], row["revenue"], row["surprise"]) == (uuid, "", {"nested": 1})
    assert row["created_at"] == "2024-03-18T00:00:00.000+00:00"


def test_rows_can_be_rewritten_at_the_last_moment(sandbox: Sandbox, visitor: Visitor) -> None:
    sandbox.rewrite = lambda row: {**row, "total_duration": "soon"}
    assert {row["total_duration"] for row in visitor.rows(**DAY)} == {"soon"}
    assert "soon" not in {row["total_duration"] for row in truth(sandbox)}


def test_late_conversions_appear_when_the_clock_moves(
    sandbox: Sandbox, visitor: Visitor, clock: Clock
) -> None:
    before = {row["uuid"]: row for row in visitor.rows(**DAY)}
    since = clock.moment
    clock.pass_by(days=20)
    after = {row["uuid"]: row for row in visitor.rows(**DAY)}
    changed = {uuid for uuid in before if before[uuid] != after[uuid]}
    assert list(before) == list(after)
    assert changed
    assert changed == {each.uuid for each in sandbox.changes(since, clock.moment) if each.uuid in before}


def test_a_filter_is_not_answered_from_memory_once_something_changed(visitor: Visitor, clock: Clock) -> None:
    def converted() -> int:
        total: int = visitor.get(buyer_converted="true", **DAY).json()["metadata"]["total_count"]
        return total

    seen = {converted()}
    for _ in range(20):
        clock.pass_by(days=1)
        seen.add(converted())
        assert converted() == sum(row["buyer_converted"] == "Converted" for row in truth(visitor.sandbox))
    assert len(seen) > 1
