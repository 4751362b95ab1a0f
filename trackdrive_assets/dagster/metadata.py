"""What Dagster shows of an asset that is fetched from the API, and of each of its days.

Not here: the previews and charts among it (`previews.py`, `charts.py`), and when a day is recorded
(`assets/daily.py`).
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import dagster as dg

from trackdrive_assets.dagster.io_manager import IO_MANAGER_KEY
from trackdrive_assets.dagster.previews import first_rows
from trackdrive_assets.lake.day_writer import WriteResult
from trackdrive_assets.tables.columns import Table

OWNERS = ["team:trackdrive"]

Metadata = Mapping[str, Any]


def api_asset_spec(
    table: Table,
    key: dg.AssetKey,
    *,
    group_name: str,
    description: str,
    code: Metadata,
    deps: Sequence[dg.AssetKey] = (),
) -> dg.AssetSpec:
    """Return the spec of an asset that is fetched from the API. `code` contains the links to its code."""
    return dg.AssetSpec(
        key,
        deps=deps,
        description=description,
        group_name=group_name,
        kinds={"api", "parquet"},
        owners=OWNERS,
        metadata={
            "dagster/table_name": ".".join(key.path),
            "dagster/column_schema": column_schema(table),
            **code,
        },
    ).with_io_manager_key(IO_MANAGER_KEY)


def column_schema(table: Table) -> dg.TableSchema:
    """Return the columns of a table with types and descriptions, with those of its folders."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(name=column.name, type=str(column.type), description=column.description)
            for column in (*table.columns, *table.hive)
        ]
    )


def day_metadata(written: WriteResult, table: Table, extra: Metadata = MappingProxyType({})) -> Metadata:
    """Return what Dagster shows of a day's file. What people look for comes first."""
    return {
        "dagster/partition_row_count": written.rows,
        **({} if written.api_count is None else {"api_count": written.api_count}),
        **extra,
        "first_rows": first_rows(written.path, table),
        "path": dg.MetadataValue.path(written.path),
        "bytes": written.bytes,
    }
