"""What is compared: programs, the server that they ask, and the goal.

Not here: how a run is measured (`measure.py`), and how the table is made (`bench.py`).
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from benchmarks.server import FIRST_DAY
from trackdrive_assets.sandbox import PRIVATE_KEY, PUBLIC_KEY

PROGRAMS = Path(__file__).parent / "programs"
OURS = "ours"

_PEERS_PYTHON = Path(__file__).parent / ".venv" / "bin" / "python"


@dataclass(frozen=True)
class Service:
    """The server of a scenario.

    Attributes:
        calls_per_day: Each day has exactly as many.
        days: From `FIRST_DAY`.
        latency: Seconds before every answer.
        limit: Requests a second; beyond it the answer is 429.
        distinct: Different calls of a day at most.
    """

    calls_per_day: int
    days: int = 1
    latency: float = 0
    limit: float | None = None
    distinct: int = 100_000

    @property
    def calls(self) -> int:
        """All of them."""
        return self.calls_per_day * self.days

    @property
    def arguments(self) -> list[str]:
        """The command line of the server."""
        limit = [] if self.limit is None else [f"--limit={self.limit}"]
        return [
            f"--calls-per-day={self.calls_per_day}",
            f"--days={self.days}",
            f"--latency={self.latency}",
            f"--distinct={self.distinct}",
            *limit,
        ]


class Job(NamedTuple):
    """What a program is to read, and where it may write.

    Attributes:
        address: Of the server.
        days: From `FIRST_DAY`.
        lake: Folder of its Parquet files.
        state: Folder of whatever else it keeps. For ours, a Dagster home.
    """

    address: str
    days: int
    lake: Path
    state: Path


class Command(NamedTuple):
    """What is run. The variables are added to the environment."""

    arguments: Sequence[str | Path]
    variables: dict[str, str]


@dataclass(frozen=True)
class Case:
    """One program in a scenario.

    Attributes:
        name: As the table calls it.
        command: From what it is to read.
        service: The server; none for a program that reads nothing.
        stores: Whether it leaves the calls on disk.
    """

    name: str
    command: Callable[[Job], Command]
    service: Service | None = None
    stores: bool = True


@dataclass(frozen=True)
class Outcome:
    """Medians of what the runs of a case took, and the worst of what the server saw.

    Attributes:
        wall: Seconds.
        cpu: Seconds.
        peak: MB.
        requests: Median.
        answered: Median of those that were not refused.
        refused: Answered 429, in the worst run.
        most_in_flight: In the worst run.
        most_in_a_second: In the worst run.
        asking: Median of seconds from the first request to the last answer.
    """

    wall: float
    cpu: float
    peak: float
    requests: float = 0
    answered: float = 0
    refused: int = 0
    most_in_flight: int = 0
    most_in_a_second: int = 0
    asking: float = 0


@dataclass(frozen=True)
class Goal:
    """A number, and the most that it should be."""

    says: str
    number: float
    most: float
    unit: str = "s"

    def __str__(self) -> str:
        told = f"{self.number:.4g} of at most {self.most:.4g} {self.unit}".rstrip()
        if self.number <= self.most:
            return f"{self.says}: met, {told}"
        over = f"{self.number / self.most - 1:.0%}" if self.most else f"{self.number:.4g}"
        return f"{self.says}: falls short by {over}, {told}"


Outcomes = Mapping[str, Outcome]


@dataclass(frozen=True)
class Scenario:
    """A row of the table of goals.

    Attributes:
        name: As it is asked for.
        asks: What it asks, in a sentence.
        cases: The programs, ours first.
        goals: From what came out.
        most_runs: More would cost minutes and tell nothing new.
    """

    name: str
    asks: str
    cases: Sequence[Case]
    goals: Callable[[Outcomes], Iterator[Goal | str]]
    most_runs: int = 5


def days(job: Job) -> tuple[str, str]:
    """The first and the last day."""
    return str(FIRST_DAY), str(FIRST_DAY + timedelta(days=job.days - 1))


def _account(job: Job, settings: Mapping[str, object]) -> dict[str, str]:
    given = {
        "BASE_URL": job.address,
        "PUBLIC_KEY": PUBLIC_KEY,
        "PRIVATE_KEY": PRIVATE_KEY,
        "LAKE": job.lake,
        "START_DATE": FIRST_DAY,
        "PER_PAGE": 1000,
        "REQUESTS_PER_SECOND": 0,
        **settings,
    }
    return {f"TRACKDRIVE_{name}": str(value) for name, value in given.items() if value is not None}


def ours(**settings: object) -> Callable[[Job], Command]:
    """The whole command, with `TRACKDRIVE_*` settings; None leaves a default."""

    def command(job: Job) -> Command:
        first, last = days(job)
        chosen = ["--partition", first] if job.days == 1 else ["--partition-range", f"{first}...{last}"]
        materialize = ["asset", "materialize", "-m", "trackdrive_assets.definitions", "--select", "calls"]
        return Command(
            [Path(sys.executable).with_name("dagster"), *materialize, *chosen],
            _account(job, settings) | {"DAGSTER_HOME": str(job.state)},
        )

    return command


def our_part(program: str, **settings: object) -> Callable[[Job], Command]:
    """A program that uses the product without Dagster."""

    def command(job: Job) -> Command:
        arguments = [str(FIRST_DAY), str(job.days)]
        return Command([sys.executable, PROGRAMS / program, *arguments], _account(job, settings))

    return command


def peer(program: str) -> Callable[[Job], Command]:
    """Another program."""

    def command(job: Job) -> Command:
        arguments = [job.address, str(FIRST_DAY), str(job.days), str(job.lake)]
        # dlt tells its makers of every run, unless asked not to.
        variables = {"DLT_DATA_DIR": str(job.state), "RUNTIME__DLTHUB_TELEMETRY": "false"}
        return Command([_PEERS_PYTHON, PROGRAMS / program, *arguments], variables)

    return command


def python(code: str) -> Callable[[Job], Command]:
    """A line of Python."""
    return lambda _: Command([sys.executable, "-c", code], {})


def _one_day() -> Scenario:
    service = Service(100_000)

    def goals(out: Outcomes) -> Iterator[Goal]:
        yield Goal("no slower than dlt at its best", out[OURS].wall, out["dlt, Arrow pages"].wall)
        yield Goal("2.5 times as fast as dlt's defaults", out[OURS].wall, out["dlt, defaults"].wall / 2.5)
        yield Goal("CPU of the ingest alone", out["ours, ingest alone"].cpu, 3)

    return Scenario(
        "one-day",
        "100,000 calls of one day, 1000 a page, no latency, concurrency 8.",
        [
            Case(OURS, ours(MAX_CONCURRENCY=8), service),
            Case("ours, ingest alone", our_part("ingest_alone.py", MAX_CONCURRENCY=8), service),
            Case("pandas loop", peer("pandas_loop.py"), service),
            Case("dlt, defaults", peer("dlt_rest_api.py"), service),
            Case("dlt, Arrow pages", peer("dlt_arrow.py"), service),
        ],
        goals,
    )


def _one_day_300ms() -> Scenario:
    service = Service(100_000, latency=0.3)

    def goals(out: Outcomes) -> Iterator[Goal]:
        yield Goal("the whole command", out[OURS].wall, 9)
        yield Goal("5 times as fast as dlt's defaults", out[OURS].wall, out["dlt, defaults"].wall / 5)

    return Scenario(
        "one-day-300ms",
        "The same with 300 ms before every answer, concurrency 8.",
        [
            Case(OURS, ours(MAX_CONCURRENCY=8), service),
            Case("ours, ingest alone", our_part("ingest_alone.py", MAX_CONCURRENCY=8), service),
            Case("pandas loop", peer("pandas_loop.py"), service),
            Case("dlt, defaults", peer("dlt_rest_api.py"), service),
            Case("dlt, Arrow pages", peer("dlt_arrow.py"), service),
        ],
        goals,
        most_runs=3,
    )


def _ten_days_300ms() -> Scenario:
    service = Service(10_000, days=10, latency=0.3)

    def goals(out: Outcomes) -> Iterator[Goal]:
        yield Goal("ahead of dlt at its best", out[OURS].wall, out["dlt, Arrow pages, 5 threads"].wall)

    return Scenario(
        "ten-days-300ms",
        "100,000 calls over ten days in one run, 300 ms, concurrency 5.",
        [
            Case(OURS, ours(MAX_CONCURRENCY=5), service),
            Case("ours, ingest alone", our_part("ingest_alone.py", MAX_CONCURRENCY=5), service),
            Case("dlt, Arrow pages, 5 threads", peer("dlt_arrow.py"), service),
        ],
        goals,
    )


def _limit_4() -> Scenario:
    service = Service(4_000, days=10, latency=0.1, limit=4)

    def goals(out: Outcomes) -> Iterator[Goal]:
        yield Goal("answers 429 in the worst run", out[OURS].refused, 2, "")
        allowed = out[OURS].answered / 4
        yield Goal(
            "from first request to last answer, within 10 % of answers / 4", out[OURS].asking, 1.1 * allowed
        )

    return Scenario(
        "limit-4",
        "40,000 calls over ten days from a server that allows 4 requests a second. Our pace is left at its "
        "default of 5, concurrency 8.",
        [
            Case(OURS, ours(MAX_CONCURRENCY=8, REQUESTS_PER_SECOND=None), service),
            Case("dlt, Arrow pages, 5 threads", peer("dlt_arrow.py"), service),
        ],
        goals,
        most_runs=3,
    )


def _million() -> Scenario:
    sizes = (100_000, 250_000, 500_000, 1_000_000)
    # The same variety at every size, so that only the number grows.
    cases = [
        Case(f"ours, {size:,}", ours(MAX_CONCURRENCY=8), Service(size, distinct=20_000)) for size in sizes
    ]

    def goals(out: Outcomes) -> Iterator[Goal]:
        yield Goal("peak at 1,000,000", out["ours, 1,000,000"].peak, 400, "MB")
        cpu = [out[case.name].cpu for case in cases]
        yield Goal("CPU's distance from a straight line", 100 * off_line(sizes, cpu), 10, "%")

    return Scenario(
        "million", "1,000,000 calls in a day, and how cost grows up to it.", cases, goals, most_runs=3
    )


def off_line(xs: Sequence[float], ys: Sequence[float]) -> float:
    """How far points lie from their best straight line, at most, as a part of the line's height there."""
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / sum(
        (x - mean_x) ** 2 for x in xs
    )
    line = [mean_y + slope * (x - mean_x) for x in xs]
    return max(abs(y / on_line - 1) for y, on_line in zip(ys, line, strict=True))


def _year() -> Scenario:
    latency, concurrency = 0.05, 4
    service = Service(200, days=365, latency=latency)

    def goals(out: Outcomes) -> Iterator[Goal | str]:
        own = out[OURS].requests * latency / concurrency
        yield Goal(f"under 3 times the requests' own time, {own:.3g} s", out[OURS].wall, 3 * own)
        yield (
            f"The requests' own time is {out[OURS].requests:.0f} requests times {latency * 1000:.0f} ms, "
            f"{concurrency} at a time. A bare client that reads the same days one after another, and stores "
            f"nothing, took {out['our client alone'].wall:.3g} s: the run took "
            f"{out[OURS].wall / out['our client alone'].wall:.2g} times that."
        )

    return Scenario(
        "year",
        "365 days of 200 calls in one run, 50 ms before every answer, concurrency 4.",
        [
            Case(OURS, ours(MAX_CONCURRENCY=concurrency), service),
            Case("our client alone", our_part("bare_client.py"), service, stores=False),
        ],
        goals,
        most_runs=3,
    )


def _polite() -> Scenario:
    paced = ours(MAX_CONCURRENCY=3, REQUESTS_PER_SECOND=20)

    def goals(out: Outcomes) -> Iterator[Goal]:
        for name, seen in out.items():
            yield Goal(f"{name}: in flight at most", seen.most_in_flight, 3, "")
            yield Goal(f"{name}: arrivals in any second", seen.most_in_a_second, 20, "")

    return Scenario(
        "polite",
        "Never more in flight, nor faster, than configured: concurrency 3, 20 requests a second, two days of "
        "20,000 calls. The first server is fast, so that the pace binds; the second is slow, so that the "
        "concurrency does.",
        [
            Case("ours, 10 ms", paced, Service(20_000, days=2, latency=0.01)),
            Case("ours, 300 ms", paced, Service(20_000, days=2, latency=0.3)),
        ],
        goals,
    )


def _startup() -> Scenario:
    def goals(out: Outcomes) -> Iterator[Goal]:
        yield Goal("under 1.3 times `import dagster`", out[OURS].wall, 1.3 * out["import dagster"].wall)

    return Scenario(
        "startup",
        "`import trackdrive_assets.definitions`, as every `dagster` command does first.",
        [
            Case(OURS, python("import trackdrive_assets.definitions"), stores=False),
            Case("import dagster", python("import dagster"), stores=False),
        ],
        goals,
    )


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        _one_day(),
        _one_day_300ms(),
        _ten_days_300ms(),
        _limit_4(),
        _million(),
        _year(),
        _polite(),
        _startup(),
    )
}
