"""Complete runs against a server that fails: exact data, or a failed day that keeps its old file.

Each fault alone, and twenty random mixes. Every run finds old files in the lake (`Trial`). The retries of
single requests are tested in `api/test_client.py`, killed runs in `test_kills.py`.
"""

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from trackdrive_assets.dagster.assets import failures
from trackdrive_assets.sandbox.faults import KINDS
from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets_tests.conftest import NOW, why
from trackdrive_assets_tests.soak import draw_mix, run
from trackdrive_assets_tests.support.factories import lake_at
from trackdrive_assets_tests.support.fault_trial import (
    CALLS,
    REPORTS,
    SLOW_DELAY,
    STATS,
    Trial,
    settings_for,
)

DAY, NEXT_DAY, LAST_DAY = "2024-03-10", "2024-03-11", "2024-03-12"

PASSING = ["429", "429-bare", "500", "502", "html", "empty", "drop", "truncated", "slow", "stall"]
"""Faults of one request. A retry cures each of them."""
ONE_OF_EACH = ("calls", "reports/status", "stats/status")

OF_A_LIST = ["short", "repeat-cursor"]
"""Faults of a list. A new fetch of the day cures them."""
FINAL = ["401", "body-422"]
"""Permanent errors, which are not retried."""


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    """An instance for all tests. Each test reads only the records of its own run."""
    with dg.DagsterInstance.ephemeral(str(tmp_path_factory.mktemp("dagster"))) as instance:
        yield instance


@pytest.fixture(autouse=True)
def no_step_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps are not retried, so that a test sees the result of one attempt."""
    monkeypatch.setattr(failures, "RETRY_DELAYS", ())


@pytest.fixture(params=[1, 16], ids=["one request at a time", "sixteen"])
def trial(
    sandbox: Sandbox, instance: dg.DagsterInstance, tmp_path: Path, request: pytest.FixtureRequest
) -> Trial:
    return Trial(
        sandbox,
        instance,
        lake_at(tmp_path, "America/New_York"),
        settings_for(tmp_path),
        per_page=7,
        max_concurrency=request.param,
    )


def assert_exact(trial: Trial, *partitions: str, keys: tuple[str, ...] = ONE_OF_EACH) -> None:
    """Check that a run records every day, and that each has the calls of the sandbox."""
    result = trial.attempt(keys, *partitions)
    assert result.success, why(result)
    assert trial.recorded(result) >= trial.day_files(keys, partitions).keys()
    assert trial.violations(result, keys, *partitions) == []


def assert_kept(trial: Trial, *partitions: str, keys: tuple[str, ...] = ONE_OF_EACH) -> str:
    """Check that a run records no day and keeps every old file, byte for byte. Return its error."""
    result = trial.attempt(keys, *partitions)
    assert not result.success
    assert trial.recorded(result) == set()
    assert trial.violations(result, keys, *partitions) == []
    return why(result)


# One request.


@pytest.mark.parametrize("kind", PASSING)
def test_with_a_fault_in_every_other_response_each_day_is_exact(trial: Trial, kind: str) -> None:
    trial.sandbox.inject(kind, times=None, every=2, delay=SLOW_DELAY)
    # With many threads, one of them can meet the fault many times.
    trial.retry_budget = 10_000
    assert_exact(trial, DAY)
    assert {asked.path for asked in trial.sandbox.requests} == {CALLS, REPORTS, STATS}


@pytest.mark.parametrize("kind", [*PASSING, *FINAL])
def test_with_a_fault_in_every_response_each_day_keeps_its_old_file(trial: Trial, kind: str) -> None:
    trial.sandbox.inject(kind, times=None, delay=SLOW_DELAY)
    error = assert_kept(trial, DAY)
    for path in (CALLS, REPORTS, STATS):
        assert f"GET {path} " in error


@pytest.mark.parametrize("kind", FINAL)
@pytest.mark.parametrize(
    ("path", "key"), [(CALLS, "calls"), (REPORTS, "reports/status"), (STATS, "stats/status")]
)
def test_a_permanent_error_is_requested_once(trial: Trial, path: str, key: str, kind: str) -> None:
    trial.sandbox.inject(kind, times=None, path=path)
    assert_kept(trial, DAY, NEXT_DAY, keys=(key,))
    asked = [str(sorted(request.params.items())) for request in trial.sandbox.requests]
    assert len(asked) == len(set(asked)) <= trial.max_concurrency


def test_a_pause_over_the_budget_keeps_the_old_day(trial: Trial) -> None:
    trial.sandbox.inject("429", times=None, retry_after=900)
    assert "Sent once. Another pause of 900 s would exceed" in assert_kept(trial, DAY, keys=("calls",))


@dataclass
class Resolver:
    """A resolver of host names that fails at first."""

    failures: float
    lookups: int = 0

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        self.lookups += 1
        if self.lookups <= self.failures:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return LOOK_UP(*arguments, **options)


LOOK_UP = socket.getaddrinfo


def test_a_host_that_is_not_found_at_first_is_looked_up_again(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolver = Resolver(failures=2)
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    assert_exact(trial, DAY)
    assert resolver.lookups > 2


def test_a_host_that_is_never_found_keeps_the_old_day(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", Resolver(failures=float("inf")))
    assert "Check the network" in assert_kept(trial, DAY)
    assert trial.sandbox.requests == []


# A key that is revoked during the run.


def test_a_key_that_is_revoked_between_two_pages_keeps_the_old_day(trial: Trial) -> None:
    trial.sandbox.inject("401", every=3)
    assert "401 Unauthorized" in assert_kept(trial, DAY, keys=("calls",))
    assert 3 <= len(trial.sandbox.requests) < 3 + trial.max_concurrency


@pytest.mark.parametrize("key", ONE_OF_EACH)
def test_a_key_that_is_revoked_between_two_days_keeps_later_days(trial: Trial, key: str) -> None:
    trial.per_page, trial.max_concurrency = 250, 1
    assert_exact(trial, DAY, keys=(key,))
    trial.sandbox.inject("401", every=len(trial.sandbox.requests) + 1)
    result = trial.attempt((key,), DAY, NEXT_DAY, LAST_DAY)
    assert "401 Unauthorized" in why(result)
    assert {day for _, day in trial.recorded(result)} == {DAY}
    assert trial.violations(result, (key,), DAY, NEXT_DAY, LAST_DAY) == []


# A list that is incomplete.


@pytest.mark.parametrize(
    ("kind", "key"), [("short", "calls"), ("short", "reports/status"), ("repeat-cursor", "calls")]
)
@pytest.mark.parametrize("times", [1, 2])
def test_a_list_that_is_broken_at_first_is_fetched_again(
    trial: Trial, kind: str, key: str, times: int
) -> None:
    trial.sandbox.inject(kind, times=times, every=2 if key == "calls" else 1)
    assert_exact(trial, DAY, keys=(key,))


@pytest.mark.parametrize(
    ("kind", "key", "message"),
    [
        ("short", "calls", "are missing"),
        ("short", "reports/status", "are missing"),
        ("repeat-cursor", "calls", "so its list would never end"),
    ],
)
def test_a_list_that_stays_broken_keeps_the_old_day(trial: Trial, kind: str, key: str, message: str) -> None:
    # In every response: which request is every other one depends on the threads.
    trial.sandbox.inject(kind, times=None)
    assert message in assert_kept(trial, DAY, keys=(key,))


@dataclass
class Clock:
    """A clock that advances by a minute whenever it is read, until it is stopped."""

    moment: datetime
    step: timedelta = timedelta(minutes=1)

    def __call__(self) -> datetime:
        self.moment += self.step
        return self.moment


def test_calls_that_arrive_between_pages_lose_no_other_call(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    clock = Clock(NOW)
    today = NOW.date().isoformat()
    with Sandbox(seed=7, calls_per_day=2000, first_day=date(2024, 11, 19), now=clock) as busy:
        trial = Trial(
            busy, instance, lake_at(tmp_path, "America/New_York"), settings_for(tmp_path), per_page=20
        )
        at_first = trial.truth(today)
        result = trial.attempt(("calls",), today)
        assert result.success, why(result)
        clock.step = timedelta()
        stored, at_last = trial.stored(today), trial.truth(today)
        assert len(at_last) > len(at_first) + 20
        assert len(set(stored)) == len(stored)
        assert set(at_first) <= set(stored) <= set(at_last)
        assert_exact(trial, today, keys=("calls",))


@pytest.mark.parametrize("api_version", ["current", "legacy"])
def test_calls_of_one_instant_on_two_pages_are_complete(
    instance: dg.DagsterInstance, tmp_path: Path, api_version: str
) -> None:
    with tied(api_version=api_version) as sandbox:
        trial = Trial(sandbox, instance, lake_at(tmp_path, "America/New_York"), settings_for(tmp_path))
        assert_exact(trial, DAY, keys=("calls",))
        assert len(trial.stored(DAY)) > 25


def test_calls_of_one_instant_that_the_server_loses_keep_the_old_day(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    with tied(ties_lost=True) as sandbox:
        trial = Trial(sandbox, instance, lake_at(tmp_path, "America/New_York"), settings_for(tmp_path))
        assert "are missing" in assert_kept(trial, DAY, keys=("calls",))


def tied(**options: Any) -> Sandbox:
    """Return an account with 25 calls of one millisecond, which is more than a page."""
    sandbox = Sandbox(seed=7, calls_per_day=40, first_day=date(2024, 3, 1), now=lambda: NOW, **options)
    for _ in range(25):
        sandbox.add_call(datetime.fromisoformat(f"{DAY}T15:00:00.123+00:00"))
    return sandbox


def test_every_fault_of_the_sandbox_is_tested() -> None:
    assert {*PASSING, *OF_A_LIST, *FINAL} == set(KINDS)


# All faults together.


# `make soak` tries many more.
@pytest.mark.parametrize("seed", range(1, 9))
def test_after_any_mix_of_faults_a_day_is_exact_or_unchanged(
    instance: dg.DagsterInstance, tmp_path: Path, seed: int
) -> None:
    assert run(draw_mix(seed), instance, tmp_path) == []
