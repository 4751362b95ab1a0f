"""The SQL of the table `call_totals`: the stored sums of most days, and computed sums of the others.

The calls of a day and their sums are two files, which cannot be replaced in one step. Both contain the time
of the fetch. If a process dies in between, or if a file is removed or restored, the times differ. Then the
sums of the day are computed from its calls, until the day is fetched again. Not here: how the stored sums are
computed (`tables/totals.py`).
"""

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from pathlib import Path
from string import Template

import pyarrow as pa

from trackdrive_assets.lake.day_file import read_tail
from trackdrive_assets.lake.layout import day_of
from trackdrive_assets.lake.sql_catalog import queries_in, views
from trackdrive_assets.lake.table_sql import TableFiles, find_files, literal, table_sql

CALLS, TOTALS = "calls", "call_totals"

_FETCH_TIME = re.compile(rb"trackdrive\.(?:fetched|patched)_at\x18.([0-9T:.+-]+)", re.DOTALL)


def totals_sql(
    root: Path,
    schemas: Mapping[str, pa.Schema],
    found: Iterable[TableFiles],
    time_zone: str,
) -> str:
    """Return a query over the sums of all days that have calls.

    Args:
        root: The folder of the lake.
        schemas: The schema of each table.
        found: The files of each table, of the calls and of their sums among others.
        time_zone: The IANA name of the account's time zone.
    """
    files = {each.table: each for each in found}
    calls, totals = _by_day(files[CALLS]), _by_day(files[TOTALS])
    valid = {day for day, file in totals.items() if day in calls and _is_of(file, calls[day])}
    if valid == calls.keys() == totals.keys():
        return table_sql(schemas[TOTALS], files[TOTALS])
    (stored,) = find_files(root, [TOTALS], valid)
    (others,) = find_files(root, [CALLS], calls.keys() - valid)
    call_facts = Template(views()["call_facts"].sql).substitute(time_zone=literal(time_zone))
    return (
        f"{table_sql(schemas[TOTALS], stored)} UNION ALL BY NAME FROM ("
        f"WITH calls AS ({table_sql(schemas[CALLS], others)}), call_facts AS ({call_facts}) "
        f"{queries_in('tables')[TOTALS].sql})"
    )


def _by_day(found: TableFiles) -> dict[date, Path]:
    return {day: file for file in found.files if (day := day_of(file))}


def _is_of(totals: Path, calls: Path) -> bool:
    """Return whether stored sums are those of the calls. Another program's files do not show it."""
    time = _updated_at(totals)
    return time is not None and time == _updated_at(calls)


def _updated_at(file: Path) -> datetime | None:
    """Return when a day was last fetched, as a whole or in part. None if the file does not contain it."""
    times = _FETCH_TIME.findall(read_tail(file))
    return max((datetime.fromisoformat(time.decode()) for time in times), default=None)
