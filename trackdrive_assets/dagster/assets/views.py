"""The assets `views/<name>`: trackdrive.duckdb, built over the Parquet files.

The columns of a query are known when its view is built. Each materialization records them for the UI. Those
of a table are in the spec.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from trackdrive_assets.api.catalog import LEGACY_GROUP_BYS
from trackdrive_assets.dagster.account import PAGE, VIEWS, DagsterAccount
from trackdrive_assets.dagster.assets.page import page_spec, write_page_of_lake
from trackdrive_assets.dagster.io_manager import IO_MANAGER_KEY
from trackdrive_assets.dagster.metadata import OWNERS, code_links, column_schema
from trackdrive_assets.lake.errors import LakeError
from trackdrive_assets.lake.sql_catalog import views
from trackdrive_assets.tables.columns import (
    CALL_TOTALS,
    CALLS,
    COLUMN_DESCRIPTIONS,
    DESCRIPTIONS,
    TABLES,
    schemas,
)

if TYPE_CHECKING:
    from trackdrive_assets.lake.database import ViewColumn


def build_views(account: DagsterAccount) -> dg.AssetsDefinition:
    """Return the assets of all views, and the page if there is one.

    They are not partitioned, because a view reads every day.
    """
    page_specs = [page_spec(account)] if account.settings.page_days else []

    @dg.multi_asset(
        name=account.qualified(VIEWS),
        specs=[*_table_specs(account), *_query_specs(account), *page_specs],
        required_resource_keys={account.qualified("lake")},
        can_subset=True,
        # Without it, Dagster refuses a backfill of days that also selects the views.
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def views_of_the_lake(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
        from trackdrive_assets.lake.database import build_database  # noqa: PLC0415  # imports DuckDB

        lake = account.resource(context, "lake").open()
        try:
            built = build_database(
                lake,
                schemas(),
                time_zone=account.settings.time_zone,
                descriptions=DESCRIPTIONS,
                column_descriptions=COLUMN_DESCRIPTIONS,
            )
        except LakeError as error:
            raise dg.Failure(str(error), allow_retries=False) from None
        # The file always has all views, in the order in which they read each other. Dagster records them
        # in this order, and only if they are selected.
        queries = views()
        for name, columns in built.views.items():
            key = account.key(VIEWS, name)
            if key in context.selected_asset_keys:
                metadata: dict[str, dg.MetadataValue[Any]] = {"path": dg.MetadataValue.path(built.url)}
                if name in queries:
                    metadata["dagster/column_schema"] = _view_schema(columns)
                # In a result, Dagster would store the columns twice: for the output too.
                context.add_asset_metadata(metadata, asset_key=key)
                yield dg.MaterializeResult(asset_key=key)
        if (key := account.key(PAGE)) in context.selected_asset_keys:
            context.add_asset_metadata(write_page_of_lake(account, lake), asset_key=key)
            yield dg.MaterializeResult(asset_key=key)

    return views_of_the_lake


def _view_schema(columns: "Sequence[ViewColumn]") -> dg.TableSchemaMetadataValue:
    return dg.MetadataValue.table_schema(
        dg.TableSchema([dg.TableColumn(column.name, column.type, column.description) for column in columns])
    )


def _table_specs(account: DagsterAccount) -> Iterator[dg.AssetSpec]:
    """Return the specs of the views that show a table. Their columns are those of the table's assets."""
    categories, lists = account.settings.fetched_categories, account.settings.fetched_lists
    sources = {
        "calls": [account.key("calls")],
        "call_changes": [account.key("call_changes")],
        # A run that stores calls stores their sums too.
        "call_totals": [account.key("calls")],
        "reports": [account.key("reports", category) for category in categories],
        "stats": [account.key("stats", group_by) for group_by in LEGACY_GROUP_BYS],
        "reference": [account.key("reference", name) for name in lists],
    }
    for table in TABLES:
        # The sums have columns that calls lack.
        source = CALLS if table is CALL_TOTALS else table
        lineage = {
            column: [dg.TableColumnDep(key, column) for key in sources[table.name]]
            for column in table.column_descriptions.keys() & source.column_descriptions.keys()
        }
        yield _spec(
            account,
            table.name,
            table.description,
            sources[table.name],
            {
                "dagster/column_schema": column_schema(table),
                "dagster/column_lineage": dg.TableColumnLineage(lineage),
                **code_links(account.settings, "tables/columns.py", "lake/table_sql.py"),
            },
        )


def _query_specs(account: DagsterAccount) -> Iterator[dg.AssetSpec]:
    """Return the specs of the views that a file in `lake/sql/views` defines."""
    assets = {table.name for table in TABLES} | views().keys()
    for view in views().values():
        # A query also references its own WITH clauses, which are no assets.
        sources = [account.key(VIEWS, name) for name in sorted(view.referenced_tables & assets)]
        yield _spec(
            account,
            view.name,
            view.description,
            sources,
            dict(code_links(account.settings, f"lake/sql/views/{view.name}.sql")),
        )


def _spec(
    account: DagsterAccount,
    name: str,
    description: str,
    sources: list[dg.AssetKey],
    metadata: dict[str, Any],
) -> dg.AssetSpec:
    return dg.AssetSpec(
        account.key(VIEWS, name),
        deps=sources,
        description=description,
        group_name=account.qualified(VIEWS),
        kinds={"duckdb"},
        owners=OWNERS,
        metadata={"dagster/table_name": f"trackdrive.main.{name}", **metadata},
    ).with_io_manager_key(account.qualified(IO_MANAGER_KEY))
