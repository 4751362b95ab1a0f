"""Time every view of a lake: `python -m benchmarks.views LAKE`, with the lake of `year`.

Every result is computed whole on a fresh connection, and the first of each query in a fresh process too. The
goals are for a year of 20,000 calls a day on two cores.
"""

import argparse
import os
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import duckdb

from benchmarks.report import GOAL_HEADER
from benchmarks.results import Goal
from trackdrive_assets.lake.database import FILE, BuildResult, build_database
from trackdrive_assets.lake.ownership import time_zone_of
from trackdrive_assets.lake.sql_catalog import views
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.tables.columns import COLUMN_DESCRIPTIONS, DESCRIPTIONS, schemas
from trackdrive_assets_tests.support.factories import folder_of

GOAL = 1.0
GOAL_OF_SUMS = 0.3
RUNS = 5
BUILD = "trackdrive.duckdb: built"

_VIEWS_OF_SUMS = {
    "daily_summary",
    "hourly_volume",
    "buyer_performance",
    "offer_performance",
    "traffic_source_performance",
    "source_offer_buyer_performance",
    "state_performance",
}

_MONTH = "WHERE date BETWEEN '2026-03-01' AND '2026-03-31'"
_DAY = "WHERE date = '2026-03-17'"
_SUMS = {
    "calls": "sum(revenue)",
    "call_facts": "sum(revenue_owed)",
    "reports": "sum(revenue)",
    "stats": "sum(revenue)",
    "call_changes": "min(detected_at)",
    "call_totals": "sum(revenue_owed)",
    "change_log": "sum(revenue_owed)",
}


@dataclass(frozen=True)
class Timing:
    """The time of a piece of work.

    Attributes:
        wall: The wall time in seconds.
        cpu: The CPU time of all cores in seconds.
    """

    wall: float
    cpu: float


def main(lake: Lake) -> None:
    """Print the table of all timings, and the table of goals."""
    path = folder_of(lake) / FILE
    path.unlink(missing_ok=True)

    def build() -> BuildResult:
        return build_database(
            lake,
            schemas(),
            time_zone=time_zone_of(lake, "UTC"),
            descriptions=DESCRIPTIONS,
            column_descriptions=COLUMN_DESCRIPTIONS,
        )

    print("| what | fresh process | wall | CPU | files of a day |")
    print("|---|---:|---:|---:|---|")
    timings = {BUILD: _median([timed(build) for _ in range(RUNS)])}
    _line(BUILD, None, timings[BUILD])
    for name, query in queries_of(build()).items():
        spawn = get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=spawn) as pool:
            first = pool.submit(time_query, path, query).result()
        timings[name] = _median([time_query(path, query) for _ in range(RUNS)])
        _line(name, first, timings[name], _files(path, query))
    print("", *GOAL_HEADER, *(f"| {goal.cells} |" for goal in goals(timings)), sep="\n")


def goals(timings: Mapping[str, Timing]) -> Iterator[Goal]:
    """Return the goal of the build, and that of each view that was read whole."""
    yield Goal(BUILD, timings[BUILD].wall, GOAL, "s")
    for name in views():
        if name in timings:
            limit = GOAL_OF_SUMS if name in _VIEWS_OF_SUMS else GOAL
            yield Goal(name, timings[name].wall, limit, "s")


def time_query(path: Path, query: str) -> Timing:
    """Return the time of a query, with opening the file."""

    def run() -> None:
        with duckdb.connect(path, read_only=True) as connection:
            connection.execute("SET enable_progress_bar = false")
            connection.execute(f"CREATE TEMP TABLE result AS {query}")

    return timed(run)


def timed(work: Callable[[], object]) -> Timing:
    """Return the time of work in this process."""
    before, started = os.times(), time.perf_counter()
    work()
    wall, after = time.perf_counter() - started, os.times()
    return Timing(wall, after.user + after.system - before.user - before.system)


def queries_of(built: BuildResult) -> dict[str, str]:
    """Return the typical queries of an analyst by the name in the table."""
    dated = {name for name, columns in built.views.items() if "date" in (column.name for column in columns)}
    queries: dict[str, str] = {}
    for table, aggregate in _SUMS.items():
        queries[f"{table}: count"] = f"SELECT count(*) FROM {table}"  # noqa: S608  names of this module
        queries[f"{table}: a month"] = f"SELECT count(*), {aggregate} FROM {table} {_MONTH}"  # noqa: S608
        queries[f"{table}: a day"] = f"SELECT count(*), {aggregate} FROM {table} {_DAY}"  # noqa: S608
    # Analysts do not read single calls of a whole year.
    for name in [view for view in views() if view not in _SUMS]:
        queries[name] = f"SELECT * FROM {name}"  # noqa: S608  names of the package
        if name in dated:
            queries[f"{name}: a day"] = f"SELECT * FROM {name} {_DAY}"  # noqa: S608
    return queries


def _files(path: Path, query: str) -> str:
    """Return how many files of each table the scans read, if not all."""
    with duckdb.connect(path, read_only=True) as connection:
        plan = connection.execute(f"EXPLAIN {query}").fetchall()[0][1]
    return ", ".join(sorted(set(re.findall(r"Scanning Files: (\d+/\d+)", plan))))


def _median(runs: list[Timing]) -> Timing:
    return Timing(statistics.median(run.wall for run in runs), statistics.median(run.cpu for run in runs))


def _line(name: str, first: Timing | None, later: Timing, files: str = "") -> None:
    shown = f"{first.wall:.2f}" if first else ""
    print(f"| {name} | {shown} | {later.wall:.2f} | {later.cpu:.2f} | {files} |")
    sys.stdout.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lake", type=Path)
    main(Lake(parser.parse_args().lake))
