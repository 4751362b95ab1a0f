"""Which failures end one asset or all, and what is retried how often."""

import shutil
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from trackdrive_assets.api.errors import (
    AccessDenied,
    IncompleteResponse,
    Rejected,
    Unavailable,
    UnreadableResponse,
)
from trackdrive_assets.dagster.assets.failures import RETRY_DELAYS, concerns_one_asset, is_transient
from trackdrive_assets.dagster.resources import TrackdriveResource
from trackdrive_assets.lake.errors import LakeError
from trackdrive_assets.tables.errors import MalformedRow
from trackdrive_assets_tests.conftest import Pipeline, why

REQUEST = "GET /api/v1/calls/reports"


@pytest.mark.parametrize(
    ("error", "one", "passes"),
    [
        (Rejected("no", request=REQUEST, status=422), True, False),
        (UnreadableResponse("what?"), True, False),
        (MalformedRow("row 1", "calls", "many", "a number"), True, False),
        (AccessDenied("no", request=REQUEST, status=403), False, False),
        (LakeError("full"), False, False),
        (Unavailable("later", request=REQUEST, status=503), False, True),
        (IncompleteResponse("short"), True, True),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_a_failure_concerns_one_asset_or_all_and_is_transient_or_not(
    error: Exception, *, one: bool, passes: bool
) -> None:
    assert concerns_one_asset(error) is one
    assert is_transient(error) is passes


def test_a_long_outage_is_retried_by_the_same_run(pipeline: Pipeline) -> None:
    pipeline.sandbox.inject("429", times=2, retry_after=3600)
    pipeline.materialize("calls", "2024-03-10")
    assert pipeline.stored("2024-03-10") == pipeline.truth("2024-03-10")


def test_a_step_fails_with_the_reason_after_its_retries(pipeline: Pipeline) -> None:
    pipeline.sandbox.inject("429", times=None, retry_after=3600)
    result = pipeline.materialize("calls", "2024-03-10", fails=True)
    assert len(pipeline.sandbox.requests) == 1 + len(RETRY_DELAYS) == 3
    assert "calls of 2024-03-10" in why(result)
    assert "429" in why(result)


def test_a_retry_does_not_fetch_finished_days_again(pipeline: Pipeline) -> None:
    pipeline.settings = replace(pipeline.settings, max_concurrency=1)
    pipeline.sandbox.inject("429", every=2, retry_after=3600)
    pipeline.materialize("calls", "2024-03-09", "2024-03-11")
    starts = [
        asked.params["created_at_from"][:10]
        for asked in pipeline.sandbox.requests
        if asked.params["cursor"] == "-1"
    ]
    assert starts == ["2024-03-09", "2024-03-10", "2024-03-10", "2024-03-11"]
    for partition, shown in pipeline.materialized("calls").items():
        assert shown["dagster/partition_row_count"] == len(pipeline.truth(partition))
        assert "requests" in shown


def test_days_that_were_stored_before_a_failure_are_recorded(pipeline: Pipeline) -> None:
    pipeline.settings = replace(pipeline.settings, max_concurrency=1)
    pipeline.sandbox.inject("401", every=2)
    pipeline.materialize('key:"reports/buyer_id" or key:"reports/status"', "2024-03-10", fails=True)
    assert list(pipeline.materialized("reports/buyer_id")) == ["2024-03-10"]
    assert list(pipeline.materialized("reports/status")) == []


@pytest.mark.parametrize("select", ["key:calls", 'key:"stats/status"'])
def test_a_permanent_failure_is_not_retried(pipeline: Pipeline, select: str) -> None:
    pipeline.sandbox.revoked = True
    pipeline.materialize(select, "2024-03-10", fails=True)
    asked = [str(request.params) for request in pipeline.sandbox.requests]
    assert len(asked) == len(set(asked)) <= pipeline.settings.max_concurrency


def test_a_missing_credential_is_not_retried(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    no_credentials = TrackdriveResource(base_url=pipeline.sandbox.base_url)
    monkeypatch.setattr(Pipeline, "account", property(lambda _: no_credentials))
    result = pipeline.materialize("calls", "2024-03-10", fails=True)
    assert not [event for event in result.all_events if event.is_step_up_for_retry]


def test_dagster_repeats_a_run_only_if_its_process_died(tmp_path: Path) -> None:
    shutil.copy(Path(__file__).parents[3] / "dagster.yaml", tmp_path)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert instance.get_settings("run_retries") == {
            "enabled": True,
            "max_retries": 1,
            "retry_on_asset_or_op_failure": False,
        }
