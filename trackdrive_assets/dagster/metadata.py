"""The metadata of assets and days in Dagster: columns, counts, previews, and links to the code.

The previews themselves are in `previews.py` and `charts.py`. `assets/daily.py` decides when a day is
recorded.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import dagster as dg

from trackdrive_assets.dagster.account import DagsterAccount
from trackdrive_assets.dagster.io_manager import IO_MANAGER_KEY
from trackdrive_assets.settings import Settings
from trackdrive_assets.tables.columns import Table

if TYPE_CHECKING:
    from trackdrive_assets.ingest.parts import IngestedPart
    from trackdrive_assets.lake.day_writer import WriteResult

OWNERS = ["team:trackdrive"]

Metadata = Mapping[str, Any]

ROW_COUNT = "dagster/partition_row_count"
"""The name of the number of rows, which Dagster shows of a partition."""

_PACKAGE = Path(__file__).parents[1]


def api_asset_spec(
    table: Table,
    key: dg.AssetKey,
    *,
    account: DagsterAccount,
    group: str,
    description: str,
    code: Metadata,
    deps: Sequence[dg.AssetKey] = (),
) -> dg.AssetSpec:
    """Return the spec of an asset that is fetched from the API. `code` contains the links to its code."""
    return dg.AssetSpec(
        key,
        deps=deps,
        description=description,
        group_name=account.qualified(group),
        kinds={"api", "parquet"},
        owners=OWNERS,
        metadata={
            "dagster/table_name": ".".join(key.path),
            "dagster/column_schema": column_schema(table),
            **code,
        },
    ).with_io_manager_key(account.qualified(IO_MANAGER_KEY))


@cache
def column_schema(table: Table) -> dg.TableSchema:
    """Return the columns of a table with types and descriptions."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(name=column.name, type=column.type, description=column.description)
            for column in table.view_columns
        ]
    )


def day_metadata(
    written: WriteResult,
    table: Table,
    extra: Metadata = MappingProxyType({}),
    *,
    hidden: Collection[str] = (),
    has_preview: bool = True,
) -> Metadata:
    """Return what Dagster shows of a day's file. What people look for comes first.

    Args:
        written: The result of writing the file.
        table: The table of the file.
        extra: More metadata.
        hidden: The columns that are missing in the first rows.
        has_preview: Whether the first rows are shown.
    """
    from trackdrive_assets.dagster.previews import first_rows  # noqa: PLC0415  # imports Arrow

    return {
        ROW_COUNT: written.rows,
        **({} if written.api_count is None else {"api_count": written.api_count}),
        **extra,
        **({"first_rows": first_rows(written.first_rows, table, hidden)} if has_preview else {}),
        "path": dg.MetadataValue.path(written.url),
        "bytes": written.bytes,
    }


def part_metadata(
    part: IngestedPart, table: Table, *, hidden: Collection[str] = (), has_preview: bool = True
) -> Metadata:
    """Return what Dagster shows of a part of a day's file, with its own requests."""
    return {
        **day_metadata(part.written, table, hidden=hidden, has_preview=has_preview),
        "requests": part.usage.requests,
        "retries": part.usage.retries,
    }


def code_links(settings: Settings, *files: str) -> dict[str, Any]:
    """Return the metadata with links to an asset's code: URLs if the settings have one, else local files.

    Args:
        settings: The settings of the deployment.
        files: Paths inside of this package.
    """
    with warnings.catch_warnings():
        # Dagster warns that these classes are in beta, which does not help a person who starts the UI.
        warnings.filterwarnings("ignore", r"Class `\w*CodeReference")
        links: list[dg.LocalFileCodeReference | dg.UrlCodeReference] = [
            dg.UrlCodeReference(url=f"{settings.code_url}/{_PACKAGE.name}/{file}", label=file)
            if settings.code_url
            else dg.LocalFileCodeReference(file_path=str(_PACKAGE / file), line_number=1, label=file)
            for file in files
        ]
        return {"dagster/code_references": dg.CodeReferencesMetadataValue(code_references=links)}
