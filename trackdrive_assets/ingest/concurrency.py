"""Reading many days side by side: as many requests in flight as allowed, the oldest day's first.

What a day asks, and what it does with the answers, is its own affair: `calls.py`, `reports.py`, `stats.py`.
Everything but asking and storing happens in the caller's thread, so that a day needs no locks. What takes
time there is put off until all places are filled again.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import pyarrow as pa

from trackdrive_assets.api.client import Client
from trackdrive_assets.api.errors import IncompleteResponse, TrackdriveError
from trackdrive_assets.api.transport import Usage
from trackdrive_assets.lake.errors import LakeError
from trackdrive_assets.tables.errors import MalformedRow

READINGS = 3
"""How often a day that comes short is read before it fails: most shortages pass by themselves."""

_TELLING = (TrackdriveError, MalformedRow, LakeError)
"""Errors that say what is wrong with a day. Any other is a mistake of ours, and ends everything."""

# Days that have been read and wait to be stored hold no places, so some more may be open than are read.
_MOST_WAITING = 2

# Answers that may wait to be worked off while all places are filled.
_MOST_PUT_OFF = 4

Stored = TypeVar("Stored")
Stored_co = TypeVar("Stored_co", covariant=True)
_log = logging.getLogger(__name__)


Work = Callable[[], None]


@dataclass(frozen=True)
class Question:
    """One thing to ask the API.

    Attributes:
        ask: Asks it, in a thread of its own.
        take: Given the answer, at once. May give back what else is to be done with it, where that takes time.
    """

    ask: Callable[[], Any]
    take: Callable[[Any], Work | None]


@dataclass(frozen=True)
class Amount:
    """How far a reading is, in what it reads: calls, or answers.

    Attributes:
        done: How many came.
        expected: How many there are; None while nobody knows.
    """

    done: int
    expected: int | None


class Reading(Protocol[Stored_co]):
    """One day of one asset while it is read."""

    @property
    def amount(self) -> Amount:
        """How far it is."""

    @property
    def ready(self) -> int:
        """How many questions can be asked now. None, while no answer is outstanding: all has been read."""

    def questions(self, places: int) -> Sequence[Question]:
        """What is asked now, at most `places` of it. More places than are `ready` may be used by dividing."""

    def store(self) -> Stored_co:
        """Put what was read into the lake; in a thread of its own.

        Raises:
            IncompleteResponse: It is not whole.
            LakeError: The file system refuses.
        """

    def abandon(self) -> None:
        """Let go of what was read."""


@dataclass(frozen=True)
class Task(Generic[Stored]):
    """A day to be read.

    Attributes:
        subject: What it is known by to the caller.
        name: What it is called in the log, like "the calls of 2024-06-19".
        begin: Begins to read it, and is told for the how-manieth time, from 1.
    """

    subject: Any
    name: str
    begin: Callable[[int], Reading[Stored]]


@dataclass(frozen=True)
class Outcome(Generic[Stored]):
    """What became of a task.

    Attributes:
        task: The task.
        stored: What its reading stored; None where it failed.
        error: Why it failed.
        amount: How far it came.
        usage: The requests that it took.
        seconds: From its first request until it was stored.
    """

    task: Task[Stored]
    stored: Stored | None
    error: Exception | None
    amount: Amount
    usage: Usage
    seconds: float


@dataclass(eq=False)
class _Open(Generic[Stored]):
    """A task that has begun."""

    task: Task[Stored]
    number: int
    reading: Reading[Stored]
    reads: int = 1
    storing: bool = False
    usage: Usage = field(default_factory=Usage)
    began: float = field(default_factory=time.monotonic)

    def outcome(self, stored: Any = None, error: Exception | None = None) -> Outcome[Stored]:
        seconds = round(time.monotonic() - self.began, 3)
        return Outcome(self.task, stored, error, self.reading.amount, self.usage, seconds)


@dataclass(frozen=True)
class _Flight:
    """What a thread is at: asking a question of a reading, or, without one, storing it."""

    of: _Open[Any]
    reading: Reading[Any]
    question: Question | None = None


def side_by_side(
    client: Client,
    tasks: Iterable[Task[Stored]],
    *,
    ends_all: Callable[[Exception], bool] = lambda _: True,
    watch: Callable[[Sequence[Amount]], None] = lambda _: None,
) -> Iterator[Outcome[Stored]]:
    """Read days, as many requests at a time as the client may have in flight.

    Places go to the oldest task first. A later one is begun only when the earlier leave places empty, so
    memory is bounded by the requests in flight and not by the tasks.

    Args:
        client: Asks the API.
        tasks: In the order of their importance; the next is fetched when there is a place for it.
        ends_all: Whether an error of one task concerns all. Then later ones are let go; earlier ones are read
            to their end and told of, and the failure last: of several, that of the earliest task.
        watch: Told with every answer how far the readings are that have begun and not ended.

    Returns:
        The outcomes, as they come.
    """
    crew = _Crew(client, tasks, ends_all, watch)
    try:
        yield from crew.work()
    finally:
        crew.dismiss()


class _Crew(Generic[Stored]):
    """The threads, and who is at what."""

    def __init__(
        self,
        client: Client,
        tasks: Iterable[Task[Stored]],
        ends_all: Callable[[Exception], bool],
        watch: Callable[[Sequence[Amount]], None],
    ) -> None:
        self._client = client
        self._coming = iter(tasks)
        self._ends_all = ends_all
        self._watch = watch
        self._asking = ThreadPoolExecutor(client.options.max_concurrency, "asking")
        # One after another: the files are small, and a large one takes both the processor and the disk.
        self._storing = ThreadPoolExecutor(1, "storing")
        self._open: list[_Open[Stored]] = []
        self._flights: dict[Future[Any], _Flight] = {}
        self._put_off: deque[tuple[_Flight, Work]] = deque()
        self._begun = 0
        self._failed: _Open[Stored] | None = None
        self._error: Exception | None = None

    def work(self) -> Iterator[Outcome[Stored]]:
        self._send()
        # For its first array Arrow looks for pandas, which takes a third of a second. Better now, while the
        # first answers are awaited, than when they have come.
        pa.array([0])
        while (awaited := self._awaited()) or self._put_off:
            landed, _ = wait(awaited, timeout=0 if self._put_off else None, return_when=FIRST_COMPLETED)
            for future in landed:
                if outcome := self._land(self._flights.pop(future), future):
                    yield outcome
            if not landed and self._put_off and (outcome := self._work_off(*self._put_off.popleft())):
                yield outcome
        if self._failed is not None:
            yield self._failed.outcome(error=self._error)

    def dismiss(self) -> None:
        """Leave nothing half done. Requests in flight are not waited for."""
        self._asking.shutdown(wait=False, cancel_futures=True)
        self._storing.shutdown(wait=True, cancel_futures=True)
        for one in self._open:
            one.reading.abandon()

    def _awaited(self) -> list[Future[Any]]:
        """Send off all that can be, and give what there is to wait for."""
        self._send()
        return [future for future, flight in self._flights.items() if self._is_current(flight)]

    def _send(self) -> None:
        most = self._client.options.max_concurrency
        asked = sum(flight.question is not None for flight in self._flights.values())
        places = most - asked - max(0, len(self._put_off) - _MOST_PUT_OFF)
        # A later day rather than a part of this one: parts cost requests of their own.
        spare = places - sum(one.reading.ready for one in self._open if not one.storing)
        while self._failed is None and spare > 0 and len(self._open) < most + _MOST_WAITING:
            if (task := next(self._coming, None)) is None:
                break
            self._begun += 1
            one = _Open(task, self._begun, task.begin(1))
            self._open.append(one)
            spare -= one.reading.ready
        for one in [one for one in self._open if not one.storing]:
            ready = one.reading.ready
            asked = self._ask(one, min(places, ready + max(0, spare)))
            places -= asked
            spare -= max(0, asked - ready)

    def _ask(self, one: _Open[Stored], places: int) -> int:
        """Ask what can be asked, or store what has been read. Gives how many places that takes."""
        questions = one.reading.questions(places) if places > 0 else []
        for question in questions:
            future = self._asking.submit(self._metered, question)
            self._flights[future] = _Flight(one, one.reading, question)
        under_way = [*self._flights.values(), *(flight for flight, _ in self._put_off)]
        if not one.reading.ready and not any(flight.reading is one.reading for flight in under_way):
            one.storing = True
            self._flights[self._storing.submit(one.reading.store)] = _Flight(one, one.reading)
        return len(questions)

    def _metered(self, question: Question) -> tuple[Any, Exception | None, Usage]:
        """The answer, or what there is instead of one, and what it cost."""
        before = self._client.usage_of_thread
        answer: Any = None
        error: Exception | None = None
        try:
            answer = question.ask()
        except _TELLING as failed:
            error = failed
        return answer, error, self._client.usage_of_thread - before

    def _land(self, flight: _Flight, future: Future[Any]) -> Outcome[Stored] | None:
        one = flight.of
        try:
            if flight.question is None:
                stored = future.result()
                self._open.remove(one)
                return one.outcome(stored)
            answer, error, usage = future.result()
            one.usage += usage
            if not self._is_current(flight):
                return None
            if error is not None:
                raise error
            if work := flight.question.take(answer):
                self._put_off.append((flight, work))
            self._watch([other.reading.amount for other in self._open])
        except _TELLING as error:
            return self._fail(one, error)
        return None

    def _work_off(self, flight: _Flight, work: Work) -> Outcome[Stored] | None:
        if self._is_current(flight):
            try:
                work()
            except _TELLING as error:
                return self._fail(flight.of, error)
        return None

    def _is_current(self, flight: _Flight) -> bool:
        """Whether its reading has not been given up."""
        return flight.of in self._open and flight.reading is flight.of.reading

    def _fail(self, one: _Open[Stored], error: Exception) -> Outcome[Stored] | None:
        """Read again what came short; tell of any other failure now, or at the end if it is the end."""
        one.reading.abandon()
        if isinstance(error, IncompleteResponse) and one.reads < READINGS:
            one.reads += 1
            _log.warning("Reading %s once more, %d of %d: %s", one.task.name, one.reads, READINGS, error)
            one.reading = one.task.begin(one.reads)
            one.storing = False
            return None
        self._open.remove(one)
        if not self._ends_all(error):
            return one.outcome(error=error)
        if self._failed is None or one.number < self._failed.number:
            self._failed, self._error = one, error
        for later in [other for other in self._open if other.number > one.number and not other.storing]:
            self._open.remove(later)
            later.reading.abandon()
        return None


def alone(client: Client, task: Task[Stored]) -> Stored:
    """Read one day.

    Raises:
        TrackdriveError, MalformedRow, LakeError: The day failed.
    """
    (outcome,) = side_by_side(client, [task])
    if outcome.stored is None:
        raise outcome.error or LakeError(f"Nothing was stored of {task.name}.")
    return outcome.stored
