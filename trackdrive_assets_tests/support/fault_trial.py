"""One run of the pipeline on a failing server, and a check of what must be true after it.

Not here: which faults there are (`test_faults.py`, `soak.py`).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from operator import itemgetter
from pathlib import Path
from typing import Any

import dagster as dg

from trackdrive_assets.api.auth import KeyPair
from trackdrive_assets.api.client import Client
from trackdrive_assets.api.options import ClientOptions
from trackdrive_assets.dagster.resources import TrackdriveResource
from trackdrive_assets.lake.day_file import DayFile
from trackdrive_assets.lake.day_parts import parts_of, read_part
from trackdrive_assets.lake.layout import LAYOUT
from trackdrive_assets.settings import Settings
from trackdrive_assets.tables.columns import schemas
from trackdrive_assets.tables.totals import call_totals
from trackdrive_assets_tests.conftest import Pipeline
from trackdrive_assets_tests.support.factories import file_of, folder_of, write_day
from trackdrive_assets_tests.support.fake_clock import FakeClock

CALLS, REPORTS, STATS = "/api/v1/calls", "/api/v1/calls/reports", "/api/v1/calls/stats"

RESPONSE_TIMEOUT = 0.25
SLOW_DELAY = 0.4
"""The delay of slow responses, longer than the read timeout."""

RETRY_BUDGET = 3.25
"""Long enough for any two pauses of the client, too short for three."""

_MONEY = ("buyer_revenue", "traffic_source_payout", "trackdrive_cost", "provider_cost")
_STORED_DIGITS = Decimal("0.000001")


class NoSleepResource(TrackdriveResource):
    """A resource whose pauses count against the retry budget and take no time."""

    retry_budget: float = RETRY_BUDGET

    @contextmanager
    def client(self) -> Iterator[Client]:
        """Return a client that does not sleep."""
        with Client(
            str(self.base_url),
            KeyPair(str(self.public_key), str(self.private_key)),
            ClientOptions(
                per_page=self.per_page,
                requests_per_second=0,
                max_concurrency=self.max_concurrency,
                response_timeout=RESPONSE_TIMEOUT,
                retry_budget=self.retry_budget,
            ),
            clock=FakeClock(),
        ) as client:
            yield client


@dataclass
class Trial(Pipeline):
    """A pipeline on a failing server, with a lake that has an old file of every day.

    Attributes:
        per_page: The rows per page.
        max_concurrency: The most concurrent requests.
        retry_budget: The seconds for one request with its retries.
        old: The content of each asset and day before the last attempt.
    """

    per_page: int = 20
    max_concurrency: int = 4
    retry_budget: float = RETRY_BUDGET
    old: dict[tuple[str, str], Any] = field(default_factory=dict)

    @property
    def account(self) -> TrackdriveResource:
        return NoSleepResource(
            base_url=self.sandbox.base_url,
            public_key=self.sandbox.public_key,
            private_key=self.sandbox.private_key,
            per_page=self.per_page,
            max_concurrency=self.max_concurrency,
            retry_budget=self.retry_budget,
        )

    def attempt(self, keys: Sequence[str], *partitions: str) -> dg.ExecuteInProcessResult:
        """Materialize days of assets, and return the result of the run, also if it failed."""
        for (key, partition), file in self.day_files(keys, partitions).items():
            if self._content(key, file) is None:
                table, _, part = key.partition("/")
                write_day(self.lake, table, [], day=date.fromisoformat(partition), part=part or None)
            self.old[key, partition] = self._content(key, file)
        return self.run(dg.AssetSelection.assets(*keys), partitions[0], partitions[-1])

    def violations(
        self, result: dg.ExecuteInProcessResult, keys: Sequence[str], *partitions: str
    ) -> list[str]:
        """Return what is wrong after an attempt.

        A day that the run recorded must have the calls of the sandbox. Every other day must have its old
        content. The lake must have no other file beside its own two.
        """
        files = self.day_files(keys, partitions)
        recorded = self.recorded(result) & files.keys()
        violations = [
            f"{key} of {partition} is recorded and differs from the sandbox"
            for key, partition in sorted(recorded)
            if not self.is_exact(key, partition)
        ]
        violations += [
            f"{key} of {partition} is not recorded and its old content has changed"
            for (key, partition), file in files.items()
            if (key, partition) not in recorded and self._content(key, file) != self.old[key, partition]
        ]
        violations += [
            f"call_totals of {partition} differ from its calls"
            for key, partition in sorted(recorded)
            if key == "calls" and self._stored_sums(partition) != self._sums_of_calls(partition)
        ]
        expected = {
            folder_of(self.lake) / "lake.json",
            # A failed step shows what it stored.
            folder_of(self.lake) / "trackdrive.duckdb",
            folder_of(self.lake) / "files.json",
            *files.values(),
            *(file_of(self.lake, "call_changes", date.fromisoformat(p)) for p in partitions),
            *(file_of(self.lake, "call_totals", date.fromisoformat(p)) for p in partitions),
        }
        leftovers = self.files() - {str(file.relative_to(folder_of(self.lake))) for file in expected}
        return violations + [f"{path} should not exist" for path in sorted(leftovers)]

    def recorded(self, result: dg.ExecuteInProcessResult) -> set[tuple[str, str]]:
        """Return the assets and partitions that a run materialized."""
        # The result of the run lacks the materializations of a step that failed later.
        logs = self.instance.all_logs(result.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
        events = [log.asset_materialization for log in logs if log.asset_materialization]
        return {(event.asset_key.to_user_string(), str(event.partition)) for event in events}

    def is_exact(self, key: str, partition: str) -> bool:
        """Return whether a day has the calls of the sandbox, or their sums, with the money."""
        day = self.day(partition)
        calls = self.sandbox.calls(day.start, day.end)
        table, _, group = key.partition("/")
        rows = self.lake.read(table, schemas()[table], [day.date], part=group or None).to_pylist()
        if table == "calls":
            return _by_uuid((row["uuid"], *(row[name] for name in _MONEY)) for row in rows) == _by_uuid(
                (call["uuid"], *(_decimal(call[name]) for name in _MONEY)) for call in calls
            )
        count = "calls" if table == "reports" else "count"
        return _sums((row["group_value"], row[count], row["revenue"]) for row in rows) == _sums(
            (call[group], 1, _decimal(call["buyer_revenue"])) for call in calls
        )

    def day_files(self, keys: Sequence[str], partitions: Sequence[str]) -> dict[tuple[str, str], Path]:
        """Return the file of each asset and day."""
        return {
            (key, partition): file_of(self.lake, key.partition("/")[0], date.fromisoformat(partition))
            for key in keys
            for partition in partitions
        }

    def _stored_sums(self, partition: str) -> Any:
        sums = self.lake.read("call_totals", schemas()["call_totals"], [date.fromisoformat(partition)])
        return sorted(sums.drop_columns("fetched_at").to_pylist(), key=repr)

    def _sums_of_calls(self, partition: str) -> Any:
        """Return the sums of the stored calls of a day. Neither sums have an order."""
        calls = self.lake.read("calls", schemas()["calls"], [date.fromisoformat(partition)])
        return sorted(call_totals(calls).drop_columns("fetched_at").to_pylist(), key=repr)

    def _content(self, key: str, file: Path) -> Any:
        """Return the bytes of a file, or the rows of the part of an asset and its fetch. None without it."""
        table, _, part = key.partition("/")
        if not part or not file.exists():
            return file.read_bytes() if file.exists() else None
        column = str(LAYOUT[table].part_column)
        with DayFile(file) as day:
            rows = read_part(day, column, part, schemas()[table])
            return None if rows is None else (rows.to_pylist(), parts_of(day, column)[part])


def _by_uuid(calls: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return sorted(calls, key=itemgetter(0))


def _sums(rows: Iterable[tuple[str | None, int, Decimal | None]]) -> dict[str | None, tuple[int, Decimal]]:
    """Return the calls and the revenue of each group."""
    calls: Counter[str | None] = Counter()
    revenue: dict[str | None, Decimal] = {}
    for group, count, amount in rows:
        calls[group] += count
        revenue[group] = revenue.get(group, Decimal(0)) + (amount or 0)
    return {group: (calls[group], revenue[group]) for group in calls}


def _decimal(amount: Any) -> Decimal | None:
    return None if amount is None else Decimal(str(amount)).quantize(_STORED_DIGITS)


def settings_for(lake: Path) -> Settings:
    """Return settings in New York, with few requests per day."""
    return Settings(
        time_zone="America/New_York",
        start_date=date(2024, 3, 1),
        lake=str(lake),
        stats_interval="1d",
        report_categories=("status", "buyer_converted"),
    )
