"""How far a long run is, in the run's log."""

import logging
from collections.abc import Iterator
from datetime import date
from zoneinfo import ZoneInfo

import pytest

from trackdrive_assets.dagster.progress import ANSWERS, Progress, in_words, seconds_left
from trackdrive_assets.days import exact_day
from trackdrive_assets.ingest.concurrency import Amount
from trackdrive_assets_tests.conftest import Pipeline

DAYS = [exact_day(date(2024, 6, day), ZoneInfo("UTC")) for day in (18, 19, 20, 21)]
LOG = logging.getLogger("a run")


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.INFO, LOG.name):
        yield caplog


def progress(*, days: int = 4, readings: int = 1, seconds: float = 10) -> Progress:
    """Began so many seconds before whatever is told."""
    moments = iter([0.0])
    return Progress(LOG, "calls", DAYS[:days], readings, clock=lambda: next(moments, seconds))


def answers(of: Progress, count: int, *amounts: Amount) -> None:
    for _ in range(count):
        of.read(amounts)


@pytest.mark.parametrize(("share", "left"), [(0.0, None), (0.25, 30.0), (0.5, 10.0), (1.0, 0.0)], ids=str)
def test_the_rest_takes_as_long_as_what_is_done_took(share: float, left: float | None) -> None:
    assert seconds_left(share, 10) == left


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 s"), (59, "59 s"), (60, "1 min"), (61, "2 min"), (3599, "60 min"), (7800, "2 h 10 min")],
)
def test_spans_are_said_as_people_say_them(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


def test_a_group_of_pages_is_told_with_what_is_done_and_expected_the_rate_and_the_time_left(
    told: pytest.LogCaptureFixture,
) -> None:
    answers(progress(days=1), ANSWERS, Amount(10_000, 50_000))
    assert told.messages == [
        "10,000 of 50,000 calls of what is being read; 0 of 1 days are done; 1,000 a second, about 40 s left."
    ]


def test_days_that_are_done_count_as_much_as_those_that_are_read(told: pytest.LogCaptureFixture) -> None:
    run = progress()
    run.ended(DAYS[0], read=500)
    answers(run, ANSWERS, Amount(250, 500), Amount(250, 500))
    assert told.messages == [
        "2024-06-18 is done: day 1 of 4.",
        "500 of 1,000 calls of what is being read; 1 of 4 days are done; 100 a second, about 10 s left.",
    ]


def test_a_day_is_done_when_all_of_its_tables_are(told: pytest.LogCaptureFixture) -> None:
    run = progress(days=1, readings=2)
    run.ended(DAYS[0])
    assert told.messages == []
    run.ended(DAYS[0])
    assert told.messages == ["2024-06-18 is done: day 1 of 1."]


def test_few_answers_are_not_worth_a_line(told: pytest.LogCaptureFixture) -> None:
    answers(progress(), ANSWERS - 1, Amount(1, 2))
    assert told.messages == []


def test_more_calls_than_the_api_counted_are_not_more_than_all(told: pytest.LogCaptureFixture) -> None:
    answers(progress(days=1), ANSWERS, Amount(60, 50))
    assert "60 of 60 calls" in told.text
    assert "about 0 s left" in told.text


def test_what_nobody_has_counted_yet_says_nothing_of_the_time_left(told: pytest.LogCaptureFixture) -> None:
    answers(progress(days=1), ANSWERS, Amount(0, None))
    assert told.messages[0].endswith("0 a second.")


def test_a_run_of_many_answers_tells_of_them(pipeline: Pipeline) -> None:
    result = pipeline.materialize('key:"stats/*"', "2024-03-10")
    said = [entry.user_message for entry in pipeline.instance.all_logs(result.run_id)]
    assert any("answers of what is being read; 0 of 1 days are done; " in line for line in said)
