"""The views of single calls and of callers."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from trackdrive_assets_tests.support.factories import (
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

# call_facts


@pytest.mark.parametrize("party", ["buyer", "offer", "traffic_source"])
@pytest.mark.parametrize(
    ("identifier", "label", "name", "key"),
    [(7, "A1", "Acme", "7"), (None, "A1", "Acme", "A1"), (None, "", "Acme", "Acme"), (None, "", "", None)],
)
def test_a_key_is_the_id_or_else_the_label_or_the_name(
    tmp_path: Path, party: str, *, identifier: int | None, label: str, name: str, key: str | None
) -> None:
    call = a_call(**{f"{party}_id": identifier, f"user_{party}_id": label, party: name})
    (row,) = view_rows(tmp_path, "call_facts", [call])
    assert row[f"{party}_key"] == key


@pytest.mark.parametrize(
    ("buyer", "source", "is_repeat"),
    [(True, False, True), (False, None, False), (None, True, True), (None, False, False), (None, None, None)],
)
def test_a_call_is_a_repeat_call_if_either_side_had_the_caller(
    tmp_path: Path, *, buyer: bool | None, source: bool | None, is_repeat: bool | None
) -> None:
    call = a_call(buyer_repeat_caller=buyer, traffic_source_repeat_caller=source)
    (row,) = view_rows(tmp_path, "call_facts", [call])
    assert row["is_repeat"] is is_repeat


NUMBER = "+17195550100"


@pytest.mark.parametrize(
    ("fields", "connected", "answered", "missed"),
    [
        ({"answered_duration": 9.5, "connected_to": NUMBER}, True, True, False),
        ({"answered_duration": 0.0, "connected_to": NUMBER}, True, False, True),
        ({"answered_duration": 0.0, "connected_to": ""}, False, False, True),
        ({"answered_duration": 0.0, "connected_to": None, "agent_duration": 5.0}, None, False, False),
        ({"answered_duration": None, "connected_to": NUMBER}, True, None, False),
        ({"answered_duration": None, "connected_to": None}, None, None, True),
        ({"answered_duration": None, "ended_at": None, "total_duration": None}, None, None, None),
    ],
)
def test_a_call_is_connected_answered_or_missed(
    tmp_path: Path, *, fields: Row, connected: bool | None, answered: bool | None, missed: bool | None
) -> None:
    (row,) = view_rows(tmp_path, "call_facts", [a_call(**fields)])
    assert (row["connected"], row["answered"], row["missed"]) == (connected, answered, missed)


@pytest.mark.parametrize(
    ("status", "disposition", "no_buyer"),
    [
        ("no-buyer-all-filtered", None, True),
        (None, "No Buyer", True),
        ("finished", None, False),
        (None, None, False),
    ],
)
def test_a_status_or_a_disposition_shows_that_no_buyer_was_found(
    tmp_path: Path, *, status: str | None, disposition: str | None, no_buyer: bool
) -> None:
    (row,) = view_rows(tmp_path, "call_facts", [a_call(status=status, disposition_name=disposition)])
    assert row["no_buyer"] is no_buyer


def test_amounts_owed_have_two_names(tmp_path: Path) -> None:
    legacy = a_call(uuid="a", buyer_revenue=Decimal(7), traffic_source_payout=Decimal(3))
    current = a_call(uuid="b", revenue=Decimal(9), buyer_revenue=Decimal(7), payout=Decimal(0))
    rows = view_rows(tmp_path, "call_facts", [legacy, current, a_call(uuid="c")])
    assert {row["uuid"]: (row["revenue_owed"], row["payout_owed"]) for row in rows} == {
        "a": (dollars("7"), dollars("3")),
        "b": (dollars("9"), dollars("0")),
        "c": (None, None),
    }


@pytest.mark.parametrize("setting", ["", "SET TimeZone = 'Asia/Tokyo'"])
def test_local_time_is_on_the_accounts_clock(tmp_path: Path, setting: str) -> None:
    call = a_call(created_at=datetime(2024, 6, 19, 3, 59, 59, tzinfo=UTC))
    (row,) = view_rows(tmp_path, "call_facts", [call], time_zone="America/New_York", setting=setting)
    assert (row["created_at_local"], row["hour"]) == (datetime(2024, 6, 18, 23, 59, 59), 23)  # noqa: DTZ001


def test_a_call_is_final_thirty_days_after_its_day(tmp_path: Path) -> None:
    settled = datetime(2024, 7, 19, 4, tzinfo=UTC)
    times = {"before": settled - timedelta(seconds=1), "after": settled, "unknown": None}
    calls = [a_call(uuid=uuid, fetched_at=fetched_at) for uuid, fetched_at in times.items()]
    rows = view_rows(tmp_path, "call_facts", calls, time_zone="America/New_York")
    assert {row["uuid"]: row["is_final"] for row in rows} == {"before": False, "after": True, "unknown": None}


# unfinished_calls


def test_live_calls_and_calls_without_a_duration_are_unfinished(tmp_path: Path) -> None:
    live = a_call(uuid="live", ended_at=None, buyer_id=7, connected_to="+17195550100")
    calls = [
        live,
        a_call(uuid="untimed", total_duration=None),
        a_call(uuid="done"),
        a_sale("1", "1", uuid="sold"),
    ]
    rows = view_rows(tmp_path, "unfinished_calls", calls)
    assert [row["uuid"] for row in rows] == ["live", "untimed"]
    assert {name: rows[0][name] for name in ("status", "buyer_id", "connected_to", "ended_at")} == {
        "status": "finished",
        "buyer_id": 7,
        "connected_to": "+17195550100",
        "ended_at": None,
    }


def test_a_day_may_have_unfinished_calls_only(tmp_path: Path) -> None:
    rows = view_rows(tmp_path, "unfinished_calls", [a_call(uuid="live", ended_at=None, total_duration=None)])
    assert [row["uuid"] for row in rows] == ["live"]


@pytest.mark.parametrize("column", ["ended_at", "total_duration"])
def test_a_hidden_column_makes_no_call_unfinished(tmp_path: Path, column: str) -> None:
    calls = [a_call(uuid="a") | {column: None}, a_call(uuid="b") | {column: None}]
    assert view_rows(tmp_path, "unfinished_calls", calls) == []
    # Each day is judged by itself: the API may send more on another day.
    write_day(
        lake_at(tmp_path), "calls", [a_call(), a_call(uuid="c") | {column: None}], day=date(2024, 6, 20)
    )
    assert [row["uuid"] for row in query(lake_at(tmp_path), "FROM unfinished_calls")] == ["c"]


# missed_calls


def reasons(rows: list[dict[str, Any]]) -> dict[str, str]:
    return {row["uuid"]: row["reason"] for row in rows}


def test_a_missed_call_ended_without_an_answer(tmp_path: Path) -> None:
    calls = [
        a_call(uuid="lost"),
        a_call(uuid="rang", connected_to="+17195550100", buyer="Harbor", total_duration=40.0),
        a_call(uuid="answered", connected_to="+17195550100", answered_duration=1.0),
        a_call(uuid="by an agent", agent_duration=30.0),
        a_call(uuid="live", ended_at=None, total_duration=None, answered_duration=None),
    ]
    rows = view_rows(tmp_path, "missed_calls", calls)
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
def test_a_missed_call_has_a_reason(tmp_path: Path, fields: Row, reason: str) -> None:
    assert reasons(view_rows(tmp_path, "missed_calls", [a_call(uuid="a", **fields)])) == {"a": reason}


def test_without_talk_time_an_unconnected_call_is_missed(tmp_path: Path) -> None:
    calls = [
        a_call(uuid="lost", answered_duration=None),
        a_call(uuid="rang", answered_duration=None, connected_to="+17195550100"),
    ]
    assert list(reasons(view_rows(tmp_path, "missed_calls", calls))) == ["lost"]


def test_without_talk_time_and_connections_no_call_is_missed(tmp_path: Path) -> None:
    assert (
        view_rows(tmp_path, "missed_calls", [a_call(answered_duration=None), a_call(answered_duration=None)])
        == []
    )


# repeat_callers

CALLER, OTHER = "+17195550101", "+17195550102"


def test_repeat_callers_are_grouped_by_buyer(tmp_path: Path) -> None:
    noon, evening = datetime(2024, 6, 19, 12, tzinfo=UTC), datetime(2024, 6, 19, 18, tzinfo=UTC)
    calls = [
        a_deal(caller_number=CALLER, created_at=noon),
        a_deal(caller_number=CALLER, created_at=evening, traffic_source_id=9, buyer_repeat_caller=True),
        a_call(caller_number=CALLER),
        a_deal(caller_number=OTHER),
    ]
    rows = view_rows(tmp_path, "repeat_callers", calls)
    without_buyer, of_harbor = sorted(rows, key=lambda row: row["calls"])
    assert {name: of_harbor[name] for name in of_harbor if name != "user_buyer_id"} == {
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
    assert (without_buyer["buyer_id"], without_buyer["calls_of_caller"], without_buyer["revenue"]) == (
        None,
        3,
        dollars("0"),
    )


def test_a_caller_whom_the_api_flags_is_a_repeat_caller(tmp_path: Path) -> None:
    (row,) = view_rows(tmp_path, "repeat_callers", [a_deal(caller_number=CALLER, buyer_repeat_caller=True)])
    assert (row["caller_number"], row["calls"], row["calls_of_caller"]) == (CALLER, 1, None)


@pytest.mark.parametrize("number", [None, ""])
def test_without_numbers_only_flagged_calls_are_repeat_calls(tmp_path: Path, number: str | None) -> None:
    calls = [
        a_deal(caller_number=number, buyer_repeat_caller=True),
        a_deal(caller_number=number, traffic_source_repeat_caller=True),
        a_deal(caller_number=number),
    ]
    (row,) = view_rows(tmp_path, "repeat_callers", calls)
    assert (row["caller_number"], row["buyer"], row["calls"], row["repeat_calls"]) == (None, "Harbor", 2, 2)


def test_the_revenue_of_a_repeat_caller_may_be_unknown(tmp_path: Path) -> None:
    calls = [a_deal(caller_number=CALLER) | {"revenue": None} for _ in range(2)]
    (row,) = view_rows(tmp_path, "repeat_callers", calls)
    assert (row["converted"], row["revenue"]) == (2, None)
