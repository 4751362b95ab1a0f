"""The view `call_changes_daily`: the number and direction of changes."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from trackdrive_assets_tests.support.changes import LAST, a_change, fetched_twice
from trackdrive_assets_tests.support.factories import dollars, query


def test_changes_of_a_field_are_counted_by_day_of_detection(tmp_path: Path) -> None:
    tuesday, wednesday = datetime(2024, 6, 25, 12, tzinfo=UTC), datetime(2024, 6, 26, 12, tzinfo=UTC)
    changes = [
        a_change("a", "revenue", None, "30.000000", tuesday),
        a_change("a", "revenue", "30.000000", "25.000000", tuesday),
        a_change("b", "revenue", "10.000000", None, tuesday),
        a_change("c", "revenue", "7.000000", "0.000000", tuesday),
        a_change("a", "revenue", "25.000000", "26.000000", wednesday),
    ]
    first, second = query(fetched_twice(tmp_path, [], changes), "FROM call_changes_daily")
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


def test_a_flag_is_gained_and_reversed(tmp_path: Path) -> None:
    flags = [("false", "true"), (None, "true"), ("true", "false"), (None, "false"), ("false", None)]
    changes = [a_change("a", "buyer_converted", old, new, LAST) for old, new in flags]
    (row,) = query(fetched_twice(tmp_path, [], changes), "FROM call_changes_daily")
    assert (row["changes"], row["gained"], row["reversed"], row["net_change"]) == (5, 2, 1, None)


@pytest.mark.parametrize(
    ("field", "old", "new", "net_change"),
    [
        ("payout", "20.000000", "12.500000", "-7.5"),
        ("provider_cost", "0.020000", "0.050000", "0.03"),
        ("total_duration", None, "61.5", "61.5"),
        ("answered_duration", "60", "0", "-60"),
        ("buyer_id", "10", "12", None),
        ("token-total_duration", "10", "12", None),
    ],
)
def test_money_and_durations_have_a_net_change(
    tmp_path: Path, field: str, old: str | None, new: str, net_change: str | None
) -> None:
    (row,) = query(
        fetched_twice(tmp_path, [], [a_change("a", field, old, new, LAST)]), "FROM call_changes_daily"
    )
    assert row["net_change"] == (net_change and dollars(net_change))


def test_the_day_of_detection_is_on_the_accounts_clock(tmp_path: Path) -> None:
    lake = fetched_twice(
        tmp_path, [], [a_change("a", "status", "x", "y", datetime(2024, 6, 26, 2, tzinfo=UTC))]
    )
    for zone, local_date in (("America/New_York", date(2024, 6, 25)), ("UTC", date(2024, 6, 26))):
        for setting in ("", "SET TimeZone = 'Asia/Tokyo'"):
            (row,) = query(lake, "FROM call_changes_daily", time_zone=zone, setting=setting)
            assert row["detected_at"] == local_date
