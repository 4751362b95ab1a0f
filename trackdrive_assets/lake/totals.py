"""The SQL of the table `call_totals`: the stored sums of most days, and computed sums of the others.

The calls of a day and their sums are two files, which cannot be replaced in one step. Both contain the time
of the fetch. If a process dies in between, or if a file is removed or restored, the times differ. Then the
sums of the day are computed from its calls, until the day is fetched again. So are sums that lack a column,
because an older version stored them. Not here: how the stored sums are computed (`tables/totals.py`).
"""

from collections.abc import Iterable, Mapping
from datetime import date
from string import Template

import pyarrow as pa

from trackdrive_assets.lake.file_index import FileEntry, FileIndex
from trackdrive_assets.lake.layout import day_of
from trackdrive_assets.lake.sql_catalog import queries_in, views
from trackdrive_assets.lake.storage import Storage
from trackdrive_assets.lake.table_sql import TableFiles, file_metadata_sql, find_files, literal, table_sql

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
    calls, totals = (_entries(schemas[table], files[table], index) for table in (CALLS, TOTALS))
    # Another program's files do not show the time of their fetch.
    valid = {
        day
        for day, entry in totals.items()
        if entry.has_all_columns
        and entry.instant is not None
        and day in calls
        and entry.instant == calls[day].instant
    }
    if valid == calls.keys() == totals.keys():
        return table_sql(schemas[TOTALS], files[TOTALS], index)
    (stored,) = find_files(storage, [TOTALS], valid)
    (others,) = find_files(storage, [CALLS], calls.keys() - valid)
    call_facts = Template(views()["call_facts"].sql).substitute(time_zone=literal(time_zone))
    fetch_log = Template(views()["fetch_log"].sql).substitute(file_metadata=file_metadata_sql([others]))
    return (
        f"{table_sql(schemas[TOTALS], stored, index)} UNION ALL BY NAME FROM ("
        f"WITH calls AS ({table_sql(schemas[CALLS], others, index)}), call_facts AS ({call_facts}), "
        f"fetch_log AS ({fetch_log}) "
        f"{queries_in('tables')[TOTALS].sql})"
    )


def _entries(schema: pa.Schema, found: TableFiles, index: FileIndex) -> dict[date, FileEntry]:
    """Return the entry of the file of each day."""
    entries = index.entries(schema, found.files)
    return {day: entry for key, entry in entries.items() if (day := day_of(key))}
