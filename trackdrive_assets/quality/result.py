"""The result of a check: its violations, with the rows that show them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa

Row = Mapping[str, Any]
"""One violation: its `date`, the code `violation`, and columns that show what is wrong."""


@dataclass(frozen=True)
class Violation:
    """All rows of a result with the same violation, and their days in ascending order.

    `fails` is whether it makes the check fail. If not, it is only reported.
    """

    code: str
    fails: bool
    row_count: int
    days: Sequence[date]


@dataclass(frozen=True)
class CheckResult:
    """The result of a check.

    Attributes:
        days: The days that were checked.
        rows: A row for each violation, with the columns `date`, `violation` and those that show what is
            wrong. A column `fails` is false for violations that are only reported.
    """

    days: Sequence[date]
    rows: pa.Table

    @property
    def passed(self) -> bool:
        """Whether no violation makes the check fail."""
        return not any(violation.fails for violation in self.violations)

    @property
    def violations(self) -> list[Violation]:
        """The violations by code: first those that fail, then the most frequent ones."""
        rows = self.rows
        if "fails" not in rows.column_names:
            rows = rows.append_column("fails", pa.nulls(rows.num_rows, pa.bool_()))
        groups = rows.group_by(["violation", "fails"]).aggregate([([], "count_all"), ("date", "distinct")])
        violations = [
            Violation(
                code=group["violation"],
                fails=group["fails"] is not False,
                row_count=group["count_all"],
                days=sorted(day for day in group["date_distinct"] if day),
            )
            for group in groups.to_pylist()
        ]
        return sorted(violations, key=lambda found: (not found.fails, -found.row_count, found.code))


def rows_table(rows: Iterable[Row]) -> pa.Table:
    """Return violations as the table of a `CheckResult`. It may be empty."""
    rows = list(rows)
    others = dict.fromkeys(name for row in rows for name in row if name not in {"date", "violation"})
    return pa.table(
        {
            "date": pa.array([row.get("date") for row in rows], pa.date32()),
            "violation": pa.array([row["violation"] for row in rows], pa.string()),
            **{name: [row[name] for row in rows] for name in others},
        }
    )
