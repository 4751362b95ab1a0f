"""The arithmetic from a measured day of one account to a year of 100 accounts with 100 million calls.

Not here: the measurements (`accounts.py`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

ACCOUNTS = 100
CALLS = 100_000_000
DAYS_OF_YEAR = 365
CALLS_OF_AN_ACCOUNT = round(CALLS / ACCOUNTS / DAYS_OF_YEAR)
"""The calls of an account and day."""

OBJECTS = {"calls": 3, "reports": 1, "stats": 1}
"""The objects of a day. With the calls there are `call_changes` and `call_totals`."""

KEPT_DAYS = 37
"""The age of the oldest runs before the weekly `prune_history`, which keeps 30 days."""

REQUESTS_PER_SECOND = 5
"""The default rate of an account."""

DOLLARS_PER_PUT = 5 / 1e6
DOLLARS_PER_GET = 0.4 / 1e6
DOLLARS_PER_GB_AND_MONTH = 0.023
"""The list prices of S3 Standard in us-east-1 in 2025."""

_SECONDS_PER_DAY = 24 * 60 * 60


@dataclass(frozen=True)
class AccountDay:
    """What one account does on one day.

    Attributes:
        runs: The number of runs.
        requests: The number of requests to the API.
        rows: The rows of events in Dagster's storage.
        storage: The growth of Dagster's storage in MB.
        cpu: The seconds of CPU.
        puts: The number of PUT requests to an object store.
    """

    runs: int
    requests: int
    rows: int
    storage: float
    cpu: float
    puts: int


def puts_of_run(first: date, last: date, tables: Sequence[str]) -> int:
    """Return the PUT requests of a run over days: each object of a day, and `trackdrive.duckdb` once."""
    return ((last - first).days + 1) * sum(OBJECTS[table] for table in tables) + 1


def year_of_accounts(day: AccountDay, bytes_per_call: float) -> Iterator[str]:
    """Yield the lines of the table of a year of all accounts.

    Args:
        day: The day of an account with a hundredth of the calls.
        bytes_per_call: The bytes in the lake for a call.
    """
    days = ACCOUNTS * DAYS_OF_YEAR
    gigabytes = CALLS * bytes_per_call / 1e9
    objects = days * sum(OBJECTS.values())
    yield "| | an account and day | 100 accounts and a year |"
    yield "|---|---:|---:|"
    yield f"| runs | {day.runs} | {_short(day.runs * days)} |"
    yield f"| requests to the API | {day.requests:,} | {_short(day.requests * days)} |"
    yield f"| minutes at {REQUESTS_PER_SECOND} per second | {day.requests / REQUESTS_PER_SECOND / 60:.0f} | |"
    yield f"| CPU | {day.cpu:,.0f} s | {day.cpu * ACCOUNTS / _SECONDS_PER_DAY:.2f} cores on average |"
    yield f"| rows of events | {day.rows:,} | {_short(day.rows * days)} |"
    yield f"| Dagster's storage | {day.storage:.1f} MB | {_short(day.storage * 1e6 * days)}B |"
    kept = ACCOUNTS * KEPT_DAYS
    yield f"| rows of events in {KEPT_DAYS} days | | {_short(day.rows * kept)} |"
    yield f"| Dagster's storage in {KEPT_DAYS} days | | {_short(day.storage * 1e6 * kept)}B |"
    yield f"| objects | {sum(OBJECTS.values())} | {_short(objects)} |"
    yield f"| the lake | {gigabytes * 1e3 / days:.2f} MB | {gigabytes:.1f} GB |"
    yield f"| PUT requests | {day.puts} | {_short(day.puts * days)} |"
    yield f"| dollars for PUT | | {day.puts * days * DOLLARS_PER_PUT:,.0f} |"
    yield f"| dollars for as many GET | | {day.puts * days * DOLLARS_PER_GET:,.0f} |"
    yield f"| dollars for a year of storage | | {gigabytes * DOLLARS_PER_GB_AND_MONTH * 12:,.1f} |"


def _short(number: float) -> str:
    """Return a number with three digits: `1.23 M`."""
    for unit, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number:.3g} "
