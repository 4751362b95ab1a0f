"""The assets `views/<name>`: trackdrive.duckdb, rebuilt over the Parquet files and swapped in."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from trackdrive_assets.api.catalog import LEGACY_GROUP_BYS
from trackdrive_assets.dagster.assets.daily import OWNERS, column_schema
from trackdrive_assets.dagster.code_links import code_links
from trackdrive_assets.dagster.io_manager import IO_MANAGER_KEY, VIEWS
from trackdrive_assets.dagster.resources import LakeResource
from trackdrive_assets.lake.database import rebuild, views
from trackdrive_assets.lake.store import LakeError
from trackdrive_assets.lake.view_columns import ViewColumn, view_columns
from trackdrive_assets.settings import Settings
from trackdrive_assets.tables.columns import DESCRIPTIONS, MEANINGS, SCHEMAS, TABLES


def build_views(settings: Settings) -> dg.AssetsDefinition:
    """The assets, one for each view. They are not partitioned: a view reads every day that there is."""

    @dg.multi_asset(
        name="views",
        specs=[*_table_specs(settings), *_question_specs(settings)],
        can_subset=True,
        # Not partitioned, but without it Dagster refuses a range of days that is to end in fresh views.
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def views_of_the_lake(
        context: dg.AssetExecutionContext, lake: LakeResource
    ) -> Iterator[dg.MaterializeResult[Any]]:
        try:
            rebuilt = rebuild(
                lake.open(),
                SCHEMAS,
                time_zone=settings.time_zone,
                meanings=MEANINGS,
                descriptions=DESCRIPTIONS,
            )
        except LakeError as error:
            raise dg.Failure(str(error), allow_retries=False) from None
        if not rebuilt.swapped:
            context.log.info("%s is up to date: its SQL and the lake's layout are as before.", rebuilt.path)
        # The file is always whole: a view alone cannot be rebuilt, only recorded.
        # In the order of building, because Dagster wants a view recorded after what it reads.
        for name in rebuilt.views:
            key = dg.AssetKey([VIEWS, name])
            if key not in context.selected_asset_keys:
                continue
            yield dg.MaterializeResult(
                asset_key=key,
                metadata={"path": dg.MetadataValue.path(rebuilt.path)},
            )

    return views_of_the_lake


def _table_specs(settings: Settings) -> Iterator[dg.AssetSpec]:
    sources = {
        "calls": [dg.AssetKey("calls")],
        "call_changes": [dg.AssetKey("call_changes")],
        "reports": [dg.AssetKey(["reports", category]) for category in settings.report_categories],
        "stats": [dg.AssetKey(["stats", group_by]) for group_by in LEGACY_GROUP_BYS],
    }
    for table in TABLES:
        yield _spec(
            table.name,
            table.description,
            sources[table.name],
            {
                "dagster/column_schema": column_schema(table),
                "dagster/column_lineage": dg.TableColumnLineage(
                    {
                        name: [dg.TableColumnDep(key, name) for key in sources[table.name]]
                        for name in table.meanings
                    }
                ),
                **code_links(settings, "tables/columns.py", "lake/database.py"),
            },
        )


def _question_specs(settings: Settings) -> Iterator[dg.AssetSpec]:
    built = {table.name for table in TABLES} | views().keys()
    for view in views().values():
        # What it reads may also be a part of the query itself, which is no asset.
        sources = [dg.AssetKey([VIEWS, name]) for name in sorted(view.reads & built)]
        columns = view_columns()[view.name]
        yield _spec(
            view.name,
            view.description,
            sources,
            {
                "dagster/column_schema": dg.TableSchema(
                    [dg.TableColumn(column.name, column.type, _explained(column)) for column in columns]
                ),
                "dagster/column_lineage": dg.TableColumnLineage(
                    {
                        column.name: [
                            dg.TableColumnDep(dg.AssetKey([VIEWS, table]), of) for table, of in column.sources
                        ]
                        for column in columns
                        if column.sources
                    }
                ),
                **code_links(settings, f"lake/sql/views/{view.name}.sql"),
            },
        )


def _explained(column: ViewColumn) -> str:
    """What a column means and is made of, in words: the UI shows no lineage of columns."""
    made_of = ", ".join(f"{table}.{of}" for table, of in column.sources)
    return f"{column.meaning} From {made_of}." if made_of else column.meaning


def _spec(name: str, description: str, sources: list[dg.AssetKey], metadata: dict[str, Any]) -> dg.AssetSpec:
    return dg.AssetSpec(
        dg.AssetKey([VIEWS, name]),
        deps=sources,
        description=description,
        group_name="views",
        kinds={"duckdb"},
        owners=OWNERS,
        metadata={"dagster/table_name": f"trackdrive.main.{name}", **metadata},
    ).with_io_manager_key(IO_MANAGER_KEY)
