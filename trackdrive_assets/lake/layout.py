"""The keys of the lake: where a day of a table is stored, and which days exist.

Nothing here opens a file. A day is in the lake if `is_day` is true for its file. Anything else, such as
a copy of a day or a note, changes no number.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from trackdrive_assets.lake.storage import ListedFile, Storage

ANY_DATE = "20[0-9][0-9]-[0-9][0-9]-[0-9][0-9]"
"""The pattern of a day's date, for folders, object stores and DuckDB alike. In a URL a `?` is no wildcard."""

RESERVED_ACCOUNTS = frozenset({"main", "temp", "pg_catalog", "information_schema"})
"""Names that the folder `account=…` of an account cannot have, because DuckDB has schemas of these names."""

_DAYS_OF_LAYOUT_1 = ("reports/category=*/date=*/report.parquet", "stats/group_by=*/date=*/stats.parquet")


@dataclass(frozen=True)
class Layout:
    """The place of a table: `<table>/date=2024-06-19/<file>`.

    Attributes:
        file: The name of a day's file.
        part_column: The column that names the part of a row, if the parts of a day are fetched one by one.
            None if a day is fetched as a whole.
        is_snapshot: Whether a day shows how the account was on it, so that it cannot be fetched later.
    """

    file: str
    part_column: str | None = None
    is_snapshot: bool = False


LAYOUT = {
    "calls": Layout("calls.parquet"),
    "reports": Layout("reports.parquet", part_column="category"),
    "stats": Layout("stats.parquet", part_column="group_by"),
    "reference": Layout("reference.parquet", part_column="list_name", is_snapshot=True),
    "call_changes": Layout("changes.parquet"),
    "call_totals": Layout("totals.parquet"),
}


def day_key(table: str, day: date) -> str:
    """Return the key of a day's file. The file may not exist.

    Raises:
        ValueError: The table is unknown.
    """
    if table not in LAYOUT:
        raise ValueError(f"The lake has no table {table!r}. Its tables are {', '.join(LAYOUT)}.")
    return f"{table}/date={day.isoformat()}/{LAYOUT[table].file}"


def day_of(key: str) -> date | None:
    """Return the day of a file by the name of its folder. None if that is not `date=` and a date."""
    name, _, text = key.split("/")[-2].partition("=")
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if name == "date" and text == day.isoformat() else None


def days_pattern(table: str) -> str:
    """Return the pattern of the files of a table."""
    return f"{table}/date={ANY_DATE}/{LAYOUT[table].file}"


def candidates(storage: Storage, table: str, days: Collection[date] | None = None) -> list[ListedFile]:
    """Return what the pattern of a day of a table matches, in ascending order, day or not.

    Args:
        storage: The storage of the lake.
        table: A name in `LAYOUT`.
        days: The only days to look for. The default is all.
    """
    if days is not None:
        return storage.find_keys([day_key(table, day) for day in sorted(days)])
    return storage.find(days_pattern(table))


def is_day(found: ListedFile) -> bool:
    """Return whether a candidate is the file of a day: a file in the folder of a date that exists."""
    return found.is_file and day_of(found.key) is not None


def has_layout_1(storage: Storage) -> bool:
    """Return whether a lake has days where layout 1 stored them: in a folder for each report."""
    return any(storage.find(pattern) for pattern in _DAYS_OF_LAYOUT_1)
