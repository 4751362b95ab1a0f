"""The statements of half-months, and their later adjustments."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
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
        "statement_start": date(2024, 7, 1),
        "buyer_id": 3,
        "buyer": "Harbor",
        "buyer_key": "3",
        "traffic_source_id": 1,
        "traffic_source": "Radio",
        "traffic_source_key": "1",
        "revenue_before": dollars("10"),
        "revenue_after": dollars("30"),
        "revenue_adjustment": dollars("20"),
        "payout_before": dollars("12"),
        "payout_after": dollars("9"),
        "payout_adjustment": dollars("-3"),
        "detected_at": NEXT_HALF + timedelta(days=1),
    }


@pytest.mark.parametrize(
    "changes",
    [
        [a_change("a", "revenue", None, "30.000000", NEXT_HALF - A_SECOND)],
        [a_change("a", "buyer", "Harbour", "Harbor", NEXT_HALF)],
        [
            a_change("a", "revenue", "30.000000", None, NEXT_HALF),
            a_change("a", "revenue", None, "30.000000", NEXT_HALF + A_SECOND),
        ],
    ],
    ids=["within the period", "another name", "back again"],
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


def test_a_call_that_moved_is_a_credit_and_a_charge(tmp_path: Path) -> None:
    calls = [a_sale("12", "9", uuid="a", buyer_id=4, buyer="Summit", traffic_source_id=1)]
    changes = [
        a_change("a", "revenue", "10.000000", "12.000000", NEXT_HALF),
        a_change("a", "payout", "8.000000", "9.000000", NEXT_HALF),
        a_change("a", "buyer_id", "3", "4", NEXT_HALF),
        a_change("a", "buyer", "Harbor", "Summit", NEXT_HALF),
    ]
    rows = adjustments(tmp_path, calls, changes)
    assert {row["buyer"]: (row["revenue_adjustment"], row["payout_adjustment"]) for row in rows} == {
        "Harbor": (dollars("-10"), 0),
        "Summit": (dollars("12"), dollars("1")),
    }


def test_the_legacy_names_of_money_are_adjusted_too(tmp_path: Path) -> None:
    legacy = {"revenue": None, "payout": None, "buyer_revenue": dollars("5"), "traffic_source_payout": None}
    changes = [
        a_change("a", "buyer_revenue", None, "5.000000", NEXT_HALF),
        a_change("a", "traffic_source_payout", "2.000000", None, NEXT_HALF),
    ]
    (row,) = adjustments(tmp_path, [a_sale("1", "1", uuid="a") | legacy], changes)
    assert (row["revenue_adjustment"], row["payout_adjustment"]) == (dollars("5"), dollars("-2"))


def test_changes_in_two_later_half_months_are_two_adjustments(tmp_path: Path) -> None:
    changes = [
        a_change("a", "revenue", None, "10.000000", NEXT_HALF),
        a_change("a", "payout", "9.000000", "4.000000", NEXT_HALF + timedelta(days=1)),
        a_change("a", "revenue", "10.000000", "30.000000", NEXT_HALF + timedelta(days=15)),
    ]
    rows = adjustments(tmp_path, [a_sale("30", "4", uuid="a", buyer_id=3)], changes)
    assert [
        (row["statement_start"], row["revenue_before"], row["revenue_after"], row["payout_adjustment"])
        for row in rows
    ] == [
        (date(2024, 7, 1), dollars("0"), dollars("10"), dollars("-5")),
        (date(2024, 7, 16), dollars("10"), dollars("30"), dollars("0")),
    ]


# amount_due

SECOND_HALF, JULY, LATER_JULY = date(2024, 6, 16), date(2024, 7, 1), date(2024, 7, 16)


def amounts(lake: ClaimedLake, view: str = "buyer_statements") -> dict[Any, tuple[Any, ...]]:
    """Return the numbers of each statement by half-month and id."""
    party, owed = ("buyer", "revenue") if view == "buyer_statements" else ("traffic_source", "payout")
    return {
        (row["period_start"], row[f"{party}_id"]): tuple(
            row[name] for name in (owed, "adjusted_later", "carried_over", "amount_due")
        )
        for row in query(lake, f"FROM {view}")
    }


def test_an_adjustment_is_in_the_statement_of_the_half_month_that_found_it(tmp_path: Path) -> None:
    calls = [a_deal(uuid="a"), a_deal(uuid="b")]
    changes = [a_change("b", "revenue", None, "10.000000", NEXT_HALF)]
    lake = fetched_twice(tmp_path, calls, changes)
    write_day(lake, "calls", [a_deal(uuid="c")], day=date(2024, 7, 2))
    assert amounts(lake) == {
        (SECOND_HALF, 3): (20, 10, 0, 10),
        (JULY, 3): (10, 0, 10, 20),
    }


def test_a_half_month_without_calls_carries_adjustments_over(tmp_path: Path) -> None:
    changes = [a_change("a", "payout", "10.000000", "4.000000", NEXT_HALF + timedelta(days=15))]
    lake = fetched_twice(tmp_path, [a_deal(uuid="a")], changes)
    assert amounts(lake, "traffic_source_statements") == {
        (SECOND_HALF, 1): (4, -6, 0, 10),
        (LATER_JULY, 1): (0, 0, -6, -6),
    }
    (row,) = query(lake, "FROM traffic_source_statements WHERE calls = 0")
    assert (row["period_end"], row["days_missing"], row["is_complete"], row["is_final"]) == (
        date(2024, 7, 31),
        16,
        False,
        False,
    )


def test_a_vanished_call_is_credited_on_a_later_statement(tmp_path: Path) -> None:
    lost = {"uuid": "a", "revenue": "30.000000", "user_buyer_id": "", "buyer": "Harbor"}
    changes = [a_change("a", field, old, None, NEXT_HALF) for field, old in lost.items()]
    kept = a_sale("5", None, uuid="b", buyer="Harbor")
    lake = fetched_twice(tmp_path, [kept], changes)
    assert amounts(lake) == {
        (SECOND_HALF, None): (5, -30, 0, 35),
        (JULY, None): (0, 0, -30, -30),
    }


def test_the_statement_of_a_former_buyer_or_source_never_changes(tmp_path: Path) -> None:
    changes = [
        a_change("a", "revenue", "10.000000", "12.000000", NEXT_HALF),
        a_change("a", "buyer_id", "4", "3", NEXT_HALF),
        a_change("a", "traffic_source_id", "2", "1", NEXT_HALF),
        a_change("a", "buyer_id", "5", "4", NEXT_HALF - A_SECOND),
    ]
    calls = [a_sale("12", "4", uuid="a", buyer_id=3, traffic_source_id=1)]
    lake = fetched_twice(tmp_path, calls, changes)
    assert amounts(lake) == {
        (SECOND_HALF, 3): (12, 12, 0, 0),
        (SECOND_HALF, 4): (0, -10, 0, 10),
        (JULY, 3): (0, 0, 12, 12),
        (JULY, 4): (0, 0, -10, -10),
    }
    assert amounts(lake, "traffic_source_statements") == {
        (SECOND_HALF, 1): (4, 4, 0, 0),
        (SECOND_HALF, 2): (0, -4, 0, 4),
        (JULY, 1): (0, 0, 4, 4),
        (JULY, 2): (0, 0, -4, -4),
    }


def test_statements_of_unknown_amounts_have_no_amount_due(tmp_path: Path) -> None:
    lake = half_months(tmp_path)
    write_day(lake, "calls", [a_deal() | {"revenue": None}], day=date(2024, 2, 2))
    first, second, _ = query(lake, "FROM buyer_statements")
    assert (first["amount_due"], second["amount_due"]) == (None, dollars("70"))


def test_all_statements_together_are_the_sum_of_all_calls(tmp_path: Path) -> None:
    chance = Random(7)  # noqa: S311  seeded, so that it can be repeated
    lake = lake_at(tmp_path)
    for month, number in ((5, 3), (5, 20), (6, 15), (6, 16), (6, 30)):
        day = date(2024, month, number)
        noon = datetime(2024, month, number, 12, tzinfo=UTC)
        calls: list[Row] = []
        changes: list[Row] = []
        for call in range(6):
            uuid = f"{day} {call}"
            known: dict[str, str | None] = {
                "revenue": f"{chance.randrange(10**7) / 10**6:.6f}",
                "payout": None,
                "buyer_id": str(call % 2),
            }
            for days in sorted(chance.sample(range(1, 31), 4)):
                field = chance.choice(["revenue", "payout", "buyer_id"])
                amount = chance.choice([None, f"{chance.randrange(10**7) / 10**6:.6f}"])
                value = str(chance.randrange(2)) if field == "buyer_id" else amount
                detected_at = noon + timedelta(days=days)
                changes.append(a_change(uuid, field, known[field], value, detected_at))
                known[field] = value
            money = {field: (value := known[field]) and dollars(value) for field in ("revenue", "payout")}
            parties = {"buyer_id": int(known["buyer_id"] or 0), "traffic_source_id": call % 3}
            calls.append(a_call(uuid=uuid, buyer_converted=True, created_at=noon, **parties) | money)
        write_day(lake, "calls", calls, day=day)
        write_day(lake, "call_changes", changes, day=day)
    for view, party, owed in (
        ("buyer_statements", "buyer_id", "revenue"),
        ("traffic_source_statements", "traffic_source_id", "payout"),
    ):
        due = f"SELECT {party}, sum(amount_due) AS amount FROM {view} GROUP BY {party}"
        of_calls = f"SELECT {party}, sum({owed}) AS amount FROM calls GROUP BY {party}"
        assert query(lake, due) == query(lake, of_calls)
        (adjusted,) = query(lake, f"SELECT count(*) AS rows FROM {view} WHERE carried_over <> 0")
        assert adjusted["rows"] > 3
