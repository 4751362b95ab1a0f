"""The queries of an analyst with an older DuckDB, which has a virtual environment of its own.

It attaches trackdrive.duckdb in a bucket, and prints the number of rows of each view. It imports nothing of
this project. Arguments: the endpoint of the store, and the URL of the file.
"""

import json
import sys

import duckdb
from duckdb_extensions import import_extension

TABLES = {"calls", "call_changes", "call_totals", "reports", "stats"}

endpoint, url = sys.argv[1:]
import_extension("httpfs")
connection = duckdb.connect()
connection.execute("LOAD httpfs")
connection.execute(
    "CREATE SECRET (TYPE s3, KEY_ID 'testing', SECRET 'testing', REGION 'us-east-1', "
    f"ENDPOINT '{endpoint}', USE_SSL false, URL_STYLE 'path')"
)
connection.execute(f"ATTACH '{url}' AS lake (READ_ONLY)")
views = connection.execute(
    "SELECT view_name FROM duckdb_views() "
    "WHERE database_name = 'lake' AND schema_name = 'main' AND NOT internal ORDER BY ALL"
).fetchall()
rows = {}
for (view,) in views:
    # COLUMNS(*) makes it read every column.
    connection.execute(f"SELECT count(COLUMNS(*)) FROM lake.{view}").fetchall()
    rows[view] = connection.execute(f"SELECT count(*) FROM lake.{view}").fetchall()[0][0]
    # DuckDB 1.5 can crash at `max` of a hive column where one file is left.
    if view in TABLES:
        (latest,) = connection.execute(f"SELECT max(date) FROM lake.{view}").fetchall()[0]
        one_day = f"SELECT max(date) FROM lake.{view} WHERE date = '{latest}'"
        assert connection.execute(one_day).fetchall() == [(latest,)]
sys.stdout.write(json.dumps({"version": duckdb.__version__, "rows": rows}))
