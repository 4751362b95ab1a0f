"""The numbers of every view, worked out by hand on a few calls."""

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from trackdrive_assets.lake.store import Lake
from trackdrive_assets.tables.columns import CALLS
from trackdrive_assets_tests.support.factories import DAY, Row, a_call, a_sale, ask, dollars, write


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


@pytest.mark.parametrize("view", ["daily_summary", "repeat_callers"])
def test_calls_put_through_are_unknown_where_the_numbers_are_not_stored(tmp_path: Path, view: str) -> None:
    caller = {"caller_number": "+17195550100", "answered_duration": 60.0}
    rows = answer(tmp_path, view, [a_call() | caller | {"connected_to": None} for _ in range(2)])
    assert [(row["calls"], row["connected"]) for row in rows] == [(2, None)]


@pytest.mark.parametrize("view", ["daily_summary", "repeat_callers"])
def test_calls_that_nobody_answered_were_put_through_to_nobody(tmp_path: Path, view: str) -> None:
    caller = {"caller_number": "+17195550100", "answered_duration": 0.0, "connected_to": None}
    rows = answer(tmp_path, view, [a_call() | caller for _ in range(2)])
    assert [(row["calls"], row["connected"]) for row in rows] == [(2, 0)]


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


def a_deal(**fields: object) -> Row:
    """A sale between parties who all have an id."""
    parties: Row = {"traffic_source_id": 1, "offer_id": 2, "buyer_id": 3, "buyer": "Harbor"}
    return a_sale("10", "4", **(parties | fields))


def test_source_offer_and_buyer_are_told_apart_together(tmp_path: Path) -> None:
    calls = [
        a_deal(),
        a_deal(buyer="Harbor, renamed", created_at=datetime(2024, 6, 19, 20, tzinfo=UTC)),
        a_deal(buyer_id=4),
        a_deal(offer_id=5),
        a_deal(traffic_source_id=6),
        a_call(traffic_source_id=1, offer_id=2),
    ]
    rows = answer(tmp_path, "source_offer_buyer_performance", calls)
    parties = ("traffic_source_id", "offer_id", "buyer_id")
    assert {tuple(row[party] for party in parties): (row["calls"], row["revenue"]) for row in rows} == {
        (1, 2, 3): (2, dollars("20")),
        (1, 2, 4): (1, dollars("10")),
        (1, 5, 3): (1, dollars("10")),
        (6, 2, 3): (1, dollars("10")),
        (1, 2, None): (1, dollars("0")),
    }
    assert [row["buyer"] for row in rows if row["calls"] == 2] == ["Harbor, renamed"]


def test_source_offer_and_buyer_fall_back_to_label_and_name(tmp_path: Path) -> None:
    calls = [
        a_call(user_traffic_source_id="7", offer="A", buyer="B"),
        a_call(user_traffic_source_id="7", offer="A", buyer="B", traffic_source="named later"),
        a_call(user_traffic_source_id="8", offer="A", buyer="B"),
        a_call(user_traffic_source_id="7", offer="C", buyer="B"),
        a_call(user_traffic_source_id="7", offer="A", buyer="D"),
    ]
    rows = answer(tmp_path, "source_offer_buyer_performance", calls)
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
def test_the_state_is_what_the_tags_say(tmp_path: Path, fields: Row, state: str | None) -> None:
    (row,) = answer(tmp_path, "state_performance", [a_sale("10", "4", **fields)])
    assert (row["state"], row["calls"], row["revenue"]) == (state, 1, dollars("10"))


def test_a_state_is_one_row_whichever_tag_names_it(tmp_path: Path) -> None:
    calls = [
        a_sale("10", "4", tokens={"state": "CO"}),
        a_call(tokens={"geo_state": "us-co"}),
        a_call(token_values="state:CO"),
    ]
    (row,) = answer(tmp_path, "state_performance", calls)
    assert (row["state"], row["calls"], row["converted"], row["revenue"]) == ("CO", 3, 1, dollars("10"))


# Missed calls


def reasons(rows: list[dict[str, Any]]) -> dict[str, str]:
    return {row["uuid"]: row["reason"] for row in rows}


def test_a_missed_call_ended_and_nobody_answered(tmp_path: Path) -> None:
    calls = [
        a_call(uuid="lost"),
        a_call(uuid="rang", connected_to="+17195550100", buyer="Harbor", total_duration=40.0),
        a_call(uuid="answered", connected_to="+17195550100", answered_duration=1.0),
        a_call(uuid="by an agent", agent_duration=30.0),
        a_call(uuid="live", ended_at=None, answered_duration=None),
    ]
    rows = answer(tmp_path, "missed_calls", calls)
    assert [(row["uuid"], row["buyer"], row["total_duration"]) for row in rows] == [
        ("lost", None, 10.0),
        ("rang", "Harbor", 40.0),
    ]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"status": "no-buyer-all-filtered"}, "no_buyer"),
        ({"disposition_name": "No Buyer"}, "no_buyer"),
        ({"status": "caller-hung-up"}, "caller_hung_up"),
        ({"status": "caller-hung-up-while-ringing-buyer", "connected_to": "+17195550100"}, "caller_hung_up"),
        ({"status": "hold-queue-waited-too-long", "connected_to": "+17195550100"}, "hold_timeout"),
        ({"status": "not-open"}, "closed"),
        ({"status": "rejected-no-concurrency-cap-available"}, "rejected"),
        ({"status": "blocked"}, "rejected"),
        ({"status": "ivr-no-keypress"}, "no_key_pressed"),
        ({"status": "no-route-to-destination"}, "failed"),
        ({"status": "no-answer"}, "buyer_no_answer"),
        ({"status": "finished", "connected_to": "+17195550100"}, "buyer_no_answer"),
        ({"status": "something-new"}, "other"),
        ({"status": None}, "other"),
    ],
    ids=str,
)
def test_a_missed_call_says_why(tmp_path: Path, fields: Row, reason: str) -> None:
    assert reasons(answer(tmp_path, "missed_calls", [a_call(uuid="a", **fields)])) == {"a": reason}


def test_without_talk_time_a_call_that_was_not_put_through_is_missed(tmp_path: Path) -> None:
    calls = [
        a_call(uuid="lost", answered_duration=None),
        a_call(uuid="rang", answered_duration=None, connected_to="+17195550100"),
    ]
    assert list(reasons(answer(tmp_path, "missed_calls", calls))) == ["lost"]


def test_no_call_is_missed_where_the_account_sees_neither_talk_time_nor_connections(tmp_path: Path) -> None:
    assert (
        answer(tmp_path, "missed_calls", [a_call(answered_duration=None), a_call(answered_duration=None)])
        == []
    )


# Repeat callers

CALLER, OTHER = "+17195550101", "+17195550102"


def test_repeat_callers_are_told_by_buyer(tmp_path: Path) -> None:
    noon, evening = datetime(2024, 6, 19, 12, tzinfo=UTC), datetime(2024, 6, 19, 18, tzinfo=UTC)
    calls = [
        a_deal(caller_number=CALLER, created_at=noon),
        a_deal(caller_number=CALLER, created_at=evening, traffic_source_id=9, buyer_repeat_caller=True),
        a_call(caller_number=CALLER),
        a_deal(caller_number=OTHER),
    ]
    to_nobody, to_harbor = sorted(answer(tmp_path, "repeat_callers", calls), key=lambda row: row["calls"])
    assert {name: to_harbor[name] for name in to_harbor if name != "user_buyer_id"} == {
        "caller_number": CALLER,
        "buyer_id": 3,
        "buyer": "Harbor",
        "calls": 2,
        "calls_of_caller": 3,
        "connected": 2,
        "converted": 2,
        "revenue": dollars("20"),
        "repeat_calls": 1,
        "traffic_sources": 2,
        "first_call_at": noon,
        "last_call_at": evening,
    }
    assert (to_nobody["buyer_id"], to_nobody["calls_of_caller"], to_nobody["revenue"]) == (
        None,
        3,
        dollars("0"),
    )


def test_a_caller_whom_only_the_api_knows_from_before_is_a_repeat_caller(tmp_path: Path) -> None:
    (row,) = answer(tmp_path, "repeat_callers", [a_deal(caller_number=CALLER, buyer_repeat_caller=True)])
    assert (row["caller_number"], row["calls"], row["calls_of_caller"]) == (CALLER, 1, None)


@pytest.mark.parametrize("number", [None, ""])
def test_where_numbers_are_not_stored_the_api_s_own_word_counts(tmp_path: Path, number: str | None) -> None:
    calls = [
        a_deal(caller_number=number, buyer_repeat_caller=True),
        a_deal(caller_number=number, traffic_source_repeat_caller=True),
        a_deal(caller_number=number),
    ]
    (row,) = answer(tmp_path, "repeat_callers", calls)
    assert (row["caller_number"], row["buyer"], row["calls"], row["repeat_calls"]) == (None, "Harbor", 2, 2)


def test_a_conversion_without_any_amount_leaves_what_a_repeat_caller_brought_unknown(tmp_path: Path) -> None:
    calls = [a_deal(caller_number=CALLER) | {"revenue": None} for _ in range(2)]
    (row,) = answer(tmp_path, "repeat_callers", calls)
    assert (row["converted"], row["revenue"]) == (2, None)


# Statements

DAYS = [date(2024, 2, day) for day in (1, 15, 16, 29)] + [date(2024, 3, 1)]
"""Both ends of both halves of a leap year's February, and what comes next."""


def half_months(folder: Path, *, read_after: timedelta = timedelta(days=1)) -> Lake:
    """On each of `DAYS` one more sale than on the one before, read so long after the day began."""
    lake = Lake(folder)
    for sales, day in enumerate(DAYS, 1):
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        write(lake, "calls", [a_deal(created_at=midnight)] * sales, day=day, fetched_at=midnight + read_after)
    return lake


@pytest.mark.parametrize(
    ("view", "number", "owed", "each"),
    [
        ("buyer_statements", "converted", "revenue", 10),
        ("traffic_source_statements", "traffic_source_conversions", "payout", 4),
    ],
)
def test_a_statement_is_of_the_first_to_the_15th_or_of_the_rest_of_the_month(
    tmp_path: Path, view: str, number: str, owed: str, each: int
) -> None:
    rows = ask(half_months(tmp_path), f"FROM {view}")
    assert [
        (row["period_start"], row["period_end"], row["calls"], row[number], row[owed]) for row in rows
    ] == [
        (date(2024, 2, 1), date(2024, 2, 15), 3, 3, 3 * each),
        (date(2024, 2, 16), date(2024, 2, 29), 7, 7, 7 * each),
        (date(2024, 3, 1), date(2024, 3, 15), 5, 5, 5 * each),
    ]


def test_a_statement_says_how_many_of_its_days_it_lacks(tmp_path: Path) -> None:
    missing = "SELECT period_start, days_missing FROM buyer_statements"
    assert [row["days_missing"] for row in ask(half_months(tmp_path / "over"), missing)] == [13, 12, 14]
    early = half_months(tmp_path / "early", read_after=timedelta(hours=23))
    assert [row["days_missing"] for row in ask(early, missing)] == [15, 14, 15]


def test_a_statement_of_an_unknown_amount_is_unknown(tmp_path: Path) -> None:
    lake = half_months(tmp_path)
    write(lake, "calls", [a_deal() | {"revenue": None}], day=date(2024, 2, 2))
    first, *_ = ask(lake, "FROM buyer_statements")
    assert (first["converted"], first["revenue"]) == (4, None)


def test_statements_show_the_latest_name_and_add_up_to_the_days(tmp_path: Path) -> None:
    lake = half_months(tmp_path)
    write(lake, "calls", [a_deal(buyer="Harbor, renamed"), a_call()], day=date(2024, 2, 14))
    rows = ask(lake, "FROM buyer_statements")
    assert [(row["buyer"], row["calls"]) for row in rows if row["period_start"] == DAYS[0]] == [
        ("Harbor", 4),
        (None, 1),
    ]
    (days,) = ask(lake, "SELECT sum(calls) AS calls, sum(revenue) AS revenue FROM daily_summary")
    assert {name: sum(row[name] for row in rows) for name in days} == days


def test_a_source_s_statement_shows_nothing_of_the_buyer(tmp_path: Path) -> None:
    (row, *_) = ask(half_months(tmp_path), "FROM traffic_source_statements")
    assert not [name for name in row if "buyer" in name or "revenue" in name]


# A number is the same whichever way it is grouped


def many_calls() -> list[Row]:
    """Some of every kind, over all parties, states and callers; the same at every run."""
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
def test_every_grouping_adds_up_to_the_day(tmp_path: Path, view: str) -> None:
    summed = ("calls", "connected", "converted", "revenue", "payout", "cost", "repeat_calls", "no_buyer")
    (day,) = answer(tmp_path, "daily_summary", many_calls())
    rows = ask(Lake(tmp_path), f"FROM {view}")
    assert len(rows) > (view != "hourly_volume")
    assert {name: sum(row[name] for row in rows) for name in summed} == {name: day[name] for name in summed}


def test_what_was_grouped_is_what_python_counts(tmp_path: Path) -> None:
    calls = many_calls()
    states = Counter((call["tokens"]["state"] or None) for call in calls)  # type: ignore[index]  # a map
    rows = answer(tmp_path, "state_performance", calls)
    assert {row["state"]: row["calls"] for row in rows} == states
    lost = [call["uuid"] for call in calls if call["answered_duration"] == 0]
    rows = ask(Lake(tmp_path), "FROM missed_calls")
    assert sorted(row["uuid"] for row in rows) == sorted(map(str, lost))
    (day,) = ask(Lake(tmp_path), "FROM daily_summary")
    assert sum(row["reason"] == "no_buyer" for row in rows) == day["no_buyer"]
    revenue: dict[object, Decimal] = defaultdict(Decimal)
    for call in calls:
        revenue[call["caller_number"], call["buyer_id"]] += call.get("revenue") or 0  # type: ignore[operator]  # money
    rows = ask(Lake(tmp_path), "FROM repeat_callers")
    assert {(row["caller_number"], row["buyer_id"]): row["revenue"] for row in rows} == revenue
