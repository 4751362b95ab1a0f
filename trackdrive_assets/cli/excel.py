"""Excel files: typed cells, a fixed head with filters, and as many sheets as the rows need.

Excel has no time zones, so an instant is shown on the account's clock. Text is never a formula. Excel
calculates with 15 digits, so a whole number that has more is text.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from math import isfinite
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

import pyarrow as pa
import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from trackdrive_assets.cli.account import echo_err
from trackdrive_assets.cli.output import Writer, json_text, on_clock
from trackdrive_assets.cost import count_of

MAX_ROWS = 1_048_576
"""The number of rows of a sheet, with the head."""

MAX_TEXT = 32_767
"""The longest text of a cell, in UTF-16 units."""

_MAX_DIGITS = 15
"""The digits of a number that Excel shows. It replaces others by zeros."""

_FIRST_YEAR = 1900
_MAX_WIDTH = 48
_SAMPLE_ROWS = 50
"""The number of rows of a batch that decide how wide the columns are."""

_OPTIONS = {
    # Rows are written as they come, so that the memory does not grow with their number.
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_numbers": False,
    "strings_to_urls": False,
}
_FORMATS = {
    "head": {"bold": True, "bottom": 1},
    "instant": {"num_format": "yyyy-mm-dd hh:mm:ss"},
    "date": {"num_format": "yyyy-mm-dd"},
    "money": {"num_format": "#,##0.00"},
    "whole": {"num_format": "0"},
    "real": {"num_format": "0.0###"},
}


@contextmanager
def open_excel_writer(
    stream: BinaryIO, schema: pa.Schema, time_zone: str, *, max_rows: int = MAX_ROWS
) -> Iterator[Writer]:
    """Open a writer of an Excel file, which is written at the end of the block.

    Args:
        stream: The file.
        schema: The columns of every batch.
        time_zone: The IANA name of the time zone of the instants.
        max_rows: The number of rows of a sheet, with the head.
    """
    with TemporaryDirectory(prefix="trackdrive-excel-") as folder:
        path = Path(folder) / "book.xlsx"
        with xlsxwriter.Workbook(path, _OPTIONS | {"tmpdir": folder}) as workbook:
            yield _ExcelWriter(workbook, schema, time_zone, max_rows)
        with path.open("rb") as book:
            shutil.copyfileobj(book, stream)


class _ExcelWriter(Writer):
    def __init__(
        self, workbook: xlsxwriter.Workbook, schema: pa.Schema, time_zone: str, max_rows: int
    ) -> None:
        self._workbook = workbook
        self._formats = {name: workbook.add_format(format_) for name, format_ in _FORMATS.items()}
        self._names = schema.names
        # The head needs a place for the button of its filter.
        self._widths = [len(name) + 3 for name in schema.names]
        self._time_zone = time_zone
        self._max_rows = max_rows
        self._cut_texts: dict[str, int] = {}
        self._sheet = self._add_sheet()

    def write(self, batch: pa.RecordBatch) -> None:
        columns = [
            list(map(_cell, column.to_pylist(maps_as_pydicts="strict")))
            for column in on_clock(batch, self._time_zone).columns
        ]
        kinds = [_format_of(column.type) for column in batch.columns]
        self._widths = [
            max([width, *map(_width, column[:_SAMPLE_ROWS])])
            for width, column in zip(self._widths, columns, strict=True)
        ]
        for row in zip(*columns, strict=True):
            if self._row == self._max_rows:
                self._end_sheet()
                self._sheet = self._add_sheet()
            for number, (value, kind) in enumerate(zip(row, kinds, strict=True)):
                self._write_cell(number, value, self._formats.get(kind))
            self._row += 1

    def close(self) -> None:
        self._end_sheet()
        for name, count in self._cut_texts.items():
            echo_err(
                f"{count_of(count, 'text')} of the column {name} {'is' if count == 1 else 'are'} cut at "
                f"{MAX_TEXT:,} characters, the most that a cell of Excel has. "
                "CSV, JSON lines and Parquet have the complete texts."
            )

    def _add_sheet(self) -> Worksheet:
        sheet = self._workbook.add_worksheet()
        for number, name in enumerate(self._names):
            sheet.write_string(0, number, name, self._formats["head"])
        self._row = 1
        return sheet

    def _end_sheet(self) -> None:
        sheet, last = self._sheet, len(self._names) - 1
        for number, width in enumerate(self._widths):
            sheet.set_column(number, number, min(width, _MAX_WIDTH))
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, self._row - 1, last)
        # Excel marks phone numbers and labels of digits, which are text.
        sheet.ignore_errors({"number_stored_as_text": f"A1:XFD{MAX_ROWS}"})

    def _write_cell(self, column: int, value: object, format_: Format | None) -> None:
        match value:
            case None:
                return
            case bool():
                self._sheet.write_boolean(self._row, column, value)
            case date():
                self._sheet.write_datetime(self._row, column, value, format_)
            case int() | float():
                self._sheet.write_number(self._row, column, value, format_)
            case _:
                self._sheet.write_string(self._row, column, self._shortened(column, str(value)))

    def _shortened(self, column: int, text: str) -> str:
        """Return a text that a cell can have. The texts that are cut are counted."""
        units = text.encode("utf-16-le")
        if len(units) <= 2 * MAX_TEXT:
            return text
        name = self._names[column]
        self._cut_texts[name] = self._cut_texts.get(name, 0) + 1
        return units[: 2 * MAX_TEXT].decode("utf-16-le", "ignore")


def _width(value: object) -> int:
    """Return the width of a cell in characters."""
    match value:
        case datetime():
            return 20
        case float():
            return len(f"{value:,.2f}") + 1
    return len(str(value)) + 1


def _format_of(type_: pa.DataType) -> str:
    if pa.types.is_timestamp(type_):
        return "instant"
    if pa.types.is_date(type_):
        return "date"
    if pa.types.is_decimal(type_) and type_.scale:
        return "money"
    return "real" if pa.types.is_floating(type_) else "whole"


def _cell(value: object) -> object:
    """Return a value as Excel has it: a date, a number, a boolean or a text.

    Excel has no dates before 1900. Those, and whole numbers of more than 15 digits, are text. Infinity has
    no cell.
    """
    match value:
        case date() if value.year < _FIRST_YEAR:
            return value.isoformat()
        case Decimal():
            return float(value) if value % 1 else _cell(int(value))
        case int() if abs(value) >= 10**_MAX_DIGITS:
            return str(value)
        case float() if not isfinite(value):
            return None
        case dict() | list():
            return json_text(value)
    return value
