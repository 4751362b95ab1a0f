"""Every filter of the documentation really filters: what it lets through is what the rows themselves say."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets_tests.sandbox.conftest import Clock, Visitor

Row = dict[str, Any]
RANGE = {"created_at_from": "2024-03-17", "created_at_to": "2024-03-21"}

SHOWN_BY_THE_ROW: list[tuple[str, str, Callable[[Row], object]]] = [
    ("buyer_converted", "true", lambda row: row["buyer_converted"] == "Converted"),
    ("buyer_converted", "0", lambda row: row["buyer_converted"] is None),
    ("offer_converted", "yes", lambda row: row["traffic_source_converted"]),
    ("either_converted", "on", lambda row: row["buyer_converted"] or row["traffic_source_converted"]),
    ("buyer_repeat_caller", "1", lambda row: row["buyer_repeat_caller"] == "Repeat"),
    ("offer_repeat_caller", "true", lambda row: row["traffic_source_repeat_caller"] == "Repeat"),
    ("has_recording", "true", lambda row: row["recording_url"]),
    ("no_buyer", "true", lambda row: row["buyer"] is None),
    ("in_progress", "true", lambda row: row["ended_at"] is None),
    ("in_progress", "false", lambda row: row["ended_at"]),
    ("status", "no-answer", lambda row: row["status"] == "no-answer"),
    ("buyer_id", "10160412", lambda row: row["buyer_id"] == 10160412),
    ("offer_id", "10026790", lambda row: row["offer_id"] == 10026790),
    ("traffic_source_id", "10455196", lambda row: row["traffic_source_id"] == 10455196),
    ("number_id", "14755794", lambda row: row["number_id"] == 14755794),
    ("ring_pool_id", "7702", lambda row: row["ring_pool_id"] == 7702),
    ("schedule_id", "501", lambda row: row["schedule_id"] == 501),
    ("buyer_group_ids", "301", lambda row: row["buyer_id"] in {10160398, 10160412}),
    ("provider_configuration_id", "602", lambda row: row["provider"] == "telnyx"),
    ("token_key", "first_name", lambda row: "token-first_name" in row),
    ("token_key", "state:CO", lambda row: row["token-state"] == "CO"),
    ("token_value", "state:TX", lambda row: row["token-state"] == "TX"),
    ("token_value", "us-fl", lambda row: row["token-geo_state"] == "us-fl"),
    ("fulltext", "TELNYX", lambda row: row["provider"] == "telnyx"),
    ("ended_at_from", "2024-03-19 15:00:00 UTC", lambda row: (row["ended_at"] or "") >= "2024-03-19T15"),
    ("ended_at_to", "2024-03-19 15:00:00 UTC", lambda row: (row["ended_at"] or "9") < "2024-03-19T15"),
]  # fmt: skip

SHOWN_BY_NO_COLUMN = [
    ("placed_on_hold", "true"),
    ("buyer_conversion_duplicated_call", "true"),
    ("offer_conversion_duplicated_call", "true"),
]


@pytest.mark.parametrize(("name", "value", "test"), SHOWN_BY_THE_ROW)
def test_a_filter_gives_exactly_the_rows_that_fit(
    still: Visitor, name: str, value: str, test: Callable[[Row], object]
) -> None:
    everything = still.rows(**RANGE)
    expected = [row for row in everything if test(row)]
    assert 0 < len(expected) < len(everything)
    body = still.get(per_page=250, **{name: value}, **RANGE).json()
    assert body["calls"] == expected
    assert body["metadata"]["total_count"] == len(expected)


@pytest.mark.parametrize(("name", "value"), SHOWN_BY_NO_COLUMN)
def test_a_flag_that_no_column_shows_splits_the_calls(still: Visitor, name: str, value: str) -> None:
    chosen, others = still.rows(**{name: value}, **RANGE), still.rows(**{name: "false"}, **RANGE)
    assert chosen
    assert len(chosen) + len(others) == len(still.rows(**RANGE))


def test_filters_narrow_each_other_and_page_by_cursor(still: Visitor) -> None:
    both = {"buyer_converted": "true", "offer_id": "10026786"}
    expected = [
        row
        for row in still.rows(**RANGE)
        if row["buyer_converted"] == "Converted" and row["offer_id"] == 10026786
    ]
    pages = still.pages(per_page=7, **both, **RANGE)
    assert [row for page in pages for row in page] == expected


def test_a_call_is_asked_for_by_id_and_by_its_caller(still: Visitor) -> None:
    row = still.rows(**RANGE)[5]
    assert still.rows(id=row["id"]) == [row]
    report = still.get("/calls/reports", category="contact_id", per_page=250, **RANGE).json()["reports"]
    contact = next(each["contact_id"] for each in report if each["name"] == row["caller_number"])
    assert {each["caller_number"] for each in still.rows(contact_id=contact)} == {row["caller_number"]}


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("2024-03-18 05:00:00 UTC", None),
        ("2024-03-18 05:00:00 +0000", None),
        ("2024-03-18 00:00:00 -0500", None),
        ("2024-03-18T05:00:00.000+00:00", None),
        ("2024-03-18T05:00:00Z", None),
        ("2024-03-17T22:00:00-07:00", None),
        ("2024-03-18 05:00:00", None),
        ("2024-03-18 05:00:00", "UTC"),
        ("2024-03-18 00:00:00", "EST"),
        ("2024-03-18 01:00:00", "America/New_York"),
        ("2024-03-18 05:00:00 +0000", "America/New_York"),
        ("2024-03-18", "EST"),
    ],
)
def test_a_date_is_read_in_every_form_that_is_in_use(still: Visitor, text: str, zone: str | None) -> None:
    asked = {"created_at_from": text, "created_at_to": "2024-03-18T23:59:59.999Z"}
    found = still.rows(**asked, **({"time_zone": zone} if zone else {}))
    five = datetime(2024, 3, 18, 5, tzinfo=UTC)
    assert found == still.sandbox.calls(five, five + timedelta(hours=19))[::-1]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("created_at_from", ""),
        ("created_at_to", "yesterday"),
        ("ended_at_from", "2024-13-01"),
        ("created_at_from", "2024-03-18 00:00:00  0500"),
        ("time_zone", "Atlantis"),
        ("created_at_label", "Someday"),
        ("buyer_converted", "maybe"),
        ("buyer_id", "Northwind"),
        ("per_page", "many"),
        ("page", "0"),
        ("cursor", "next"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused_by_name(still: Visitor, name: str, value: str) -> None:
    answer = still.get(**{name: value})
    assert answer.status_code == answer.json()["status"] == 422
    assert list(answer.json()["errors"]) == [name]


@pytest.mark.parametrize(("inclusive", "found"), [(True, 1), (False, 0)])
def test_a_call_at_the_very_end_is_in_range_unless_chosen_otherwise(*, inclusive: bool, found: int) -> None:
    edge = datetime(2024, 3, 19, tzinfo=UTC)
    with Sandbox(calls_per_day=0, now=Clock(), inclusive_end=inclusive) as sandbox:
        sandbox.add_call(edge)
        visitor = Visitor(sandbox)
        with visitor.session:
            assert len(visitor.rows(created_at_to="2024-03-19 00:00:00 UTC")) == found
            assert len(visitor.rows(created_at_from="2024-03-19 00:00:00 UTC")) == 1


@pytest.mark.parametrize(
    ("label", "since", "until"),
    [
        ("Last 4 Hours", "2024-03-20T08", "2024-03-20T12"),
        ("Last 2 Days", "2024-03-18T12", "2024-03-20T12"),
        ("Today", "2024-03-20", "2024-03-20T12"),
        ("Yesterday", "2024-03-19", "2024-03-20"),
        ("This Week", "2024-03-18", "2024-03-20T12"),
        ("Last Week", "2024-03-11", "2024-03-18"),
        ("This Month", "2024-03-01", "2024-03-20T12"),
        ("Last Month", "2024-02-01", "2024-03-01"),
        ("This Quarter", "2024-01-01", "2024-03-20T12"),
        ("Last Year", "2023-01-01", "2024-01-01"),
        ("Lifetime", "2024-03-01", "2024-03-20T12"),
    ],
)  # fmt: skip
def test_a_label_is_a_range_up_to_now(still: Visitor, label: str, since: str, until: str) -> None:
    total = still.get(created_at_label=label).json()["metadata"]["total_count"]
    truth = still.sandbox.calls(
        *(datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (since, until))
    )
    assert total == len(truth)
