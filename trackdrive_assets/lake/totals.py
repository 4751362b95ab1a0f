"""The SQL of the table `call_totals`: the stored sums of most days, and computed sums of the others.

The calls of a day and their sums are two files, which cannot be replaced in one step. Both contain the time
of the fetch. If a process dies in between, or if a file is removed or restored, the times differ. Then the
sums of the day are computed from its calls, until the day is fetched again. Not here: how the stored sums are
computed (`tables/totals.py`).
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from string import Template

import pyarrow as pa

from trackdrive_assets.lake.file_index import FileIndex
from trackdrive_assets.lake.layout import day_of
from trackdrive_assets.lake.sql_catalog import queries_in, views
from trackdrive_assets.lake.storage import Storage
from trackdrive_assets.lake.table_sql import TableFiles, find_files, literal, table_sql

CALLS, TOTALS = "calls", "call_totals"


def totals_sql(
    storage: Storage,
    schemas: Mapping[str, pa.Schema],
    found: Iterable[TableFiles],
    time_zone: str,
    index: FileIndex,
) -> str:
    """Return a query over the sums of all days that have calls.

    Args:
        storage: The storage of the lake.
        schemas: The schema of each table.
        found: The files of each table, of the calls and of their sums among others.
        time_zone: The IANA name of the account's time zone.
        index: The entries of the files.
    """
    files = {each.table: each for each in found}
    calls, totals = (_fetch_times(schemas[table], files[table], index) for table in (CALLS, TOTALS))
    # Another program's files do not show the time of their fetch.
    valid = {day for day, time in totals.items() if time is not None and time == calls.get(day)}
    if valid == calls.keys() == totals.keys():
        return table_sql(schemas[TOTALS], files[TOTALS], index)
    (stored,) = find_files(storage, [TOTALS], valid)
    (others,) = find_files(storage, [CALLS], calls.keys() - valid)
    call_facts = Template(views()["call_facts"].sql).substitute(time_zone=literal(time_zone))
    return (
        f"{table_sql(schemas[TOTALS], stored, index)} UNION ALL BY NAME FROM ("
        f"WITH calls AS ({table_sql(schemas[CALLS], others, index)}), call_facts AS ({call_facts}) "
        f"{queries_in('tables')[TOTALS].sql})"
    )


def _fetch_times(schema: pa.Schema, found: TableFiles, index: FileIndex) -> dict[date, datetime | None]:
    """Return when each day was last fetched, as a whole or in part."""
    entries = index.entries(schema, found.files)
    return {day: entry.instant for key, entry in entries.items() if (day := day_of(key))}
