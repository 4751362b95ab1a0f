"""Which failures end one asset or all, and what is retried how often."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from trackdrive_assets.api import retry
from trackdrive_assets.api.errors import (
    AccessDenied,
    IncompleteResponse,
    NotFound,
    Rejected,
    RequestFailed,
    Unavailable,
    UnreadableResponse,
)
from trackdrive_assets.dagster.assets.failures import (
    RETRY_DELAYS,
    describe,
    is_fatal,
    is_transient,
)
from trackdrive_assets.dagster.resources import TrackdriveResource
from trackdrive_assets.ingest.errors import PatchedMeanwhile, concerns_one_day, is_refusal
from trackdrive_assets.lake.errors import DamagedFileError, LakeError
from trackdrive_assets.tables.errors import MalformedRow
from trackdrive_assets_tests.conftest import Pipeline, why
from trackdrive_assets_tests.support.processes import dagster_home

REQUEST = "GET /api/v1/calls/reports"


@pytest.mark.parametrize(
    ("error", "ends", "passes"),
    [
        (MalformedRow("row 1", "calls", "many", "a number"), "the day", False),
        (UnreadableResponse("what?"), "the day", False),
        (IncompleteResponse("short"), "the day", False),
        (DamagedFileError("calls.parquet is damaged"), "the day", False),
        (PatchedMeanwhile("patched"), "the day", False),
        (Rejected("no", request=REQUEST, status=422), "the asset", False),
        (NotFound("no", request=REQUEST, status=404), "the asset", False),
        (AccessDenied("no", request=REQUEST, status=403), "the step", False),
        (LakeError("full"), "the step", False),
        (Unavailable("later", request=REQUEST, status=503), "the step", True),
        (RequestFailed("the client is closed", request=REQUEST), "the step", False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_an_error_ends_a_day_an_asset_or_the_step(error: Exception, ends: str, *, passes: bool) -> None:
    ended = "the asset" if is_refusal(error) else "the day" if concerns_one_day(error) else "the step"
    assert (ended, is_transient(error)) == (ends, passes)
    assert is_fatal(error, unanswered_count=1, is_last_attempt=False) == (ends == "the step")


@pytest.mark.parametrize(
    ("unanswered_count", "is_last_attempt", "ends_step"),
    [(1, False, True), (1, True, False), (2, True, True)],
)
def test_the_last_attempt_skips_one_day_without_an_answer(
    unanswered_count: int, *, is_last_attempt: bool, ends_step: bool
) -> None:
    error = Unavailable("no answer", request=REQUEST, status=500)
    fatal = is_fatal(error, unanswered_count=unanswered_count, is_last_attempt=is_last_attempt)
    assert fatal is ends_step


def test_a_day_that_the_server_cannot_answer_fails_alone(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without the retries of each request, which wait.
    monkeypatch.setattr(retry, "fits_budget", lambda *_: False)
    pipeline.settings = replace(pipeline.settings, max_concurrency=1)
    bad = pipeline.sandbox.add_call(pipeline.day("2024-03-10").start + timedelta(hours=5))

    def crash(row: dict[str, object]) -> dict[str, object]:
        if row["uuid"] == bad:
            raise RuntimeError("The server can't serialize this call.")
        return row

    pipeline.sandbox.rewrite = crash
    result = pipeline.materialize("calls", "2024-03-09", "2024-03-12", fails=True)
    assert list(pipeline.materialized("calls")) == ["2024-03-09", "2024-03-11", "2024-03-12"], why(result)
    assert "calls of 2024-03-10: GET /api/v1/calls returned 500" in why(result)


def test_the_message_about_failed_days_is_short_and_names_them() -> None:
    assert describe([("calls of 2024-03-10", "bad")]) == "calls of 2024-03-10: bad"
    days = [(f"calls of day {n}", "x" * 10**6) for n in range(365)]
    message = describe(days)
    assert message.startswith("365 failed. Everything else that was fetched is stored.\ncalls of day 0: xxx")
    assert message.endswith("calls of day 58, calls of day 59 and 305 more.")
    assert len(message) < 13_000


def test_a_run_fetches_calls_then_reports_and_statistics_last(pipeline: Pipeline) -> None:
    pipeline.settings = replace(pipeline.settings, reference_tables=("buyers",))
    today = str(datetime.now(ZoneInfo(pipeline.settings.time_zone)).date())
    selected = "key:calls or key:stats/status or key:reference/buyers or key:reports/buyer_id"
    result = pipeline.materialize(selected, today, checked=True)
    started = [event.step_key for event in result.all_events if event.is_step_start]
    assert started == ["calls", "calls_are_right", "reports", "reference", "stats", "calls_are_plausible"]


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
    with dagster_home(tmp_path) as instance:
        assert instance.get_settings("run_retries") == {
            "enabled": True,
            "max_retries": 1,
            "retry_on_asset_or_op_failure": False,
        }
