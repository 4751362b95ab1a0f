"""One day of calls: read page by page, kept inside the day, each once, and counted against the API.

A long day is divided by time, and its parts are read side by side.
"""

import math
from array import array
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from trackdrive_assets.api.catalog import KNOWN_CALL_COLUMNS
from trackdrive_assets.api.client import Client
from trackdrive_assets.api.errors import IncompleteResponse
from trackdrive_assets.api.pagination import Page, Paginator, Paging, identities, shortage
from trackdrive_assets.api.query import Query
from trackdrive_assets.api.rows import Rows
from trackdrive_assets.days import Day, Window, below, divided, how_many_parts, newest_first
from trackdrive_assets.ingest.changes import Recorded, record_changes
from trackdrive_assets.ingest.concurrency import Amount, Question, Task, Work, alone
from trackdrive_assets.lake.day_file import DayFile
from trackdrive_assets.lake.day_writer import DayWriter, WriteResult
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.tables.calls import parse_calls
from trackdrive_assets.tables.columns import CALLS
from trackdrive_assets.tables.exclusion import NO_EXCLUSIONS, TOKEN_PREFIX, Exclusion
from trackdrive_assets.tables.values import instant

_BUNCHED = 0.9


@dataclass(frozen=True)
class CallsRead:
    """A day of calls that was read.

    Attributes:
        written: The file of the calls.
        changes: What had changed since the reading before.
    """

    written: WriteResult
    changes: Recorded


def ingest_calls(client: Client, lake: Lake, day: Day, *, exclude: Exclusion = NO_EXCLUSIONS) -> CallsRead:
    """Replace a day of calls with what the API holds now, and record what that changes.

    Raises:
        IncompleteResponse: Even the last reading brought fewer calls than the API counts.
        MalformedRow: A value cannot be understood; it names the call and the field.
        LakeError: The file cannot be written.

    On any error the day's old file stays as it was.
    """
    return alone(client, calls_task(client, lake, day, exclude))


def calls_task(
    client: Client, lake: Lake, day: Day, exclude: Exclusion = NO_EXCLUSIONS, subject: object = None
) -> Task[CallsRead]:
    """The reading of a day of calls, for `side_by_side`."""
    return Task(subject, f"the calls of {day}", partial(CallsReading, client, lake, day, exclude))


@dataclass
class Part:
    """A part of a day, which is read from its newest call to its oldest.

    Attributes:
        window: Which calls belong to it.
        chain: How far it has been read.
        of: How many calls were left of the part that it was divided from; None for the whole day.
        known: The calls of its newest moment that were read before it was divided off.
        oldest: When the last call so far was created; None where that does not tell what is left.
        oldest_calls: The calls of that moment.
        in_order: Whether its calls have come newest first.
    """

    window: Window
    chain: Paginator
    of: int | None = None
    known: frozenset[str | None] = frozenset()
    oldest: datetime | None = None
    oldest_calls: frozenset[str | None] = frozenset()
    in_order: bool = True

    @property
    def left(self) -> datetime | None:
        """The moment from which on calls are left, if that is known and dividing them can help."""
        expected = self.chain.expected
        # Where nearly all calls were in one part of several, they are bunched, and will be in the next.
        bunched = self.of is not None and expected is not None and expected > _BUNCHED * self.of
        return self.oldest if self.in_order and not bunched and self.oldest in self.window else None

    def reach(self, names: Sequence[str | None], moments: Sequence[datetime | None]) -> None:
        """Note how far a page goes, if all calls so far have come newest first."""
        told = [moment for moment in moments if moment is not None]
        before = [] if self.oldest is None else [self.oldest]
        if len(told) < len(moments) or not newest_first([*before, *told]):
            self.in_order = False
        if not told:
            return
        last = told[-1]
        earlier = self.oldest_calls if self.oldest == last else frozenset()
        self.oldest = last
        self.oldest_calls = earlier.union(
            name for name, moment in zip(names, moments, strict=True) if moment == last
        )


class CallsReading:
    """A day of calls while it is read.

    Args:
        client: Asks the API.
        lake: Takes the day.
        day: Which day.
        exclude: What is not stored.
        reading: For the how-manieth time the day is read, from 1. The older API loses calls of one instant
            that a page's edge divides, so the next time edges lie elsewhere, and the day is read as the one
            list that it is.
    """

    def __init__(self, client: Client, lake: Lake, day: Day, exclude: Exclusion, reading: int) -> None:
        self._client = client
        self._lake = lake
        self._day = day
        self._exclude = exclude
        self._per_page = max(1, client.options.per_page - (reading - 1))
        self._divides = client.options.max_concurrency > 1 and reading == 1
        self._divided = False
        self._numbers = array("q")
        self._whole = Window(day.start, day.end)
        self._ready = [Part(self._whole, self._chain())]
        self._first = True
        self._expected: int | None = None
        self._outside: set[object] = set()
        self._recorded: list[Recorded] = []
        self._storing = ExitStack()
        self._writer: DayWriter | None = None

    @property
    def amount(self) -> Amount:
        """The calls that came, those beside the day among them, for the API counts these too."""
        return Amount(len(self._numbers) + len(self._outside), self._expected)

    @property
    def ready(self) -> int:
        """How many parts wait for their next page."""
        return len(self._ready)

    def questions(self, places: int) -> Sequence[Question]:
        """The next page of each part; parts are divided where that fills more places."""
        asked: list[Part] = []
        while self._ready and len(asked) < places:
            part, *others = self._pieces(self._ready.pop(0), places - len(asked))
            asked.append(part)
            self._ready[:0] = others
        return [Question(partial(self._ask, part), partial(self._take, part)) for part in asked]

    def store(self) -> CallsRead:
        """See that the day is whole, and put it into the lake."""
        writer = self._begun()
        if repeated := self._repeated():
            raise IncompleteResponse(f"The API sent {repeated} calls in two parts of the day.")
        received = writer.rows + len(self._outside)
        if missing := shortage(self._expected, received):
            raise IncompleteResponse(
                f"The API counted {self._expected} calls but sent {received} in parts: {missing} are missing."
            )
        if self._expected is not None:
            writer.api_count = self._expected - len(self._outside)
        self._storing.close()
        return CallsRead(writer.result, self._recorded[0])

    def abandon(self) -> None:
        """Forget what was read; the day's old file stays."""
        self._storing.__exit__(_GivenUp, _GivenUp(), None)

    def _chain(self) -> Paginator:
        return Paginator(paging=Paging.CURSOR, per_page=self._per_page)

    def _begun(self) -> DayWriter:
        """The day's writer; nothing is made in the lake before the API has answered."""
        if self._writer is None:
            self._writer = self._storing.enter_context(
                self._lake.replace(
                    CALLS.name, CALLS.schema, self._day.date, sort_by="created_at", before_commit=self._record
                )
            )
        return self._writer

    def _repeated(self) -> int:
        """How many calls stand in two parts. A list by itself has each once.

        By their hashes, because a million uuids are a hundred megabytes. Should two calls ever share one, the
        day is read again as one list.
        """
        if not self._divided:
            return 0
        numbers = pa.Array.from_buffers(pa.int64(), len(self._numbers), [None, pa.py_buffer(self._numbers)])
        return len(numbers) - int(pc.count_distinct(numbers).as_py())

    def _record(self, before: DayFile | None, after: DayFile) -> None:
        self._recorded.append(record_changes(self._lake, self._day, before, after, self._exclude))

    def _pieces(self, part: Part, places: int) -> list[Part]:
        """The part, or what is left of it in pieces."""
        oldest = part.left
        if not self._divides or oldest is None or part.chain.left is None:
            return [part]
        pages_left = math.ceil(part.chain.left / part.chain.granted)
        windows = divided(below(part.window, oldest), how_many_parts(pages_left, places))
        if len(windows) == 1:
            return [part]
        self._divided = True
        newest, *older = windows
        return [
            Part(newest, self._chain(), of=part.chain.left, known=part.oldest_calls),
            *(Part(window, self._chain(), of=part.chain.left) for window in older),
        ]

    def _ask(self, part: Part) -> Page:
        first, last = part.window.asked
        query = Query(created_at_from=first, created_at_to=last, columns=asked_columns(self._exclude))
        return self._client.page_of_calls(query, part.chain.parameters)

    def _take(self, part: Part, answer: Page) -> Work:
        page = part.chain.take(answer)
        if self._first:
            self._first = False
            self._expected = page.metadata.total_count
        names, moments = identities(page.rows), created(page.rows)
        part.reach(names, moments)
        if part.chain.position is None:
            part.chain.finish()
        else:
            self._ready.insert(0, part)
        self._outside.update(
            # One without a name is none that came before.
            object() if name is None else name
            for name, moment in zip(names, moments, strict=True)
            if moment is not None and moment not in self._whole
        )
        kept = [
            position
            for position, moment in enumerate(moments)
            # When a call was created that does not say so is for the typing to complain of.
            if (moment is None or moment in part.window) and names[position] not in part.known
        ]
        rows = page.rows if len(kept) == len(page.rows) else page.rows.at(kept)
        self._numbers.extend(hash(names[position]) for position in kept)
        return partial(self._write, rows, datetime.now(UTC))

    def _write(self, rows: Rows, fetched_at: datetime) -> None:
        batch = parse_calls(rows.columns, len(rows), fetched_at=fetched_at, exclude=self._exclude)
        self._begun().write(batch)


def asked_columns(exclude: Exclusion) -> list[str] | None:
    """The columns to ask the API for; None for all that it has.

    Whoever chooses columns gets no tags, and no key that is not documented yet. So columns are chosen only
    where all tags are excluded as well; else what is excluded is left out after it has come.
    """
    wanted = [name for name in KNOWN_CALL_COLUMNS if not exclude.excludes(name)]
    return wanted if exclude.excludes(TOKEN_PREFIX) and len(wanted) < len(KNOWN_CALL_COLUMNS) else None


class _GivenUp(Exception):
    """What was written of a day is not to be kept."""


def created(rows: Rows) -> list[datetime | None]:
    """When each call was created, in UTC; None for one that does not say so in a way that can be understood.

    Looked at before the calls are typed, so that a malformed call of a neighbouring day is that day's affair.
    """
    return [_created(value) for value in rows.column("created_at")]


def _created(value: object) -> datetime | None:
    try:
        return instant(value)
    except (TypeError, ValueError, OverflowError):
        return None
