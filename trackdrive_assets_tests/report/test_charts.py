"""The axes of the charts."""

from datetime import date

import pytest

from trackdrive_assets.report.charts import HEIGHT, volume_chart
from trackdrive_assets.report.periods import Period
from trackdrive_assets.report.totals import Totals


@pytest.mark.parametrize(
    ("calls", "scale"),
    [
        (0, ["0", "1"]),
        (1, ["0", "1"]),
        (7, ["0", "2", "4", "6", "8"]),
        (41, ["0", "20", "40", "60"]),
        (1999, ["0", "500", "1,000", "1,500", "2,000"]),
    ],
)
def test_an_axis_has_round_numbers_and_ends_above_all_columns(calls: int, scale: list[str]) -> None:
    totals = Totals(
        calls=calls, connected=0, missed=0, converted=0, revenue=None, payout=None, profit=None, cost=None
    )
    chart = volume_chart([Period(date(2024, 6, 1), date(2024, 6, 1), totals)])
    assert [tick.label for tick in chart.scale] == scale
    assert max(max(column.heights.values(), default=0) for column in chart.columns) <= HEIGHT
