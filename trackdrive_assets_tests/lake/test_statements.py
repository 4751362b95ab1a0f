"""The statements of half-months, and their later adjustments."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from trackdrive_assets.lake.store import ClaimedLake
from trackdrive_assets_tests.support.changes import A_SECOND, a_change, fetched_twice
from trackdrive_assets_tests.support.factories import (
    DAY,
    Row,
    a_call,
    a_deal,
    a_sale,
    dollars,
    lake_at,
    query,
    write_day,
)

DAYS = [date(2024, 2, day) for day in (1, 15, 16, 29)] + [date(2024, 3, 1)]
"""The first and last days of both halves of a February in a leap year, and the next day."""


def half_months(folder: Path, *, fetched_after: timedelta = timedelta(days=1)) -> ClaimedLake:
    """Store `DAYS`, each with one sale more than the day before, fetched some time after the day began."""
    lake = lake_at(folder)
    for sales, day in enumerate(DAYS, 1):
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        write_day(
            lake, "calls", [a_deal(created_at=midnight)] * sales, day=day, fetched_at=midnight + fetched_after
        )
    return lake


@pytest.mark.parametrize(
    ("view", "number", "owed", "each"),
    [
        ("buyer_statements", "converted", "revenue", 10),
        ("traffic_source_statements", "traffic_source_conversions", "payout", 4),
    ],
)
def test_a_statement_covers_the_1st_to_the_15th_or_the_rest_of_a_month(
    tmp_path: Path, view: str, number: str, owed: str, each: int
) -> None:
    rows = query(half_months(tmp_path), f"FROM {view}")
    assert [
        (row["period_start"], row["period_end"], row["calls"], row[number], row[owed]) for row in rows
    ] == [
        (date(2024, 2, 1), date(2024, 2, 15), 3, 3, 3 * each),
        (date(2024, 2, 16), date(2024, 2, 29), 7, 7, 7 * each),
        (date(2024, 3, 1), date(2024, 3, 15), 5, 5, 5 * each),
    ]


def test_a_statement_has_the_number_of_its_missing_days(tmp_path: Path) -> None:
    missing = "SELECT period_start, days_missing FROM buyer_statements"
    assert [row["days_missing"] for row in query(half_months(tmp_path / "over"), missing)] == [13, 12, 14]
    early = half_months(tmp_path / "early", fetched_after=timedelta(hours=23))
    assert [row["days_missing"] for row in query(early, missing)] == [15, 14, 15]


@pytest.mark.parametrize("view", ["buyer_statements", "traffic_source_statements"])
@pytest.mark.parametrize(
    ("last_fetch", "is_complete", "is_final"),
    [
        (datetime(2024, 2, 15, 23, 59, 59, tzinfo=UTC), False, False),
        (datetime(2024, 2, 16, tzinfo=UTC), True, False),
        (datetime(2024, 3, 15, 23, 59, 59, tzinfo=UTC), True, False),
        (datetime(2024, 3, 16, tzinfo=UTC), True, True),
    ],
    ids=str,
)
def test_a_statement_is_complete_and_final_when_all_its_days_are(
    tmp_path: Path, view: str, *, last_fetch: datetime, is_complete: bool, is_final: bool
) -> None:
    lake = lake_at(tmp_path)
    for number in range(1, 16):
        day = date(2024, 2, number)
        # All days but the last are final.
        fetched_at = last_fetch if number == 15 else datetime(2024, 4, 1, tzinfo=UTC)
        write_day(lake, "calls", [a_deal()], day=day, fetched_at=fetched_at)
    (row,) = query(lake, f"FROM {view}")
    assert (row["is_complete"], row["is_final"]) == (is_complete, is_final)
    assert row["fetched_at"] == last_fetch


def test_a_statement_with_an_unknown_amount_is_unknown(tmp_path: Path) -> None:
    lake = half_months(tmp_path)
    write_day(lake, "calls", [a_deal() | {"revenue": None}], day=date(2024, 2, 2))
    first, *_ = query(lake, "FROM buyer_statements")
    assert (first["converted"], first["revenue"]) == (4, None)


def test_statements_have_the_latest_name_and_the_sums_of_the_days(tmp_path: Path) -> None:
    lake = half_months(tmp_path)
    write_day(lake, "calls", [a_deal(buyer="Harbor, renamed"), a_call()], day=date(2024, 2, 14))
    rows = query(lake, "FROM buyer_statements")
    assert [(row["buyer"], row["calls"]) for row in rows if row["period_start"] == DAYS[0]] == [
        ("Harbor", 4),
        (None, 1),
    ]
    (days,) = query(lake, "SELECT sum(calls) AS calls, sum(revenue) AS revenue FROM daily_summary")
    assert {name: sum(row[name] for row in rows) for name in days} == days


def test_the_statement_of_a_source_has_nothing_of_the_buyer(tmp_path: Path) -> None:
    (row, *_) = query(half_months(tmp_path), "FROM traffic_source_statements")
    assert not [name for name in row if "buyer" in name or "revenue" in name]


# statement_adjustments

NEXT_HALF = datetime(2024, 7, 1, 6, tzinfo=UTC)
"""The morning after the half-month of `DAY`. Changes from now on are too late for its statements."""


def adjustments(folder: Path, calls: Sequence[Row], changes: Sequence[Row]) -> list[dict[str, Any]]:
    return query(fetched_twice(folder, calls, changes), "FROM statement_adjustments")


def test_a_change_after_the_half_month_is_an_adjustment(tmp_path: Path) -> None:
    calls = [
        a_sale("30", "9", uuid="a", buyer_id=3, buyer="Harbor", traffic_source_id=1, traffic_source="Radio")
    ]
    changes = [
        a_change("a", "revenue", "10.000000", "25.000000", NEXT_HALF),
        a_change("a", "revenue", "25.000000", "30.000000", NEXT_HALF + timedelta(days=1)),
        a_change("a", "payout", "12.000000", "9.000000", NEXT_HALF),
    ]
    (row,) = adjustments(tmp_path, calls, changes)
    assert row == {
        "period_start": date(2024, 6, 16),
        "period_end": date(2024, 6, 30),
        "date": DAY,
        "uuid": "a",
        "created_at": datetime(2024, 6, 19, 15, 30, tzinfo=UTC),
        "buyer_id": 3,
        "buyer": "Harbor",
        "traffic_source_id": 1,
        "traffic_source": "Radio",
        "revenue_before": dollars("10"),
        "revenue_now": dollars("30"),
        "revenue_adjustment": dollars("20"),
        "payout_before": dollars("12"),
        "payout_now": dollars("9"),
        "payout_adjustment": dollars("-3"),
        "detected_at": NEXT_HALF + timedelta(days=1),
    }


@pytest.mark.parametrize(
    "changes",
    [
        [a_change("a", "revenue", None, "30.000000", NEXT_HALF - A_SECOND)],
        [a_change("a", "buyer_id", None, "3", NEXT_HALF)],
        [
            a_change("a", "revenue", "30.000000", None, NEXT_HALF),
            a_change("a", "revenue", None, "30.000000", NEXT_HALF + A_SECOND),
        ],
    ],
    ids=["within the period", "not of money", "back again"],
)
def test_a_change_that_leaves_the_statement_right_is_no_adjustment(
    tmp_path: Path, changes: list[Row]
) -> None:
    assert adjustments(tmp_path, [a_sale("30", "9", uuid="a", buyer_id=3)], changes) == []


def test_a_vanished_call_is_credited_to_its_last_buyer(tmp_path: Path) -> None:
    lost = {"uuid": "a", "revenue": "30.000000", "payout": "9.000000", "buyer_id": "3", "buyer": "Harbor"}
    changes = [a_change("a", field, old, None, NEXT_HALF) for field, old in lost.items()]
    (row,) = adjustments(tmp_path, [a_call(uuid="b")], changes)
    assert (row["buyer_id"], row["buyer"], row["traffic_source_id"]) == (3, "Harbor", None)
    assert (row["revenue_adjustment"], row["payout_adjustment"]) == (dollars("-30"), dollars("-9"))


def test_the_legacy_names_of_money_are_adjusted_too(tmp_path: Path) -> None:
    legacy = {"revenue": None, "payout": None, "buyer_revenue": dollars("5"), "traffic_source_payout": None}
    changes = [
        a_change("a", "buyer_revenue", None, "5.000000", NEXT_HALF),
        a_change("a", "traffic_source_payout", "2.000000", None, NEXT_HALF),
    ]
    (row,) = adjustments(tmp_path, [a_sale("1", "1", uuid="a") | legacy], changes)
    assert (row["revenue_adjustment"], row["payout_adjustment"]) == (dollars("5"), dollars("-2"))
