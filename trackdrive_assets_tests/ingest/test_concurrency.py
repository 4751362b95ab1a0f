"""Reading side by side: who gets the places, what a failure costs the others, and what is told of it."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from trackdrive_assets.api.auth import KeyPair
from trackdrive_assets.api.client import Client
from trackdrive_assets.api.errors import IncompleteResponse, Rejected
from trackdrive_assets.api.options import ClientOptions
from trackdrive_assets.api.transport import Usage
from trackdrive_assets.ingest.concurrency import (
    READINGS,
    Amount,
    Outcome,
    Question,
    Reading,
    Task,
    alone,
    side_by_side,
)
from trackdrive_assets.lake.errors import LakeError
from trackdrive_assets.sandbox.server import Sandbox

SHORT = IncompleteResponse("2 are missing.")
REFUSED = Rejected("no", request="GET /api/v1/calls", status=422)


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Client]:
    with Client(
        sandbox.base_url,
        KeyPair(sandbox.public_key, sandbox.private_key),
        ClientOptions(requests_per_second=0, max_concurrency=3),
    ) as made:
        yield made


@dataclass
class Script:
    """A reading that asks for so many numbers, one after another or all at once.

    Attributes:
        asks: What is asked, each giving an answer.
        serial: Whether each waits for the one before.
        fails: What storing raises.
        heard: The answers, as they came.
        abandoned: Whether it was let go.
    """

    asks: list[Callable[[], object]]
    serial: bool = False
    fails: Exception | None = None
    heard: list[object] = field(default_factory=list)
    abandoned: bool = False
    asked: int = 0

    @property
    def amount(self) -> Amount:
        return Amount(len(self.heard), len(self.asks))

    @property
    def ready(self) -> int:
        if self.serial and self.asked > len(self.heard):
            return 0
        left = len(self.asks) - self.asked
        return min(1, left) if self.serial else left

    def questions(self, places: int) -> Sequence[Question]:
        if not self.ready:
            return []
        now = self.asks[self.asked : self.asked + (1 if self.serial else places)]
        self.asked += len(now)
        return [Question(ask, self.heard.append) for ask in now]

    def store(self) -> list[object]:
        if self.fails:
            raise self.fails
        return sorted(self.heard, key=str)

    def abandon(self) -> None:
        self.abandoned = True


def task(name: str, *readings: Reading[list[object]]) -> Task[list[object]]:
    """A task that is read so, the next time so."""
    coming = iter(readings)
    return Task(name, name, lambda _: next(coming))


def numbers(*wanted: int) -> list[Callable[[], object]]:
    return [lambda number=number: number for number in wanted]  # type: ignore[misc]  # bound now


def raising(error: Exception) -> Callable[[], object]:
    def ask() -> object:
        raise error

    return ask


def stored(outcomes: Sequence[Outcome[list[object]]]) -> dict[object, list[object] | None]:
    return {outcome.task.subject: outcome.stored for outcome in outcomes}


def test_every_task_is_stored_with_all_its_answers(client: Client) -> None:
    tasks = [task(f"day {day}", Script(numbers(*range(day)))) for day in range(9)]
    assert stored(list(side_by_side(client, tasks))) == {f"day {day}": list(range(day)) for day in range(9)}


def test_as_many_are_asked_at_once_as_the_client_allows(client: Client) -> None:
    # Each of a day's three questions waits for the two others; were fewer asked at once, this would break.
    together = threading.Barrier(3, timeout=10)
    tasks = [task(f"day {day}", Script([together.wait])) for day in range(6)]
    assert len(list(side_by_side(client, tasks))) == 6


def test_a_later_task_begins_while_an_earlier_waits_for_its_last_answer(client: Client) -> None:
    later_has_asked = threading.Event()
    tasks = [
        task("earlier", Script([lambda: later_has_asked.wait(10)], serial=True)),
        task("later", Script([later_has_asked.set], serial=True)),
    ]
    assert stored(list(side_by_side(client, tasks)))["earlier"] == [True]


def test_a_later_task_does_not_begin_before_it_has_a_place(client: Client) -> None:
    begun: list[str] = []

    def beginning(name: str, script: Script) -> Task[list[object]]:
        return Task(name, name, lambda _: begun.append(name) or script)  # type: ignore[func-returns-value]

    all_begun_so_far: list[list[str]] = []
    first = Script([lambda: all_begun_so_far.append(list(begun))] * 3)
    list(side_by_side(client, [beginning("first", first), beginning("second", Script(numbers(1)))]))
    assert all_begun_so_far[0] == ["first"]


def test_what_comes_short_is_read_again_from_the_beginning(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    once, again = Script(numbers(1), fails=SHORT), Script(numbers(1, 2))
    assert alone(client, task("the calls of 2024-06-19", once, again)) == [1, 2]
    assert once.abandoned
    assert "Reading the calls of 2024-06-19 once more, 2 of 3: 2 are missing." in caplog.text


@pytest.mark.parametrize("where", ["asked", "stored"])
def test_what_stays_short_fails_after_the_last_reading(client: Client, where: str) -> None:
    scripts = [
        Script([raising(SHORT)]) if where == "asked" else Script([], fails=SHORT) for _ in range(READINGS)
    ]
    with pytest.raises(IncompleteResponse, match="2 are missing"):
        alone(client, task("day", *scripts))
    assert all(script.abandoned for script in scripts)


def test_an_answer_to_a_reading_that_was_given_up_is_not_heard(client: Client) -> None:
    second_asked = threading.Event()
    first = Script([raising(SHORT), lambda: second_asked.wait(10)])
    second = Script([second_asked.set])
    assert alone(client, task("day", first, second)) == [None]
    assert first.heard == []


@pytest.mark.parametrize("error", [REFUSED, LakeError("The disk is full.")])
def test_a_failure_that_concerns_one_leaves_the_others(client: Client, error: Exception) -> None:
    tasks = [task("bad", Script([raising(error)])), task("good", Script(numbers(1)))]
    outcomes = list(side_by_side(client, tasks, ends_all=lambda _: False))
    assert stored(outcomes) == {"bad": None, "good": [1]}
    assert [outcome.error for outcome in outcomes if outcome.error] == [error]


def test_a_failure_that_concerns_all_is_told_last_and_ends_the_asking(client: Client) -> None:
    never = Script(numbers(*range(1000)))
    tasks = [task("bad", Script([raising(REFUSED)])), task("never", never), task("neither", Script([]))]
    outcomes = list(side_by_side(client, tasks))
    assert outcomes[-1].error is REFUSED
    assert len(never.heard) < 1000
    assert never.abandoned


def test_an_earlier_task_is_read_to_its_end_when_a_later_one_fails(client: Client) -> None:
    later_has_failed = threading.Event()

    def fail() -> object:
        later_has_failed.set()
        raise REFUSED

    earlier = Script([lambda: later_has_failed.wait(10), *numbers(1, 2, 3)], serial=True)
    outcomes = list(side_by_side(client, [task("earlier", earlier), task("later", Script([fail]))]))
    assert stored(outcomes) == {"earlier": [1, 2, 3, True], "later": None}


def test_of_several_failures_that_concern_all_the_earliest_day_is_told(client: Client) -> None:
    later_has_failed = threading.Event()
    first, second = LakeError("first"), LakeError("second")

    def fail_first() -> object:
        later_has_failed.wait(10)
        raise first

    def fail_second() -> object:
        later_has_failed.set()
        raise second

    tasks = [task("day 1", Script([fail_first])), task("day 2", Script([fail_second]))]
    assert [outcome.error for outcome in side_by_side(client, tasks)] == [first]


def test_what_takes_time_is_done_when_all_places_are_filled_again(client: Client) -> None:
    """The second answer of the day is on its way before the first is worked off."""
    asked_again, worked_off = threading.Event(), []

    class Slow(Script):
        def questions(self, places: int) -> Sequence[Question]:
            return [
                Question(question.ask, lambda _, take=question.take: take(_) or self.work)  # type: ignore[misc]
                for question in super().questions(places)
            ]

        def work(self) -> None:
            worked_off.append(asked_again.wait(10))

    day = Slow([lambda: 1, asked_again.set], serial=True)
    alone(client, task("day", day))
    assert worked_off == [True, True]


def test_a_mistake_of_ours_is_no_failure_of_a_day(client: Client) -> None:
    with pytest.raises(ZeroDivisionError):
        list(side_by_side(client, [task("day", Script([lambda: 1 // 0]))]))


def test_who_stops_listening_leaves_nothing_open(client: Client) -> None:
    scripts = [Script(numbers(1)), Script(numbers(*range(1000)), serial=True)]
    outcomes = side_by_side(client, [task(str(n), script) for n, script in enumerate(scripts)])
    next(outcomes)
    outcomes.close()  # type: ignore[attr-defined]  # a generator
    assert scripts[1].abandoned


def test_each_task_is_told_its_own_requests(client: Client, sandbox: Sandbox) -> None:
    sandbox.inject("500", times=1)
    numbers_of_calls = [call["id"] for call in client.calls()][:3]
    before = client.usage
    tasks = [task(str(many), Script([lambda: client.call(numbers_of_calls[0])] * many)) for many in range(4)]
    outcomes = list(side_by_side(client, tasks))
    assert {outcome.task.subject: outcome.usage for outcome in outcomes} == {
        str(many): Usage(many) for many in range(4)
    }
    assert client.usage - before == Usage(6)
