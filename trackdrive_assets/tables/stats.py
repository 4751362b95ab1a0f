"""The statistics of a day as a typed batch of the table `stats`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from trackdrive_assets.tables.columns import STATS, Column
from trackdrive_assets.tables.errors import MalformedRow, UnreadableValue
from trackdrive_assets.tables.type_parsers import Values, parse_column


@dataclass(frozen=True)
class IntervalStats:
    """The statistics of one interval.

    Attributes:
        start: The first instant.
        end: The first instant after the interval.
        values: The value of each group, by statistic (`count`, `revenue`, …).
    """

    start: datetime
    end: datetime
    values: Mapping[str, Mapping[str | None, Decimal | None]]


def parse_stats(intervals: Sequence[IntervalStats], *, group_by: str) -> pa.RecordBatch:
    """Parse the statistics of intervals by one group.

    Returns:
        A batch with the schema of `STATS`, and a row for each interval and group. A statistic that lacks the
        group is null.

    Raises:
        MalformedRow: A value can't be read, or an interval has both a null and an empty group.
    """
    rows = [{"group_by": group_by, **row} for interval in intervals for row in _rows(interval)]
    arrays = [_parse_column(column, rows) for column in STATS.columns]
    return pa.RecordBatch.from_arrays(arrays, schema=STATS.schema)


def _parse_column(column: Column, rows: Sequence[Mapping[str, Any]]) -> Values:
    values = [row.get(column.name) for row in rows]
    if not column.sources:
        return pa.array(values, column.arrow_type)
    try:
        return parse_column(column, values)
    except UnreadableValue as error:
        row = rows[error.position]
        name = f"Row {error.position + 1} of the statistics, from {row['interval_start']}"
        raise MalformedRow(name, column.name, values[error.position], error.expected) from error


def _rows(interval: IntervalStats) -> list[dict[str, object]]:
    """Return a row for each group, in order of appearance."""
    groups: dict[str | None, dict[str, object]] = {}
    period = {"interval_start": interval.start, "interval_end": interval.end}
    for stat, values in interval.values.items():
        for group, value in values.items():
            row = groups.setdefault(group or None, {**period, "group_value": group or None})
            if stat in row:
                expected = "one group without a name, not a null and an empty one"
                raise MalformedRow(f"Statistics from {interval.start}", stat, dict(values), expected)
            row[stat] = value
    return list(groups.values())
