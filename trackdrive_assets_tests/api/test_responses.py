"""Reports and statistics in every known shape, and the error for an unknown shape."""

from decimal import Decimal
from typing import Any

import pytest

from trackdrive_assets.api.responses import UnknownShape, call_rows, group_of, report_rows, stat_values
from trackdrive_assets.api.rows import Row

ROWS = [{"buyer_id": 7, "name": "Acme", "calls": 3}, {"buyer_id": None, "name": None, "calls": 1}]


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        (ROWS, ROWS),
        ({"reports": ROWS}, ROWS),
        ({"rows": {"7": {"calls": 3}}}, [{"buyer_id": "7", "calls": 3}]),
        ({"data": {"rows": ROWS}}, ROWS),
        ({"buyer_id": ROWS}, ROWS),
        (
            {"data": {"buyer_id": {"7": 3, "8": 1}}},
            [{"buyer_id": "7", "calls": 3}, {"buyer_id": "8", "calls": 1}],
        ),
        ({"buyer_id": {"7": {"calls": 3}}}, [{"buyer_id": "7", "calls": 3}]),
        (
            {"7": {"calls": 3}, "": {"calls": 1}},
            [{"buyer_id": "7", "calls": 3}, {"buyer_id": "", "calls": 1}],
        ),
        ({"7": 3, "null": "1"}, [{"buyer_id": "7", "calls": 3}, {"buyer_id": "null", "calls": 1}]),
        ([[7, 3], [None, 1]], [{"buyer_id": 7, "calls": 3}, {"buyer_id": None, "calls": 1}]),
        ([["7", {"calls": 3}]], [{"buyer_id": "7", "calls": 3}]),
        ([], []),
        ({}, []),
        ({"reports": {}}, []),
    ],
)
def test_a_report_is_a_row_for_each_group(content: Any, rows: list[dict[str, Any]]) -> None:
    assert report_rows(content, "buyer_id") == rows


@pytest.mark.parametrize(
    ("content", "row"),
    [
        ({"in_progress": {"calls": 3, "revenue": "1.50"}}, {"calls": 3, "revenue": "1.50"}),
        ({"in_progress": {"name": "Live", "calls": 3}}, {"name": "Live", "calls": 3}),
        ({"in_progress": 3}, {"calls": 3}),
    ],
)
def test_the_only_group_of_a_report_is_no_root(content: Any, row: dict[str, Any]) -> None:
    assert report_rows(content, "in_progress") == [{"in_progress": "in_progress", **row}]


@pytest.mark.parametrize(
    ("data", "calls"),
    [
        ([["2024", 3], ["2025", "4"]], 7),
        ({"2024-06-19": 3, "2024-06-20": None}, 3),
        ([], None),
    ],
)
def test_the_calls_of_a_series_in_a_report_are_its_sum(data: Any, calls: int | None) -> None:
    row = {"name": "Acme", "colour": "red", "data": data}
    assert report_rows([row], "buyer_id") == [{**row, "calls": calls}]


@pytest.mark.parametrize(
    "row",
    [
        {"buyer_id": 7, "calls": 9, "data": [["2024", 3]]},
        {"buyer_id": 7, "data": {"colour": "red"}},
        {"buyer_id": 7, "data": "red"},
    ],
)
def test_a_row_that_is_no_series_is_unchanged(row: dict[str, Any]) -> None:
    assert report_rows([row], "buyer_id") == [row]


@pytest.mark.parametrize("key", ["error", "errors", "error_code", "message"])
def test_an_error_is_no_report_and_no_statistics(key: str) -> None:
    for content in ({key: 5}, {key: {"calls": 5}, "finished": 3}, {"data": {key: None, "finished": 3}}):
        for read in (
            lambda content: report_rows(content, "status"),
            lambda content: stat_values(content, "count", "status"),
        ):
            with pytest.raises(UnknownShape, match=f"looks like an error, with {key} in it"):
                read(content)


@pytest.mark.parametrize(
    "content",
    ["calls", 5, None, True, [1, 2], [["a", 1, 2]], {"a": [1]}, {"a": "many"}, {"reports": {"calls": 3}}],
)
def test_a_report_of_another_shape_is_an_error(content: Any) -> None:
    with pytest.raises(UnknownShape):
        report_rows(content, "buyer_id")


@pytest.mark.parametrize(
    "content",
    [
        {"finished": 3, "": "1.50"},
        {"finished": 3, "null": Decimal("1.50")},
        {"stats": {"finished": 3, "nil": "1.50"}},
        {"data": {"rows": {"finished": 3, "nil": "1.50"}}},
        {"status": {"finished": 3, "": "1.50"}},
        {"revenue": {"finished": 3, "": "1.50"}},
        {"stats": {"revenue": [["finished", 3], [None, "1.50"]]}},
        [["finished", 3], [None, "1.50"]],
        {"data": [["finished", 3], ["", "1.50"]]},
        [{"status": "finished", "revenue": 3}, {"status": None, "revenue": "1.50"}],
        [{"status": "finished", "revenue": 3, "count": 9}, {"status": "", "revenue": "1.50", "count": 9}],
        [{"name": "finished", "value": 3}, {"name": None, "value": "1.50"}],
        [{"group": "finished", "total": 3}, {"group": "", "total": "1.50"}],
        [{"label": "finished", "y": 3}, {"label": "", "y": "1.50"}],
        [{"name": "finished", "data": 3}, {"name": "", "data": "1.50"}],
        [
            {"name": "finished", "data": {"2024-06-19 00:00": 1, "2024-06-19 01:00": 2}},
            {"name": None, "data": {"2024-06-19 00:00": "1.50", "2024-06-19 01:00": None}},
        ],
        [
            {"name": "finished", "data": [["2024-06-19 00:00", 1], ["2024-06-19 01:00", 2]]},
            {"name": "", "data": [["2024-06-19 00:00", "1.50"]]},
        ],
        {"finished": {"revenue": 3}, "": {"revenue": "1.50"}},
        {"finished": {"2024-06-19": 3}, "": {"2024-06-19": "1.50"}},
    ],
)
def test_statistics_have_a_number_for_each_group(content: Any) -> None:
    assert stat_values(content, "revenue", "status") == {"finished": Decimal(3), None: Decimal("1.50")}


@pytest.mark.parametrize(
    ("content", "values"),
    [
        ({}, {}),
        ([], {}),
        ({"finished": None}, {"finished": None}),
        ({"finished": ""}, {"finished": None}),
        ([{"name": "finished", "data": []}], {"finished": None}),
        ([[True, 3], [False, 1]], {"true": Decimal(3), "false": Decimal(1)}),
        ([[7, 3]], {"7": Decimal(3)}),
        ({"finished": {"count": 3}}, {"finished": Decimal(3)}),
        ({"status": {"count": 3}}, {"status": Decimal(3)}),
        ({"finished": Decimal("0.07500000000000001")}, {"finished": Decimal("0.07500000000000001")}),
    ],
)
def test_a_group_may_have_no_number_and_any_name(content: Any, values: dict[str | None, Any]) -> None:
    assert stat_values(content, "count", "status") == values


@pytest.mark.parametrize(
    "content",
    [
        "3",
        3,
        None,
        [1, 2],
        [["finished", 3, 4]],
        [{"colour": "red", "count": 3}],
        {"finished": True},
        {"finished": "many"},
        {"finished": "NaN"},
        {"finished": [1, 2]},
        [[["nested"], 3]],
    ],
)
def test_statistics_of_another_shape_are_an_error(content: Any) -> None:
    with pytest.raises(UnknownShape):
        stat_values(content, "count", "status")


@pytest.mark.parametrize(
    "content",
    [{"finished": {"count": 3, "revenue": 2}}, [{"status": "finished", "count": 3, "revenue": 2}]],
)
def test_another_statistic_is_an_error(content: Any) -> None:
    with pytest.raises(UnknownShape, match="it has no number profit, only"):
        stat_values(content, "profit", "status")


def test_a_group_that_appears_twice_is_an_error() -> None:
    with pytest.raises(UnknownShape, match="a group is in it twice"):
        stat_values([["", 1], [None, 2]], "count", "status")


@pytest.mark.parametrize(
    ("row", "other"),
    [
        ({"buyer_id": 7, "calls": 3}, {"buyer_id": "7", "calls": 4}),
        ({"buyer_id": None, "calls": 3}, {"buyer_id": "", "calls": 4}),
        ({"name": "Acme", "calls": 3}, {"name": "Acme", "calls": 4}),
        ({"colour": "red", "calls": 3, "cost": "0.5"}, {"colour": "red", "calls": 4, "cost": "0.6"}),
        ({"id": 7, "name": "Acme"}, {"id": 7, "name": "Acme Ltd"}),
    ],
)
def test_a_group_is_the_same_with_other_numbers(row: Row, other: Row) -> None:
    assert group_of(row, "buyer_id") == group_of(other, "buyer_id")


@pytest.mark.parametrize(
    ("row", "other"),
    [
        ({"buyer_id": 7, "name": "Acme"}, {"buyer_id": 8, "name": "Acme"}),
        ({"buyer_id": None}, {"buyer_id": "null"}),
        ({"id": 7, "name": "Acme"}, {"id": 8, "name": "Acme"}),
        ({"colour": "red"}, {"colour": "blue"}),
        ({"in_progress": True}, {"in_progress": False}),
    ],
)
def test_groups_that_differ_are_not_one(row: Row, other: Row) -> None:
    category = "in_progress" if "in_progress" in row else "buyer_id"
    assert group_of(row, category) != group_of(other, category)


def test_calls_with_too_many_different_keys_have_an_unknown_shape() -> None:
    rows = [{f"token-{row}-{n}": n for n in range(1_500)} for row in range(2)]
    with pytest.raises(UnknownShape, match="more than 2,000 different keys"):
        call_rows({"calls": rows})


@pytest.mark.parametrize("content", [None, {"calls": None}])
def test_null_is_a_page_without_calls_if_the_api_counts_none(content: Any) -> None:
    assert list(call_rows(content, total_count=0)) == []
    for count in (None, 1):
        with pytest.raises(UnknownShape):
            call_rows(content, total_count=count)


def test_a_body_without_calls_is_no_page_whatever_it_counts() -> None:
    with pytest.raises(UnknownShape):
        call_rows({"colour": "red"}, total_count=0)
