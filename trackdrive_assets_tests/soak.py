"""Random mixes of faults, what must be true after each of them, and a soak that tries them for minutes.

A mix is drawn from its seed alone, so that one that fails can be run again. `test_faults.py` tries twenty of
them, and each kind of fault by itself on the same `Trial`; `make soak` tries as many as the time allows.
"""

import itertools
import logging
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from operator import itemgetter
from pathlib import Path
from typing import Any, get_args

import click
import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq

from trackdrive_assets.api.auth import KeyPair
from trackdrive_assets.api.client import Client
from trackdrive_assets.dagster.assets import daily
from trackdrive_assets.dagster.resources import TrackdriveResource
from trackdrive_assets.lake.layout import LAYOUT
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.sandbox.faults import KINDS, Fault
from trackdrive_assets.sandbox.serializers import ApiVersion
from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets.settings import Settings
from trackdrive_assets.tables.columns import TABLES
from trackdrive_assets_tests.conftest import NOW, Pipeline
from trackdrive_assets_tests.support.fake_clock import Hurry

CALLS, REPORTS, STATS = "/api/v1/calls", "/api/v1/calls/reports", "/api/v1/calls/stats"
KEYS = ("calls", "reports/status", "reports/buyer_converted", "stats/status")

READ_TIMEOUT = 0.25
LONGER_THAN_THAT = 0.4

# Holds two pauses of the client's own, whatever is drawn for them, and never three.
RETRY_BUDGET = 3.25
_OVER_THE_BUDGET = 30
_MONEY = ("buyer_revenue", "traffic_source_payout", "trackdrive_cost", "provider_cost")
_STORED_DIGITS = Decimal("0.000001")


class Unhurried(TrackdriveResource):
    """Counts its pauses against the budget, and waits none of them."""

    retry_budget: float = RETRY_BUDGET

    @contextmanager
    def client(self) -> Iterator[Client]:
        """A client that does not sleep."""
        with Client(
            str(self.base_url),
            KeyPair(str(self.public_key), str(self.private_key)),
            per_page=self.per_page,
            requests_per_second=0,
            max_concurrency=self.max_concurrency,
            read_timeout=READ_TIMEOUT,
            retry_budget=self.retry_budget,
            clock=Hurry(),
        ) as client:
            yield client


@dataclass
class Trial(Pipeline):
    """A pipeline on a server that fails, over a lake that holds an old file of every day.

    Attributes:
        per_page: Rows a page.
        max_concurrency: Requests in flight.
        retry_budget: Seconds for one request.
        old: The files of before the last attempt.
    """

    per_page: int = 20
    max_concurrency: int = 4
    retry_budget: float = RETRY_BUDGET
    old: dict[Path, bytes] = field(default_factory=dict)

    @property
    def account(self) -> TrackdriveResource:
        return Unhurried(
            base_url=self.sandbox.base_url,
            public_key=self.sandbox.public_key,
            private_key=self.sandbox.private_key,
            per_page=self.per_page,
            max_concurrency=self.max_concurrency,
            retry_budget=self.retry_budget,
        )

    def attempt(self, keys: Sequence[str], *partitions: str) -> dg.ExecuteInProcessResult:
        """Read some days of some assets, however it ends."""
        for (key, _), file in self.days(keys, partitions).items():
            if not file.exists():
                file.parent.mkdir(parents=True)
                pq.write_table(_schema(key).empty_table(), file)
            self.old[file] = file.read_bytes()
        return self.run(dg.AssetSelection.assets(*keys), partitions[0], partitions[-1])

    def wrong(self, result: dg.ExecuteInProcessResult, keys: Sequence[str], *partitions: str) -> list[str]:
        """What is not as it must be after an attempt; nothing, if all is well.

        A day that Dagster counts as materialized in this run holds what the sandbox holds. Every other keeps
        its old file, byte for byte. There is nothing else in the lake.
        """
        days = self.days(keys, partitions)
        recorded = self.recorded(result) & days.keys()
        found = [
            f"{key} of {partition} is recorded and not exact"
            for key, partition in sorted(recorded)
            if not self.is_exact(key, partition)
        ]
        found += [
            f"{key} of {partition} is not recorded and has lost its old file"
            for (key, partition), file in days.items()
            if (key, partition) not in recorded and file.read_bytes() != self.old[file]
        ]
        known = {*days.values(), *(self.lake.file("call_changes", date.fromisoformat(p)) for p in partitions)}
        litter = self.files() - {str(file.relative_to(self.lake.root)) for file in known}
        return found + [f"{path} is left over" for path in sorted(litter)]

    def recorded(self, result: dg.ExecuteInProcessResult) -> set[tuple[str, str]]:
        """The days that Dagster counts as materialized in a run: asset and partition."""
        # Not from the result: it lacks what a step said before it failed.
        logs = self.instance.all_logs(result.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
        told = [log.asset_materialization for log in logs if log.asset_materialization]
        return {(each.asset_key.to_user_string(), str(each.partition)) for each in told}

    def is_exact(self, key: str, partition: str) -> bool:
        """Whether a day of the lake is what the sandbox holds: every call, or their sums, with the money."""
        rows = pq.ParquetFile(self._file(key, partition)).read().to_pylist()
        day = self.day(partition)
        calls = self.sandbox.calls(day.start, day.end)
        family, _, group = key.partition("/")
        if family == "calls":
            return _by_uuid((row["uuid"], *(row[name] for name in _MONEY)) for row in rows) == _by_uuid(
                (call["uuid"], *(_decimal(call[name]) for name in _MONEY)) for call in calls
            )
        counted = "calls" if family == "reports" else "count"
        return _sums((row["group_value"], row[counted], row["revenue"]) for row in rows) == _sums(
            (call[group], 1, _decimal(call["buyer_revenue"])) for call in calls
        )

    def days(self, keys: Sequence[str], partitions: Sequence[str]) -> dict[tuple[str, str], Path]:
        """The files that a run of these assets and days may write."""
        return {(key, partition): self._file(key, partition) for key in keys for partition in partitions}

    def _file(self, key: str, partition: str) -> Path:
        table, hive = _place(key)
        return self.lake.file(table, date.fromisoformat(partition), **hive)


def _place(key: str) -> tuple[str, dict[str, str]]:
    """The table of an asset and its hive keys."""
    table, _, group = key.partition("/")
    return table, dict.fromkeys(LAYOUT[table].keys, group)


def _schema(key: str) -> pa.Schema:
    return next(table.schema for table in TABLES if table.name == _place(key)[0])


def _by_uuid(calls: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return sorted(calls, key=itemgetter(0))


def _sums(rows: Iterable[tuple[str | None, int, Decimal | None]]) -> dict[str | None, tuple[int, Decimal]]:
    """Calls and revenue of each group."""
    calls: Counter[str | None] = Counter()
    revenue: dict[str | None, Decimal] = {}
    for group, count, amount in rows:
        calls[group] += count
        revenue[group] = revenue.get(group, Decimal(0)) + (amount or 0)
    return {group: (calls[group], revenue[group]) for group in calls}


def _decimal(amount: Any) -> Decimal | None:
    return None if amount is None else Decimal(str(amount)).quantize(_STORED_DIGITS)


@dataclass(frozen=True)
class Mix:
    """What goes wrong in one run, and what happens before the next.

    Attributes:
        seed: All the rest is drawn from it.
        api_version: Of the API.
        per_page: Rows a page.
        max_concurrency: Requests in flight.
        keys: The assets of both runs.
        partitions: Their days.
        faults: What goes wrong in the first run.
        pause: How far the account's clock moves until the second run.
        late: When calls began that the account shows only in the second run.
    """

    seed: int
    api_version: ApiVersion
    per_page: int
    max_concurrency: int
    keys: tuple[str, ...]
    partitions: tuple[str, ...]
    faults: tuple[Fault, ...]
    pause: timedelta
    late: tuple[datetime, ...]


def drawn_from(seed: int) -> Mix:
    """The mix of a seed."""
    draw = random.Random(seed)  # noqa: S311  a mix is no secret
    last = NOW.date() - timedelta(days=draw.randint(0, 30))
    partitions = tuple((last - timedelta(days=n)).isoformat() for n in reversed(range(draw.randint(1, 3))))
    return Mix(
        seed=seed,
        api_version=draw.choice(get_args(ApiVersion)),
        per_page=draw.choice((7, 20, 250)),
        max_concurrency=draw.choice((1, 4, 16)),
        keys=tuple(key for key in KEYS if draw.random() < 0.75) or KEYS,
        partitions=partitions,
        faults=tuple(_fault(draw) for _ in range(draw.randint(2, 5))),
        pause=timedelta(hours=draw.choice((0, 1, 100))),
        late=tuple(NOW - timedelta(hours=draw.uniform(0, 72)) for _ in range(draw.randint(0, 3))),
    )


def _fault(draw: random.Random) -> Fault:
    return Fault(
        draw.choice(sorted(KINDS)),
        times=draw.choice((1, 1, 2, 3, None)),
        every=draw.randint(1, 9),
        path=draw.choice((None, CALLS, REPORTS, STATS)),
        retry_after=draw.choice((0, 1, 2, _OVER_THE_BUDGET)),
        delay=LONGER_THAN_THAT,
    )


def run(mix: Mix, instance: dg.DagsterInstance, folder: Path) -> list[str]:
    """Run a mix, and then once more with nothing going wrong. Gives what is wrong after either."""
    clock = [NOW]
    with Sandbox(
        seed=mix.seed,
        calls_per_day=30,
        first_day=date(2024, 10, 1),
        now=lambda: clock[0],
        api_version=mix.api_version,
        faults=mix.faults,
    ) as sandbox:
        trial = Trial(
            sandbox,
            instance,
            Lake(folder),
            settings_of(folder),
            per_page=mix.per_page,
            max_concurrency=mix.max_concurrency,
        )
        # The pauses between tries are drawn from this one.
        random.seed(mix.seed)
        spoiled = trial.attempt(mix.keys, *mix.partitions)
        found = trial.wrong(spoiled, mix.keys, *mix.partitions)

        sandbox.recover()
        clock[0] += mix.pause
        for moment in mix.late:
            sandbox.add_call(moment)
        healthy = trial.attempt(mix.keys, *mix.partitions)
        found += trial.wrong(healthy, mix.keys, *mix.partitions)
        lacking = trial.days(mix.keys, mix.partitions).keys() - trial.recorded(healthy)
        return found + [f"{key} of {day} fails with nothing wrong any more" for key, day in sorted(lacking)]


def settings_of(lake: Path) -> Settings:
    """In New York, and sparing with requests."""
    return Settings(
        time_zone="America/New_York",
        start_date=date(2024, 3, 1),
        lake=str(lake),
        stats_interval="1d",
        report_categories=("status", "buyer_converted"),
    )


@click.command()
@click.option("--minutes", default=10.0, help="How long. 0 is one mix.")
@click.option("--seed", type=int, help="Of the first mix; each next one has the next.")
def soak(minutes: float, seed: int | None) -> None:
    """Run random mixes of faults for as long as asked, and name those that end wrongly."""
    daily.WAITS = (0, 0)
    logging.disable()  # thousands of requests are asked again
    until = time.monotonic() + 60 * minutes
    base = random.randrange(10**9) if seed is None else seed  # noqa: S311  as above
    click.echo(f"Mixes from seed {base} on, for {minutes:g} minutes.")
    failed = []
    with tempfile.TemporaryDirectory() as home, dg.DagsterInstance.local_temp(home) as instance:
        for each in itertools.count(base):
            with tempfile.TemporaryDirectory() as lake:
                found = run(drawn_from(each), instance, Path(lake))
            if found:
                failed.append(each)
                click.echo(f"The mix of seed {each} ends wrongly: make soak MINUTES=0 SEED={each}")
                click.echo("".join(f"  {what}\n" for what in found), nl=False)
            if time.monotonic() >= until:
                break
    click.echo(f"{each - base + 1} mixes: {len(failed)} ended wrongly.")
    raise SystemExit(bool(failed))


if __name__ == "__main__":
    soak()
