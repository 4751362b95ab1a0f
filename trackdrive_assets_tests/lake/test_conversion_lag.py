"""The view `conversion_lag`: how much of the revenue was known how early."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from trackdrive_assets.lake.store import ClaimedLake
from trackdrive_assets_tests.support.changes import A_SECOND, MIDNIGHT, SIX, a_change, fetched_twice
from trackdrive_assets_tests.support.factories import Row, a_call, a_sale, dollars, lake_at, query, write_day

HORIZONS = (0, 1, 2, 7, 30)

Measured = dict[int, dict[str, Any]]
"""The rows of a buyer by the number of days after the call."""


def shares(measured: Measured) -> list[float | None]:
    """Return the known share after 0, 1, 2, 7 and 30 days. None if it was not measured."""
    return [measured[days]["known_share"] if days in measured else None for days in HORIZONS]


def lag(
    lake: ClaimedLake, time_zone: str = "UTC", *, is_final: bool = True
) -> defaultdict[int | None, Measured]:
    """Return the rows of the view about days that are final or not, by buyer."""
    found: defaultdict[int | None, Measured] = defaultdict(dict)
    sql = f"FROM conversion_lag WHERE is_final = {is_final}"
    for row in query(lake, sql, time_zone=time_zone):
        found[row["buyer_id"]][row["days_after"]] = row
    return found


def test_unchanged_revenue_was_known_on_the_day(tmp_path: Path) -> None:
    calls = [a_sale("30", "20", uuid="a", buyer_id=1, buyer="Acme", user_buyer_id="A1"), a_call(buyer_id=1)]
    assert lag(fetched_twice(tmp_path, calls))[1] == {
        days: {
            "buyer_id": 1,
            "user_buyer_id": "A1",
            "buyer": "Acme",
            "days_after": days,
            "is_final": True,
            "calls": 2,
            "known_revenue": dollars("30"),
            "revenue": dollars("30"),
            "known_share": 1.0,
        }
        for days in HORIZONS
    }


def test_later_revenue_is_known_from_the_day_of_its_detection(tmp_path: Path) -> None:
    calls = [a_sale("30", None, uuid="late", buyer_id=1), a_sale("10", None, uuid="at once", buyer_id=1)]
    gained = a_change("late", "revenue", None, "30.000000", MIDNIGHT + timedelta(days=1, hours=12))
    assert shares(lag(fetched_twice(tmp_path, calls, [gained]))[1]) == [0.25, 0.25, 1.0, 1.0, 1.0]


@pytest.mark.parametrize("days", [0, 1, 2, 7, 30])
def test_a_change_detected_early_in_the_morning_belongs_to_the_day_before(tmp_path: Path, days: int) -> None:
    calls = [a_sale("30", None, uuid="a", buyer_id=1)]
    six = SIX + timedelta(days=days)
    for detected_at, known in ((six - A_SECOND, 1.0), (six, 0.0)):
        gained = a_change("a", "revenue", None, "30.000000", detected_at)
        (row,) = lag(fetched_twice(tmp_path, calls, [gained])).values()
        assert row[days]["known_share"] == known


def test_the_schedules_complete_the_lag_of_a_day_in_30_days(tmp_path: Path) -> None:
    midnight = datetime(2024, 6, 19, tzinfo=ZoneInfo("America/New_York"))
    gained = [
        (midnight + timedelta(hours=20), Decimal(10)),
        (midnight + timedelta(days=1, hours=15), Decimal(20)),
        (midnight + timedelta(days=5, hours=12), Decimal(30)),
        (midnight + timedelta(days=20, hours=12), Decimal(40)),
        (midnight + timedelta(days=29, hours=18), Decimal(50)),
    ]
    lake = lake_at(tmp_path)
    changes: list[Row] = []
    before: Decimal | None = None
    for mornings in range(1, 36):
        for hour, looks_back in ((3, 7), (4, 30)):
            if mornings > looks_back:
                continue
            fetched_at = midnight + timedelta(days=mornings, hours=hour)
            revenue = max(amount for since, amount in gained if since < fetched_at)
            if before is not None and revenue != before:
                changes.append(a_change("a", "revenue", f"{before}.000000", f"{revenue}.000000", fetched_at))
            before = revenue
            write_day(
                lake, "calls", [a_sale(str(revenue), None, uuid="a", buyer_id=1)], fetched_at=fetched_at
            )
            write_day(lake, "call_changes", changes, fetched_at=fetched_at)
    (row,) = lag(lake, "America/New_York").values()
    assert (row[7]["calls"], row[7]["revenue"]) == (1, dollars("50"))
    # The last fetch is on the 30th morning. So what was known on the 30th day was not measured.
    assert shares(row) == [0.2, 0.4, 0.4, 0.6, None]


def test_the_next_of_several_changes_has_the_known_value(tmp_path: Path) -> None:
    changes = [
        a_change("a", "revenue", "20.000000", "40.000000", MIDNIGHT + timedelta(days=5)),
        a_change("a", "revenue", None, "10.000000", MIDNIGHT + timedelta(hours=12)),
        a_change("a", "revenue", "10.000000", "20.000000", MIDNIGHT + timedelta(days=1, hours=12)),
    ]
    lake = fetched_twice(tmp_path, [a_sale("40", None, uuid="a", buyer_id=1)], changes)
    assert shares(lag(lake)[1]) == [0.0, 0.25, 0.5, 1.0, 1.0]


def test_reversed_revenue_makes_a_share_above_1(tmp_path: Path) -> None:
    calls = [a_sale("40", None, uuid="kept", buyer_id=1), a_call(uuid="reversed", buyer_id=1)]
    reversed_ = a_change("reversed", "revenue", "20.000000", None, MIDNIGHT + timedelta(days=4))
    assert shares(lag(fetched_twice(tmp_path, calls, [reversed_]))[1]) == [1.5, 1.5, 1.5, 1.0, 1.0]


def test_changes_of_other_fields_do_not_count(tmp_path: Path) -> None:
    paid = a_change("a", "payout", None, "20.000000", MIDNIGHT + timedelta(days=4))
    lake = fetched_twice(tmp_path, [a_sale("30", "20", uuid="a", buyer_id=1)], [paid])
    assert shares(lag(lake)[1]) == [1.0] * 5


def test_the_legacy_name_of_revenue_counts_if_it_is_the_only_one(tmp_path: Path) -> None:
    legacy = {"revenue": None, "buyer_revenue": Decimal(40)}
    changed = a_change("a", "buyer_revenue", "10.000000", "40.000000", MIDNIGHT + timedelta(days=4))
    lake = fetched_twice(tmp_path, [a_sale("1", None, uuid="a", buyer_id=1) | legacy], [changed])
    assert shares(lag(lake)[1]) == [0.25, 0.25, 0.25, 1.0, 1.0]


def test_revenue_known_under_its_legacy_name_was_known(tmp_path: Path) -> None:
    both = {"revenue": Decimal(40), "buyer_revenue": Decimal(40)}
    renamed = a_change("a", "revenue", None, "40.000000", MIDNIGHT + timedelta(days=4))
    lake = fetched_twice(tmp_path, [a_sale("1", None, uuid="a", buyer_id=1) | both], [renamed])
    assert shares(lag(lake)[1]) == [1.0] * 5


def test_todays_name_of_revenue_decides(tmp_path: Path) -> None:
    both = {"revenue": Decimal(40), "buyer_revenue": Decimal(40)}
    changes = [
        a_change("a", "buyer_revenue", None, "40.000000", MIDNIGHT + timedelta(days=4)),
        a_change("a", "revenue", "10.000000", "40.000000", MIDNIGHT + timedelta(days=5)),
    ]
    lake = fetched_twice(tmp_path, [a_sale("1", None, uuid="a", buyer_id=1) | both], changes)
    assert shares(lag(lake)[1]) == [0.25, 0.25, 0.25, 1.0, 1.0]


@pytest.mark.parametrize(
    ("first", "known"),
    [
        (SIX + timedelta(days=2) - A_SECOND, [None, None, 1.0, 1.0, 1.0]),
        (SIX + timedelta(days=2), [None, None, None, 1.0, 1.0]),
        (SIX + timedelta(days=100), [None] * 5),
    ],
)
def test_a_day_counts_only_from_its_first_fetch_on(
    tmp_path: Path, first: datetime, known: list[float | None]
) -> None:
    calls = [a_sale("30", None, uuid="a", buyer_id=1)]
    lake = fetched_twice(tmp_path, calls, first=first, last=first + timedelta(days=30))
    assert shares(lag(lake)[1]) == known


@pytest.mark.parametrize(("days", "measured"), [(0, 0), (1, 1), (2, 2), (3, 3), (8, 4)])
def test_a_number_of_days_appears_as_soon_as_it_was_measured(
    tmp_path: Path, days: int, measured: int
) -> None:
    gained = a_change("a", "revenue", "15.000000", "30.000000", SIX)
    calls = [a_sale("30", None, uuid="a", buyer_id=1)]
    for last, number in (
        (SIX + timedelta(days=days) - A_SECOND, measured),
        (SIX + timedelta(days=days), min(measured + (days in HORIZONS), 4)),
    ):
        lake = fetched_twice(tmp_path, calls, [gained], last=last)
        assert shares(lag(lake, is_final=False)[1]) == [0.5, 1.0, 1.0, 1.0, 1.0][:number] + [None] * (
            5 - number
        )
        assert lag(lake) == {}


def test_a_day_is_final_when_it_was_fetched_thirty_days_later(tmp_path: Path) -> None:
    calls = [a_sale("30", None, uuid="a", buyer_id=1)]
    thirty_days_later = MIDNIGHT + timedelta(days=29)
    for last, is_final in ((thirty_days_later - A_SECOND, False), (thirty_days_later, True)):
        lake = fetched_twice(tmp_path, calls, last=last)
        assert shares(lag(lake, is_final=is_final)[1]) == [1.0, 1.0, 1.0, 1.0, None]
        assert lag(lake, is_final=not is_final) == {}


def test_days_that_are_not_final_have_rows_of_their_own(tmp_path: Path) -> None:
    gained = a_change("a", "revenue", "15.000000", "30.000000", MIDNIGHT + timedelta(days=4))
    fetched_twice(tmp_path, [a_sale("30", None, uuid="a", buyer_id=1)], [gained])
    sales = [a_sale("1000", None, uuid="b", buyer_id=1), a_call(buyer_id=1)]
    lake = fetched_twice(tmp_path, sales, day=date(2024, 7, 10), first=datetime(2024, 7, 11, 3, tzinfo=UTC))
    assert shares(lag(lake)[1]) == [0.5, 0.5, 0.5, 1.0, 1.0]
    recent = lag(lake, is_final=False)[1]
    assert (recent[0]["calls"], recent[0]["revenue"]) == (2, dollars("1000"))
    assert shares(recent) == [1.0, 1.0, 1.0, 1.0, None]


def test_a_share_is_one_of_the_revenue_of_the_same_days(tmp_path: Path) -> None:
    later = a_change("a", "revenue", "15.000000", "30.000000", MIDNIGHT + timedelta(days=4))
    fetched_twice(tmp_path, [a_sale("30", None, uuid="a", buyer_id=1)], [later])
    next_day = date(2024, 6, 20)
    backfilled = [a_sale("1000", None, uuid="b", buyer_id=1)]
    first, last = MIDNIGHT + timedelta(days=20), MIDNIGHT + timedelta(days=33)
    lake = fetched_twice(tmp_path, backfilled, day=next_day, first=first, last=last)
    (row,) = lag(lake).values()
    assert [(row[days]["calls"], row[days]["revenue"]) for days in (7, 30)] == [
        (1, dollars("30")),
        (2, dollars("1030")),
    ]
    assert shares(row) == [0.5, 0.5, 0.5, 1.0, 1.0]


def test_the_morning_is_on_the_accounts_clock(tmp_path: Path) -> None:
    gained = a_change("a", "revenue", None, "30.000000", SIX + timedelta(hours=3))
    lake = fetched_twice(tmp_path, [a_sale("30", None, uuid="a", buyer_id=1)], [gained])
    assert shares(lag(lake, "UTC")[1])[:2] == [0.0, 1.0]
    assert shares(lag(lake, "America/New_York")[1])[:2] == [1.0, 1.0]


def test_the_final_day_is_on_the_accounts_clock(tmp_path: Path) -> None:
    lake = fetched_twice(tmp_path, [a_call(buyer_id=1)], last=MIDNIGHT + timedelta(days=29, hours=3))
    assert [bool(lag(lake, zone)) for zone in ("UTC", "America/New_York")] == [True, False]


def test_a_call_belongs_to_its_present_buyer(tmp_path: Path) -> None:
    changes = [
        a_change("a", "buyer_id", "1", "2", MIDNIGHT + timedelta(days=4)),
        a_change("a", "revenue", "10.000000", "40.000000", MIDNIGHT + timedelta(days=4)),
    ]
    calls = [a_sale("40", None, uuid="a", buyer_id=2), a_sale("5", None, uuid="b", buyer_id=1)]
    found = lag(fetched_twice(tmp_path, calls, changes))
    assert (shares(found[1]), shares(found[2])) == ([1.0] * 5, [0.25, 0.25, 0.25, 1.0, 1.0])


def test_a_call_that_vanished_counts_nowhere(tmp_path: Path) -> None:
    vanished = [
        a_change("gone", name, old, None, MIDNIGHT + timedelta(days=4))
        for name, old in (("uuid", "gone"), ("buyer_id", "1"), ("revenue", "20.000000"))
    ]
    (row,) = lag(fetched_twice(tmp_path, [a_sale("40", None, uuid="a", buyer_id=1)], vanished)).values()
    assert (row[0]["calls"], shares(row)) == (1, [1.0] * 5)


def test_revenue_that_was_hidden_later_counts_nowhere(tmp_path: Path) -> None:
    hidden = a_change("a", "revenue", "20.000000", None, MIDNIGHT + timedelta(days=4))
    lake = fetched_twice(tmp_path, [a_sale("1", None, uuid="a", buyer_id=1) | {"revenue": None}], [hidden])
    assert lag(lake) == {}
    fetched_twice(tmp_path, [a_sale("40", None, uuid="b", buyer_id=1)], day=date(2024, 6, 18))
    (row,) = lag(lake).values()
    assert (row[1]["revenue"], shares(row)[1:]) == (dollars("40"), [1.0] * 4)


def test_buyers_without_an_id_are_grouped_by_label_or_name(tmp_path: Path) -> None:
    gained = a_change("b", "revenue", None, "10.000000", MIDNIGHT + timedelta(days=4))
    calls = [
        a_sale("30", None, uuid="a", user_buyer_id="7", buyer="A"),
        a_sale("10", None, uuid="b", buyer="B"),
    ]
    sql = "FROM conversion_lag WHERE days_after = 0"
    found = query(fetched_twice(tmp_path, calls, [gained]), sql)
    assert {row["buyer"]: row["known_share"] for row in found} == {"A": 1.0, "B": 0.0}
