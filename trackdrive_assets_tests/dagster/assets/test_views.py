"""The assets of the views: what a run records of them in Dagster, and in which order."""

from collections.abc import Sequence

import dagster as dg
import pytest

from trackdrive_assets.lake import database
from trackdrive_assets.lake.sql_catalog import View, views
from trackdrive_assets.tables.columns import TABLES
from trackdrive_assets_tests.conftest import Pipeline, why

ALL_VIEWS = dg.AssetSelection.groups("views")


def recorded(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetMaterialization]:
    """Return what a run recorded, by the name of the view, in its order."""
    found = [
        event.step_materialization_data.materialization for event in result.get_asset_materialization_events()
    ]
    return {materialization.asset_key.path[-1]: materialization for materialization in found}


def test_a_run_records_the_columns_that_the_spec_of_a_view_lacks(pipeline: Pipeline) -> None:
    result = pipeline.run(ALL_VIEWS, "2024-03-10", None)
    found = recorded(result)
    tables = {table.name for table in TABLES}
    assert found.keys() == tables | views().keys()
    assert not [name for name in tables if "dagster/column_schema" in found[name].metadata]
    columns = {name: columns_of(found[name]) for name in views()}
    # Dagster stores the metadata of an output in one more event.
    outputs = [event.step_output_data for event in result.all_events if event.is_successful_output]
    assert not [output for output in outputs if output.metadata]
    assert not [
        (name, column.name)
        for name, in_order in columns.items()
        for column in in_order
        if not (column.description or "").endswith(".")
    ]
    assert [(column.name, column.type) for column in columns["daily_summary"][:2]] == [
        ("date", "DATE"),
        ("fetched_at", "TIMESTAMP WITH TIME ZONE"),
    ]


def columns_of(materialization: dg.AssetMaterialization) -> Sequence[dg.TableColumn]:
    schema = materialization.metadata["dagster/column_schema"].value
    assert isinstance(schema, dg.TableSchema)
    return schema.columns


def test_a_view_is_recorded_after_the_views_that_it_reads(pipeline: Pipeline) -> None:
    names = list(recorded(pipeline.run(ALL_VIEWS, "2024-03-10", None)))
    for name, view in views().items():
        assert all(names.index(read) < names.index(name) for read in view.referenced_tables & set(names))


def test_only_the_selected_views_are_recorded(pipeline: Pipeline) -> None:
    result = pipeline.materialize("views/daily_summary", "2024-03-10")
    assert list(recorded(result)) == ["daily_summary"]
    assert pipeline.ask("SELECT count(*) FROM hourly_volume") == [(0,)]


def test_a_broken_view_fails_the_run_with_its_name(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "views", lambda: {"broken": View("broken", "", "FROM calls SELECT gone")})
    result = pipeline.run(ALL_VIEWS, "2024-03-10", None)
    assert not result.success
    assert "broken: Binder Error" in why(result)
