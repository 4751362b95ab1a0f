"""Run 100 small accounts on one Dagster instance, and count what grows: `python -m benchmarks.accounts`.

First each account fetches a month of calls and reports in one run. Then two accounts have a day of their
schedules: a small one, and one with a hundredth of the calls of 100 million a year. Then runs are deleted as
`prune_history` does. Not here: the runs (`simulation.py`), and what the day is for a year
(`year_of_accounts.py`).
"""

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import astuple
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
    accounts_of,
    in_child,
)
from benchmarks.year_of_accounts import CALLS_OF_AN_ACCOUNT, AccountDay, puts_of_run, year_of_accounts
from trackdrive_assets.cli.dagster_home import INSTANCE_FILE

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

_PARTS = ("month", "large-day", "small-day", "deletion")
_REMOVED_VARIABLES = ("TRACKDRIVE_", "DAGSTER_HOME")


def main() -> None:
    """Run the simulation, and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=100, help="number of small accounts")
    parser.add_argument("--at-once", type=int, default=2, help="number of accounts that run at the same time")
    parser.add_argument("--postgres", action="store_true", help="Postgres of Debian instead of SQLite")
    parser.add_argument("--only", nargs="+", choices=_PARTS, default=_PARTS, help="some parts instead of all")
    parser.add_argument(
        "--intraday-step",
        type=int,
        default=1,
        help="run only the intraday runs at multiples of so many minutes, and count them for the others",
    )
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
        parts = {
            "month": _month(simulation, accounts, today),
            "small-day": _days(simulation, accounts[0], today, options.intraday_step),
            "large-day": _days(simulation, accounts[-1], today, options.intraday_step),
            "deletion": _deletion(simulation, [each.name for each in accounts]),
        }
        for part in _PARTS:
            if part in options.only:
                for line in parts[part]:
                    print(line, flush=True)
    print(f"\nThe simulation took {(time.perf_counter() - started) / 60:.0f} minutes.")


def _new_instance(stack: ExitStack, home: Path, *, on_postgres: bool) -> Callable[[], float]:
    """Make the Dagster home of the environment. Return a function that returns the MB of its storage."""
    home.mkdir()
    os.environ["DAGSTER_HOME"] = str(home)
    if not on_postgres:
        shutil.copy(INSTANCE_FILE, home)
        return lambda: size(home / "history")
    # It needs pytest, and a server of Debian.
    from trackdrive_assets_tests.support import postgres  # noqa: PLC0415

    shutil.copy(postgres.INSTANCE_FILE, home / "dagster.yaml")
    server = stack.enter_context(postgres.serving_postgres())
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


def _days(simulation: Simulation, account: SimulatedAccount, today: date, step: int) -> Iterator[str]:
    """Run a day of the schedules of an account, and yield the lines of its tables and of the year.

    Args:
        simulation: The simulation.
        account: The account.
        today: The day.
        step: The minutes between the intraday runs that are run. The others count as they do.
    """
    for label, settings in SETTINGS.items():
        yield f"\n### A day of the {account.name} account, {label}\n"
        yield "| schedule | runs | requests | rows of events | MB of storage | CPU of a run | peak |"
        yield "|---|---:|---:|---:|---:|---:|---:|"
        due = in_child(ticks, today, dict(settings))
        parts = []
        for schedule in SCHEDULES:
            of_schedule = [tick for tick in due if tick.schedule == schedule]
            chosen = [tick for tick in of_schedule if tick.minute % step == 0 or schedule != "intraday"]
            before = simulation.storage_size()
            runs = [PlannedRun(account, schedule, tick.first, tick.last) for tick in chosen]
            measured = simulation.measure(f"{account.name}, {schedule}, {label}", settings, [runs])
            factor = len(of_schedule) / len(chosen)
            parts.append(
                AccountDay(
                    runs=len(of_schedule),
                    requests=round(measured.requests * factor),
                    rows=round(measured.events.rows * factor),
                    storage=(simulation.storage_size() - before) * factor,
                    cpu=sum(cost.cpu for cost in measured.costs) * factor,
                    puts=sum(puts_of_run(tick.first, tick.last, tick.tables) for tick in of_schedule),
                )
            )
            peak = max(cost.peak for cost in measured.costs)
            yield f"| {schedule} | {_cells(parts[-1])} | {peak:.0f} MB |"
        day = AccountDay(*map(sum, zip(*map(astuple, parts), strict=True)))
        yield f"| together | {_cells(day)} | |"
        if account.name == LARGE:
            bytes_per_call = sum(simulation.files(LARGE)) / (DAYS + 1) / CALLS_OF_AN_ACCOUNT
            yield "\nA year of 100 such accounts:\n"
            yield from year_of_accounts(day, bytes_per_call)


def _cells(day: AccountDay) -> str:
    return f"{day.runs} | {day.requests:,} | {day.rows:,} | {day.storage:.1f} | {day.cpu / day.runs:.1f} s"


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
