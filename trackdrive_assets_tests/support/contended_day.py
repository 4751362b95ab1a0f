"""An account whose day several threads fetch, store and read, for tests of every order of their steps.

On an object store no lock protects a day. There the writers hold a lock as runs hold that of the account.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

from trackdrive_assets.days import exact_day
from trackdrive_assets.ingest.calls import store_calls
from trackdrive_assets.ingest.errors import PatchedMeanwhile
from trackdrive_assets.ingest.refetch import _patch_day, fetched_call
from trackdrive_assets.lake import atomic
from trackdrive_assets.lake.atomic import directory_lock
from trackdrive_assets.lake.layout import day_key
from trackdrive_assets.lake.storage import Snapshot, Storage
from trackdrive_assets.lake.store import ClaimedLake
from trackdrive_assets.tables.columns import CALL_CHANGES, CALLS
from trackdrive_assets.tables.exclusion import NO_EXCLUSIONS
from trackdrive_assets_tests.support.api_calls import batch_of
from trackdrive_assets_tests.support.interleaving import Choice, Interleaving, KilledError

ZONE = ZoneInfo("UTC")
DAY = exact_day(date(2024, 6, 19), ZONE)
FIRST_FETCH = datetime(2024, 6, 20, 3, tzinfo=UTC)
UUIDS = ("a", "b", "c")

Calls = dict[str, int]
"""The revenue of each call."""


@dataclass
class Account:
    """An account whose calls change before each fetch, and the lake that its fetches are stored in.

    Attributes:
        lake: The lake.
        account_lock: The folder whose lock each writer holds. None if the lake has locks.
        interleaving: The threads that use it.
        fetches: The responses so far, by the time of the fetch.
        stored: Each content of the day's file so far.
    """

    lake: ClaimedLake
    account_lock: Path | None = None
    interleaving: Interleaving = field(default_factory=Interleaving)
    fetches: dict[datetime, Calls] = field(default_factory=dict)
    stored: list[Calls] = field(default_factory=list)

    def fetch(self) -> datetime:
        """Return the time of a new fetch. Each call has another revenue than in all earlier ones."""
        number = len(self.fetches)
        fetched_at = FIRST_FETCH + timedelta(minutes=number)
        self.fetches[fetched_at] = {uuid: 10 * number + n for n, uuid in enumerate(UUIDS)}
        return fetched_at

    def rows(self, fetched_at: datetime) -> list[dict[str, Any]]:
        """Return the calls of a fetch as the API sends them."""
        return [
            {"uuid": uuid, "created_at": f"{DAY.date}T12:00:00Z", "revenue": str(revenue)}
            for uuid, revenue in self.fetches[fetched_at].items()
        ]

    def fetch_day(self) -> None:
        """Fetch the day, and store it."""
        with self.locked():
            fetched_at = self.fetch()
            self.interleaving.pause()
            with self.lake.stage(CALLS.name, CALLS.schema, DAY.date, fetched_at=fetched_at) as writer:
                writer.write(batch_of(self.rows(fetched_at), fetched_at=fetched_at))
                store_calls(self.lake, DAY, writer, NO_EXCLUSIONS)

    def refetch_call(self, uuid: str) -> None:
        """Fetch a single call, and store it."""
        with self.locked():
            self.store_call(uuid)

    def store_call(self, uuid: str) -> None:
        """Fetch a single call, and store it, without the lock."""
        fetched_at = self.fetch()
        self.interleaving.pause()
        (row,) = [row for row in self.rows(fetched_at) if row["uuid"] == uuid]
        call = fetched_call(row, ZONE, fetched_at, NO_EXCLUSIONS)
        _patch_day(self.lake, DAY, {uuid: call}, NO_EXCLUSIONS)

    def locked(self) -> AbstractContextManager[None]:
        """Hold the lock of the account, if the lake has no locks."""
        return directory_lock(self.account_lock) if self.account_lock else nullcontext()

    def read_day(self) -> None:
        """Check that the day is one that a writer has stored."""
        assert revenues(self.lake.read(CALLS.name, CALLS.schema, [DAY.date])) in self.stored

    def check_changes(self) -> None:
        """Check that the changes of each call are the differences of the days that were stored."""
        rows = self.lake.read(CALL_CHANGES.name, CALL_CHANGES.schema, [DAY.date]).to_pylist()
        found = sorted(
            (row["detected_at"], row["uuid"], int(float(row["old_value"])), int(float(row["new_value"])))
            for row in rows
        )
        expected = [
            (uuid, before[uuid], after[uuid])
            for before, after in pairwise(self.stored)
            for uuid in UUIDS
            if before[uuid] != after[uuid]
        ]
        assert [change[1:] for change in found] == expected


def run_interleaved(
    account: Account, actions: Mapping[str, Callable[[], None]], choices: list[Choice]
) -> dict[str, BaseException]:
    """Run actions that pause at each lock, replacement and read, and return their errors."""
    pause, is_locked = account.interleaving.pause, atomic._is_locked
    storage = type(account.lake.storage)
    replace, open_file = storage.replace, storage.open

    def try_lock(descriptor: int) -> bool:
        pause()
        return is_locked(descriptor)

    def replace_between_pauses(self: Storage, key: str, new: Path, seen: str | None = None) -> None:
        pause()
        stored = revenues(pq.read_table(new)) if key == day_key(CALLS.name, DAY.date) else None
        replace(self, key, new, seen)
        if stored:
            account.stored.append(stored)
        pause()

    def open_after_pause(self: Storage, key: str) -> AbstractContextManager[Snapshot | None]:
        pause()
        return open_file(self, key)

    with (
        patch.object(atomic, "_is_locked", try_lock),
        patch.object(storage, "replace", replace_between_pauses),
        patch.object(storage, "open", open_after_pause),
        patch.object(atomic, "_flush"),
    ):
        return account.interleaving.run(actions, choices)


def revenues(calls: pa.Table) -> Calls:
    """Return the revenue of each call."""
    uuids = calls["uuid"].to_pylist()
    assert sorted(uuids) == sorted(UUIDS)
    return dict(zip(uuids, map(int, calls["revenue"].to_pylist()), strict=True))


CHOICES = st.lists(st.builds(Choice, st.integers(0, 4), st.integers(1, 12)), max_size=20)
"""Which of the threads goes on, and for how long."""

KILLS = st.builds(Choice, st.integers(0, 4), st.integers(0, 12), st.booleans())


def check_any_order(account: Account, choices: list[Choice]) -> None:
    """Check that no order of the steps of writers and a reader loses or doubles changes."""
    errors = run_interleaved(account, {"first": account.fetch_day}, [])
    errors |= run_interleaved(
        account,
        {
            "day": account.fetch_day,
            "day too": account.fetch_day,
            "call a": partial(account.refetch_call, "a"),
            "call b": partial(account.refetch_call, "b"),
            "reader": account.read_day,
        },
        choices,
    )
    assert {type(error) for error in errors.values()} <= {KilledError, PatchedMeanwhile}, errors
    # The next fetch drops the changes of a killed writer whose calls never followed.
    assert not run_interleaved(account, {"last": account.fetch_day}, [])
    account.check_changes()
