"""Numbers and days as text for people."""

from datetime import date
from decimal import Decimal

import pytest

from trackdrive_assets.report.formatting import (
    bar_length,
    format_change,
    format_count,
    format_days,
    format_dollars,
    format_dollars_per,
    format_money,
    format_points,
    format_share,
)


def test_thousands_are_separated() -> None:
    assert (format_count(1234567), format_money(Decimal("1234.5"))) == ("1,234,567", "1,234.50")


def test_a_loss_has_a_minus_and_zero_has_none() -> None:
    assert [format_money(Decimal("-1234.5")), format_money(Decimal("-0.001")), format_share(-1, 4)] == [
        "\N{MINUS SIGN}1,234.50",
        "0.00",
        "\N{MINUS SIGN}25.0%",
    ]


def test_a_loss_in_dollars_has_its_minus_in_front() -> None:
    assert [format_dollars(Decimal("1234.5")), format_dollars(-2)] == ["$1,234.50", "\N{MINUS SIGN}$2.00"]


def test_a_change_has_a_sign_and_none_has_no_sign() -> None:
    assert [format_change(5, 4), format_change(3, 4), format_change(4, 4), format_change(1, -2)] == [
        "+25.0%",
        "\N{MINUS SIGN}25.0%",
        "0.0%",
        "+150.0%",
    ]
    assert [format_points(0.021), format_points(-0.5), format_points(0)] == [
        "+2.1",
        "\N{MINUS SIGN}50.0",
        "0.0",
    ]


@pytest.mark.parametrize(
    "text",
    [
        format_count(None),
        format_dollars(None),
        format_change(None, 1),
        format_change(1, None),
        format_points(None),
        format_money(None),
        format_share(None, 4),
        format_share(1, None),
        format_dollars_per(None, 1),
        format_dollars_per(1, None),
    ],
)
def test_an_unknown_number_is_unknown(text: str) -> None:
    assert text == "unknown"


@pytest.mark.parametrize(
    "text",
    [
        format_change(1, 0),
        format_share(0, 0),
        format_dollars_per(Decimal(0), 0),
        format_share(Decimal(3), Decimal(0)),
    ],
)
def test_a_ratio_to_zero_is_a_dash(text: str) -> None:
    assert text == "\N{EN DASH}"


def test_a_bar_has_a_length_from_0_to_100() -> None:
    lengths = [bar_length(5, 4), bar_length(-1, 4), bar_length(1, 4), bar_length(None, 4), bar_length(1, 0)]
    assert lengths == ["100.0", "0.0", "25.0", "0", "0"]


def test_consecutive_days_are_a_span() -> None:
    days = [date(2024, 6, n) for n in (1, 2, 3, 5, 7, 8)]
    assert format_days(days) == "2024-06-01 to 2024-06-03, 2024-06-05, 2024-06-07 to 2024-06-08"
