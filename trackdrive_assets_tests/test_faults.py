"""Whole runs against a server that fails: exact data, or a failed day that keeps its old file.

Each fault by itself, and twenty random mixes of them. Every run finds old files in the lake (`Trial`). What a
single request does about a fault stands in `api/test_client.py`; what becomes of a killed run is not here.
"""

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from trackdrive_assets.dagster.assets import daily
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.sandbox.faults import KINDS
from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets_tests.conftest import NOW, why
from trackdrive_assets_tests.soak import draw_mix, run
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
"""Faults of one request, each of them cured by asking again."""
ONE_OF_EACH = ("calls", "reports/status", "stats/status")

OF_A_READING = ["short", "repeat-cursor"]
"""Faults of a list, cured by reading the day again."""
FINAL = ["401", "body-422"]
"""Answers that nothing is done about."""


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    """One for all of them, because each looks at what its own run has recorded."""
    with dg.DagsterInstance.ephemeral(str(tmp_path_factory.mktemp("dagster"))) as instance:
        yield instance


@pytest.fixture(autouse=True)
def tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step is not tried again: what one attempt leaves is to be seen."""
    monkeypatch.setattr(daily, "RETRY_DELAYS", ())


@pytest.fixture(params=[1, 16], ids=["one request at a time", "sixteen"])
def trial(
    sandbox: Sandbox, instance: dg.DagsterInstance, tmp_path: Path, request: pytest.FixtureRequest
) -> Trial:
    return Trial(
        sandbox, instance, Lake(tmp_path), settings_for(tmp_path), per_page=7, max_concurrency=request.param
    )


def assert_exact(trial: Trial, *partitions: str, keys: tuple[str, ...] = ONE_OF_EACH) -> None:
    """A run records every day, and each is what the sandbox holds."""
    result = trial.attempt(keys, *partitions)
    assert result.success, why(result)
    assert trial.recorded(result) >= trial.day_files(keys, partitions).keys()
    assert trial.violations(result, keys, *partitions) == []


def assert_kept(trial: Trial, *partitions: str, keys: tuple[str, ...] = ONE_OF_EACH) -> str:
    """A run records no day, and every old file is there, byte for byte. Gives what the run says."""
    result = trial.attempt(keys, *partitions)
    assert not result.success
    assert trial.recorded(result) == set()
    assert trial.violations(result, keys, *partitions) == []
    return why(result)


# One request.


@pytest.mark.parametrize("kind", PASSING)
def test_with_every_other_answer_spoiled_each_day_is_exact(trial: Trial, kind: str) -> None:
    trial.sandbox.inject(kind, times=None, every=2, delay=SLOW_DELAY)
    # Where many ask at once, one of them can be unlucky many times.
    trial.retry_budget = 10_000
    assert_exact(trial, DAY)
    assert {asked.path for asked in trial.sandbox.requests} == {CALLS, REPORTS, STATS}


@pytest.mark.parametrize("kind", [*PASSING, *FINAL])
def test_with_every_answer_spoiled_each_day_keeps_its_old_file(trial: Trial, kind: str) -> None:
    trial.sandbox.inject(kind, times=None, delay=SLOW_DELAY)
    said = assert_kept(trial, DAY)
    for asked in (CALLS, REPORTS, STATS):
        assert f"GET {asked} " in said


@pytest.mark.parametrize("kind", FINAL)
@pytest.mark.parametrize(
    ("path", "key"), [(CALLS, "calls"), (REPORTS, "reports/status"), (STATS, "stats/status")]
)
def test_what_asking_again_cannot_cure_is_asked_once(trial: Trial, path: str, key: str, kind: str) -> None:
    trial.sandbox.inject(kind, times=None, path=path)
    assert_kept(trial, DAY, NEXT_DAY, keys=(key,))
    asked = [str(sorted(request.params.items())) for request in trial.sandbox.requests]
    assert len(asked) == len(set(asked)) <= trial.max_concurrency


def test_a_pause_over_the_budget_is_not_waited_and_keeps_the_old_day(trial: Trial) -> None:
    trial.sandbox.inject("429", times=None, retry_after=900)
    assert "Asked once; to wait another 900 s would be" in assert_kept(trial, DAY, keys=("calls",))


@dataclass
class Resolver:
    """Looks names up, some of them in vain."""

    in_vain: float
    asked: int = 0

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        self.asked += 1
        if self.asked <= self.in_vain:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return LOOK_UP(*arguments, **options)


LOOK_UP = socket.getaddrinfo


def test_a_name_that_is_not_found_for_a_while_costs_nothing(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolver = Resolver(in_vain=2)
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    assert_exact(trial, DAY)
    assert resolver.asked > 2


def test_a_name_that_is_never_found_keeps_the_old_day(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", Resolver(in_vain=float("inf")))
    assert "Check the network" in assert_kept(trial, DAY)
    assert trial.sandbox.requests == []


# A key that is revoked on the way.


def test_a_key_that_is_revoked_between_two_pages_keeps_the_old_day(trial: Trial) -> None:
    trial.sandbox.inject("401", every=3)
    assert "401 Unauthorized" in assert_kept(trial, DAY, keys=("calls",))
    assert 3 <= len(trial.sandbox.requests) < 3 + trial.max_concurrency


@pytest.mark.parametrize("key", ONE_OF_EACH)
def test_a_key_that_is_revoked_between_two_days_keeps_the_days_to_come(trial: Trial, key: str) -> None:
    trial.per_page, trial.max_concurrency = 250, 1
    assert_exact(trial, DAY, keys=(key,))
    trial.sandbox.inject("401", every=len(trial.sandbox.requests) + 1)
    result = trial.attempt((key,), DAY, NEXT_DAY, LAST_DAY)
    assert "401 Unauthorized" in why(result)
    assert {day for _, day in trial.recorded(result)} == {DAY}
    assert trial.violations(result, (key,), DAY, NEXT_DAY, LAST_DAY) == []


# A list that is not what it says.


@pytest.mark.parametrize(
    ("kind", "key"), [("short", "calls"), ("short", "reports/status"), ("repeat-cursor", "calls")]
)
@pytest.mark.parametrize("times", [1, 2])
def test_a_list_that_is_broken_for_a_while_is_read_again_and_exact(
    trial: Trial, kind: str, key: str, times: int
) -> None:
    trial.sandbox.inject(kind, times=times, every=2 if key == "calls" else 1)
    assert_exact(trial, DAY, keys=(key,))


@pytest.mark.parametrize(
    ("kind", "key", "said"),
    [
        ("short", "calls", "are missing"),
        ("short", "reports/status", "are missing"),
        ("repeat-cursor", "calls", "twice, so its list would never end"),
    ],
)
def test_a_list_that_stays_broken_keeps_the_old_day(trial: Trial, kind: str, key: str, said: str) -> None:
    trial.sandbox.inject(kind, times=None, every=2 if key == "calls" else 1)
    assert said in assert_kept(trial, DAY, keys=(key,))


@dataclass
class Clock:
    """Goes on by a minute whenever somebody looks at it, until it is stopped."""

    moment: datetime
    step: timedelta = timedelta(minutes=1)

    def __call__(self) -> datetime:
        self.moment += self.step
        return self.moment


def test_calls_that_arrive_while_paging_push_no_other_out(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    clock = Clock(NOW)
    today = NOW.date().isoformat()
    with Sandbox(seed=7, calls_per_day=2000, first_day=date(2024, 11, 19), now=clock) as busy:
        trial = Trial(busy, instance, Lake(tmp_path), settings_for(tmp_path), per_page=20)
        there_at_first = trial.truth(today)
        result = trial.attempt(("calls",), today)
        assert result.success, why(result)
        clock.step = timedelta()
        stored, there_at_last = trial.stored(today), trial.truth(today)
        assert len(there_at_last) > len(there_at_first) + 20
        assert len(set(stored)) == len(stored)
        assert set(there_at_first) <= set(stored) <= set(there_at_last)
        assert_exact(trial, today, keys=("calls",))


@pytest.mark.parametrize("api_version", ["current", "legacy"])
def test_a_tie_across_the_edge_of_a_page_is_whole(
    instance: dg.DagsterInstance, tmp_path: Path, api_version: str
) -> None:
    with tied(api_version=api_version) as sandbox:
        trial = Trial(sandbox, instance, Lake(tmp_path), settings_for(tmp_path))
        assert_exact(trial, DAY, keys=("calls",))
        assert len(trial.stored(DAY)) > 25


def test_a_tie_that_the_server_loses_keeps_the_old_day(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    with tied(ties_lost=True) as sandbox:
        trial = Trial(sandbox, instance, Lake(tmp_path), settings_for(tmp_path))
        assert "are missing" in assert_kept(trial, DAY, keys=("calls",))


def tied(**manners: Any) -> Sandbox:
    """An account with 25 calls of one millisecond: more than a page."""
    sandbox = Sandbox(seed=7, calls_per_day=40, first_day=date(2024, 3, 1), now=lambda: NOW, **manners)
    for _ in range(25):
        sandbox.add_call(datetime.fromisoformat(f"{DAY}T15:00:00.123+00:00"))
    return sandbox


def test_every_fault_of_the_sandbox_is_tried_here() -> None:
    assert {*PASSING, *OF_A_READING, *FINAL} == set(KINDS)


# All of them together.


@pytest.mark.parametrize("seed", range(1, 21))
def test_after_any_mix_of_faults_a_day_is_exact_or_as_it_was(
    instance: dg.DagsterInstance, tmp_path: Path, seed: int
) -> None:
    assert run(draw_mix(seed), instance, tmp_path) == []
