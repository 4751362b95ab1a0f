"""What the views tell of calls that changed after they were first read: how much, when, and how late."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from trackdrive_assets.lake.store import Lake
from trackdrive_assets_tests.support.factories import DAY, Row, a_call, a_sale, ask, dollars, write

MIDNIGHT = datetime(2024, 6, 20, tzinfo=UTC)
"""The end of `DAY` in UTC."""

SIX = MIDNIGHT + timedelta(hours=6)
"""The next morning: what was seen before it belongs to `DAY`."""

A_SECOND = timedelta(seconds=1)

FIRST = MIDNIGHT - timedelta(hours=2)
LAST = MIDNIGHT + timedelta(days=31)


def a_change(uuid: str, field: str, old: str | None, new: str | None, detected_at: datetime) -> Row:
    return {
        "uuid": uuid,
        "created_at": datetime(2024, 6, 19, 15, 30, tzinfo=UTC),
        "field": field,
        "old_value": old,
        "new_value": new,
        "detected_at": detected_at,
    }


def observed(
    folder: Path,
    calls: Sequence[Row],
    changes: Sequence[Row] = (),
    *,
    day: date = DAY,
    first: datetime = FIRST,
    last: datetime = LAST,
) -> Lake:
    """A lake with a day whose calls were read twice or more, and what had changed in between."""
    lake = Lake(folder)
    for fetched_at in (first, last):
        write(lake, "calls", calls, day=day, fetched_at=fetched_at)
    write(lake, "call_changes", changes, day=day, fetched_at=last)
    return lake


# conversion_lag


def shares(row: dict[str, Any]) -> list[float | None]:
    """After 0, 1, 2, 7 and 30 days."""
    return [row[f"known_after_{days}_days"] for days in (0, 1, 2, 7, 30)]


def lag(lake: Lake, time_zone: str = "UTC") -> dict[int | None, dict[str, Any]]:
    """By buyer."""
    return {row["buyer_id"]: row for row in ask(lake, "FROM conversion_lag", time_zone=time_zone)}


def test_revenue_that_never_changed_was_known_on_the_day(tmp_path: Path) -> None:
    calls = [a_sale("30", "20", uuid="a", buyer_id=1, buyer="Acme", user_buyer_id="A1"), a_call(buyer_id=1)]
    assert lag(observed(tmp_path, calls))[1] == {
        "buyer_id": 1,
        "user_buyer_id": "A1",
        "buyer": "Acme",
        "calls": 2,
        "settled_calls": 2,
        "final_revenue": dollars("30"),
        "known_after_0_days": 1.0,
        "known_after_1_days": 1.0,
        "known_after_2_days": 1.0,
        "known_after_7_days": 1.0,
        "known_after_30_days": 1.0,
    }


def test_revenue_that_came_later_is_known_from_the_day_it_was_seen(tmp_path: Path) -> None:
    calls = [a_sale("30", None, uuid="late", buyer_id=1), a_sale("10", None, uuid="at once", buyer_id=1)]
    came = a_change("late", "revenue", None, "30.000000", MIDNIGHT + timedelta(days=1, hours=12))
    assert shares(lag(observed(tmp_path, calls, [came]))[1]) == [0.25, 0.25, 1.0, 1.0, 1.0]


@pytest.mark.parametrize("days", [0, 1, 2, 7, 30])
def test_what_was_seen_early_in_the_morning_was_known_the_day_before(tmp_path: Path, days: int) -> None:
    calls = [a_sale("30", None, uuid="a", buyer_id=1)]
    six = SIX + timedelta(days=days)
    for detected_at, known in ((six - A_SECOND, 1.0), (six, 0.0)):
        came = a_change("a", "revenue", None, "30.000000", detected_at)
        (row,) = lag(observed(tmp_path, calls, [came])).values()
        assert row[f"known_after_{days}_days"] == known


def test_with_the_schedules_a_days_lag_is_known_after_the_last_look_back(tmp_path: Path) -> None:
    midnight = datetime(2024, 6, 19, tzinfo=ZoneInfo("America/New_York"))
    came = [
        (midnight + timedelta(hours=20), Decimal(10)),
        (midnight + timedelta(days=1, hours=15), Decimal(20)),
        (midnight + timedelta(days=5, hours=12), Decimal(30)),
        (midnight + timedelta(days=20, hours=12), Decimal(40)),
        (midnight + timedelta(days=29, hours=18), Decimal(50)),
    ]
    lake = Lake(tmp_path)
    changes: list[Row] = []
    before: Decimal | None = None
    for mornings in range(1, 36):
        for hour, looks_back in ((3, 7), (4, 30)):
            if mornings > looks_back:
                continue
            fetched_at = midnight + timedelta(days=mornings, hours=hour)
            revenue = max(amount for since, amount in came if since < fetched_at)
            if before is not None and revenue != before:
                changes.append(a_change("a", "revenue", f"{before}.000000", f"{revenue}.000000", fetched_at))
            before = revenue
            write(lake, "calls", [a_sale(str(revenue), None, uuid="a", buyer_id=1)], fetched_at=fetched_at)
            write(lake, "call_changes", changes, fetched_at=fetched_at)
    (row,) = lag(lake, "America/New_York").values()
    assert (row["settled_calls"], row["final_revenue"]) == (1, dollars("50"))
    assert shares(row) == [0.2, 0.4, 0.4, 0.6, 1.0]


def test_of_several_changes_the_next_one_tells_what_was_known(tmp_path: Path) -> None:
    changes = [
        a_change("a", "revenue", "20.000000", "40.000000", MIDNIGHT + timedelta(days=5)),
        a_change("a", "revenue", None, "10.000000", MIDNIGHT + timedelta(hours=12)),
        a_change("a", "revenue", "10.000000", "20.000000", MIDNIGHT + timedelta(days=1, hours=12)),
    ]
    lake = observed(tmp_path, [a_sale("40", None, uuid="a", buyer_id=1)], changes)
    assert shares(lag(lake)[1]) == [0.0, 0.25, 0.5, 1.0, 1.0]


def test_revenue_that_was_taken_back_was_more_than_all(tmp_path: Path) -> None:
    calls = [a_sale("40", None, uuid="kept", buyer_id=1), a_call(uuid="reversed", buyer_id=1)]
    taken_back = a_change("reversed", "revenue", "20.000000", None, MIDNIGHT + timedelta(days=4))
    assert shares(lag(observed(tmp_path, calls, [taken_back]))[1]) == [1.5, 1.5, 1.5, 1.0, 1.0]


def test_other_fields_that_change_are_not_revenue(tmp_path: Path) -> None:
    paid = a_change("a", "payout", None, "20.000000", MIDNIGHT + timedelta(days=4))
    lake = observed(tmp_path, [a_sale("30", "20", uuid="a", buyer_id=1)], [paid])
    assert shares(lag(lake)[1]) == [1.0] * 5


def test_the_older_name_of_revenue_counts_where_it_stands_alone(tmp_path: Path) -> None:
    older = {"revenue": None, "buyer_revenue": Decimal(40)}
    changed = a_change("a", "buyer_revenue", "10.000000", "40.000000", MIDNIGHT + timedelta(days=4))
    lake = observed(tmp_path, [a_sale("1", None, uuid="a", buyer_id=1) | older], [changed])
    assert shares(lag(lake)[1]) == [0.25, 0.25, 0.25, 1.0, 1.0]


def test_revenue_that_was_known_under_its_older_name_did_not_come_with_the_new_one(tmp_path: Path) -> None:
    both = {"revenue": Decimal(40), "buyer_revenue": Decimal(40)}
    renamed = a_change("a", "revenue", None, "40.000000", MIDNIGHT + timedelta(days=4))
    lake = observed(tmp_path, [a_sale("1", None, uuid="a", buyer_id=1) | both], [renamed])
    assert shares(lag(lake)[1]) == [1.0] * 5


def test_of_two_names_of_revenue_todays_decides(tmp_path: Path) -> None:
    both = {"revenue": Decimal(40), "buyer_revenue": Decimal(40)}
    changes = [
        a_change("a", "buyer_revenue", None, "40.000000", MIDNIGHT + timedelta(days=4)),
        a_change("a", "revenue", "10.000000", "40.000000", MIDNIGHT + timedelta(days=5)),
    ]
    lake = observed(tmp_path, [a_sale("1", None, uuid="a", buyer_id=1) | both], changes)
    assert shares(lag(lake)[1]) == [0.25, 0.25, 0.25, 1.0, 1.0]


@pytest.mark.parametrize(
    ("first", "known"),
    [
        (SIX + timedelta(days=2) - A_SECOND, [None, None, 1.0, 1.0, 1.0]),
        (SIX + timedelta(days=2), [None, None, None, 1.0, 1.0]),
        (SIX + timedelta(days=100), [None] * 5),
    ],
)
def test_a_day_first_read_later_says_nothing_of_the_days_before(
    tmp_path: Path, first: datetime, known: list[float | None]
) -> None:
    calls = [a_sale("30", None, uuid="a", buyer_id=1)]
    (row,) = lag(observed(tmp_path, calls, first=first, last=first + timedelta(days=30))).values()
    assert (row["settled_calls"], row["final_revenue"], shares(row)) == (1, dollars("30"), known)


def test_a_day_is_settled_when_it_was_read_thirty_days_later(tmp_path: Path) -> None:
    calls = [a_sale("30", None, uuid="a", buyer_id=1)]
    thirty_days_later = MIDNIGHT + timedelta(days=29)
    (row,) = lag(observed(tmp_path, calls, last=thirty_days_later - A_SECOND)).values()
    assert (row["calls"], row["settled_calls"], row["final_revenue"]) == (1, 0, None)
    assert shares(row) == [None] * 5
    (row,) = lag(observed(tmp_path, calls, last=thirty_days_later)).values()
    assert (row["calls"], row["settled_calls"], row["final_revenue"]) == (1, 1, dollars("30"))
    assert shares(row) == [1.0] * 5


def test_a_day_that_has_not_settled_counts_in_no_share(tmp_path: Path) -> None:
    came = a_change("a", "revenue", "15.000000", "30.000000", MIDNIGHT + timedelta(days=4))
    observed(tmp_path, [a_sale("30", None, uuid="a", buyer_id=1)], [came])
    sales = [a_sale("1000", None, uuid="b", buyer_id=1), a_call(buyer_id=1)]
    lake = observed(tmp_path, sales, day=date(2024, 7, 10))
    (row,) = lag(lake).values()
    assert (row["calls"], row["settled_calls"], row["final_revenue"]) == (3, 1, dollars("30"))
    assert shares(row) == [0.5, 0.5, 0.5, 1.0, 1.0]


def test_shares_are_of_the_revenue_of_the_same_days(tmp_path: Path) -> None:
    later = a_change("a", "revenue", "15.000000", "30.000000", MIDNIGHT + timedelta(days=4))
    observed(tmp_path, [a_sale("30", None, uuid="a", buyer_id=1)], [later])
    next_day = date(2024, 6, 20)
    backfilled = [a_sale("1000", None, uuid="b", buyer_id=1)]
    lake = observed(tmp_path, backfilled, day=next_day, first=MIDNIGHT + timedelta(days=20))
    (row,) = lag(lake).values()
    assert (row["final_revenue"], row["calls"]) == (dollars("1030"), 2)
    assert shares(row) == [0.5, 0.5, 0.5, 1.0, 1.0]


def test_a_morning_is_the_accounts(tmp_path: Path) -> None:
    came = a_change("a", "revenue", None, "30.000000", SIX + timedelta(hours=3))
    lake = observed(tmp_path, [a_sale("30", None, uuid="a", buyer_id=1)], [came])
    assert shares(lag(lake, "UTC")[1])[:2] == [0.0, 1.0]
    assert shares(lag(lake, "America/New_York")[1])[:2] == [1.0, 1.0]


def test_the_day_on_which_a_day_settles_is_the_accounts(tmp_path: Path) -> None:
    lake = observed(tmp_path, [a_call(buyer_id=1)], last=MIDNIGHT + timedelta(days=29, hours=3))
    assert lag(lake, "UTC")[1]["settled_calls"] == 1
    assert lag(lake, "America/New_York")[1]["settled_calls"] == 0


def test_a_call_belongs_to_its_present_buyer(tmp_path: Path) -> None:
    changes = [
        a_change("a", "buyer_id", "1", "2", MIDNIGHT + timedelta(days=4)),
        a_change("a", "revenue", "10.000000", "40.000000", MIDNIGHT + timedelta(days=4)),
    ]
    calls = [a_sale("40", None, uuid="a", buyer_id=2), a_sale("5", None, uuid="b", buyer_id=1)]
    found = lag(observed(tmp_path, calls, changes))
    assert (shares(found[1]), shares(found[2])) == ([1.0] * 5, [0.25, 0.25, 0.25, 1.0, 1.0])


def test_a_call_that_vanished_counts_nowhere(tmp_path: Path) -> None:
    vanished = [
        a_change("gone", name, old, None, MIDNIGHT + timedelta(days=4))
        for name, old in (("uuid", "gone"), ("buyer_id", "1"), ("revenue", "20.000000"))
    ]
    (row,) = lag(observed(tmp_path, [a_sale("40", None, uuid="a", buyer_id=1)], vanished)).values()
    assert (row["calls"], shares(row)) == (1, [1.0] * 5)


def test_revenue_that_the_account_may_no_longer_see_says_nothing(tmp_path: Path) -> None:
    hidden = a_change("a", "revenue", "20.000000", None, MIDNIGHT + timedelta(days=4))
    lake = observed(tmp_path, [a_sale("1", None, uuid="a", buyer_id=1) | {"revenue": None}], [hidden])
    (row,) = lag(lake).values()
    assert (row["final_revenue"], shares(row)) == (None, [None] * 5)
    observed(tmp_path, [a_sale("40", None, uuid="b", buyer_id=1)], day=date(2024, 6, 18))
    (row,) = lag(lake).values()
    assert (row["final_revenue"], shares(row)[1:]) == (dollars("40"), [1.0] * 4)


def test_buyers_without_an_id_are_told_apart_by_label_or_name(tmp_path: Path) -> None:
    came = a_change("b", "revenue", None, "10.000000", MIDNIGHT + timedelta(days=4))
    calls = [
        a_sale("30", None, uuid="a", user_buyer_id="7", buyer="A"),
        a_sale("10", None, uuid="b", buyer="B"),
    ]
    found = {
        row["buyer"]: shares(row)[0] for row in ask(observed(tmp_path, calls, [came]), "FROM conversion_lag")
    }
    assert found == {"A": 1.0, "B": 0.0}


# call_changes_daily


def test_changes_of_a_field_are_counted_on_the_day_they_were_seen(tmp_path: Path) -> None:
    tuesday, wednesday = datetime(2024, 6, 25, 12, tzinfo=UTC), datetime(2024, 6, 26, 12, tzinfo=UTC)
    changes = [
        a_change("a", "revenue", None, "30.000000", tuesday),
        a_change("a", "revenue", "30.000000", "25.000000", tuesday),
        a_change("b", "revenue", "10.000000", None, tuesday),
        a_change("c", "revenue", "7.000000", "0.000000", tuesday),
        a_change("a", "revenue", "25.000000", "26.000000", wednesday),
    ]
    first, second = ask(observed(tmp_path, [], changes), "FROM call_changes_daily")
    assert first == {
        "detected_at": tuesday.date(),
        "field": "revenue",
        "changes": 4,
        "calls": 3,
        "gained": 1,
        "reversed": 2,
        "net_change": dollars("8"),
    }
    assert tuple(second.values()) == (wednesday.date(), "revenue", 1, 1, 0, 0, dollars("1"))


def test_a_flag_comes_and_is_taken_back(tmp_path: Path) -> None:
    moves = [("false", "true"), (None, "true"), ("true", "false"), (None, "false"), ("false", None)]
    changes = [a_change("a", "buyer_converted", old, new, LAST) for old, new in moves]
    (row,) = ask(observed(tmp_path, [], changes), "FROM call_changes_daily")
    assert (row["changes"], row["gained"], row["reversed"], row["net_change"]) == (5, 2, 1, None)


@pytest.mark.parametrize(
    ("field", "old", "new", "moved"),
    [
        ("payout", "20.000000", "12.500000", "-7.5"),
        ("provider_cost", "0.020000", "0.050000", "0.03"),
        ("total_duration", None, "61.5", "61.5"),
        ("answered_duration", "60", "0", "-60"),
        ("buyer_id", "10", "12", None),
        ("token-total_duration", "10", "12", None),
    ],
)
def test_money_and_durations_move_by_an_amount(
    tmp_path: Path, field: str, old: str | None, new: str, moved: str | None
) -> None:
    (row,) = ask(observed(tmp_path, [], [a_change("a", field, old, new, LAST)]), "FROM call_changes_daily")
    assert row["net_change"] == (moved and dollars(moved))


def test_the_day_of_looking_is_the_accounts(tmp_path: Path) -> None:
    lake = observed(tmp_path, [], [a_change("a", "status", "x", "y", datetime(2024, 6, 26, 2, tzinfo=UTC))])
    for zone, seen in (("America/New_York", date(2024, 6, 25)), ("UTC", date(2024, 6, 26))):
        for setting in ("", "SET TimeZone = 'Asia/Tokyo'"):
            (row,) = ask(lake, "FROM call_changes_daily", time_zone=zone, setting=setting)
            assert row["detected_at"] == seen


# statement_adjustments

NEXT_HALF = datetime(2024, 7, 1, 6, tzinfo=UTC)
"""The morning after the half-month of `DAY`: what is seen from now on is too late for its statements."""


def adjustments(folder: Path, calls: Sequence[Row], changes: Sequence[Row]) -> list[dict[str, Any]]:
    return ask(observed(folder, calls, changes), "FROM statement_adjustments")


def test_what_moved_after_its_half_month_is_an_adjustment(tmp_path: Path) -> None:
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
    ids=["within the period", "not of money", "came back"],
)
def test_what_leaves_the_statements_right_is_no_adjustment(tmp_path: Path, changes: list[Row]) -> None:
    assert adjustments(tmp_path, [a_sale("30", "9", uuid="a", buyer_id=3)], changes) == []


def test_a_call_that_vanished_is_to_be_credited_to_whoever_had_it(tmp_path: Path) -> None:
    lost = {"uuid": "a", "revenue": "30.000000", "payout": "9.000000", "buyer_id": "3", "buyer": "Harbor"}
    changes = [a_change("a", field, old, None, NEXT_HALF) for field, old in lost.items()]
    (row,) = adjustments(tmp_path, [a_call(uuid="b")], changes)
    assert (row["buyer_id"], row["buyer"], row["traffic_source_id"]) == (3, "Harbor", None)
    assert (row["revenue_adjustment"], row["payout_adjustment"]) == (dollars("-30"), dollars("-9"))


def test_the_older_names_of_money_are_adjusted_too(tmp_path: Path) -> None:
    older = {"revenue": None, "payout": None, "buyer_revenue": dollars("5"), "traffic_source_payout": None}
    changes = [
        a_change("a", "buyer_revenue", None, "5.000000", NEXT_HALF),
        a_change("a", "traffic_source_payout", "2.000000", None, NEXT_HALF),
    ]
    (row,) = adjustments(tmp_path, [a_sale("1", "1", uuid="a") | older], changes)
    assert (row["revenue_adjustment"], row["payout_adjustment"]) == (dollars("5"), dollars("-2"))
