"""How the rows of a report become a batch."""

from decimal import Decimal
from typing import Any

import pytest

from trackdrive_assets.tables.columns import REPORTS
from trackdrive_assets.tables.errors import MalformedRow
from trackdrive_assets.tables.reports import parse_report


def report(row: dict[str, object], category: str = "buyer_id") -> dict[str, Any]:
    batch = parse_report([row], category=category)
    assert batch.schema == REPORTS.schema
    found: list[dict[str, Any]] = batch.to_pylist()
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize(
    "row",
    [
        {"buyer_id": 10455172, "buyer": "A &amp; B", "calls": 3, "revenue": "10.50"},
        {"group": "10455172", "name": "A &amp; B", "count": "3", "total_revenue": Decimal("10.5")},
        {"id": 10455172, "label": "A & B", "total_calls": 3, "buyer_revenue": 10.5},
    ],
)
def test_a_report_row_is_parsed_in_every_likely_shape(row: dict[str, object]) -> None:
    found = report(row)
    assert (found["group_value"], found["group_name"]) == ("10455172", "A & B")
    assert (found["calls"], found["revenue"]) == (3, Decimal("10.5"))


def test_a_number_that_a_report_lacks_is_null() -> None:
    assert report({"buyer_id": 1})["payout"] is None


def test_a_report_keeps_the_original_row() -> None:
    assert report({"status": "finished", "odd": [1, {"a": None}]}, "status")["row"] == (
        '{"odd":[1,{"a":null}],"status":"finished"}'
    )


def test_the_only_text_in_a_row_is_its_group() -> None:
    assert report({"weather": "rain", "calls": "3"})["group_value"] == "rain"


@pytest.mark.parametrize("row", [{"calls": 3}, {"a": "x", "b": "y", "calls": 3}])
def test_a_row_without_a_clear_group_is_malformed(row: dict[str, object]) -> None:
    with pytest.raises(MalformedRow, match=r"Report row 1: buyer_id.*one field that names the group"):
        report(row)


def test_the_group_of_a_report_by_conversion_is_not_a_number() -> None:
    found = report({"buyer_converted": True, "calls": 3}, "buyer_converted")
    assert (found["group_value"], found["buyer_conversions"]) == ("true", None)


@pytest.mark.parametrize("value", [None, ""])
def test_a_report_of_calls_without_a_value_has_a_null_group(value: object) -> None:
    assert report({"buyer_id": value, "calls": 3})["group_value"] is None


def test_a_malformed_number_of_a_report_names_row_and_key() -> None:
    with pytest.raises(MalformedRow, match="Report row 2: total_revenue is a text of 4 characters"):
        parse_report([{"buyer_id": 1}, {"buyer_id": 2, "total_revenue": "lots"}], category="buyer_id")


def test_a_report_row_that_is_not_an_object_is_malformed() -> None:
    with pytest.raises(MalformedRow, match="Report row 1: the row is a text of 4 characters"):
        parse_report(["oops"], category="buyer")  # type: ignore[list-item]  # what a broken server may send
