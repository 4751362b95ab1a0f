"""The view `period_comparison`: whose conversion rate changed, and whether chance explains it."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from trackdrive_assets.lake.store import ClaimedLake
from trackdrive_assets_tests.support.factories import Row, a_call, a_deal, dollars, lake_at, query, write_day

THURSDAY = date(2024, 6, 20)
"""The last complete day. The week from Monday to Sunday before it ended on the 16th."""

Calls = Callable[[date], list[Row]]


def night_after(day: date) -> datetime:
    """Return the time of the first fetch of a day after its end."""
    return datetime.combine(day + timedelta(days=1), time(3), UTC)


def fortnight(folder: Path, calls_of: Calls, *, last: date = THURSDAY, days: int = 14) -> ClaimedLake:
    """Store days up to the last one, each fetched in the night after it."""
    lake = lake_at(folder)
    for day in (last - timedelta(days=n) for n in range(days)):
        write_day(lake, "calls", calls_of(day), day=day, fetched_at=night_after(day))
    return lake


def calls_of(day: date, converted: int, others: int, **fields: object) -> list[Row]:
    """Return calls of a day, of which some converted."""
    created_at = datetime.combine(day, time(12), UTC)
    unsold: Row = {"buyer_converted": False, "revenue": None, "payout": None}
    kinds: list[Row] = [{}] * converted + [unsold] * others
    return [
        a_deal(uuid=f"{day} {n} {fields}", created_at=created_at) | kind | fields
        for n, kind in enumerate(kinds)
    ]


def compared(lake: ClaimedLake, dimension: str = "buyer", comparison: str = "last_7_days") -> dict[Any, Any]:
    """Return the rows of a comparison by id."""
    sql = f"FROM period_comparison WHERE dimension = '{dimension}' AND comparison = '{comparison}'"
    return {row["id"]: row for row in query(lake, sql)}


def is_later(day: date) -> bool:
    return day > THURSDAY - timedelta(days=7)


def drop(day: date) -> list[Row]:
    """Return ten calls of a day: five converted in the earlier week, two in the later one."""
    return calls_of(day, 2, 8) if is_later(day) else calls_of(day, 5, 5)


def test_the_last_seven_days_are_compared_with_the_seven_before(tmp_path: Path) -> None:
    lake = fortnight(tmp_path, drop)
    (row,) = compared(lake).values()
    p_value, adjusted = row.pop("p_value"), row.pop("adjusted_p_value")
    assert row == {
        "comparison": "last_7_days",
        "period_start": date(2024, 6, 14),
        "period_end": THURSDAY,
        "dimension": "buyer",
        "id": 3,
        "key": "3",
        "name": "Harbor",
        "calls": 70,
        "previous_calls": 70,
        "converted": 14,
        "previous_converted": 35,
        "conversion_rate": 0.2,
        "previous_conversion_rate": 0.5,
        "conversion_rate_change": -0.3,
        "is_significant": True,
        "revenue": dollars("140"),
        "previous_revenue": dollars("350"),
        "reason": None,
    }
    # The value of scipy's chi2_contingency, which has the same correction.
    assert p_value == adjusted == pytest.approx(0.000396, abs=2e-6)


def test_every_dimension_is_compared(tmp_path: Path) -> None:
    lake = fortnight(tmp_path, drop)
    rows = query(lake, "FROM period_comparison WHERE comparison = 'last_7_days'")
    found = {(row["dimension"], row["id"]): (row["calls"], row["converted"]) for row in rows}
    dimensions = [("account", None), ("buyer", 3), ("traffic_source", 1), ("offer", 2)]
    assert found == dict.fromkeys(dimensions, (70, 14))


def test_a_week_is_one_from_monday_to_sunday(tmp_path: Path) -> None:
    lake = fortnight(tmp_path, drop, days=18)
    (row,) = compared(lake, comparison="last_week").values()
    assert (row["period_start"], row["period_end"]) == (date(2024, 6, 10), date(2024, 6, 16))
    assert (row["previous_calls"], row["converted"], row["reason"]) == (70, 26, None)


def test_on_a_sunday_night_both_comparisons_have_the_same_days(tmp_path: Path) -> None:
    lake = fortnight(tmp_path, drop, last=date(2024, 6, 16))
    assert [row["period_end"] for row in query(lake, "FROM period_comparison WHERE id = 3")] == [
        date(2024, 6, 16)
    ] * 2


def test_the_day_that_is_not_over_changes_nothing(tmp_path: Path) -> None:
    lake = fortnight(tmp_path, drop)
    today = THURSDAY + timedelta(days=1)
    before = query(lake, "FROM period_comparison")
    noon = datetime.combine(today, time(12), UTC)
    write_day(lake, "calls", calls_of(today, 0, 40), day=today, fetched_at=noon)
    assert query(lake, "FROM period_comparison") == before


@pytest.mark.parametrize(
    ("days_ago", "calls", "previous_calls"), [(3, None, 70), (10, 70, None)], ids=["later", "earlier"]
)
@pytest.mark.parametrize("is_fetched", [False, True], ids=["missing", "incomplete"])
def test_a_week_with_an_incomplete_day_has_no_numbers(
    tmp_path: Path, days_ago: int, calls: int | None, previous_calls: int | None, *, is_fetched: bool
) -> None:
    gap = THURSDAY - timedelta(days=days_ago)
    lake = lake_at(tmp_path)
    for day in (THURSDAY - timedelta(days=n) for n in range(14)):
        if day != gap:
            write_day(lake, "calls", drop(day), day=day, fetched_at=night_after(THURSDAY))
        elif is_fetched:
            noon = datetime.combine(day, time(12), UTC)
            write_day(lake, "calls", calls_of(day, 1, 1), day=day, fetched_at=noon)
    (row,) = compared(lake).values()
    assert (row["calls"], row["previous_calls"]) == (calls, previous_calls)
    assert (row["conversion_rate_change"], row["p_value"], row["is_significant"]) == (None, None, None)
    assert row["reason"] == "days_incomplete"


def test_a_day_without_calls_is_complete(tmp_path: Path) -> None:
    lake = fortnight(tmp_path, lambda day: [] if day == date(2024, 6, 15) else drop(day))
    (row,) = compared(lake).values()
    assert (row["calls"], row["previous_calls"], row["reason"]) == (60, 70, None)


def test_a_new_buyer_has_no_earlier_rate(tmp_path: Path) -> None:
    lake = fortnight(
        tmp_path, lambda day: drop(day) + calls_of(day, int(is_later(day)) * 5, 0, buyer_id=9, buyer="New")
    )
    row = compared(lake)[9]
    assert (row["name"], row["calls"], row["previous_calls"], row["converted"]) == ("New", 35, 0, 35)
    assert (row["conversion_rate"], row["previous_conversion_rate"]) == (1.0, None)
    assert (row["is_significant"], row["reason"]) == (None, "too_few_calls")


@pytest.mark.parametrize(
    ("earlier", "later", "reason"),
    [((5, 5), (1, 1), None), ((5, 5), (1, 0), "too_few_calls"), ((0, 9), (1, 8), "too_few_calls")],
)
def test_a_few_calls_are_not_tested(
    tmp_path: Path, earlier: tuple[int, int], later: tuple[int, int], reason: str | None
) -> None:
    lake = fortnight(tmp_path, lambda day: calls_of(day, *(later if is_later(day) else earlier)))
    (row,) = compared(lake).values()
    assert (row["reason"], row["p_value"] is None) == (reason, reason is not None)


def test_equal_rates_are_explained_by_chance(tmp_path: Path) -> None:
    (row,) = compared(fortnight(tmp_path, lambda day: calls_of(day, 3, 7))).values()
    assert row["p_value"] == pytest.approx(1)
    assert row["is_significant"] is False


def test_the_test_allows_for_the_number_of_groups(tmp_path: Path) -> None:
    def many(day: date) -> list[Row]:
        kept = [call for buyer in range(10, 19) for call in calls_of(day, 3, 7, buyer_id=buyer)]
        dropped = calls_of(day, 3, 7) if is_later(day) else calls_of(day, 5, 5)
        return dropped + kept

    rows = compared(fortnight(tmp_path, many))
    assert rows[3]["p_value"] < 0.05
    assert rows[3]["adjusted_p_value"] == pytest.approx(10 * rows[3]["p_value"])
    assert [row["is_significant"] for row in rows.values()] == [False] * 10
    assert rows[10]["adjusted_p_value"] == pytest.approx(1)


def test_late_conversions_of_the_earlier_week_are_left_out(tmp_path: Path) -> None:
    lake = fortnight(tmp_path, lambda day: calls_of(day, 4, 6))
    day = THURSDAY - timedelta(days=9)
    first, second = (call["uuid"] for call in calls_of(day, 4, 6)[:2])
    # The day a week later was fetched once, in the night after it.
    too_late = night_after(day) + timedelta(hours=6)
    in_time = too_late - timedelta(seconds=1)

    def gained(uuid: object, detected_at: datetime) -> list[Row]:
        shared = {
            "uuid": uuid,
            "created_at": datetime.combine(day, time(12), UTC),
            "detected_at": detected_at,
        }
        return [
            shared | {"field": "buyer_converted", "old_value": "false", "new_value": "true"},
            shared | {"field": "revenue", "old_value": None, "new_value": "10.000000"},
        ]

    write_day(lake, "call_changes", [*gained(first, in_time), *gained(second, too_late)], day=day)
    for dimension in ("account", "buyer", "traffic_source", "offer"):
        (row,) = compared(lake, dimension).values()
        assert (row["converted"], row["previous_converted"]) == (28, 27)
        assert (row["revenue"], row["previous_revenue"]) == (dollars("280"), dollars("270"))


def test_without_earlier_fetches_a_drop_may_be_late_conversions(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    for day in (THURSDAY - timedelta(days=n) for n in range(14)):
        write_day(lake, "calls", drop(day), day=day, fetched_at=night_after(THURSDAY))
    (row,) = compared(lake).values()
    assert (row["converted"], row["previous_converted"], row["reason"]) == (14, 35, "fetched_late")
    assert (row["p_value"] < 0.001, row["is_significant"]) == (True, None)


def test_hidden_conversions_are_not_compared(tmp_path: Path) -> None:
    lake = fortnight(tmp_path, lambda day: calls_of(day, 0, 9, buyer_converted=None))
    (row,) = compared(lake).values()
    assert (row["calls"], row["converted"], row["reason"]) == (63, None, "conversions_unknown")


def test_hidden_amounts_are_unknown(tmp_path: Path) -> None:
    lake = fortnight(tmp_path, lambda day: calls_of(day, 3, 7, revenue=None))
    (row,) = compared(lake).values()
    assert (row["converted"], row["revenue"], row["previous_revenue"]) == (21, None, None)


def test_a_renamed_buyer_is_one_row_with_the_latest_name(tmp_path: Path) -> None:
    names = {True: "Harbor, renamed", False: "Harbor"}
    lake = fortnight(tmp_path, lambda day: calls_of(day, 3, 3, buyer=names[is_later(day)]))
    assert compared(lake)[3]["name"] == "Harbor, renamed"


def test_calls_without_a_buyer_are_a_row(tmp_path: Path) -> None:
    lake = fortnight(
        tmp_path, lambda day: [*drop(day), a_call(created_at=datetime.combine(day, time(1), UTC))]
    )
    rows = compared(lake)
    assert (rows[None]["key"], rows[None]["calls"], rows[None]["reason"]) == (None, 7, "too_few_calls")


def test_a_lake_without_complete_days_compares_nothing(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    noon = datetime.combine(THURSDAY, time(12), UTC)
    write_day(lake, "calls", drop(THURSDAY), day=THURSDAY, fetched_at=noon)
    assert query(lake, "FROM period_comparison") == []
