"""`/calls/reports` and `/calls/stats` are computed from the very calls that `/calls` shows."""

import csv
from collections import Counter
from typing import Any

import pytest

from trackdrive_assets.api.catalog import GROUP_BYS, REPORT_CATEGORIES, STATS
from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets_tests.sandbox.conftest import Visitor

RANGE = {"created_at_from": "2024-03-15 00:00:00 UTC", "created_at_to": "2024-03-19 23:59:59.999 UTC"}


def report(visitor: Visitor, category: str, **params: Any) -> list[dict[str, Any]]:
    answer = visitor.get("/calls/reports", category=category, per_page=250, **RANGE, **params)
    rows: list[dict[str, Any]] = answer.json()["reports"]
    return rows


def stats(visitor: Visitor, group_by: str, stat: str, **params: Any) -> dict[str, float]:
    answer = visitor.get("/calls/stats", group_by=group_by, stat=stat, **RANGE, **params)
    numbers: dict[str, float] = answer.json()["stats"]
    return numbers


@pytest.mark.parametrize("category", REPORT_CATEGORIES)
def test_every_report_adds_up_to_the_calls(still: Visitor, category: str) -> None:
    rows, calls = report(still, category), still.rows(**RANGE)
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


def test_a_row_of_a_report_is_about_its_group_alone(still: Visitor) -> None:
    for row in report(still, "buyer_id"):
        calls = [call for call in still.rows(**RANGE) if call["buyer_id"] == row["buyer_id"]]
        assert row["name"] == calls[0]["buyer"]
        assert row["calls"] == len(calls)
        assert row["revenue"] == pytest.approx(sum(float(call["revenue"] or 0) for call in calls))
        assert row["profit"] == pytest.approx(row["revenue"] - row["payout"])
        assert row["average_duration"] == pytest.approx(
            sum(call["total_duration"] or 0 for call in calls) / len(calls), abs=0.01
        )


def test_a_report_takes_the_filters_of_calls(still: Visitor) -> None:
    rows = report(still, "status", buyer_converted="true")
    assert [(row["status"], row["calls"]) for row in rows] == [
        ("finished", len(still.rows(buyer_converted="true", **RANGE)))
    ]


def test_a_report_comes_in_pages(still: Visitor) -> None:
    whole = report(still, "contact_id")
    first = still.get("/calls/reports", category="contact_id", per_page=50, **RANGE).json()
    second = still.get("/calls/reports", category="contact_id", per_page=50, page=2, **RANGE).json()
    assert first["reports"] + second["reports"] == whole[:100]
    assert first["metadata"]["root"] == "reports"
    assert first["metadata"]["total_count"] == len(whole)


def test_a_report_comes_as_csv(still: Visitor) -> None:
    text = still.get("/calls/reports.csv", category="status", **RANGE).text
    assert [row["status"] for row in csv.DictReader(text.splitlines())] == [
        row["status"] for row in report(still, "status")
    ]


def test_a_report_has_other_shapes(sandbox: Sandbox, visitor: Visitor) -> None:
    objects = report(visitor, "buyer_id")
    sandbox.report_shape = "bare"
    assert visitor.get("/calls/reports", category="buyer_id", **RANGE).json() == objects
    sandbox.report_shape = "map"
    named = visitor.get("/calls/reports", category="buyer_id", **RANGE).json()["reports"]
    assert {key: value["calls"] for key, value in named.items()} == {
        str(row["buyer_id"] or ""): row["calls"] for row in objects
    }


@pytest.mark.parametrize("category", ["", "moon_phase"])
def test_an_unknown_category_is_refused(still: Visitor, category: str) -> None:
    answer = still.get("/calls/reports", category=category)
    assert answer.status_code == 422
    assert answer.json()["errors"]["category"].startswith("Must be one of: buyer_id")


def test_an_account_can_be_refused_a_category() -> None:
    with Sandbox(calls_per_day=1, refused_categories={"contact_id": "Not for you."}) as sandbox:
        visitor = Visitor(sandbox)
        with visitor.session:
            assert visitor.get("/calls/reports", category="contact_id").json() == {
                "status": 422,
                "errors": {"category": "Not for you."},
            }
            assert visitor.get("/calls/reports", category="buyer_id").status_code == 200


@pytest.mark.parametrize("group_by", GROUP_BYS)
@pytest.mark.parametrize("stat", STATS)
def test_every_stat_adds_up_to_the_report(still: Visitor, group_by: str, stat: str) -> None:
    rows = report(still, "status")
    total = sum(row["calls" if stat == "count" else stat] for row in rows)
    assert sum(stats(still, group_by, stat).values()) == pytest.approx(total)


def test_stats_by_status_and_conversion_count_each_group(still: Visitor) -> None:
    calls = still.rows(**RANGE)
    assert stats(still, "status", "count") == Counter(call["status"] for call in calls)
    assert stats(still, "offer_converted", "count") == Counter(
        call["traffic_source_converted"] or "" for call in calls
    )


def test_stats_by_time_name_the_beginning_of_each_interval(still: Visitor) -> None:
    calls = still.rows(**RANGE)
    assert stats(still, "created_at_day", "count") == Counter(
        f"{call['created_at'][:10]} 00:00:00 UTC" for call in calls
    )
    assert list(stats(still, "created_at_week", "count")) == [
        "2024-03-11 00:00:00 UTC",
        "2024-03-18 00:00:00 UTC",
    ]
    assert list(stats(still, "created_at_month", "count")) == ["2024-03-01 00:00:00 UTC"]
    assert all(int(key[14:16]) % 5 == 0 for key in stats(still, "created_at_five_minutes", "count"))


def test_the_trailing_slash_of_the_documentation_works(still: Visitor) -> None:
    asked = {"group_by": "status", "stat": "count", **RANGE}
    assert still.get("/calls/stats/", **asked).json() == still.get("/calls/stats", **asked).json()


def test_stats_have_other_shapes(sandbox: Sandbox, visitor: Visitor) -> None:
    numbers = stats(visitor, "status", "count")
    asked = {"group_by": "status", "stat": "count", **RANGE}
    sandbox.stats_shape = "bare_map"
    assert visitor.get("/calls/stats", **asked).json() == numbers
    sandbox.stats_shape = "pairs"
    assert visitor.get("/calls/stats", **asked).json()["stats"] == [list(item) for item in numbers.items()]
    sandbox.stats_shape = "series"
    series = visitor.get("/calls/stats", **asked).json()["stats"]
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
def test_stats_without_what_they_require_are_refused(
    still: Visitor, change: dict[str, str | None], named: str
) -> None:
    answer = still.get("/calls/stats", **{"group_by": "status", "stat": "count", **RANGE, **change})
    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == [named]
