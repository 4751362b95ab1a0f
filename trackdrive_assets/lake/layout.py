"""The folders and files of the lake: where a day of a table is stored, and which days exist.

Nothing here opens a file. A day is in the lake if `is_day` is true for its file. Anything else, such as
a copy of a day or a note, changes no number.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from urllib.parse import quote, unquote

ANY_DATE = "????-??-??"
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
    return Path(table, *(f"{key}={_encoded(hive[key])}" for key in keys))


def day_path(table: str, day: date, hive: dict[str, str]) -> Path:
    """Return the path of a day's file, relative to the lake. The file may not exist."""
    return group_path(table, hive) / f"date={day.isoformat()}" / LAYOUT[table].file


def group_of(folder: Path) -> str | None:
    """Return the group whose days a folder has. None for a table without groups."""
    return unquote(folder.name.partition("=")[2]) if "=" in folder.name else None


def day_of(file: Path) -> date | None:
    """Return the day of a file by the name of its folder. None if that is not `date=` and a date."""
    key, _, text = file.parent.name.partition("=")
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if key == "date" and text == day.isoformat() else None


def group_folders(root: Path, table: str) -> list[Path]:
    """Return the folders of a table that have days: one per group, or the folder of the table."""
    keys = LAYOUT[table].keys
    if not keys:
        return [root / table]
    (key,) = keys
    return sorted(
        folder
        for folder in (root / table).glob(f"{key}=*")
        # A copy such as `category=buyer_id.bak` has a name that this package never writes.
        if folder.name == f"{key}={_encoded(unquote(folder.name.partition('=')[2]))}"
    )


def candidates(folder: Path, table: str, days: Collection[date] | None = None) -> list[Path]:
    """Return what the pattern of a day matches below a folder of days, in ascending order, day or not.

    Args:
        folder: One of `group_folders`.
        table: A name in `LAYOUT`.
        days: The only days to look for. The default is all.
    """
    if days is not None:
        paths = (folder / f"date={day.isoformat()}" / LAYOUT[table].file for day in sorted(days))
        return [path for path in paths if path.exists()]
    return sorted(folder.glob(f"date={ANY_DATE}/{LAYOUT[table].file}"))


def is_day(path: Path) -> bool:
    """Return whether a candidate is the file of a day: a file in the folder of a date that exists."""
    return day_of(path) is not None and path.is_file()


def _encoded(group: str) -> str:
    """Return the name of a group as a part of a path. It has no dots, unlike the names of copies."""
    return quote(group, safe="").replace(".", "%2E").replace("~", "%7E")
