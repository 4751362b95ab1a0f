"""The rows of a reference list as a typed batch of the table `reference`.

A row of the API can also have e-mail addresses, phone numbers of people, keys of providers, and addresses
of webhooks. So only the listed keys are stored, and of others only numbers under names of caps and counts.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

import pyarrow as pa

from trackdrive_assets.tables.columns import PARTIES, REFERENCE, Column
from trackdrive_assets.tables.errors import MalformedRow, UnreadableValue
from trackdrive_assets.tables.exclusion import NO_EXCLUSIONS, Exclusion
from trackdrive_assets.tables.type_parsers import Values, parse_column
from trackdrive_assets.tables.values import ABSENT, integer, json_text, number

LIMIT_SUFFIXES = ("_cap", "_limit", "_used", "_count")

_OF_NUMBERS = ("number_called", "offer_id", "traffic_source_id", "ring_pool_id", "country")
"""The columns of tracking numbers. The `number` of a buyer is the phone of a person or a company."""

_LARGEST_LIMIT = 10**9
"""A larger number can be a phone number."""

_log = logging.getLogger(__name__)


def parse_reference(
    rows: Sequence[Mapping[str, object]],
    *,
    list_name: str,
    fetched_at: datetime,
    exclude: Exclusion = NO_EXCLUSIONS,
) -> pa.RecordBatch:
    """Parse the rows of one list.

    Most keys are documented without a type. So a value that can't be read is null, with a warning.

    Args:
        rows: One object for each row, as decoded from JSON.
        list_name: A key of `PARTIES`.
        fetched_at: When the list was fetched.
        exclude: The columns that are not stored.

    Returns:
        A batch with the schema of `REFERENCE`, and a row for each object in the same order.

    Raises:
        MalformedRow: A row has no id.
    """
    for position, row in enumerate(rows):
        _require_id(row, f"Row {position + 1} of {list_name}")
    arrays = [_parse_column(column, rows, list_name, fetched_at, exclude) for column in REFERENCE.columns]
    return pa.RecordBatch.from_arrays(arrays, schema=REFERENCE.schema)


def _require_id(row: Mapping[str, object], name: str) -> None:
    value = row.get("id", ABSENT)
    try:
        found = integer(value)
    except (ValueError, TypeError, ArithmeticError):
        found = None
    if found is None:
        raise MalformedRow(name, "id", value, "a whole number")


def _parse_column(
    column: Column,
    rows: Sequence[Mapping[str, object]],
    list_name: str,
    fetched_at: datetime,
    exclude: Exclusion,
) -> Values:
    match column.name:
        case "list_name":
            return pa.array([list_name] * len(rows), column.arrow_type)
        case "fetched_at":
            return pa.array([fetched_at] * len(rows), column.arrow_type)
        case "limits":
            return pa.array(map(_limits, rows), column.arrow_type)
    if _is_hidden(column.name, list_name, exclude):
        return pa.nulls(len(rows), column.arrow_type)
    values = [_first_value(row, column.sources) for row in rows]
    try:
        return parse_column(column, values)
    except UnreadableValue as error:
        readable = [value if _is_readable(column, value) else ABSENT for value in values]
        _log.warning(
            "%s: %d of %d rows have a %s that is not %s. It is stored as null.",
            list_name,
            sum(one is not other for one, other in zip(values, readable, strict=True)),
            len(rows),
            column.name,
            error.expected,
        )
        return parse_column(column, readable)


def _first_value(row: Mapping[str, object], sources: Sequence[str]) -> object:
    """Return the value of the first key that has one. A null or an empty text hides no other key."""
    sent = [row[key] for key in sources if key in row]
    return next((value for value in sent if value is not None and value != ""), sent[0] if sent else ABSENT)


def _is_hidden(column: str, list_name: str, exclude: Exclusion) -> bool:
    """Return whether a column is not for this list, or has values that the calls must not have."""
    if column in _OF_NUMBERS:
        return list_name != "numbers" or exclude.excludes(column)
    return column == "label" and exclude.excludes(f"user_{PARTIES[list_name]}_id")


def _is_readable(column: Column, value: object) -> bool:
    try:
        parse_column(column, [value])
    except UnreadableValue:
        return False
    return True


def _limits(row: Mapping[str, object]) -> str | None:
    """Return the JSON of the numbers of a row that are caps, limits, their use, or counts."""
    found = {
        key: value for key in row if key.endswith(LIMIT_SUFFIXES) and (value := _limit(row[key])) is not None
    }
    return json_text(found) if found else None


def _limit(value: object) -> Decimal | None:
    """Return a number. None for any other value, and for a number that is too large for a limit."""
    try:
        found = None if isinstance(value, bool) else number(value)
    except (ValueError, TypeError, ArithmeticError):
        return None
    return found if found is not None and abs(found) < _LARGEST_LIMIT else None
