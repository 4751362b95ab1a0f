"""How statistics become a batch."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from trackdrive_assets.tables.columns import STATS
from trackdrive_assets.tables.errors import MalformedRow
from trackdrive_assets.tables.stats import IntervalStats, parse_stats

NOON, ONE, TWO = (datetime(2024, 6, 28, hour, tzinfo=UTC) for hour in (12, 13, 14))


def test_the_four_statistics_of_a_group_are_one_row() -> None:
    series: dict[str, dict[str | None, Decimal | None]] = {
        "count": {"finished": Decimal(3), "no-buyer": Decimal(1)},
        "revenue": {"finished": Decimal("10.5")},
        "profit": {},
        "cost": {"finished": None},
    }
    batch = parse_stats(
        [IntervalStats(NOON, ONE, series), IntervalStats(ONE, TWO, {"count": {"finished": Decimal(2)}})],
        group_by="status",
    )
    assert batch.schema == STATS.schema
    assert [tuple(row.values()) for row in batch.to_pylist()] == [
        ("status", NOON, ONE, "finished", 3, Decimal("10.5"), None, None),
        ("status", NOON, ONE, "no-buyer", 1, None, None, None),
        ("status", ONE, TWO, "finished", 2, None, None, None),
    ]


@pytest.mark.parametrize("group", [None, ""])
def test_calls_without_a_value_are_the_null_group(group: str | None) -> None:
    rows = parse_stats(
        [IntervalStats(NOON, ONE, {"count": {group: Decimal(3)}})], group_by="status"
    ).to_pylist()
    assert [(row["group_value"], row["count"]) for row in rows] == [(None, 3)]


def test_a_null_and_an_empty_group_are_malformed() -> None:
    with pytest.raises(MalformedRow, match="without a name"):
        parse_stats(
            [IntervalStats(NOON, ONE, {"count": {None: Decimal(3), "": Decimal(1)}})], group_by="status"
        )


def test_a_count_that_is_not_a_whole_number_is_malformed() -> None:
    with pytest.raises(MalformedRow, match=r"Row 1 of the statistics, from .*: count is a"):
        parse_stats([IntervalStats(NOON, ONE, {"count": {"finished": Decimal("1.5")}})], group_by="status")
