"""The sums of parts of a day. That sums are right is tested with the views, in `lake/test_call_totals.py`."""

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from trackdrive_assets.tables.calls import parse_calls
from trackdrive_assets.tables.columns import CALL_TOTALS, CALLS
from trackdrive_assets.tables.exclusion import NO_EXCLUSIONS, Exclusion
from trackdrive_assets.tables.totals import call_totals, sum_totals
from trackdrive_assets_tests.support.factories import a_call, a_deal, dollars

FETCHED = datetime(2024, 6, 21, 3, tzinfo=UTC)
CALLS_OF_A_DAY = [
    a_deal(),
    a_deal(created_at=datetime(2024, 6, 19, 15, 44, 59, tzinfo=UTC), buyer="Harbor Inc"),
    a_call(created_at=datetime(2024, 6, 19, 15, 45, tzinfo=UTC), buyer_converted=None),
    a_deal(total_duration=None, answered_duration=None) | {"revenue": None},
]


def totals_of(*calls: dict[str, object]) -> pa.Table:
    return call_totals(pa.Table.from_pylist(list(calls), CALLS.schema))


def calls_by_state(calls: pa.Table) -> dict[str | None, int]:
    rows = call_totals(calls).filter(pc.field("group_by") == "state").to_pylist()
    return {row["state"]: row["calls"] for row in rows}


def in_order(totals: pa.Table) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = totals.to_pylist()
    return sorted(rows, key=str)


def test_the_sums_of_parts_are_those_of_the_whole() -> None:
    parts = [totals_of(*CALLS_OF_A_DAY[:2]), totals_of(), totals_of(*CALLS_OF_A_DAY[2:])]
    assert in_order(sum_totals(parts)) == in_order(totals_of(*CALLS_OF_A_DAY))


def test_every_call_is_in_one_row_of_each_kind() -> None:
    rows = totals_of(*CALLS_OF_A_DAY).to_pylist()
    assert [(row["group_by"], row["buyer"], row["calls"]) for row in rows if row["group_by"] == "party"] == [
        ("party", "Harbor", 2),
        ("party", "Harbor Inc", 1),
        ("party", None, 1),
    ]
    assert {row["interval_start"]: row["calls"] for row in rows if row["group_by"] == "quarter_hour"} == {
        datetime(2024, 6, 19, 15, 30, tzinfo=UTC): 3,
        datetime(2024, 6, 19, 15, 45, tzinfo=UTC): 1,
    }
    assert sum(row["calls"] for row in rows if row["group_by"] == "state") == 4


def test_parts_of_a_table_have_the_states_of_their_own_calls() -> None:
    states = ["CO", None, "TX", "", "CO"]
    calls = pa.Table.from_pylist(
        [a_call(tokens=None if state is None else {"zip": "1", "state": state}) for state in states],
        CALLS.schema,
    )
    parts = pa.concat_tables([calls.slice(3, 2), calls.slice(0, 2)])
    assert calls_by_state(parts) == {"CO": 2, None: 2}


@pytest.mark.parametrize("excluded", ["token-state", "tokens"])
def test_a_state_is_not_in_the_sums_if_its_tag_is_excluded(excluded: str) -> None:
    keys = {
        "uuid": ["a"],
        "created_at": ["2024-06-19T15:44:00Z"],
        "token-state": ["CO"],
        "token_values": ["state:CO"],
    }
    states = [
        calls_by_state(pa.Table.from_batches([parse_calls(keys, 1, fetched_at=FETCHED, exclude=exclude)]))
        for exclude in (NO_EXCLUSIONS, Exclusion.of(excluded))
    ]
    assert states == [{"CO": 1}, {None: 1}]


def test_a_sum_of_unknown_values_is_unknown_and_others_leave_them_out() -> None:
    hidden = totals_of(a_call(trackdrive_cost=None, buyer_converted=None)).to_pylist()[0]
    assert (hidden["trackdrive_cost"], hidden["converted"], hidden["provider_cost"]) == (
        None,
        None,
        dollars("0.02"),
    )


def test_a_day_without_calls_has_no_sums() -> None:
    assert sum_totals([]).equals(CALL_TOTALS.schema.empty_table())
    assert totals_of().equals(CALL_TOTALS.schema.empty_table())
