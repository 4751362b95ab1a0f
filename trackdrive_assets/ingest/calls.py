"""Ingest one day of calls: fetch its pages, cut them to the day, and count them against the API.

A long day is divided into windows of time, which are fetched at the same time. Every call belongs to
exactly one window by its `created_at`. Not here: how a day is divided (`windows.py`), the threads
(`fetcher.py`), the pages (`api/pagination.py`), and what the values of a call mean (`tables/`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, repeat
from typing import NoReturn

import pyarrow as pa

from trackdrive_assets import clock
from trackdrive_assets.api.catalog import KNOWN_CALL_COLUMNS
from trackdrive_assets.api.client import Client
from trackdrive_assets.api.decoding import processing_lock
from trackdrive_assets.api.errors import IncompleteResponse, RangeIgnored
from trackdrive_assets.api.pagination import Page, identities
from trackdrive_assets.api.query import Query
from trackdrive_assets.api.rows import Rows
from trackdrive_assets.days import Day, Window
from trackdrive_assets.ingest.attempts import stored_rows, until_complete
from trackdrive_assets.ingest.changes import recorded_changes
from trackdrive_assets.ingest.claims import claim_lake
from trackdrive_assets.ingest.day_of_calls import IngestedCalls, replace_calls
from trackdrive_assets.ingest.doubts import Fetched, reason_to_doubt
from trackdrive_assets.ingest.errors import PatchedMeanwhile
from trackdrive_assets.ingest.fetcher import Fetcher
from trackdrive_assets.ingest.received import FetchedPage, ReceivedCalls
from trackdrive_assets.ingest.windows import are_inside, created, describe_ignored_range, windows_after
from trackdrive_assets.lake.day_writer import DayWriter
from trackdrive_assets.lake.store import ClaimedLake, Lake, is_patched_since, is_superseded
from trackdrive_assets.tables.calls import parse_calls
from trackdrive_assets.tables.columns import CALLS
from trackdrive_assets.tables.errors import MalformedRow
from trackdrive_assets.tables.exclusion import NO_EXCLUSIONS, Exclusion

_log = logging.getLogger(__name__)


def ingest_calls(
    client: Client,
    lake: Lake,
    day: Day,
    *,
    exclude: Exclusion = NO_EXCLUSIONS,
    fetcher: Fetcher | None = None,
) -> IngestedCalls:
    """Replace a day of calls by what the API has now, and record what that changes.

    On any error the day's old file stays as it was. It is also kept if most of its calls are gone, unless the
    API counts so each time that the day is fetched.

    Args:
        client: The client of the account.
        lake: The lake to write to.
        day: The day.
        exclude: The columns that are not stored.
        fetcher: The threads of the day's requests; by default, as many as the client allows.

    Raises:
        IncompleteResponse: Even the last attempt brought fewer calls than the API counts, or is in doubt.
        RangeIgnored: The API sent a call outside the requested range.
        PatchedMeanwhile: Single calls were stored during every attempt.
        MalformedRow: A value cannot be parsed; the error names the call and the field.
        LakeError: The file cannot be written.
    """
    fetcher = fetcher or Fetcher(client)
    doubted: list[Fetched] = []
    return until_complete(
        f"the calls of {day}",
        lambda attempt: _replace_day(
            lake, day, exclude, _DayFetch(client, day, exclude, fetcher, attempt), doubted
        ),
    )


def _replace_day(
    lake: Lake, day: Day, exclude: Exclusion, fetch: _DayFetch, doubted: list[Fetched]
) -> IngestedCalls:
    """Write the calls of one fetch, if it is complete and without doubt. Otherwise add it to `doubted`."""
    received = ReceivedCalls()
    # Before the first request: calls that are created later are new, and have not changed.
    fetched_at = clock.now()
    stored = stored_rows(lake, CALLS.name, day)
    with fetch.fetcher.fetch([fetch.pages()]) as pages:
        # Nothing is created in the lake before the API has responded.
        first = next(pages)
        claimed = claim_lake(fetch.client, lake, day)
        with claimed.stage(
            CALLS.name, CALLS.schema, day.date, sort_by="created_at", fetched_at=fetched_at
        ) as writer:
            for page in chain([first], pages):
                received.add(page)
                fetch.fetcher.on_response(received.progress)
                writer.write(page.calls)
            received.check_complete()
            fetched = received.fetched
            is_finished = day.end <= fetched_at
            if doubt := reason_to_doubt(fetched, doubted, stored=stored, is_finished=is_finished):
                doubted.append(fetched)
                raise IncompleteResponse(doubt)
            writer.api_count = _count_to_store(fetched, day, is_finished=is_finished)
            fetch.fetcher.finish()
            return store_calls(claimed, day, writer, exclude)


def _count_to_store(fetched: Fetched, day: Day, *, is_finished: bool) -> int | None:
    """Return the count of the API; None if more calls came of a finished day, so that it is too low."""
    if is_finished and fetched.has_surplus:
        _log.warning(
            "The API counts %d calls of %s, but sent %d. Its count is not reliable and is not stored.",
            fetched.counted,
            day,
            fetched.rows,
        )
        return None
    return fetched.counted


def store_calls(lake: ClaimedLake, day: Day, writer: DayWriter, exclude: Exclusion) -> IngestedCalls:
    """Replace the calls of a day by those of a writer, unless the lake has a later fetch of the day.

    Raises:
        PatchedMeanwhile: Single calls are in the file that were fetched after this fetch began.
    """
    with writer.locked() as current:
        if current and is_superseded(current, writer.fetched_at):
            writer.keep(current)
            return IngestedCalls(writer.result, recorded_changes(lake, day), totals=None)
        if current and is_patched_since(current, writer.fetched_at):
            raise PatchedMeanwhile(
                f"Single calls of {day} were fetched and stored after this fetch of the whole day began. "
                "Its result would undo them. Run the partition again."
            )
        return replace_calls(lake, day, writer, current, exclude)


@dataclass(frozen=True)
class _DayFetch:
    """One attempt to fetch the calls of a day.

    The legacy API loses calls of one instant at the edge of a page. So each attempt has other page edges, and
    only the first divides the day.
    """

    client: Client
    day: Day
    exclude: Exclusion
    fetcher: Fetcher
    attempt: int

    def pages(self) -> Iterator[FetchedPage]:
        """Fetch the first page of the day, and the rest, divided into windows if that is faster."""
        whole = Window(self.day.start, self.day.end)
        pages = self._pages_of(whole)
        first = next(pages)
        windows = windows_after(first, whole, self.fetcher.share) if self.attempt == 1 else []
        if not windows:
            yield self._typed(first, whole, whole)
            del first
            yield from map(self._typed, pages, repeat(whole), repeat(whole))
            return
        # More calls of its oldest instant may be on the next page, so that instant belongs to the windows.
        yield self._typed(first, Window(windows[0].end, whole.end), whole)
        self.fetcher.fetch_too(self._window(window) for window in windows)

    def _window(self, window: Window) -> Iterator[FetchedPage]:
        """Fetch a window, and keep no page longer than its typing takes."""
        return map(self._typed, self._pages_of(window), repeat(window), repeat(window))

    def _pages_of(self, window: Window) -> Iterator[Page]:
        """Fetch the pages of a window, one after another. They can contain calls around it."""
        since, until = window.query_range
        query = Query(
            created_at_from=since,
            created_at_to=until,
            columns=asked_columns(self.exclude),
            per_page=max(1, self.client.options.per_page - (self.attempt - 1)),
        )
        return self.client.call_pages(query, group=self.fetcher.group)

    def _typed(self, page: Page, window: Window, requested: Window) -> FetchedPage:
        """Type the calls of a page, and cut it to a window. `requested` is the window that was requested."""
        fetched_at = clock.now()
        outside: list[object] = []
        try:
            # The newest call comes first, but is stored last. To reverse calls costs less before the typing.
            calls = self._parsed(page.rows[::-1], fetched_at)
        except MalformedRow:
            # The call may be one of a neighbouring day, and must fail only that day.
            kept, outside = self._cut(identities(page.rows), created(page.rows), window, requested)
            calls = self._parsed(page.rows.at(kept), fetched_at)
        else:
            if not are_inside(calls["created_at"], window):
                names, moments = calls["uuid"].to_pylist(), calls["created_at"].to_pylist()
                kept, outside = self._cut(names, moments, window, requested)
                calls = calls.take(pa.array(kept, pa.int64()))
        hashes = [hash(name) for name in calls["uuid"].to_pylist()]
        return FetchedPage(window, calls, hashes, outside, page.metadata.total_count)

    def _parsed(self, rows: Rows, fetched_at: datetime) -> pa.RecordBatch:
        with processing_lock:
            return parse_calls(rows.columns, len(rows), fetched_at=fetched_at, exclude=self.exclude)

    def _cut(
        self,
        names: Sequence[object],
        moments: Sequence[datetime | None],
        window: Window,
        requested: Window,
    ) -> tuple[list[int], list[object]]:
        """Return the positions of the calls inside a window, and the names of those outside the day."""
        kept: list[int] = []
        outside: list[object] = []
        for position, (name, moment) in enumerate(zip(names, moments, strict=True)):
            # A created_at that cannot be parsed is left to the typing, whose error names the call.
            if moment is None or moment in window:
                kept.append(position)
                continue
            if not requested.may_contain(moment):
                self._refuse_range(requested, moment)
            if not self.day.start <= moment < self.day.end:
                # Two windows can bring the same call. One without a name is counted each time.
                outside.append(object() if name is None else name)
        return kept, outside

    def _refuse_range(self, requested: Window, moment: datetime) -> NoReturn:
        """Raise the error for a call outside the range that was requested.

        A server may ignore the range of a part of a day only. So the next attempt requests the whole day.
        """
        if requested == Window(self.day.start, self.day.end):
            raise RangeIgnored(describe_ignored_range(requested, moment))
        raise IncompleteResponse(describe_ignored_range(requested, moment))


def asked_columns(exclude: Exclusion) -> list[str] | None:
    """Return the columns to ask the API for; None for all that it has.

    A request that names columns gets no tags, and no columns that are not documented yet. So columns are
    named only if all tags are excluded too. Otherwise excluded columns are dropped after they have come.
    """
    wanted = [name for name in KNOWN_CALL_COLUMNS if not exclude.excludes(name)]
    return wanted if exclude.excludes_all_tags else None
