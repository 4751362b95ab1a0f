"""Run 100 small accounts on one Dagster instance, and count what grows: `python -m benchmarks.accounts`.

First each account fetches a month of calls and reports in one run. Then two accounts have a day of their
schedules: a small one, and one with a hundredth of the calls of 100 million a year. Then runs are deleted as
`prune_history` does. Not here: the runs (`simulation.py`), and what the day is for a year
(`year_of_accounts.py`).
"""

import argparse
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from benchmarks.commands import Service
from benchmarks.instance import LEFT, count_events, delete_runs, ticks
from benchmarks.measure import serving, size
from benchmarks.report import introduction
from benchmarks.simulation import (
    CALLS_OF_SMALL,
    LARGE,
    PlannedRun,
    SimulatedAccount,
    Simulation,
    Step,
    accounts_of,
    in_child,
)
from benchmarks.year_of_accounts import CALLS_OF_AN_ACCOUNT, AccountDay, puts_of_run, year_of_accounts

DAYS = 30
"""The days of the month, as many as the look-back fetches."""

SCHEDULES = ("intraday", "nightly", "look_back")

SETTINGS: Mapping[str, Mapping[str, object]] = {
    "by default": {},
    "with the settings for many accounts": {
        "intraday_minutes": 60,
        "intraday_tables": "calls",
        "per_page": 1000,
        "report_categories": "buyer_id,offer_id,traffic_source_id",
    },
}

_PROJECT = Path(__file__).parents[1]
_REMOVED_VARIABLES = ("TRACKDRIVE_", "DAGSTER_HOME")


def main() -> None:
    """Run the simulation, and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=100, help="number of small accounts")
    parser.add_argument("--at-once", type=int, default=2, help="number of accounts that run at the same time")
    parser.add_argument("--postgres", action="store_true", help="Postgres of Debian instead of SQLite")
    parser.add_argument("--most-ticks", type=int, help="number of intraday runs, for a try-out")
    options = parser.parse_args()
    for name in [name for name in os.environ if name.startswith(_REMOVED_VARIABLES)]:
        del os.environ[name]
    print("\n".join(introduction(1, 1, os.getloadavg()[0])))
    started = time.perf_counter()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="accounts-")))
        storage_size = _new_instance(stack, folder / "home", on_postgres=options.postgres)
        # Dagster creates its tables. Two runs would do that at once, and fail.
        in_child(count_events)
        today = datetime.now(UTC).date()
        servers = {
            calls: stack.enter_context(
                serving(Service(calls, DAYS + 1, first_day=today - timedelta(days=DAYS)))
            )
            for calls in (*CALLS_OF_SMALL, CALLS_OF_AN_ACCOUNT)
        }
        accounts = accounts_of(servers, options.accounts)
        simulation = Simulation(folder, options.at_once, storage_size)
        for part in (
            _month(simulation, accounts, today),
            _days(simulation, (accounts[0], accounts[-1]), today, options.most_ticks),
            _deletion(simulation, [each.name for each in accounts]),
        ):
            for line in part:
                print(line, flush=True)
    print(f"\nThe simulation took {(time.perf_counter() - started) / 60:.0f} minutes.")


def _new_instance(stack: ExitStack, home: Path, *, on_postgres: bool) -> Callable[[], float]:
    """Make the Dagster home of the environment. Return a function that returns the MB of its storage."""
    home.mkdir()
    os.environ["DAGSTER_HOME"] = str(home)
    if not on_postgres:
        shutil.copy(_PROJECT / "dagster.yaml", home)
        return lambda: size(home / "history")
    # It needs pytest, and a server of Debian.
    from trackdrive_assets_tests.support.postgres import INSTANCE_FILE, serving_postgres  # noqa: PLC0415

    shutil.copy(INSTANCE_FILE, home / "dagster.yaml")
    server = stack.enter_context(serving_postgres())
    server.execute("CREATE DATABASE dagster")
    os.environ.update(server.variables("dagster"))
    return lambda: int(server.execute("SELECT pg_database_size('dagster')")) / 1e6


def _month(simulation: Simulation, accounts: Sequence[SimulatedAccount], today: date) -> Iterator[str]:
    """Run a month of each account, and yield the lines of its table."""
    first, last = today - timedelta(days=DAYS), today - timedelta(days=1)
    before = simulation.storage_size()
    planned = [[PlannedRun(each, "look_back", first, last)] for each in accounts]
    step = simulation.measure("a month", {}, planned)
    files = simulation.files()
    totals = {
        "requests to the API": step.requests,
        "files of days": len(files),
        "KB of them": sum(files) / 1e3,
        "rows of events": step.events.rows,
        "KB of their texts": step.events.size / 1e3,
        "KB of Dagster's storage": (simulation.storage_size() - before) * 1e3,
        "seconds of CPU": sum(cost.cpu for cost in step.costs),
        "seconds": step.wall,
    }
    yield f"\n### A month of {len(accounts)} accounts, a run each\n"
    yield "| | in all | an account and day |\n|---|---:|---:|"
    for label, total in totals.items():
        yield f"| {label} | {total:,.0f} | {total / DAYS / len(accounts):.3g} |"
    yield f"\nPeak of a run: {max(cost.peak for cost in step.costs):.0f} MB."


def _days(
    simulation: Simulation, accounts: Sequence[SimulatedAccount], today: date, most_ticks: int | None
) -> Iterator[str]:
    """Run a day of the schedules of some accounts, and yield the lines of its tables and of the year.

    Args:
        simulation: The simulation.
        accounts: The accounts, the large one as the last.
        today: The day.
        most_ticks: The largest number of intraday runs; None for all.
    """
    for label, settings in SETTINGS.items():
        before = simulation.storage_size()
        due = in_child(ticks, today, dict(settings))
        by_schedule = {
            name: [tick for tick in due if tick.schedule == name][:most_ticks] for name in SCHEDULES
        }

        def run_day(account: SimulatedAccount) -> dict[str, Step]:
            return {
                name: simulation.measure(
                    f"{account.name}, {name}, {label}",  # noqa: B023  called in this iteration
                    settings,  # noqa: B023
                    [[PlannedRun(account, name, tick.first, tick.last) for tick in some]],
                )
                for name, some in by_schedule.items()  # noqa: B023
            }

        with ThreadPoolExecutor(len(accounts)) as pool:
            steps = list(pool.map(run_day, accounts))
        growth = (simulation.storage_size() - before) / len(accounts)
        yield f"\n### A day of the schedules, {label}\n"
        yield "| account | schedule | runs | requests | rows of events | KB | CPU of a run | peak of a run |"
        yield "|---|---|---:|---:|---:|---:|---:|---:|"
        for account, of_account in zip(accounts, steps, strict=True):
            for name, step in of_account.items():
                yield f"| {account.name} | {name} | {_cells(step)} |"
        of_large = steps[-1].values()
        day = AccountDay(
            runs=sum(len(step.costs) for step in of_large),
            requests=sum(step.requests for step in of_large),
            rows=sum(step.events.rows for step in of_large),
            storage=growth,
            cpu=sum(cost.cpu for step in of_large for cost in step.costs),
            puts=sum(
                puts_of_run(tick.first, tick.last, tick.tables)
                for some in by_schedule.values()
                for tick in some
            ),
        )
        bytes_per_call = sum(simulation.files(LARGE)) / (DAYS + 1) / CALLS_OF_AN_ACCOUNT
        yield f"\n### A year, {label}, from the day of the large account\n"
        yield from year_of_accounts(day, bytes_per_call)


def _cells(step: Step) -> str:
    cpu = statistics.mean(cost.cpu for cost in step.costs)
    peak = max(cost.peak for cost in step.costs)
    return (
        f"{len(step.costs)} | {step.requests:,} | {step.events.rows:,} | {step.events.size / 1e3:,.0f} "
        f"| {cpu:.1f} s | {peak:.0f} MB"
    )


def _deletion(simulation: Simulation, names: Sequence[str]) -> Iterator[str]:
    """Delete the runs of some accounts, and yield the lines of the table."""
    yield "\n### Deleting runs as `prune_history` does\n"
    yield "| accounts | runs deleted | seconds | rows left | of deleted runs | MB of storage |"
    yield "|---|---:|---:|---:|---:|---:|"

    def left() -> str:
        found = in_child(count_events)
        rows = sum(events.rows for events in found.values())
        return f"{rows:,} | {found[LEFT].rows:,} | {simulation.storage_size():,.0f}"

    yield f"| none | | | {left()} |"
    for some in (names[-1:], names[:1], names[1:10]):
        started = time.perf_counter()
        deleted = in_child(delete_runs, list(some))
        seconds = time.perf_counter() - started
        yield f"| {some[0]} to {some[-1]} | {deleted} | {seconds:.1f} | {left()} |"


if __name__ == "__main__":
    main()
