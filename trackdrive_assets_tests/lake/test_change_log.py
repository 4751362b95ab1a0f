"""The view `change_log`: what changed, of whose calls, and whether they were still live."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from trackdrive_assets_tests.support.changes import LAST, a_change, fetched_twice
from trackdrive_assets_tests.support.factories import DAY, Row, a_call, a_deal, dollars, query

EARLIER = LAST - timedelta(days=1)


def test_a_change_has_the_parties_and_the_money_of_its_call(tmp_path: Path) -> None:
    call = a_deal(uuid="a", traffic_source="Radio", offer="Windows")
    lake = fetched_twice(tmp_path, [call], [a_change("a", "revenue", None, "10.000000", LAST)])
    assert query(lake, "FROM change_log") == [
        {
            "detected_at": LAST,
            "date": DAY,
            "uuid": "a",
            "created_at": datetime(2024, 6, 19, 15, 30, tzinfo=UTC),
            "field": "revenue",
            "old_value": None,
            "new_value": "10.000000",
            "was_live": False,
            "has_vanished": False,
            "status": "finished",
            "buyer_id": 3,
            "buyer": "Harbor",
            "traffic_source_id": 1,
            "traffic_source": "Radio",
            "offer_id": 2,
            "offer": "Windows",
            "revenue_owed": dollars("10"),
            "payout_owed": dollars("4"),
        }
    ]


END = "2024-06-19 15:31:00Z"


@pytest.mark.parametrize(
    ("call", "changes", "was_live"),
    [
        ({}, [("status", "on-hold", "finished", LAST), ("ended_at", None, END, LAST)], [True, True]),
        ({}, [("status", "on-hold", "finished", LAST), ("total_duration", None, "9.0", LAST)], [True, True]),
        ({}, [("status", "ivr", "on-hold", EARLIER), ("ended_at", None, END, LAST)], [True, True]),
        ({}, [("revenue", None, "10.000000", LAST), ("ended_at", None, END, EARLIER)], [False, True]),
        ({"ended_at": None, "total_duration": None}, [("status", "ivr", "on-hold", LAST)], [True]),
        ({}, [("uuid", None, "a", LAST), ("ended_at", None, END, LAST)], [False, False]),
    ],
    ids=["ended", "measured", "before its end", "after its end", "still live", "appeared"],
)
def test_changes_of_a_call_that_was_still_live_are_marked(
    tmp_path: Path, call: Row, changes: list[tuple[str, str | None, str, datetime]], was_live: list[bool]
) -> None:
    rows = [a_change("a", field, old, new, detected_at) for field, old, new, detected_at in changes]
    lake = fetched_twice(tmp_path, [a_deal(uuid="a") | call], rows)
    found = {row["field"]: row["was_live"] for row in query(lake, "FROM change_log")}
    assert [found[field] for field, *_ in changes] == was_live


def test_a_vanished_call_has_its_last_parties(tmp_path: Path) -> None:
    lost = {
        "uuid": "a",
        "status": "finished",
        "buyer_id": "3",
        "buyer": "Harbor",
        "traffic_source_id": "1",
        "traffic_source": "Radio",
        "offer_id": "2",
        "offer": "Windows",
    }
    changes = [a_change("a", field, old, None, LAST) for field, old in lost.items()]
    rows = query(fetched_twice(tmp_path, [a_call(uuid="b")], changes), "FROM change_log")
    (found,) = {tuple(row[name] for name in ("has_vanished", "was_live", *lost)) for row in rows}
    assert found == (True, False, "a", "finished", 3, "Harbor", 1, "Radio", 2, "Windows")
