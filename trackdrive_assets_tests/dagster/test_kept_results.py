"""What the UI shows of checks and views after a run that fetched nothing."""

from collections.abc import Mapping

import dagster as dg
import pytest

from trackdrive_assets.dagster.build import build_definitions
from trackdrive_assets.dagster.kept_results import keep_last_results
from trackdrive_assets_tests.conftest import Pipeline

DAY, NEXT_DAY = "2024-11-12", "2024-11-13"
SELECTION = "key:calls or key:views/*"


@pytest.fixture
def fetched(pipeline: Pipeline) -> Pipeline:
    """A pipeline with a day, its checks and its views."""
    pipeline.materialize(SELECTION, DAY, checked=True)
    return pipeline


def fail(pipeline: Pipeline) -> dg.ExecuteInProcessResult:
    """Run the next day with a revoked key, and look at the run as the sensor does."""
    pipeline.sandbox.revoked = True
    result = pipeline.materialize(SELECTION, NEXT_DAY, checked=True, fails=True)
    keep_last_results(pipeline.instance, result.run_id)
    return result


def checks_shown(pipeline: Pipeline) -> Mapping[str, tuple[str, str | None]]:
    """Return the status and the sentence of the latest record of each check."""
    graph = build_definitions(pipeline.settings).resolve_asset_graph()
    records = {
        key.name: pipeline.instance.event_log_storage.get_asset_check_execution_history(key, limit=1)[0]
        for key in graph.asset_check_keys
    }
    return {
        name: (record.status.value, getattr(record.evaluation, "description", None))
        for name, record in records.items()
    }


def test_a_refused_key_hides_no_result_of_a_check(fetched: Pipeline) -> None:
    before = checks_shown(fetched)
    assert {status for status, _ in before.values()} == {"SUCCEEDED", "FAILED"}
    fail(fetched)
    assert checks_shown(fetched) == before


def test_a_refused_key_turns_no_view_red(fetched: Pipeline) -> None:
    key = dg.AssetKey(["views", "daily_summary"])
    before = fetched.instance.get_latest_materialization_event(key)
    failed = fail(fetched)
    after = fetched.instance.get_latest_materialization_event(key)
    assert before
    assert after
    assert after.run_id != before.run_id
    assert before.asset_materialization
    assert after.asset_materialization
    assert after.asset_materialization.metadata == before.asset_materialization.metadata
    # The UI shows an asset as failed if its last run failed after its last materialization.
    assert after.timestamp > (fetched.instance.get_run_stats(failed.run_id).end_time or 0)


def test_a_run_that_recorded_a_day_leaves_its_checks_open(fetched: Pipeline) -> None:
    result = fetched.run(dg.AssetSelection.from_string(SELECTION), DAY, None, checked=True)
    before = checks_shown(fetched)
    keep_last_results(fetched.instance, result.run_id)
    assert checks_shown(fetched) == before


def test_without_an_earlier_result_nothing_is_reported(pipeline: Pipeline) -> None:
    fail(pipeline)
    assert {status for status, _ in checks_shown(pipeline).values()} == {"PLANNED"}
    assert pipeline.instance.get_latest_materialization_event(dg.AssetKey(["views", "calls"])) is None
