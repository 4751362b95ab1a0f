"""`/calls/reports` and `/calls/stats` are computed from the calls that `/calls` returns."""

import csv
from collections import Counter
from typing import Any

import pytest

from trackdrive_assets.api.catalog import GROUP_BYS, REPORT_CATEGORIES, STATS
from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets_tests.sandbox.conftest import HttpClient

RANGE = {"created_at_from": "2024-03-15 00:00:00 UTC", "created_at_to": "2024-03-19 23:59:59.999 UTC"}


def report(http: HttpClient, category: str, **params: Any) -> list[dict[str, Any]]:
    response = http.get("/calls/reports", category=category, per_page=250, **RANGE, **params)
    rows: list[dict[str, Any]] = response.json()["reports"]
    return rows


def stats(http: HttpClient, group_by: str, stat: str, **params: Any) -> dict[str, float]:
    response = http.get("/calls/stats", group_by=group_by, stat=stat, **RANGE, **params)
    numbers: dict[str, float] = response.json()["stats"]
    return numbers


@pytest.mark.parametrize("category", REPORT_CATEGORIES)
def test_every_report_adds_up_to_the_calls(shared: HttpClient, category: str) -> None:
    rows, calls = report(shared, category), shared.rows(**RANGE)
    assert len({str(row[category]) for row in rows}) == len(rows)
    assert sum(row["calls"] for row in rows) == len(calls)
    for total, amount in (
        ("revenue", lambda call: float(call["revenue"] or 0)),
        ("payout", lambda call: float(call["payout"] or 0)),
        ("cost", lambda call: (call["trackdrive_cost"] or 0) + (call["provider_cost"] or 0)),
        ("buyer_conversions", lambda call: call["buyer_converted"] == "Converted"),
        ("traffic_source_conversions", lambda call: call["traffic_source_converted"] == "Converted"),
    ):
        assert sum(row[total] for row in rows) == pytest.approx(sum(map(amount, calls)))


def test_a_report_row_covers_only_its_group(shared: HttpClient) -> None:
    for row in report(shared, "buyer_id"):
        calls = [call for call in shared.rows(**RANGE) if call["buyer_id"] == row["buyer_id"]]
        assert row["name"] == calls[0]["buyer"]
        assert row["calls"] == len(calls)
        assert row["revenue"] == pytest.approx(sum(float(call["revenue"] or 0) for call in calls))
        assert row["profit"] == pytest.approx(row["revenue"] - row["payout"])
        assert row["average_duration"] == pytest.approx(
            sum(call["total_duration"] or 0 for call in calls) / len(calls), abs=0.01
        )


def test_a_report_accepts_the_filters_of_calls(shared: HttpClient) -> None:
    rows = report(shared, "status", buyer_converted="true")
    assert [(row["status"], row["calls"]) for row in rows] == [
        ("finished", len(shared.rows(buyer_converted="true", **RANGE)))
    ]


def test_a_report_has_pages(shared: HttpClient) -> None:
    whole = report(shared, "contact_id")
    first = shared.get("/calls/reports", category="contact_id", per_page=50, **RANGE).json()
    second = shared.get("/calls/reports", category="contact_id", per_page=50, page=2, **RANGE).json()
    assert first["reports"] + second["reports"] == whole[:100]
    assert first["metadata"]["root"] == "reports"
    assert first["metadata"]["total_count"] == len(whole)


def test_a_report_is_available_as_csv(shared: HttpClient) -> None:
    text = shared.get("/calls/reports.csv", category="status", **RANGE).text
    assert [row["status"] for row in csv.DictReader(text.splitlines())] == [
        row["status"] for row in report(shared, "status")
    ]


def test_a_report_has_other_shapes(sandbox: Sandbox, http: HttpClient) -> None:
    objects = report(http, "buyer_id")
    sandbox.report_shape = "bare"
    assert http.get("/calls/reports", category="buyer_id", **RANGE).json() == objects
    sandbox.report_shape = "map"
    named = http.get("/calls/reports", category="buyer_id", **RANGE).json()["reports"]
    assert {key: value["calls"] for key, value in named.items()} == {
        str(row["buyer_id"] or ""): row["calls"] for row in objects
    }


@pytest.mark.parametrize("category", ["", "moon_phase"])
def test_an_unknown_category_is_refused(shared: HttpClient, category: str) -> None:
    response = shared.get("/calls/reports", category=category)
    assert response.status_code == 422
    assert response.json()["errors"]["category"].startswith("Must be one of: buyer_id")


def test_an_account_can_have_refused_categories() -> None:
    with Sandbox(calls_per_day=1, refused_categories={"contact_id": "Not for you."}) as sandbox:
        http = HttpClient(sandbox)
        with http.session:
            assert http.get("/calls/reports", category="contact_id").json() == {
                "status": 422,
                "errors": {"category": "Not for you."},
            }
            assert http.get("/calls/reports", category="buyer_id").status_code == 200


@pytest.mark.parametrize("group_by", GROUP_BYS)
@pytest.mark.parametrize("stat", STATS)
def test_every_stat_adds_up_to_the_report(shared: HttpClient, group_by: str, stat: str) -> None:
    rows = report(shared, "status")
    total = sum(row["calls" if stat == "count" else stat] for row in rows)
    assert sum(stats(shared, group_by, stat).values()) == pytest.approx(total)


def test_stats_by_status_and_conversion_count_each_group(shared: HttpClient) -> None:
    calls = shared.rows(**RANGE)
    assert stats(shared, "status", "count") == Counter(call["status"] for call in calls)
    assert stats(shared, "offer_converted", "count") == Counter(
        call["traffic_source_converted"] or "" for call in calls
    )


def test_stats_by_time_have_the_start_of_each_interval(shared: HttpClient) -> None:
    calls = shared.rows(**RANGE)
    assert stats(shared, "created_at_day", "count") == Counter(
        f"{call['created_at'][:10]} 00:00:00 UTC" for call in calls
    )
    assert list(stats(shared, "created_at_week", "count")) == [
        "2024-03-11 00:00:00 UTC",
        "2024-03-18 00:00:00 UTC",
    ]
    assert list(stats(shared, "created_at_month", "count")) == ["2024-03-01 00:00:00 UTC"]
    assert all(int(key[14:16]) % 5 == 0 for key in stats(shared, "created_at_five_minutes", "count"))


def test_the_trailing_slash_of_the_documentation_works(shared: HttpClient) -> None:
    params = {"group_by": "status", "stat": "count", **RANGE}
    assert shared.get("/calls/stats/", **params).json() == shared.get("/calls/stats", **params).json()


def test_stats_have_other_shapes(sandbox: Sandbox, http: HttpClient) -> None:
    numbers = stats(http, "status", "count")
    params = {"group_by": "status", "stat": "count", **RANGE}
    sandbox.stats_shape = "bare_map"
    assert http.get("/calls/stats", **params).json() == numbers
    sandbox.stats_shape = "pairs"
    assert http.get("/calls/stats", **params).json()["stats"] == [list(item) for item in numbers.items()]
    sandbox.stats_shape = "series"
    series = http.get("/calls/stats", **params).json()["stats"]
    assert {each["name"]: list(each["data"].values()) for each in series} == {
        group: [number] for group, number in numbers.items()
    }


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"stat": "luck"}, "stat"),
        ({"group_by": "buyer_id"}, "group_by"),
        ({"created_at_from": None}, "created_at_from"),
        ({"created_at_to": None}, "created_at_to"),
    ],
)
def test_stats_without_a_required_parameter_are_refused(
    shared: HttpClient, change: dict[str, str | None], named: str
) -> None:
    response = shared.get("/calls/stats", **{"group_by": "status", "stat": "count", **RANGE, **change})
    assert response.status_code == 422
    assert list(response.json()["errors"]) == [named]
