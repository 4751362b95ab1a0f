"""The folders and files of the lake: where a day of a table is stored, and which days exist.

Nothing here opens a file. A day is in the lake if `is_day` is true for its file. Anything else, such as
a copy of a day or a note, changes no number.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from pathlib import Path

ANY_DATE = "????-??-??"
"""The pattern of a day's date, in `Path.glob` and in DuckDB alike."""

RESERVED_ACCOUNTS = frozenset({"main", "temp", "pg_catalog", "information_schema"})
"""Names that the folder `account=…` of an account cannot have, because DuckDB has schemas of these names."""

_DAYS_OF_LAYOUT_1 = ("reports/category=*/date=*/report.parquet", "stats/group_by=*/date=*/stats.parquet")


@dataclass(frozen=True)
class Layout:
    """The place of a table on disk: `<table>/date=2024-06-19/<file>`.

    Attributes:
        file: The name of a day's file.
        part_column: The column that names the part of a row, if the parts of a day are fetched one by one.
            None if a day is fetched as a whole.
    """

    file: str
    part_column: str | None = None


LAYOUT = {
    "calls": Layout("calls.parquet"),
    "reports": Layout("reports.parquet", part_column="category"),
    "stats": Layout("stats.parquet", part_column="group_by"),
    "call_changes": Layout("changes.parquet"),
    "call_totals": Layout("totals.parquet"),
}


def day_path(table: str, day: date) -> Path:
    """Return the path of a day's file, relative to the lake. The file may not exist.

    Raises:
        ValueError: The table is unknown.
    """
    if table not in LAYOUT:
        raise ValueError(f"The lake has no table {table!r}. Its tables are {', '.join(LAYOUT)}.")
    return Path(table, f"date={day.isoformat()}", LAYOUT[table].file)


def day_of(file: Path) -> date | None:
    """Return the day of a file by the name of its folder. None if that is not `date=` and a date."""
    key, _, text = file.parent.name.partition("=")
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if key == "date" and text == day.isoformat() else None


def candidates(root: Path, table: str, days: Collection[date] | None = None) -> list[Path]:
    """Return what the pattern of a day of a table matches, in ascending order, day or not.

    Args:
        root: The folder of the lake.
        table: A name in `LAYOUT`.
        days: The only days to look for. The default is all.
    """
    if days is not None:
        paths = (root / day_path(table, day) for day in sorted(days))
        return [path for path in paths if path.exists()]
    return sorted((root / table).glob(f"date={ANY_DATE}/{LAYOUT[table].file}"))


def is_day(path: Path) -> bool:
    """Return whether a candidate is the file of a day: a file in the folder of a date that exists."""
    return day_of(path) is not None and path.is_file()


def has_layout_1(root: Path) -> bool:
    """Return whether a lake has days where layout 1 stored them: in a folder for each report."""
    return any(next(root.glob(pattern), None) for pattern in _DAYS_OF_LAYOUT_1)
