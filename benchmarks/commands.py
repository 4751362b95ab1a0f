"""The programs that are compared, as command lines, and the server that they read from.

Not here: which of them a scenario compares (`scenarios.py`).
"""

import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

from benchmarks.account import FIRST_DAY
from trackdrive_assets.sandbox import PRIVATE_KEY, PUBLIC_KEY

PROGRAMS = Path(__file__).parent / "programs"

_PEERS_BIN = Path(__file__).parent / ".venv" / "bin"
_OUR_BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Service:
    """The server of a scenario.

    Attributes:
        calls_per_day: The exact number of calls of each day.
        days: The number of days.
        latency: The seconds before every response.
        limit: The requests per second above which the response is 429; None for no limit.
        distinct: The largest number of different calls in a day.
        first_day: The first UTC day.
    """

    calls_per_day: int
    days: int = 1
    latency: float = 0
    limit: float | None = None
    distinct: int = 100_000
    first_day: date = FIRST_DAY

    @property
    def calls(self) -> int:
        """The number of calls of all days."""
        return self.calls_per_day * self.days

    def scaled(self, factor: float) -> "Service":
        """Return the same server with another number of calls, to try the benchmarks out."""
        return replace(self, calls_per_day=max(1, round(self.calls_per_day * factor)))

    @property
    def arguments(self) -> list[str]:
        """The command line of the server."""
        limit = [] if self.limit is None else [f"--limit={self.limit}"]
        return [
            f"--calls-per-day={self.calls_per_day}",
            f"--days={self.days}",
            f"--latency={self.latency}",
            f"--distinct={self.distinct}",
            f"--first-day={self.first_day}",
            *limit,
        ]


class Job(NamedTuple):
    """The input and the output folders of a program.

    Attributes:
        address: The address of the server.
        days: The number of days.
        lake: The folder of the Parquet files.
        state: The folder of everything else that the program stores. For the product, its Dagster home.
    """

    address: str
    days: int
    lake: Path
    state: Path


class Command(NamedTuple):
    """A command line, and the variables that are added to the environment."""

    arguments: Sequence[str | Path]
    variables: dict[str, str]


class Program(ABC):
    """A program of a scenario."""

    @abstractmethod
    def command(self, job: Job) -> Command:
        """Return the command that does a job."""


@dataclass(frozen=True)
class Materialize(Program):
    """`trackdrive materialize`, the whole command of the product.

    Attributes:
        settings: The `TRACKDRIVE_*` settings without their prefix; None leaves a default.
        tables: The tables, separated by commas.
    """

    settings: Mapping[str, object] = field(default_factory=dict)
    tables: str = "calls"

    def command(self, job: Job) -> Command:
        """Return the command for the days."""
        first, last = _days(job)
        arguments = ["materialize", "--from", str(first), "--to", str(last), "--tables", self.tables]
        return Command(
            [_OUR_BIN / "trackdrive", *arguments],
            _variables(job, self.settings) | {"DAGSTER_HOME": str(job.state)},
        )


@dataclass(frozen=True)
class DagsterMaterialize(Program):
    """`dagster asset materialize` of the product's calls.

    Attributes:
        settings: The settings, as of `Materialize`.
    """

    settings: Mapping[str, object] = field(default_factory=dict)

    def command(self, job: Job) -> Command:
        """Return the command for the days."""
        first, last = _days(job)
        partitions = (
            ["--partition", str(first)] if job.days == 1 else ["--partition-range", f"{first}...{last}"]
        )
        arguments = ["asset", "materialize", "-m", "trackdrive_assets.definitions", "--select", "calls"]
        return Command(
            [_OUR_BIN / "dagster", *arguments, *partitions],
            _variables(job, self.settings) | {"DAGSTER_HOME": str(job.state)},
        )


@dataclass(frozen=True)
class ProductPart(Program):
    """A program that uses the product without Dagster.

    Attributes:
        file: The file in `programs`.
        settings: The settings, as of `Materialize`.
    """

    file: str
    settings: Mapping[str, object] = field(default_factory=dict)

    def command(self, job: Job) -> Command:
        """Return the program with the first day and the number of days."""
        arguments = [str(FIRST_DAY), str(job.days)]
        return Command([sys.executable, PROGRAMS / self.file, *arguments], _variables(job, self.settings))


@dataclass(frozen=True)
class Peer(Program):
    """A program without the product.

    Attributes:
        file: The file in `programs`.
    """

    file: str

    def command(self, job: Job) -> Command:
        """Return the program with the address, the days and the folder."""
        arguments = [job.address, str(FIRST_DAY), str(job.days), str(job.lake)]
        return Command([_PEERS_BIN / "python", PROGRAMS / self.file, *arguments], _dlt_variables(job))


@dataclass(frozen=True)
class PeerInDagster(Program):
    """`dagster asset materialize` of a file of definitions without the product. It does one day.

    Attributes:
        file: The file in `programs`.
    """

    file: str

    def command(self, job: Job) -> Command:
        """Return the command for the first day."""
        arguments = ["asset", "materialize", "--select", "*", "--partition", str(FIRST_DAY)]
        return Command(
            [_PEERS_BIN / "dagster", *arguments, "-d", PROGRAMS, "-f", PROGRAMS / self.file],
            _dlt_variables(job)
            | {
                "DAGSTER_HOME": str(job.state),
                "PEER_ARGUMENTS": f"{job.address} {FIRST_DAY} {job.lake}",
            },
        )


@dataclass(frozen=True)
class LoadAccounts(Program):
    """A program that loads the definitions of some accounts."""

    count: int

    def command(self, job: Job) -> Command:  # noqa: ARG002  # it reads nothing
        """Return the program with the number of accounts."""
        return Command([sys.executable, PROGRAMS / "load_accounts.py", str(self.count)], {})


@dataclass(frozen=True)
class PythonCode(Program):
    """A line of Python."""

    code: str

    def command(self, job: Job) -> Command:  # noqa: ARG002  # it reads nothing
        """Return the interpreter with the line."""
        return Command([sys.executable, "-c", self.code], {})


def _days(job: Job) -> tuple[date, date]:
    """Return the first and the last day of a job."""
    return FIRST_DAY, FIRST_DAY + timedelta(days=job.days - 1)


def _dlt_variables(job: Job) -> dict[str, str]:
    # dlt reports every run to its vendor by default.
    return {"DLT_DATA_DIR": str(job.state), "RUNTIME__DLTHUB_TELEMETRY": "false"}


def _variables(job: Job, settings: Mapping[str, object]) -> dict[str, str]:
    """Return the variables of the product for a job."""
    values = {
        "BASE_URL": job.address,
        "PUBLIC_KEY": PUBLIC_KEY,
        "PRIVATE_KEY": PRIVATE_KEY,
        "LAKE": job.lake,
        "START_DATE": FIRST_DAY,
        "PER_PAGE": 1000,
        "REQUESTS_PER_SECOND": 0,
        **settings,
    }
    return {f"TRACKDRIVE_{name}": str(value) for name, value in values.items() if value is not None}
