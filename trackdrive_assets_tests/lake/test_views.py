"""The numbers of every view, worked out by hand on a few calls."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from trackdrive_assets.lake.store import Lake
from trackdrive_assets.tables.columns import CALLS
from trackdrive_assets_tests.lake.invented import DAY, Row, a_call, a_sale, ask, dollars, write


def answer(
    folder: Path,
    view: str,
    calls: list[Row],
    *,
    day: date = DAY,
    time_zone: str = "UTC",
    setting: str = "",
) -> list[dict[str, Any]]:
    """What the view says of these calls."""
    lake = Lake(folder)
    write(lake, "calls", calls, day=day)
    return ask(lake, f"FROM {view}", time_zone=time_zone, setting=setting)


def test_daily_summary_adds_up(tmp_path: Path) -> None:
    calls = [
        a_sale("30.00", "20.00", traffic_source_repeat_caller=True),
        a_sale("10.50", None),
        a_call(connected_to="+17195550101", answered_duration=30.0, total_duration=40.0),
        a_call(status="no-buyer-all-filtered", connected_to=""),
        a_call(disposition_name="No Buyer", buyer_repeat_caller=True, answered_duration=None),
    ]
    assert answer(tmp_path, "daily_summary", calls) == [
        {
            "date": DAY,
            "calls": 5,
            "connected": 3,
            "converted": 2,
            "conversion_rate": 0.4,
            "conversion_rate_of_connected": pytest.approx(2 / 3),
            "traffic_source_conversions": 1,
            "revenue": dollars("40.50"),
            "payout": dollars("20.00"),
            "cost": dollars("0.225"),
            "profit": dollars("20.50"),
            "margin": pytest.approx(20.5 / 40.5),
            "revenue_per_call": pytest.approx(8.1),
            "revenue_per_converted_call": pytest.approx(20.25),
            # 90 + 90 + 30 + 0, and the fifth has no answered time, so its 10 of total time.
            "average_handle_time": 44.0,
            "average_handle_time_of_answered": 70.0,
            "repeat_calls": 2,
            "repeat_rate": 0.4,
            "no_buyer": 2,
            "no_buyer_rate": 0.4,
        }
    ]


def test_money_sums_stay_exact_decimals(tmp_path: Path) -> None:
    (row,) = answer(tmp_path, "daily_summary", [a_sale("0.1", "0.1"), a_sale("0.2", "0.1")])
    assert (row["revenue"], row["profit"]) == (dollars("0.300000"), dollars("0.100000"))


def test_a_day_without_conversions_brought_nothing(tmp_path: Path) -> None:
    (row,) = answer(tmp_path, "daily_summary", [a_call()])
    assert (row["revenue"], row["payout"], row["margin"]) == (dollars("0"), dollars("0"), None)
    assert (row["revenue_per_converted_call"], row["conversion_rate_of_connected"]) == (None, None)


def test_money_that_the_account_may_not_see_is_unknown(tmp_path: Path) -> None:
    hidden = dict.fromkeys(("revenue", "payout", "trackdrive_cost", "provider_cost"))
    (row,) = answer(tmp_path, "daily_summary", [a_sale("1", "1") | hidden, a_call() | hidden])
    assert [row[name] for name in ("revenue", "payout", "cost", "profit", "margin")] == [None] * 5
    assert row["converted"] == 1


def test_flags_that_the_account_may_not_see_are_unknown(tmp_path: Path) -> None:
    hidden = {name: None for name in CALLS.schema.names if name.endswith(("_converted", "_repeat_caller"))}
    (row,) = answer(tmp_path, "daily_summary", [a_call() | hidden])
    assert [row[name] for name in ("converted", "conversion_rate", "repeat_calls", "repeat_rate")] == [
        None
    ] * 4


def test_the_older_names_of_money_count(tmp_path: Path) -> None:
    older = {
        "buyer_revenue": Decimal(7),
        "traffic_source_payout": Decimal(3),
        "revenue": None,
        "payout": None,
    }
    (row,) = answer(tmp_path, "daily_summary", [a_sale("1", "1") | older])
    assert (row["revenue"], row["payout"], row["profit"]) == (dollars("7"), dollars("3"), dollars("4"))


PARTIES = ["buyer", "traffic_source", "offer"]


@pytest.mark.parametrize("party", PARTIES)
def test_performance_is_told_apart_by_id_and_shows_the_latest_name(tmp_path: Path, party: str) -> None:
    noon, evening = datetime(2024, 6, 19, 12, tzinfo=UTC), datetime(2024, 6, 19, 18, tzinfo=UTC)
    calls = [
        a_sale("10", "5", **{f"{party}_id": 1, party: "New name", "created_at": evening}),
        a_sale("30", "5", **{f"{party}_id": 1, party: "Old name", "created_at": noon}),
        a_call(**{f"{party}_id": 2, party: "New name"}),
        a_call(),
    ]
    rows = answer(tmp_path, f"{party}_performance", calls)
    assert [
        (row[f"{party}_id"], row[party], row["calls"], row["revenue"], row["profit"]) for row in rows
    ] == [
        (1, "New name", 2, dollars("40"), dollars("30")),
        (2, "New name", 1, dollars("0"), dollars("0")),
        (None, None, 1, dollars("0"), dollars("0")),
    ]


@pytest.mark.parametrize("party", PARTIES)
def test_performance_falls_back_to_label_and_name_where_there_is_no_id(tmp_path: Path, party: str) -> None:
    calls = [
        a_call(**{f"user_{party}_id": "7", party: "A"}),
        a_call(**{f"user_{party}_id": "7", party: "A"}),
        a_call(**{f"user_{party}_id": "", party: "B"}),
        a_call(**{party: "B"}),
    ]
    rows = answer(tmp_path, f"{party}_performance", calls)
    assert sorted((row[party], row["calls"]) for row in rows) == [("A", 2), ("B", 2)]


def test_hourly_volume_counts_by_the_hour_of_the_accounts_zone(tmp_path: Path) -> None:
    calls = [a_sale("10", "4"), a_call(created_at=datetime(2024, 6, 19, 16, 0, tzinfo=UTC)), a_call()]
    rows = answer(tmp_path, "hourly_volume", calls, time_zone="America/New_York")
    assert [(row["hour"], row["calls"], row["revenue"]) for row in rows] == [
        (11, 2, dollars("10")),
        (12, 1, dollars("0")),
    ]


def test_the_hour_that_comes_twice_is_two_hours(tmp_path: Path) -> None:
    instants = [datetime(2024, 11, 3, hour, 30, tzinfo=UTC) for hour in (4, 5, 6)]
    rows = answer(
        tmp_path,
        "hourly_volume",
        [a_call(created_at=instant) for instant in instants],
        day=date(2024, 11, 3),
        time_zone="America/New_York",
    )
    assert [(row["hour"], row["hour_start"]) for row in rows] == [
        (hour, instant.replace(minute=0)) for hour, instant in zip((0, 1, 1), instants, strict=True)
    ]


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/Los_Angeles"])
def test_the_analysts_own_time_zone_changes_nothing(tmp_path: Path, zone: str) -> None:
    (row,) = answer(
        tmp_path,
        "hourly_volume",
        [a_call()],
        time_zone="America/New_York",
        setting=f"SET TimeZone = '{zone}'",
    )
    assert (row["hour"], row["hour_start"]) == (11, datetime(2024, 6, 19, 15, tzinfo=UTC))


def test_a_zone_of_half_hours_starts_its_hours_there(tmp_path: Path) -> None:
    (row,) = answer(tmp_path, "hourly_volume", [a_call()], time_zone="Asia/Kolkata")
    assert (row["hour"], row["hour_start"]) == (21, datetime(2024, 6, 19, 15, 30, tzinfo=UTC))


def test_calls_that_were_live_or_had_no_duration_are_unfinished(tmp_path: Path) -> None:
    live = a_call(uuid="live", ended_at=None, buyer_id=7, connected_to="+17195550100")
    calls = [
        live,
        a_call(uuid="untimed", total_duration=None),
        a_call(uuid="done"),
        a_sale("1", "1", uuid="sold"),
    ]
    rows = answer(tmp_path, "unfinished_calls", calls)
    assert [row["uuid"] for row in rows] == ["live", "untimed"]
    assert {name: rows[0][name] for name in ("status", "buyer_id", "connected_to", "ended_at")} == {
        "status": "finished",
        "buyer_id": 7,
        "connected_to": "+17195550100",
        "ended_at": None,
    }


def test_calls_are_unfinished_too_on_a_day_that_has_no_others(tmp_path: Path) -> None:
    rows = answer(tmp_path, "unfinished_calls", [a_call(uuid="live", ended_at=None, total_duration=None)])
    assert [row["uuid"] for row in rows] == ["live"]


@pytest.mark.parametrize("column", ["ended_at", "total_duration"])
def test_a_column_that_the_account_may_not_see_leaves_no_call_unfinished(tmp_path: Path, column: str) -> None:
    calls = [a_call(uuid="a") | {column: None}, a_call(uuid="b") | {column: None}]
    assert answer(tmp_path, "unfinished_calls", calls) == []
    # It is judged day by day: another day may be told more.
    write(Lake(tmp_path), "calls", [a_call(), a_call(uuid="c") | {column: None}], day=date(2024, 6, 20))
    assert [row["uuid"] for row in ask(Lake(tmp_path), "FROM unfinished_calls")] == ["c"]
