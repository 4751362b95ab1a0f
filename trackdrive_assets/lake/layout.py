"""The folders and files of the lake: where a day of a table is stored, and which days exist.

Nothing here opens a file.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from urllib.parse import quote

ANY_DAY = "????-??-??"
"""The pattern of a day's date, in `Path.glob` and in DuckDB alike."""


@dataclass(frozen=True)
class Layout:
    """The place of a table on disk: `<table>/<key>=<value>/date=2024-06-19/<file>`."""

    file: str
    keys: tuple[str, ...] = ()


LAYOUT = {
    "calls": Layout("calls.parquet"),
    "reports": Layout("report.parquet", keys=("category",)),
    "stats": Layout("stats.parquet", keys=("group_by",)),
    "call_changes": Layout("changes.parquet"),
}


def group_path(table: str, hive: dict[str, str]) -> Path:
    """Return the folder of the days of a table, or of a group like `{"category": "buyer_id"}`, in the lake.

    Raises:
        ValueError: The table is unknown, or `hive` has other keys than the table.
    """
    if table not in LAYOUT:
        raise ValueError(f"The lake has no table {table!r}. Its tables are {', '.join(LAYOUT)}.")
    keys = LAYOUT[table].keys
    if set(hive) != set(keys):
        raise ValueError(f"The hive keys of {table} are {list(keys)}, not {list(hive)}.")
    # The API's category names may contain a slash.
    return Path(table, *(f"{key}={quote(hive[key], safe='')}" for key in keys))


def day_path(table: str, day: date, hive: dict[str, str]) -> Path:
    """Return the path of a day's file, relative to the lake. The file may not exist."""
    return group_path(table, hive) / f"date={day.isoformat()}" / LAYOUT[table].file


def existing_days(root: Path, table: str, hive: dict[str, str]) -> list[date]:
    """Return the days of a table that have a file, in ascending order.

    Folders that only look like a day, such as `date=2024-99-99`, are not days.
    """
    files = (root / group_path(table, hive)).glob(f"date={ANY_DAY}/{LAYOUT[table].file}")
    days = (_parse_day(file.parent.name.removeprefix("date=")) for file in files)
    return sorted(day for day in days if day is not None)


def day_pattern(table: str, day: date | str) -> str:
    """Return the pattern of a day's files in all groups of a table, relative to the table's folder."""
    return "/".join([*(f"{key}=*" for key in LAYOUT[table].keys), f"date={day}", LAYOUT[table].file])


def _parse_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
