"""Times every view over a lake: `python -m benchmarks.views LAKE`, with the lake of `year`.

Every answer is made whole, on a fresh connection; the first of each question in a fresh process too. The goal
is that of a year of 20,000 calls a day on two cores.
"""

import argparse
import os
import re
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import duckdb

from benchmarks.year import TIME_ZONE
from trackdrive_assets.lake.database import FILE, build_database
from trackdrive_assets.lake.sql_catalog import views
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.tables.columns import DESCRIPTIONS, MEANINGS, SCHEMAS

GOAL = 1.0
RUNS = 5

_MONTH = "WHERE date BETWEEN '2026-03-01' AND '2026-03-31'"
_DAY = "WHERE date = '2026-03-17'"
_SUMS = {
    "calls": "sum(revenue)",
    "reports": "sum(revenue)",
    "stats": "sum(revenue)",
    "call_changes": "min(detected_at)",
}
_WITHOUT_DATE = {
    "conversion_lag",
    "call_changes_daily",
    "repeat_callers",
    "buyer_statements",
    "traffic_source_statements",
}


@dataclass(frozen=True)
class Taken:
    """What something took.

    Attributes:
        wall: Seconds by the clock.
        cpu: Seconds of all cores.
    """

    wall: float
    cpu: float


def main(lake: Lake) -> None:
    """Print the table."""
    path = lake.root / FILE
    path.unlink(missing_ok=True)

    def build() -> None:
        build_database(
            lake, SCHEMAS, time_zone=TIME_ZONE, descriptions=DESCRIPTIONS, column_descriptions=MEANINGS
        )

    print("| what | fresh process | wall | CPU | goal of 1 s | files of a day |")
    print("|---|---|---|---|---|---|")
    _line("trackdrive.duckdb: built", None, _median([taken(build) for _ in range(RUNS)]))
    for name, question in _questions().items():
        fresh = get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=fresh) as pool:
            first = pool.submit(ask, path, question).result()
        _line(name, first, _median([ask(path, question) for _ in range(RUNS)]), _files(path, question))


def ask(path: Path, question: str) -> Taken:
    """What an answer takes, from opening the file on."""

    def answer() -> None:
        with duckdb.connect(path, read_only=True) as connection:
            connection.execute("SET enable_progress_bar = false")
            connection.execute(f"CREATE TEMP TABLE answer AS {question}")

    return taken(answer)


def taken(work: Callable[[], None]) -> Taken:
    """What some work takes in this process."""
    before, began = os.times(), time.perf_counter()
    work()
    wall, after = time.perf_counter() - began, os.times()
    return Taken(wall, after.user + after.system - before.user - before.system)


def _questions() -> dict[str, str]:
    """What an analyst asks, by what is shown for it."""
    questions: dict[str, str] = {}
    for table, aggregate in _SUMS.items():
        questions[f"{table}: count"] = f"SELECT count(*) FROM {table}"  # noqa: S608  names of this module
        questions[f"{table}: a month"] = f"SELECT count(*), {aggregate} FROM {table} {_MONTH}"  # noqa: S608
        questions[f"{table}: a day"] = f"SELECT count(*), {aggregate} FROM {table} {_DAY}"  # noqa: S608
    for name in views():
        questions[name] = f"SELECT * FROM {name}"  # noqa: S608  names of the package
        if name not in _WITHOUT_DATE:
            questions[f"{name}: a day"] = f"SELECT * FROM {name} {_DAY}"  # noqa: S608
    return questions


def _files(path: Path, question: str) -> str:
    """How many of its files each table's scan reads, where it reads but some."""
    with duckdb.connect(path, read_only=True) as connection:
        plan = connection.execute(f"EXPLAIN {question}").fetchall()[0][1]
    return ", ".join(sorted(set(re.findall(r"Scanning Files: (\d+/\d+)", plan))))


def _median(runs: list[Taken]) -> Taken:
    return Taken(statistics.median(run.wall for run in runs), statistics.median(run.cpu for run in runs))


def _line(name: str, first: Taken | None, later: Taken, files: str = "") -> None:
    verdict = "met" if later.wall < GOAL else f"short by {later.wall - GOAL:.2f} s"
    shown = f"{first.wall:.2f}" if first else ""
    print(f"| {name} | {shown} | {later.wall:.2f} | {later.cpu:.2f} | {verdict} | {files} |")
    sys.stdout.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lake", type=Path)
    main(Lake(parser.parse_args().lake))
