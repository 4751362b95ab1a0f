"""The rows of a report as a typed batch of the table `reports`.

The API's documentation does not say which keys a row has, so each column has several possible keys.
"""

from collections.abc import Mapping, Sequence

import pyarrow as pa

from trackdrive_assets.tables.arrow_types import TEXT
from trackdrive_assets.tables.columns import REPORTS, Column
from trackdrive_assets.tables.errors import MalformedRow, UnreadableValue
from trackdrive_assets.tables.type_parsers import Values, parse_column
from trackdrive_assets.tables.values import json_text, number

Rows = Sequence[Mapping[str, object]]


def parse_report(rows: Rows, *, category: str) -> pa.RecordBatch:
    """Parse the rows of one report.

    Args:
        rows: One object for each group, as decoded from JSON.
        category: The category of the report, which is also the first possible key of the group.

    Returns:
        A batch with the schema of `REPORTS`, and a row for each object in the same order. A number that an
        object lacks is null.

    Raises:
        MalformedRow: A number can't be read, or no key of an object names its group.
    """
    for position, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise MalformedRow(_name(position), "the row", row, "an object with named fields")
    arrays = [_parse_column(column, rows, category) for column in REPORTS.columns]
    return pa.RecordBatch.from_arrays(arrays, schema=REPORTS.schema)


def _parse_column(column: Column, rows: Rows, category: str) -> Values:
    if column.name == "category":
        return pa.array([category] * len(rows), TEXT)
    if column.name == "row":
        return pa.array([_row_text(row, position) for position, row in enumerate(rows)], TEXT)
    keys = [_key_of(column, row, category, position) for position, row in enumerate(rows)]
    values = [row.get(key) for row, key in zip(rows, keys, strict=True)]
    if column.name == "group_value":
        values = [None if value == "" else value for value in values]
    try:
        return parse_column(column, values)
    except UnreadableValue as error:
        position = error.position
        raise MalformedRow(_name(position), keys[position], values[position], error.expected) from error


def _row_text(row: Mapping[str, object], position: int) -> str:
    try:
        return json_text(row)
    except ValueError as error:
        raise MalformedRow(_name(position), "the row", row, "an object that is not nested so deep") from error


def _key_of(column: Column, row: Mapping[str, object], category: str, position: int) -> str:
    """Return the key of a row that contains a column, or the column's name if there is none."""
    match column.name:
        case "group_value":
            sources = (category, *column.sources)
        case "group_name":
            sources = (*column.sources, category.removesuffix("_id"))
        case _:
            # In a report by buyer_converted, that key is the group. In others it may be a number of calls.
            sources = tuple(source for source in column.sources if source != category)
    for source in sources:
        if source in row:
            return source
    return _only_label(row, category, position) if column.name == "group_value" else column.name


def _only_label(row: Mapping[str, object], category: str, position: int) -> str:
    """Return the only key of a row whose value is not a number, which must be the group."""
    labels = [key for key, value in row.items() if isinstance(value, str) and not _is_numeric(value)]
    if len(labels) != 1:
        raise MalformedRow(_name(position), category, dict(row), "one field that names the group")
    return labels[0]


def _is_numeric(value: str) -> bool:
    try:
        return number(value) is not None
    except (ValueError, ArithmeticError):
        return False


def _name(position: int) -> str:
    return f"Report row {position + 1}"
