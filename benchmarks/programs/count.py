"""Count the calls in the Parquet files of a folder: rows, and distinct uuids.

count.py FOLDER
"""

import sys
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

# Other tables have a column `uuid` too.
files = [
    str(file)
    for file in Path(sys.argv[1]).rglob("*.parquet")
    if {"uuid", "caller_number"} <= set(pq.read_schema(file).names)
]
counts = (
    duckdb.execute("SELECT count(*), count(DISTINCT uuid) FROM read_parquet($1)", [files]).fetchone()
    if files
    else None
)
print(*(counts or (0, 0)))
