"""How numbers, days and moments are written."""

from datetime import date
from decimal import Decimal

import pytest

from trackdrive_assets.report.charts import column_chart
from trackdrive_assets.report.figures import Period, Tally
from trackdrive_assets.report.formatting import count, days_between, money, part, per, share


def test_thousands_are_told_apart() -> None:
    assert (count(1234567), money(Decimal("1234.5"))) == ("1,234,567", "1,234.50")


def test_a_loss_has_a_minus_and_nothing_has_none() -> None:
    assert (money(Decimal("-1234.5")), money(Decimal("-0.001")), share(-1, 4)) == (
        "\N{MINUS SIGN}1,234.50",
        "0.00",
        "\N{MINUS SIGN}25.0%",
    )


@pytest.mark.parametrize(
    "written", [count(None), money(None), share(None, 4), share(1, None), per(None, 1), per(1, None)]
)
def test_what_is_not_known_is_unknown(written: str) -> None:
    assert written == "unknown"


@pytest.mark.parametrize("written", [share(0, 0), per(Decimal(0), 0), share(Decimal(3), Decimal(0))])
def test_a_share_of_nothing_is_none(written: str) -> None:
    assert written == "\N{EN DASH}"


def test_a_bar_is_never_longer_than_its_place_nor_shorter_than_nothing() -> None:
    assert [part(5, 4), part(-1, 4), part(1, 4), part(None, 4), part(1, 0)] == [
        "100.0",
        "0.0",
        "25.0",
        "0",
        "0",
    ]


def test_days_in_a_row_are_a_span() -> None:
    days = [date(2024, 6, n) for n in (1, 2, 3, 5, 7, 8)]
    assert days_between(days) == "2024-06-01 to 2024-06-03, 2024-06-05, 2024-06-07 to 2024-06-08"


@pytest.mark.parametrize(
    ("most", "scale"),
    [
        (0, ["0", "1"]),
        (1, ["0", "1"]),
        (7, ["0", "2", "4", "6", "8"]),
        (41, ["0", "20", "40", "60"]),
        (1999, ["0", "500", "1,000", "1,500", "2,000"]),
    ],
)
def test_an_axis_has_round_numbers_and_ends_above_all_columns(most: int, scale: list[str]) -> None:
    tally = Tally(calls=most, connected=0, converted=0, revenue=None, payout=None, profit=None, cost=None)
    chart = column_chart([Period(date(2024, 6, 1), date(2024, 6, 1), tally)])
    assert [tick.says for tick in chart.scale] == scale
    assert max(column.calls for column in chart.columns) <= 200
