"""Excel files, read again with openpyxl: the types of cells, the account's clock, and the limits of Excel."""

import io
import json
import sys
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from zipfile import ZipFile

import openpyxl
import pyarrow as pa
import pytest

from trackdrive_assets.cli.excel import open_excel_writer
from trackdrive_assets.cli.output import open_writer
from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets_tests.cli.conftest import Trackdrive
from trackdrive_assets_tests.cli.test_output import FORMULAS

Cell = tuple[object, str, str]
"""The value of a cell, its data type and its format."""


def workbook(
    column: pa.Array, *, time_zone: str = "UTC", max_rows: int = 100, batches: int = 1
) -> openpyxl.Workbook:
    """Return a file with one column, which was written in some batches."""
    batch = pa.record_batch({"column": column})
    stream = io.BytesIO()
    with open_excel_writer(stream, batch.schema, time_zone, max_rows=max_rows) as writer:
        for _ in range(batches):
            writer.write(batch)
        writer.close()
    # The file is complete at the end of the block.
    return openpyxl.load_workbook(stream)


def cells(column: pa.Array, *, time_zone: str = "UTC") -> list[Cell]:
    """Return the cells of a column below its head."""
    sheet = workbook(column, time_zone=time_zone).active
    return [(cell.value, cell.data_type, cell.number_format) for cell in sheet["A"][1:]]


def test_an_instant_is_the_time_on_the_accounts_clock() -> None:
    instants = pa.array([datetime(2024, 6, 19, 2, 30, 5, tzinfo=UTC)], pa.timestamp("us", "UTC"))
    (cell,) = cells(instants, time_zone="America/New_York")
    assert (str(cell[0]), *cell[1:]) == ("2024-06-18 22:30:05", "d", "yyyy-mm-dd hh:mm:ss")


@pytest.mark.parametrize("year", [1, 9999])
def test_an_instant_of_the_first_or_the_last_year_is_written(year: int) -> None:
    instants = pa.array([datetime(year, 1, 1, tzinfo=UTC)], pa.timestamp("us", "UTC"))
    assert str(cells(instants, time_zone="America/New_York")[0][0]).startswith(f"{year:04}-01-01")


def test_a_date_and_a_local_time_stay_in_every_zone() -> None:
    times = pa.array(["2024-06-19 02:30:00"]).cast(pa.timestamp("us"))
    assert str(cells(times, time_zone="America/New_York")[0][0]) == "2024-06-19 02:30:00"
    (cell,) = cells(pa.array([date(2024, 6, 19)]))
    assert (str(cell[0]), *cell[1:]) == ("2024-06-19 00:00:00", "d", "yyyy-mm-dd")


def test_money_is_a_number_with_a_format() -> None:
    money = pa.array([Decimal("1234.500000"), None, Decimal("-0.075000")], pa.decimal128(18, 6))
    assert cells(money) == [(1234.5, "n", "#,##0.00"), (None, "n", "General"), (-0.075, "n", "#,##0.00")]


def test_an_id_is_a_number_unless_excel_would_round_it() -> None:
    ids = pa.array([10160398, 10**15 - 1, 10**15 + 1])
    assert cells(ids) == [
        (10160398, "n", "0"),
        (999999999999999, "n", "0"),
        ("1000000000000001", "s", "General"),
    ]


def test_truth_is_a_boolean_and_what_is_no_number_is_empty() -> None:
    assert [cell[:2] for cell in cells(pa.array([True, False]))] == [(True, "b"), (False, "b")]
    assert [cell[0] for cell in cells(pa.array([0.5, float("nan"), float("inf"), 2.0]))] == [
        0.5,
        None,
        None,
        2,
    ]


def test_a_phone_number_and_a_label_of_digits_are_text() -> None:
    found = cells(pa.array(["+17195550100", "0070"]))
    assert [cell[:2] for cell in found] == [("+17195550100", "s"), ("0070", "s")]


def test_a_map_is_json() -> None:
    tokens = pa.array([[("state", "CO")]], pa.map_(pa.string(), pa.string()))
    assert json.loads(str(cells(tokens)[0][0])) == {"state": "CO"}


@pytest.mark.parametrize("text", [*FORMULAS, "{=1+1}", "https://example.com", "mailto:a@example.com"])
def test_no_text_is_a_formula_or_a_link(text: str) -> None:
    book = workbook(pa.array([text]))
    cell = book.active["A2"]
    assert (cell.value.replace("_x000D_", "\r"), cell.data_type, cell.hyperlink) == (text, "s", None)


def test_a_text_that_is_too_long_is_cut_and_reported(capsys: pytest.CaptureFixture[str]) -> None:
    long, fits = "\N{TELEPHONE RECEIVER}" * 20_000, "x" * 32_767
    assert [cell[0] for cell in cells(pa.array([long, fits]))] == [long[:16_383], fits]
    assert "1 text of the column column is cut at 32,767 characters" in capsys.readouterr().err
    cells(pa.array([long, long]))
    assert "2 texts of the column column are cut at" in capsys.readouterr().err


def test_rows_beyond_the_limit_of_a_sheet_are_in_the_next_one() -> None:
    book = workbook(pa.array([1, 2]), max_rows=4, batches=3)
    assert [[cell.value for cell in sheet["A"]] for sheet in book] == [
        ["column", 1, 2, 1],
        ["column", 2, 1, 2],
    ]


def test_the_head_is_fixed_and_has_a_filter() -> None:
    sheet = workbook(pa.array([1, 2])).active
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("A2", "A1:A3")


def test_an_excel_file_of_calls_has_the_time_of_the_account(trackdrive: Trackdrive, tmp_path: Path) -> None:
    arguments = ("calls", "--limit", "1", "--columns", "uuid,created_at", "--output")
    for path, zone in (("utc.xlsx", "UTC"), ("denver.XLSX", "America/Denver")):
        assert trackdrive(*arguments, path, TRACKDRIVE_TIME_ZONE=zone).exit_code == 0
    utc, denver = (openpyxl.load_workbook(tmp_path / path).active for path in ("utc.xlsx", "denver.XLSX"))
    assert [cell.value for cell in utc[1]] == ["uuid", "created_at"]
    assert utc["A2"].value == denver["A2"].value
    assert (utc["B2"].value - denver["B2"].value).total_seconds() == 6 * 3600


def test_a_failure_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    batch = pa.record_batch({"column": pa.array([1])})

    with (
        suppress(KeyError),
        open_writer("xlsx", tmp_path / "x.xlsx", batch.schema, time_zone="UTC") as writer,
    ):
        writer.write(batch)
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_excel_in_a_pipe_is_a_file(trackdrive: Trackdrive) -> None:
    outcome = trackdrive("report", "status", "--format", "xlsx")
    assert "xl/worksheets/sheet1.xml" in ZipFile(io.BytesIO(outcome.stdout_bytes)).namelist()


def test_without_xlsxwriter_the_error_names_the_extra(
    trackdrive: Trackdrive, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    outcome = trackdrive("calls", "--output", "calls.xlsx")
    assert outcome.exit_code == 2
    assert "pip install 'trackdrive-assets[excel]'" in outcome.stderr
    assert sandbox.requests == []
