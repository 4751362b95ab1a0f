"""Every documented filter: its result is compared with the fields of all rows."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets_tests.sandbox.conftest import Clock, HttpClient

Row = dict[str, Any]
RANGE = {"created_at_from": "2024-03-17", "created_at_to": "2024-03-21"}

WITH_A_COLUMN: list[tuple[str, str, Callable[[Row], object]]] = [
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

WITHOUT_A_COLUMN = [
    ("placed_on_hold", "true"),
    ("buyer_conversion_duplicated_call", "true"),
    ("offer_conversion_duplicated_call", "true"),
]


@pytest.mark.parametrize(("name", "value", "test"), WITH_A_COLUMN)
def test_a_filter_returns_exactly_the_matching_rows(
    shared: HttpClient, name: str, value: str, test: Callable[[Row], object]
) -> None:
    everything = shared.rows(**RANGE)
    expected = [row for row in everything if test(row)]
    assert 0 < len(expected) < len(everything)
    body = shared.get(per_page=250, **{name: value}, **RANGE).json()
    assert body["calls"] == expected
    assert body["metadata"]["total_count"] == len(expected)


@pytest.mark.parametrize(("name", "value"), WITHOUT_A_COLUMN)
def test_a_flag_without_a_column_splits_the_calls(shared: HttpClient, name: str, value: str) -> None:
    chosen, others = shared.rows(**{name: value}, **RANGE), shared.rows(**{name: "false"}, **RANGE)
    assert chosen
    assert len(chosen) + len(others) == len(shared.rows(**RANGE))


def test_filters_combine_and_work_with_cursors(shared: HttpClient) -> None:
    both = {"buyer_converted": "true", "offer_id": "10026786"}
    expected = [
        row
        for row in shared.rows(**RANGE)
        if row["buyer_converted"] == "Converted" and row["offer_id"] == 10026786
    ]
    pages = shared.pages(per_page=7, **both, **RANGE)
    assert [row for page in pages for row in page] == expected


def test_calls_can_be_filtered_by_id_and_by_caller(shared: HttpClient) -> None:
    row = shared.rows(**RANGE)[5]
    assert shared.rows(id=row["id"]) == [row]
    report = shared.get("/calls/reports", category="contact_id", per_page=250, **RANGE).json()["reports"]
    contact = next(each["contact_id"] for each in report if each["name"] == row["caller_number"])
    assert {each["caller_number"] for each in shared.rows(contact_id=contact)} == {row["caller_number"]}


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
def test_a_date_is_parsed_in_every_form_of_known_clients(
    shared: HttpClient, text: str, zone: str | None
) -> None:
    params = {"created_at_from": text, "created_at_to": "2024-03-18T23:59:59.999Z"}
    found = shared.rows(**params, **({"time_zone": zone} if zone else {}))
    five = datetime(2024, 3, 18, 5, tzinfo=UTC)
    assert found == shared.sandbox.calls(five, five + timedelta(hours=19))[::-1]


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
def test_an_invalid_value_is_refused_with_its_parameter(shared: HttpClient, name: str, value: str) -> None:
    response = shared.get(**{name: value})
    assert response.status_code == response.json()["status"] == 422
    assert list(response.json()["errors"]) == [name]


@pytest.mark.parametrize(("inclusive", "found"), [(True, 1), (False, 0)])
def test_the_end_of_a_range_is_inclusive_unless_configured(*, inclusive: bool, found: int) -> None:
    edge = datetime(2024, 3, 19, tzinfo=UTC)
    with Sandbox(calls_per_day=0, now=Clock(), inclusive_end=inclusive) as sandbox:
        sandbox.add_call(edge)
        http = HttpClient(sandbox)
        with http.session:
            assert len(http.rows(created_at_to="2024-03-19 00:00:00 UTC")) == found
            assert len(http.rows(created_at_from="2024-03-19 00:00:00 UTC")) == 1


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
def test_a_label_is_a_range_of_dates(shared: HttpClient, label: str, since: str, until: str) -> None:
    total = shared.get(created_at_label=label).json()["metadata"]["total_count"]
    truth = shared.sandbox.calls(
        *(datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (since, until))
    )
    assert total == len(truth)
