"""The asset `page`: the page about the last days of the lake, if a setting asks for it."""

from dataclasses import replace

import dagster as dg

from trackdrive_assets.dagster.build import build_definitions
from trackdrive_assets.settings import Settings
from trackdrive_assets_tests.conftest import Pipeline, why
from trackdrive_assets_tests.support.factories import folder_of

PAGE = dg.AssetKey("page")


def test_there_is_no_page_unless_a_setting_asks_for_it() -> None:
    assert PAGE not in build_definitions(Settings()).resolve_asset_graph().get_all_asset_keys()


def test_every_job_that_builds_the_views_writes_the_page() -> None:
    definitions = build_definitions(Settings(page_days=7), account="acme")
    graph = definitions.resolve_asset_graph()
    key = dg.AssetKey(["acme", "page"])
    assert dg.AssetKey(["acme", "views", "daily_summary"]) in graph.get(key).parent_keys
    jobs = [definitions.resolve_job_def(f"acme_{name}") for name in ("nightly", "look_back", "refresh_range")]
    assert all(key in job.asset_layer.executable_asset_keys for job in jobs)


def test_the_page_shows_the_last_days_of_the_lake(pipeline: Pipeline) -> None:
    pipeline.settings = replace(pipeline.settings, page_days=2)
    result = pipeline.materialize("key:calls or key:page", "2024-03-08", "2024-03-10")
    (recorded,) = [
        event.step_materialization_data.materialization
        for event in result.get_asset_materialization_events()
        if event.asset_key == PAGE
    ]
    path = folder_of(pipeline.lake) / "page.html"
    assert recorded.metadata["path"].value == str(path)
    assert "<h1>Calls, 2024-03-09 to 2024-03-10</h1>" in path.read_text("utf-8")


def test_the_page_of_an_empty_lake_fails_with_the_next_step(pipeline: Pipeline) -> None:
    pipeline.settings = replace(pipeline.settings, page_days=2)
    result = pipeline.materialize("key:page", "2024-03-10", fails=True)
    assert "The lake is empty: materialize `calls` first." in why(result)
