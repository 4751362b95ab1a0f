"""Accounts of which every run is a process, as Dagster's default launcher starts it, and what the runs took.

Not here: which runs there are, and the tables (`accounts.py`).
"""

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.commands import PROGRAMS
from benchmarks.instance import Events, count_events
from benchmarks.measure import Cost, RunningServer, run
from benchmarks.year_of_accounts import CALLS_OF_AN_ACCOUNT

CALLS_OF_SMALL = (20, 40, 60, 80, 100)
"""The calls a day of the small accounts, in turn."""

LARGE = "large"

_ACCOUNTS_OF_LOCATION = 10


@dataclass(frozen=True)
class SimulatedAccount:
    """An account of the simulation.

    Attributes:
        name: The name, which begins its keys.
        server: The server.
        location: The addresses of all accounts of its code location, by name.
    """

    name: str
    server: RunningServer
    location: Mapping[str, str]


class PlannedRun(NamedTuple):
    """A run of a job over days, both ends included."""

    account: SimulatedAccount
    job: str
    first: date
    last: date


@dataclass(frozen=True)
class Step:
    """What runs of one kind took.

    Attributes:
        requests: The number of requests.
        costs: The cost of each run.
        wall: The seconds from the first start to the last end.
        events: The events of all runs.
    """

    requests: int
    costs: Sequence[Cost]
    wall: float
    events: Events


class Simulation:
    """The lakes, and the runs in the Dagster home of the environment.

    Args:
        folder: A folder.
        at_once: The number of accounts that run at the same time.
        storage_size: Returns the MB of Dagster's storage.
    """

    def __init__(self, folder: Path, at_once: int, storage_size: Callable[[], float]) -> None:
        self.storage_size = storage_size
        self._lake = folder / "lake"
        self._folder = folder
        self._at_once = at_once
        self._numbers = count()

    def files(self, account: str = "*") -> list[int]:
        """Return the size of each file of a day, of one account or of all."""
        return [path.stat().st_size for path in self._lake.glob(f"account={account}/*/*/*.parquet")]

    def measure(
        self, name: str, settings: Mapping[str, object], planned: Sequence[Sequence[PlannedRun]]
    ) -> Step:
        """Run what each account does, one run after another, and some accounts at once.

        Args:
            name: The name of the step, which is a tag of its runs.
            settings: The settings of the accounts that differ from the defaults.
            planned: The runs of each account.
        """
        servers = {runs[0].account.server for runs in planned}
        for server in servers:
            server.clear_log()
        costs: list[Cost] = []

        def run_account(runs: Sequence[PlannedRun]) -> None:
            for each in runs:
                costs.append(self._run(name, settings, each))
                sys.stderr.write(f"\r\033[K{name}: {len(costs)} of {sum(map(len, planned))} runs")
                sys.stderr.flush()

        started = time.perf_counter()
        with ThreadPoolExecutor(self._at_once) as pool:
            list(pool.map(run_account, planned))
        wall = time.perf_counter() - started
        sys.stderr.write("\r\033[K")
        requests = sum(server.traffic().requests for server in servers)
        return Step(requests, costs, wall, in_child(count_events)[name])

    def _run(self, step: str, settings: Mapping[str, object], planned: PlannedRun) -> Cost:
        tags = {
            "benchmark": step,
            "dagster/asset_partition_range_start": str(planned.first),
            "dagster/asset_partition_range_end": str(planned.last),
        }
        folder = self._folder / f"run{next(self._numbers)}"
        folder.mkdir()
        job = f"{planned.account.name}_{planned.job}"
        cost = run(
            [
                *(Path(sys.executable).with_name("dagster"), "job", "execute"),
                *("-f", PROGRAMS / "code_location.py", "-j", job, "--tags", json.dumps(tags)),
            ],
            {
                **os.environ,
                "LAKE": str(self._lake),
                "ACCOUNTS": json.dumps(planned.account.location),
                "SETTINGS": json.dumps(dict(settings)),
            },
            folder,
        )
        shutil.rmtree(folder)
        return cost


def accounts_of(servers: Mapping[int, RunningServer], number: int) -> list[SimulatedAccount]:
    """Return the small accounts, and the large one as the last. Each code location has ten of them."""
    addressed = [
        (f"small{index:03}", servers[CALLS_OF_SMALL[index % len(CALLS_OF_SMALL)]]) for index in range(number)
    ]
    addressed.append((LARGE, servers[CALLS_OF_AN_ACCOUNT]))
    found = []
    for start in range(0, len(addressed), _ACCOUNTS_OF_LOCATION):
        # The location of the last accounts is as large as the others.
        others = addressed[max(0, min(start, len(addressed) - _ACCOUNTS_OF_LOCATION)) :][
            :_ACCOUNTS_OF_LOCATION
        ]
        location = {name: server.address for name, server in others}
        own = addressed[start : start + _ACCOUNTS_OF_LOCATION]
        found += [SimulatedAccount(name, server, location) for name, server in own]
    return found


def in_child(work: Callable[..., Any], *arguments: object) -> Any:
    """Call a function in a new process. Dagster in this one would add to the peaks of its child processes."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()
