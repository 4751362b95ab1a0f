"""Whether a request is retried, and after which pause."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackdrive_assets.api.errors import (
    AccessDenied,
    IncompleteResponse,
    NotFound,
    QueryError,
    Rejected,
    Unavailable,
    UnreadableResponse,
)
from trackdrive_assets.api.retry import (
    LONGEST_PAUSE,
    SHORTEST_PAUSE,
    fits_budget,
    may_retry,
    parse_retry_after,
    pause_before,
)

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
PASSING = Unavailable("later", request="GET /api/v1/calls")


def test_only_a_get_that_failed_for_now_is_asked_again() -> None:
    assert may_retry("GET", PASSING)
    assert not may_retry("DELETE", PASSING)
    assert not may_retry("POST", PASSING)


@pytest.mark.parametrize(
    "error",
    [
        AccessDenied("no", request="GET /"),
        NotFound("no", request="GET /"),
        Rejected("no", request="GET /"),
        QueryError("no"),
        UnreadableResponse("no"),
        IncompleteResponse("no"),
        KeyError("no"),
    ],
)
def test_what_asking_again_cannot_help_is_not_asked_again(error: Exception) -> None:
    assert not may_retry("GET", error)


@given(attempt=st.integers(1, 10_000), draw=st.floats(0, 1, exclude_max=True))
def test_a_pause_is_within_the_span_of_its_attempt(attempt: int, draw: float) -> None:
    span = min(LONGEST_PAUSE, SHORTEST_PAUSE * 2 ** min(attempt - 1, 10))
    assert span / 2 <= pause_before(attempt, PASSING, lambda: draw) <= span


@pytest.mark.parametrize(("draw", "pause"), [(0.0, 0.5), (0.5, 0.75), (0.99, 0.995)])
def test_a_pause_is_at_least_half_of_its_range(draw: float, pause: float) -> None:
    assert pause_before(1, PASSING, lambda: draw) == pause


def test_pauses_double_up_to_the_longest() -> None:
    assert [pause_before(attempt, PASSING, lambda: 0.0) for attempt in range(1, 8)] == [
        0.5, 1, 2, 4, 8, 15, 15,
    ]  # fmt: skip


@pytest.mark.parametrize("seconds", [0.5, 7.0, 3600.0])
def test_what_the_server_asks_for_is_waited_in_full(seconds: float) -> None:
    asked_to_wait = Unavailable("later", request="GET /", status=429, retry_after=seconds)
    assert pause_before(1, asked_to_wait, lambda: 0.9) == seconds


def test_a_server_that_asks_for_no_pause_is_not_asked_again_at_once() -> None:
    at_once = Unavailable("later", request="GET /", status=429, retry_after=0.0)
    assert pause_before(3, at_once, lambda: 0.9) == pause_before(3, PASSING, lambda: 0.9) > 0


def test_a_pause_that_ends_with_the_budget_still_fits() -> None:
    assert fits_budget(200, 100, 300)
    assert not fits_budget(200, 100.1, 300)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        ("0.5", 0.5),
        ("0", 0.0),
        ("-3", None),
        ("nan", None),
        ("inf", None),
        ("1e400", None),
        ("Mon, 23 Nov 2026 12:01:30 +99999999999999999999999", None),
        ("Mon, 23 Nov 2026 12:01:30 GMT", 90.0),
        ("Mon, 23 Nov 2026 13:00:00 +0100", 0.0),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 0.0),
        ("Mon, 23 Nov 2026 12:00:10 -0000", 10.0),
        ("soon", None),
        ("", None),
        ("Mon, 99 Nov 99999 12:01:30 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    assert parse_retry_after(header, NOW) == seconds


@given(st.text())
def test_no_retry_after_header_is_an_error(header: str) -> None:
    seconds = parse_retry_after(header, NOW)
    assert seconds is None or 0 <= seconds < float("inf")
