"""How far a long run is, in the log of the run."""

import logging
from collections.abc import Iterator
from datetime import date
from zoneinfo import ZoneInfo

import pytest

from trackdrive_assets.dagster.progress import (
    MOST_DAYS_WITH_LINE,
    RESPONSES_PER_LINE,
    ProgressLog,
    seconds_left,
)
from trackdrive_assets.days import exact_day
from trackdrive_assets.ingest.fetcher import Progress
from trackdrive_assets_tests.conftest import Pipeline

DAYS = [exact_day(date(2024, 6, day), ZoneInfo("UTC")) for day in (18, 19, 20, 21)]
LOG = logging.getLogger("a run")


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.INFO, LOG.name):
        yield caplog


def progress_log(*, days: int = 4, seconds: float = 10) -> ProgressLog:
    """A run that began so many seconds before its first line."""
    moments = iter([0.0])
    return ProgressLog(LOG, "calls", DAYS[:days], clock=lambda: next(moments, seconds))


def respond(run: ProgressLog, count: int, *in_progress: Progress) -> None:
    for _ in range(count):
        run.on_response(in_progress)


@pytest.mark.parametrize(("share", "left"), [(0.0, None), (0.25, 30.0), (0.5, 10.0), (1.0, 0.0)], ids=str)
def test_the_rest_takes_as_long_as_the_part_that_is_done(share: float, left: float | None) -> None:
    assert seconds_left(share, 10) == left


def test_a_line_has_the_calls_the_rate_and_the_time_left(logged: pytest.LogCaptureFixture) -> None:
    respond(progress_log(days=1), RESPONSES_PER_LINE, Progress(10_000, 50_000))
    assert logged.messages == [
        "Fetched 10,000 of 50,000 calls of the days in progress; 0 of 1 days are done; 1,000 per second, "
        "about 40 s left."
    ]


def test_days_that_are_done_count_as_much_as_days_in_progress(logged: pytest.LogCaptureFixture) -> None:
    run = progress_log()
    run.on_end(DAYS[0], fetched=500, cost="480 rows, 2 requests, 1.5 s")
    respond(run, RESPONSES_PER_LINE, Progress(250, 500), Progress(250, 500))
    assert logged.messages == [
        "2024-06-18 is done: 480 rows, 2 requests, 1.5 s. Day 1 of 4.",
        "Fetched 500 of 1,000 calls of the days in progress; 1 of 4 days are done; 100 per second, "
        "about 10 s left.",
    ]


def test_a_day_that_failed_is_named(logged: pytest.LogCaptureFixture) -> None:
    progress_log(days=1).on_end(DAYS[0], cost="0 rows, 2 requests, 1.5 s", failed=True)
    assert logged.messages == ["2024-06-18 has failed: 0 rows, 2 requests, 1.5 s. Day 1 of 1."]


def test_a_run_of_many_days_logs_only_those_that_failed(logged: pytest.LogCaptureFixture) -> None:
    run = ProgressLog(LOG, "calls", DAYS[:1] * (MOST_DAYS_WITH_LINE + 1))
    run.on_end(DAYS[0])
    run.on_end(DAYS[1], cost="0 rows", failed=True)
    assert logged.messages == ["2024-06-19 has failed: 0 rows. Day 2 of 367."]


def test_few_responses_log_nothing(logged: pytest.LogCaptureFixture) -> None:
    respond(progress_log(), RESPONSES_PER_LINE - 1, Progress(1, 2))
    assert logged.messages == []


def test_more_calls_than_the_api_counted_are_not_more_than_all(logged: pytest.LogCaptureFixture) -> None:
    respond(progress_log(days=1), RESPONSES_PER_LINE, Progress(60, 50))
    assert "60 of 60 calls" in logged.text
    assert "about 0 s left" in logged.text


def test_without_a_count_there_is_no_time_left(logged: pytest.LogCaptureFixture) -> None:
    respond(progress_log(days=1), RESPONSES_PER_LINE, Progress(0, None))
    assert logged.messages[0].endswith("0 per second.")


def test_a_run_of_many_responses_logs_its_progress(pipeline: Pipeline) -> None:
    result = pipeline.materialize('key:"stats/*"', "2024-03-10")
    lines = [entry.user_message for entry in pipeline.instance.all_logs(result.run_id)]
    assert any("responses of the days in progress; 0 of 1 days are done; " in line for line in lines)
