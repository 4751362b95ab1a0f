"""The lakes of two accounts, and the sums of their tables that every program must find."""

from pathlib import Path

import duckdb
import pyarrow as pa

from trackdrive_assets.lake.accounts import build_accounts_database
from trackdrive_assets.lake.database import FILE
from trackdrive_assets.tables.columns import schemas
from trackdrive_assets_tests.analyst import DAYS, ZONE, fill
from trackdrive_assets_tests.support.engine_queries import Values, query, sums
from trackdrive_assets_tests.support.factories import lake_at, write_day


def two_accounts(root: Path) -> None:
    """Store two days of every table of two accounts, and the views over both."""
    for seed, account in enumerate(("acme", "zenith")):
        lake = lake_at(root / f"account={account}", ZONE)
        # Only the list of today can be fetched.
        write_day(lake, "reference", [{"id": 10160412 + seed}], day=DAYS[0], part="buyers")
        fill(lake, seed)
    build_accounts_database(root, schemas())


def kinds_of_columns() -> dict[str, dict[str, str]]:
    """Return the kind of each column of each table, as the queries of the engines need it."""
    return {table: {field.name: _kind(field.type) for field in schema} for table, schema in schemas().items()}


def expected_sums(root: Path) -> dict[str, Values]:
    """Return the sums of each table by the views of the DuckDB file."""
    with duckdb.connect(root / FILE, read_only=True) as connection:
        return {
            table: sums(connection.sql(query("duckdb", kinds, table)).fetchall())
            for table, kinds in kinds_of_columns().items()
        }


def _kind(type_: pa.DataType) -> str:
    if pa.types.is_map(type_):
        return "map"
    if pa.types.is_timestamp(type_):
        return "instant"
    if pa.types.is_boolean(type_):
        return "flag"
    return "text" if pa.types.is_string(type_) else "number"
