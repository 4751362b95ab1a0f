"""Several days at the same time: which begin, what a failure costs the others, and what is reported."""

import gc
import itertools
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NoReturn

import pytest

from trackdrive_assets.api.auth import KeyPair
from trackdrive_assets.api.client import Client
from trackdrive_assets.api.errors import Rejected
from trackdrive_assets.api.options import ClientOptions
from trackdrive_assets.api.usage import Usage
from trackdrive_assets.ingest import concurrency
from trackdrive_assets.ingest.concurrency import Outcome, has_room, run_concurrently
from trackdrive_assets.ingest.fetcher import Fetcher, Progress
from trackdrive_assets.lake.errors import LakeError
from trackdrive_assets.sandbox.server import Sandbox

REFUSED = Rejected("no", request="GET /api/v1/calls", status=422)

Ask = Callable[[], Any]
Script = Sequence[Ask]
"""The requests of a day, each a function that returns the response."""


def client_of(sandbox: Sandbox, max_concurrency: int) -> Client:
    return Client(
        sandbox.base_url,
        KeyPair(sandbox.public_key, sandbox.private_key),
        ClientOptions(requests_per_second=0, max_concurrency=max_concurrency),
    )


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Client]:
    with client_of(sandbox, 3) as made:
        yield made


def responses(script: Script) -> Iterator[Any]:
    """One after another."""
    return (ask() for ask in script)


def run(
    client: Client, days: dict[str, Script], *, fatal: bool = True
) -> Iterator[Outcome[str, list[object]]]:
    def ingest(day: str, fetcher: Fetcher) -> list[object]:
        with fetcher.fetch([responses(days[day])]) as items:
            stored = list(items)
        fetcher.finish()
        return stored

    return run_concurrently(client, days, ingest, is_fatal=lambda _: fatal)


def stored(outcomes: Sequence[Outcome[str, list[object]]]) -> dict[str, list[object] | None]:
    return {outcome.key: outcome.result for outcome in outcomes}


def raising(error: Exception, after: threading.Event | None = None) -> Ask:
    def ask() -> object:
        if after:
            after.wait(10)
        raise error

    return ask


def wait_for(event: threading.Event) -> Ask:
    return lambda: event.wait(10)


def numbers(*wanted: int) -> Script:
    return [lambda number=number: number for number in wanted]  # type: ignore[misc]  # bound now


def test_every_day_is_stored_with_all_its_responses(client: Client) -> None:
    days = {f"day {number}": numbers(*range(number)) for number in range(9)}
    assert stored(list(run(client, days))) == {f"day {number}": list(range(number)) for number in range(9)}


def test_as_many_days_are_fetched_at_once_as_the_client_allows(client: Client) -> None:
    # Each of three requests waits for the two others; if fewer were sent at once, this would break.
    together = threading.Barrier(3, timeout=10)
    days: dict[str, Script] = {f"day {number}": [together.wait] for number in range(6)}
    assert len(list(run(client, days))) == 6


def test_a_day_does_not_begin_before_there_is_room_for_it(client: Client) -> None:
    fourth_began, others_end = threading.Event(), threading.Event()
    days: dict[str, Script] = {f"day {number}": [wait_for(others_end)] for number in range(2)}
    days["day 2"] = [fourth_began.is_set, others_end.set]
    days["day 3"] = [fourth_began.set]
    assert stored(list(run(client, days)))["day 2"] == [False, None]


def test_a_day_begins_while_an_earlier_one_is_stored(sandbox: Sandbox) -> None:
    later_began = threading.Event()

    def ingest(day: str, fetcher: Fetcher) -> bool:
        if day == "later":
            later_began.set()
        fetcher.finish()
        return later_began.wait(10)

    with client_of(sandbox, 1) as client:
        outcomes = list(run_concurrently(client, ["earlier", "later"], ingest))
    assert [outcome.result for outcome in outcomes] == [True, True]


def test_one_request_at_a_time_fetches_one_day_after_another(sandbox: Sandbox) -> None:
    order: list[str] = []
    days: dict[str, Script] = {
        f"day {number}": [partial(order.append, f"{number}{part}") for part in "ab"] for number in range(3)
    }
    with client_of(sandbox, 1) as client:
        list(run(client, days))
    assert order == ["0a", "0b", "1a", "1b", "2a", "2b"]


def test_a_pause_comes_after_the_running_days_and_before_the_next_one(client: Client) -> None:
    events: list[object] = []
    for outcome in run_concurrently(
        client,
        range(8),
        lambda day, _: day,
        wants_pause=lambda: True,
        pause=lambda: events.append("pause"),
    ):
        events.append(outcome.key)  # noqa: PERF401  the pauses are between them
    # Three days at a time, and no pause after the last day.
    assert [sorted(map(str, days)) for days in (events[:3], events[4:7], events[8:])] == [
        ["0", "1", "2"],
        ["3", "4", "5"],
        ["6", "7"],
    ]
    assert (events[3], events[7]) == ("pause", "pause")


def test_without_a_wish_there_is_no_pause(client: Client) -> None:
    pauses: list[None] = []
    outcomes = run_concurrently(client, range(8), lambda day, _: day, pause=lambda: pauses.append(None))
    assert sorted(outcome.key for outcome in outcomes) == list(range(8))
    assert pauses == []


@pytest.mark.parametrize(
    ("fetching", "running", "is_pausing", "expected"),
    [
        (3, 4, False, True),
        (4, 4, False, False),
        (1, 6, False, False),
        (0, 1, True, False),
        (0, 0, True, True),
    ],
)
def test_a_day_begins_where_there_is_room(
    fetching: int, running: int, *, is_pausing: bool, expected: bool
) -> None:
    assert has_room(fetching, running, most_fetching=4, is_pausing=is_pausing) is expected


@pytest.mark.parametrize("error", [REFUSED, LakeError("The disk is full.")])
def test_a_failure_that_is_not_fatal_leaves_the_other_days(client: Client, error: Exception) -> None:
    outcomes = list(run(client, {"bad": [raising(error)], "good": numbers(1)}, fatal=False))
    assert stored(outcomes) == {"bad": None, "good": [1]}
    assert [outcome.error for outcome in outcomes if outcome.error] == [error]


def test_a_fatal_failure_comes_last_and_no_day_begins_after_it(client: Client) -> None:
    begun: list[int] = []

    def ingest(day: int, fetcher: Fetcher) -> int:
        begun.append(day)
        with fetcher.fetch([responses([raising(REFUSED) if day == 5 else lambda: day])]) as items:
            list(items)
        fetcher.finish()
        return day

    outcomes = list(run_concurrently(client, itertools.count(), ingest))
    assert outcomes[-1].error is REFUSED
    assert {outcome.result for outcome in outcomes} >= {0, 1, 2, 3, 4}
    assert len(begun) < 100


def test_a_later_day_is_given_up_when_an_earlier_one_fails(client: Client) -> None:
    never, later_began, given_up = threading.Event(), threading.Event(), threading.Event()

    def ingest(day: str, fetcher: Fetcher) -> None:
        script: Script = [later_began.set, never.wait]
        if day == "earlier":
            script = [raising(REFUSED, after=later_began)]
        try:
            with fetcher.fetch([responses(script)]) as items:
                list(items)
        finally:
            if day == "later":
                given_up.set()

    outcomes = list(run_concurrently(client, ["earlier", "later"], ingest))
    assert [(outcome.key, outcome.error) for outcome in outcomes] == [("earlier", REFUSED)]
    assert given_up.is_set()
    never.set()


def test_an_earlier_day_is_completed_when_a_later_one_fails(client: Client) -> None:
    later_failed = threading.Event()

    def fail() -> object:
        later_failed.set()
        raise REFUSED

    days: dict[str, Script] = {"earlier": [wait_for(later_failed), *numbers(1, 2, 3)], "later": [fail]}
    outcomes = list(run(client, days))
    assert [(outcome.key, outcome.result) for outcome in outcomes] == [
        ("earlier", [True, 1, 2, 3]),
        ("later", None),
    ]


def test_of_several_fatal_failures_the_earliest_day_is_reported(client: Client) -> None:
    later_failed = threading.Event()
    first, second = LakeError("first"), LakeError("second")

    def fail() -> object:
        later_failed.set()
        raise second

    days: dict[str, Script] = {"day 1": [raising(first, after=later_failed)], "day 2": [fail]}
    assert [outcome.error for outcome in run(client, days)] == [first]


def test_a_bug_is_raised_and_is_no_failure_of_a_day(client: Client) -> None:
    with pytest.raises(ZeroDivisionError):
        list(run(client, {"day": [lambda: 1 // 0]}))


def test_closing_the_iterator_gives_up_all_days(client: Client) -> None:
    never, given_up = threading.Event(), []

    def ingest(day: int, fetcher: Fetcher) -> None:
        if day:
            try:
                with fetcher.fetch([responses([never.wait])]) as items:
                    list(items)
            finally:
                given_up.append(day)

    outcomes = run_concurrently(client, range(3), ingest)
    assert next(outcomes).key == 0
    outcomes.close()  # type: ignore[attr-defined]  # a generator
    assert sorted(given_up) == [1, 2]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("day")]
    never.set()


def test_a_signal_just_when_a_day_has_begun_gives_it_up(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted(ThreadPoolExecutor):
        def submit(self, *arguments: Any, **options: Any) -> NoReturn:
            super().submit(*arguments, **options)
            raise KeyboardInterrupt

    monkeypatch.setattr(concurrency, "ThreadPoolExecutor", Interrupted)
    never = threading.Event()
    with pytest.raises(KeyboardInterrupt):
        list(run(client, {"day": [never.wait]}))
    never.set()


FIRST_DAY_OF_A_PROCESS = """
import sys, threading
from trackdrive_assets.api.auth import KeyPair
from trackdrive_assets.api.client import Client
from trackdrive_assets.api.options import ClientOptions
from trackdrive_assets.ingest.concurrency import run_concurrently

def watch(event, arguments):
    if event == "import" and arguments[0] == "pandas":
        print(threading.current_thread() is threading.main_thread())

sys.addaudithook(watch)
client = Client("http://127.0.0.1", KeyPair("public", "private"), ClientOptions())
list(run_concurrently(client, ["day"], lambda _, fetcher: fetcher.finish()))
"""


def test_the_thread_that_gets_signals_does_not_import_pandas() -> None:
    command = [sys.executable, "-c", FIRST_DAY_OF_A_PROCESS]
    assert subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout == "False\n"


def test_garbage_is_collected_rarely_only_while_days_are_fetched(client: Client) -> None:
    usual = gc.get_threshold()
    during: list[tuple[int, int, int]] = []
    with pytest.raises(ZeroDivisionError):
        list(run(client, {"1": [lambda: during.append(gc.get_threshold()), lambda: 1 / 0]}))
    assert during == [(100_000, 20, 100)]
    assert gc.get_threshold() == usual


def test_progress_is_reported_after_each_response(client: Client) -> None:
    def ingest(_: int, fetcher: Fetcher) -> None:
        with fetcher.fetch([iter(range(4))]) as items:
            for done, _ in enumerate(items, 1):
                fetcher.on_response(Progress(done, 4))

    seen: list[Sequence[Progress]] = []
    (outcome,) = run_concurrently(client, [1], ingest, on_progress=seen.append)
    assert len(seen) == 4
    assert outcome.progress == Progress(4, 4)


def test_each_day_has_its_own_usage(client: Client, sandbox: Sandbox) -> None:
    sandbox.inject("500", times=1)

    def ingest(count: int, fetcher: Fetcher) -> None:
        def reports() -> Iterator[object]:
            for _ in range(count):
                yield client.reports("status", group=fetcher.group)

        with fetcher.fetch([reports()]) as items:
            list(items)

    usage = {outcome.key: outcome.usage for outcome in run_concurrently(client, range(4), ingest)}
    assert [usage[count].requests - usage[count].retries for count in range(4)] == [0, 1, 2, 3]
    assert sum(usage.values(), Usage()) == client.usage == Usage(requests=7, retries=1)
