"""The views of sums: their numbers, computed by hand for a few calls."""

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from trackdrive_assets.tables.columns import CALLS
from trackdrive_assets_tests.support.factories import (
    DAY,
    Row,
    a_call,
    a_deal,
    a_sale,
    dollars,
    lake_at,
    query,
    view_rows,
    write_day,
)


def test_the_daily_summary_has_the_sums_of_a_day(tmp_path: Path) -> None:
    calls = [
        a_sale("30.00", "20.00", traffic_source_repeat_caller=True),
        a_sale("10.50", None),
        a_call(connected_to="+17195550101", answered_duration=30.0, total_duration=40.0),
        a_call(status="no-buyer-all-filtered", connected_to=""),
        a_call(disposition_name="No Buyer", buyer_repeat_caller=True, answered_duration=None),
    ]
    lake = lake_at(tmp_path)
    write_day(lake, "calls", calls, fetched_at=FETCHED)
    assert query(lake, "FROM daily_summary") == [
        {
            "date": DAY,
            "fetched_at": FETCHED,
            "is_complete": True,
            "is_final": False,
            "calls": 5,
            "connected": 3,
            "answered": 3,
            "missed": 2,
            "missed_rate": 0.4,
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
            # 90 + 90 + 30 + 0, and 10 of total time, because the fifth call has no talk time.
            "average_handle_time": 44.0,
            "average_handle_time_of_answered": 70.0,
            "repeat_calls": 2,
            "repeat_rate": 0.4,
            "no_buyer": 2,
            "no_buyer_rate": 0.4,
        }
    ]


@pytest.mark.parametrize(
    ("fetched_at", "is_complete", "is_final"),
    [
        (datetime(2024, 6, 20, 3, 59, 59, tzinfo=UTC), False, False),
        (datetime(2024, 6, 20, 4, tzinfo=UTC), True, False),
        (datetime(2024, 7, 19, 3, 59, 59, tzinfo=UTC), True, False),
        (datetime(2024, 7, 19, 4, tzinfo=UTC), True, True),
    ],
    ids=str,
)
def test_a_day_is_complete_when_over_and_final_thirty_days_later(
    tmp_path: Path, *, fetched_at: datetime, is_complete: bool, is_final: bool
) -> None:
    lake = lake_at(tmp_path, "America/New_York")
    write_day(lake, "calls", [a_call()], fetched_at=fetched_at)
    (row,) = query(lake, "FROM daily_summary", time_zone="America/New_York")
    assert (row["fetched_at"], row["is_complete"], row["is_final"]) == (fetched_at, is_complete, is_final)


def test_money_sums_stay_exact_decimals(tmp_path: Path) -> None:
    (row,) = view_rows(tmp_path, "daily_summary", [a_sale("0.1", "0.1"), a_sale("0.2", "0.1")])
    assert (row["revenue"], row["profit"]) == (dollars("0.300000"), dollars("0.100000"))


def test_a_day_without_conversions_has_no_revenue(tmp_path: Path) -> None:
    (row,) = view_rows(tmp_path, "daily_summary", [a_call()])
    assert (row["revenue"], row["payout"], row["margin"]) == (dollars("0"), dollars("0"), None)
    assert (row["revenue_per_converted_call"], row["conversion_rate_of_connected"]) == (None, None)


def test_hidden_money_is_unknown(tmp_path: Path) -> None:
    hidden = dict.fromkeys(("revenue", "payout", "trackdrive_cost", "provider_cost"))
    (row,) = view_rows(tmp_path, "daily_summary", [a_sale("1", "1") | hidden, a_call() | hidden])
    assert [row[name] for name in ("revenue", "payout", "cost", "profit", "margin")] == [None] * 5
    assert row["converted"] == 1


@pytest.mark.parametrize("view", ["daily_summary", "repeat_callers"])
def test_connected_is_unknown_if_the_numbers_of_buyers_are_not_stored(tmp_path: Path, view: str) -> None:
    caller = {"caller_number": "+17195550100", "answered_duration": 60.0}
    rows = view_rows(tmp_path, view, [a_call() | caller | {"connected_to": None} for _ in range(2)])
    assert [(row["calls"], row["connected"]) for row in rows] == [(2, None)]


@pytest.mark.parametrize("view", ["daily_summary", "repeat_callers"])
def test_connected_is_zero_if_no_call_was_answered(tmp_path: Path, view: str) -> None:
    caller = {"caller_number": "+17195550100", "answered_duration": 0.0, "connected_to": None}
    rows = view_rows(tmp_path, view, [a_call() | caller for _ in range(2)])
    assert [(row["calls"], row["connected"]) for row in rows] == [(2, 0)]


def test_hidden_flags_are_unknown(tmp_path: Path) -> None:
    hidden = {name: None for name in CALLS.schema.names if name.endswith(("_converted", "_repeat_caller"))}
    (row,) = view_rows(tmp_path, "daily_summary", [a_call() | hidden])
    assert [row[name] for name in ("converted", "conversion_rate", "repeat_calls", "repeat_rate")] == [
        None
    ] * 4


def test_the_legacy_names_of_money_count(tmp_path: Path) -> None:
    legacy = {
        "buyer_revenue": Decimal(7),
        "traffic_source_payout": Decimal(3),
        "revenue": None,
        "payout": None,
    }
    (row,) = view_rows(tmp_path, "daily_summary", [a_sale("1", "1") | legacy])
    assert (row["revenue"], row["payout"], row["profit"]) == (dollars("7"), dollars("3"), dollars("4"))


FETCHED = datetime(2024, 6, 20, 7, tzinfo=UTC)

# Answered and missed


@pytest.mark.parametrize(
    ("fields", "answered", "missed"),
    [
        ({"answered_duration": None, "connected_to": None}, None, None),
        ({"answered_duration": None, "connected_to": "+17195550100"}, None, 0),
    ],
    ids=["nothing stored", "numbers only"],
)
def test_what_is_not_stored_leaves_answered_and_missed_unknown(
    tmp_path: Path, *, fields: Row, answered: int | None, missed: int | None
) -> None:
    calls = [a_call(**fields), a_call(**fields)]
    (row,) = view_rows(tmp_path, "daily_summary", calls)
    assert (row["answered"], row["missed"]) == (answered, missed)


PARTIES = ["buyer", "traffic_source", "offer"]


@pytest.mark.parametrize("party", PARTIES)
def test_performance_is_grouped_by_id_and_has_the_latest_name(tmp_path: Path, party: str) -> None:
    noon, evening = datetime(2024, 6, 19, 12, tzinfo=UTC), datetime(2024, 6, 19, 18, tzinfo=UTC)
    calls = [
        a_sale("10", "5", **{f"{party}_id": 1, party: "New name", "created_at": evening}),
        a_sale("30", "5", **{f"{party}_id": 1, party: "Old name", "created_at": noon}),
        a_call(**{f"{party}_id": 2, party: "New name"}),
        a_call(),
    ]
    rows = view_rows(tmp_path, f"{party}_performance", calls)
    assert [
        (row[f"{party}_id"], row[party], row["calls"], row["revenue"], row["profit"]) for row in rows
    ] == [
        (1, "New name", 2, dollars("40"), dollars("30")),
        (2, "New name", 1, dollars("0"), dollars("0")),
        (None, None, 1, dollars("0"), dollars("0")),
    ]


@pytest.mark.parametrize("party", PARTIES)
def test_performance_without_ids_is_grouped_by_label_or_name(tmp_path: Path, party: str) -> None:
    calls = [
        a_call(**{f"user_{party}_id": "7", party: "A"}),
        a_call(**{f"user_{party}_id": "7", party: "A"}),
        a_call(**{f"user_{party}_id": "", party: "B"}),
        a_call(**{party: "B"}),
    ]
    rows = view_rows(tmp_path, f"{party}_performance", calls)
    assert sorted((row[party], row["calls"]) for row in rows) == [("A", 2), ("B", 2)]


def test_an_hour_is_one_of_the_accounts_clock(tmp_path: Path) -> None:
    calls = [a_sale("10", "4"), a_call(created_at=datetime(2024, 6, 19, 16, 0, tzinfo=UTC)), a_call()]
    rows = view_rows(tmp_path, "hourly_volume", calls, time_zone="America/New_York")
    assert [(row["hour"], row["calls"], row["revenue"]) for row in rows] == [
        (11, 2, dollars("10")),
        (12, 1, dollars("0")),
    ]


def test_an_hour_that_occurs_twice_is_two_rows(tmp_path: Path) -> None:
    instants = [datetime(2024, 11, 3, hour, 30, tzinfo=UTC) for hour in (4, 5, 6)]
    rows = view_rows(
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
def test_the_time_zone_of_the_session_changes_nothing(tmp_path: Path, zone: str) -> None:
    (row,) = view_rows(
        tmp_path,
        "hourly_volume",
        [a_call()],
        time_zone="America/New_York",
        setting=f"SET TimeZone = '{zone}'",
    )
    assert (row["hour"], row["hour_start"]) == (11, datetime(2024, 6, 19, 15, tzinfo=UTC))


def test_hours_start_at_half_past_in_a_zone_of_half_hours(tmp_path: Path) -> None:
    (row,) = view_rows(tmp_path, "hourly_volume", [a_call()], time_zone="Asia/Kolkata")
    assert (row["hour"], row["hour_start"]) == (21, datetime(2024, 6, 19, 15, 30, tzinfo=UTC))


def test_source_offer_and_buyer_are_grouped_together(tmp_path: Path) -> None:
    calls = [
        a_deal(),
        a_deal(buyer="Harbor, renamed", created_at=datetime(2024, 6, 19, 20, tzinfo=UTC)),
        a_deal(buyer_id=4),
        a_deal(offer_id=5),
        a_deal(traffic_source_id=6),
        a_call(traffic_source_id=1, offer_id=2),
    ]
    rows = view_rows(tmp_path, "source_offer_buyer_performance", calls)
    parties = ("traffic_source_id", "offer_id", "buyer_id")
    assert {tuple(row[party] for party in parties): (row["calls"], row["revenue"]) for row in rows} == {
        (1, 2, 3): (2, dollars("20")),
        (1, 2, 4): (1, dollars("10")),
        (1, 5, 3): (1, dollars("10")),
        (6, 2, 3): (1, dollars("10")),
        (1, 2, None): (1, dollars("0")),
    }
    assert [row["buyer"] for row in rows if row["calls"] == 2] == ["Harbor, renamed"]


def test_source_offer_and_buyer_without_ids_are_grouped_by_label_or_name(tmp_path: Path) -> None:
    calls = [
        a_call(user_traffic_source_id="7", offer="A", buyer="B"),
        a_call(user_traffic_source_id="7", offer="A", buyer="B", traffic_source="named later"),
        a_call(user_traffic_source_id="8", offer="A", buyer="B"),
        a_call(user_traffic_source_id="7", offer="C", buyer="B"),
        a_call(user_traffic_source_id="7", offer="A", buyer="D"),
    ]
    rows = view_rows(tmp_path, "source_offer_buyer_performance", calls)
    assert sorted(row["calls"] for row in rows) == [1, 1, 1, 2]


# State


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"tokens": {"state": "CO", "geo_state": "us-tx"}}, "CO"),
        ({"tokens": {"zip": "80202", "geo_state": "us-tx"}}, "TX"),
        ({"tokens": {"state": "", "geo_state": "us-tx"}}, "TX"),
        ({"tokens": {"state": " co "}}, "CO"),
        ({"tokens": {"zip": "80202"}}, None),
        ({"token_values": "zip:80202,state:CO"}, "CO"),
        ({"token_values": "geo_state:us-tx, zip:80202"}, "TX"),
        ({"token_values": "home_state:CO"}, None),
        ({}, None),
    ],
    ids=str,
)
def test_the_state_comes_from_the_tags(tmp_path: Path, fields: Row, state: str | None) -> None:
    (row,) = view_rows(tmp_path, "state_performance", [a_sale("10", "4", **fields)])
    assert (row["state"], row["calls"], row["revenue"]) == (state, 1, dollars("10"))


def test_a_state_is_one_row_whatever_tag_names_it(tmp_path: Path) -> None:
    calls = [
        a_sale("10", "4", tokens={"state": "CO"}),
        a_call(tokens={"geo_state": "us-co"}),
        a_call(token_values="state:CO"),
    ]
    (row,) = view_rows(tmp_path, "state_performance", calls)
    assert (row["state"], row["calls"], row["converted"], row["revenue"]) == ("CO", 3, 1, dollars("10"))


# All groupings


def many_calls() -> list[Row]:
    """Return calls of all kinds, parties, states and callers. They are the same in every run."""
    kinds: list[Callable[[int], Row]] = [
        lambda n: a_sale(str(n), "1"),
        lambda n: a_call(status="no-buyer", total_duration=float(n)),
        lambda n: a_call(connected_to="+17195550100", status="no-answer", buyer_id=n % 3),
        lambda n: a_sale("2.5", None, buyer_repeat_caller=n % 4 == 0),
    ]
    return [
        kinds[n % 4](n)
        | {"uuid": str(n), "traffic_source_id": n % 5, "offer_id": n % 2 or None, "buyer_id": n % 3}
        | {"tokens": {"state": ["CO", "TX", ""][n % 3]}, "caller_number": f"+171955501{n % 17:02}"}
        for n in range(120)
    ]


@pytest.mark.parametrize(
    "view",
    [
        *(f"{party}_performance" for party in PARTIES),
        "source_offer_buyer_performance",
        "state_performance",
        "hourly_volume",
    ],
)
def test_the_groups_of_a_day_add_up_to_the_day(tmp_path: Path, view: str) -> None:
    counts = ("calls", "connected", "answered", "missed", "converted", "repeat_calls", "no_buyer")
    summed = (*counts, "revenue", "payout", "cost")
    (day,) = view_rows(tmp_path, "daily_summary", many_calls())
    rows = query(lake_at(tmp_path), f"FROM {view}")
    assert len(rows) > (view != "hourly_volume")
    assert {name: sum(row[name] for row in rows) for name in summed} == {name: day[name] for name in summed}


def test_the_groups_are_those_that_python_counts(tmp_path: Path) -> None:
    calls = many_calls()
    states = Counter((call["tokens"]["state"] or None) for call in calls)  # type: ignore[index]  # a map
    rows = view_rows(tmp_path, "state_performance", calls)
    assert {row["state"]: row["calls"] for row in rows} == states
    lost = [call["uuid"] for call in calls if call["answered_duration"] == 0]
    rows = query(lake_at(tmp_path), "FROM missed_calls")
    assert sorted(row["uuid"] for row in rows) == sorted(map(str, lost))
    hours = query(lake_at(tmp_path), "FROM hourly_volume")
    assert sum(row["missed"] for row in hours) == len(lost)
    (day,) = query(lake_at(tmp_path), "FROM daily_summary")
    assert sum(row["reason"] == "no_buyer" for row in rows) == day["no_buyer"]
    revenue: dict[object, Decimal] = defaultdict(Decimal)
    for call in calls:
        revenue[call["caller_number"], call["buyer_id"]] += call.get("revenue") or 0  # type: ignore[operator]
    rows = query(lake_at(tmp_path), "FROM repeat_callers")
    assert {(row["caller_number"], row["buyer_id"]): row["revenue"] for row in rows} == revenue
