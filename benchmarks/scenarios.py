"""The scenarios: which programs are compared, on which server, and the goals.

Not here: the command lines (`commands.py`), how a run is measured (`measure.py`), and the report
(`report.py`).
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from benchmarks.commands import (
    DagsterMaterialize,
    LoadAccounts,
    Materialize,
    Peer,
    PeerInDagster,
    ProductPart,
    Program,
    PythonCode,
    Service,
)
from benchmarks.results import Goal, Results, deviation_from_line

OURS = "ours"
DAGSTER_COMMAND = "ours, dagster command"
INGEST = "ours, ingest alone"
PANDAS = "pandas loop"
DLT = "dlt, Arrow pages"
DLT_IN_DAGSTER = "dlt, Arrow pages, inside Dagster"
DLT_THREADS = "dlt, Arrow pages, 5 threads"
CLIENT = "our client alone"
OLD_LAKE = "ours, three years"
EMPTY_LAKE = "ours, empty lake"
IMPORT_DAGSTER = "import dagster"
ONE_ACCOUNT = "ours, 1 account loaded"
MANY_ACCOUNTS = "ours, 20 accounts loaded"


@dataclass(frozen=True)
class Case:
    """One program of a scenario.

    Attributes:
        name: The name in the table.
        program: The program.
        service: The server; None for a program that reads nothing.
        stores: Whether the program stores the calls.
        earlier_days: The number of earlier days, of all tables, that the lake has before the run.
    """

    name: str
    program: Program
    service: Service | None = None
    stores: bool = True
    earlier_days: int = 0


def _both_commands(settings: Mapping[str, object], service: Service) -> Iterator[Case]:
    """Yield the product as `trackdrive` runs it, and as `dagster` does."""
    yield Case(OURS, Materialize(settings), service)
    yield Case(DAGSTER_COMMAND, DagsterMaterialize(settings), service)


class Scenario(ABC):
    """A comparison of programs.

    Attributes:
        name: The name on the command line.
        description: What the scenario measures.
        cases: The programs, the product first.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    cases: ClassVar[Sequence[Case]]

    @abstractmethod
    def goals(self, results: Results) -> Iterator[Goal | str]:
        """Return the goals and remarks about the results."""


class OneDay(Scenario):
    """One large day without latency, so that only CPU counts."""

    name = "one-day"
    description = "100,000 calls of one day, 1000 per page, no latency, concurrency 8."
    _service = Service(100_000)
    _settings: ClassVar = {"MAX_CONCURRENCY": 8}
    cases = (
        *_both_commands(_settings, _service),
        Case(INGEST, ProductPart("ingest_alone.py", _settings), _service),
        Case(PANDAS, Peer("pandas_loop.py"), _service),
        Case("dlt, defaults", Peer("dlt_rest_api.py"), _service),
        Case(DLT, Peer("dlt_arrow.py"), _service),
        Case(DLT_IN_DAGSTER, PeerInDagster("dlt_in_dagster.py"), _service),
    )

    def goals(self, results: Results) -> Iterator[Goal]:
        """Compare the ingest, and the whole command, with dlt at its best."""
        ours, ingest, dlt = results[OURS], results[INGEST], results[DLT]
        fastest = min(result.wall for name, result in results.items() if not name.startswith(OURS))
        yield Goal("CPU of the ingest alone, to dlt at its best", ingest.cpu / dlt.cpu, 0.8)
        yield Goal("wall time of the ingest alone, to the fastest other program", ingest.wall / fastest, 1)
        yield Goal("whole command, to dlt at its best", ours.wall / dlt.wall, 1.3)
        yield Goal("whole command, to dlt inside Dagster", ours.wall / results[DLT_IN_DAGSTER].wall, 0.75)


class OneDay300ms(Scenario):
    """One large day with latency, so that concurrency counts."""

    name = "one-day-300ms"
    description = "The same with 300 ms before every response."
    _service = Service(100_000, latency=0.3)
    _settings: ClassVar = {"MAX_CONCURRENCY": 8}
    cases = (
        *_both_commands(_settings, _service),
        Case(INGEST, ProductPart("ingest_alone.py", _settings), _service),
        Case(PANDAS, Peer("pandas_loop.py"), _service),
        Case(DLT, Peer("dlt_arrow.py"), _service),
    )

    def goals(self, results: Results) -> Iterator[Goal]:
        """Compare with programs that ask one request after another."""
        wall = results[OURS].wall
        yield Goal("whole command, to dlt at its best", wall / results[DLT].wall, 0.25)
        yield Goal("whole command, to the pandas loop", wall / results[PANDAS].wall, 0.2)


class TenDays300ms(Scenario):
    """Several days with latency, which dlt can read concurrently too."""

    name = "ten-days-300ms"
    description = "100,000 calls over ten days in one run, 300 ms, concurrency 5."
    _service = Service(10_000, days=10, latency=0.3)
    _settings: ClassVar = {"MAX_CONCURRENCY": 5}
    cases = (
        *_both_commands(_settings, _service),
        Case(INGEST, ProductPart("ingest_alone.py", _settings), _service),
        Case(DLT_THREADS, Peer("dlt_arrow.py"), _service),
    )

    def goals(self, results: Results) -> Iterator[Goal]:
        """Compare with dlt."""
        wall = results[OURS].wall
        yield Goal("whole command, to dlt at its best in 5 threads", wall / results[DLT_THREADS].wall, 1)


class Limit4(Scenario):
    """A server whose rate limit is below the configured rate."""

    name = "limit-4"
    description = (
        "40,000 calls over ten days from a server that allows 4 requests per second. Our rate is the default "
        "of 5, concurrency 8."
    )
    _service = Service(4_000, days=10, latency=0.1, limit=4)
    cases = (
        Case(OURS, Materialize({"MAX_CONCURRENCY": 8, "REQUESTS_PER_SECOND": None}), _service),
        Case(DLT_THREADS, Peer("dlt_arrow.py"), _service),
    )

    def goals(self, results: Results) -> Iterator[Goal]:
        """Limit the 429 responses, and the time to that of the limit."""
        ours = results[OURS]
        yield Goal("429 responses of the worst run", ours.refused, 2, "")
        yield Goal(
            "first request to last response, to responses / 4", ours.duration / (ours.answered / 4), 1.1
        )


class Million(Scenario):
    """Days up to a million calls, whose CPU grows linearly and whose memory does not."""

    name = "million"
    description = "1,000,000 calls in a day, and how the cost grows up to it. Concurrency 8."
    _sizes = (100_000, 250_000, 500_000, 1_000_000)
    _settings: ClassVar = {"MAX_CONCURRENCY": 8}
    cases = (
        # Every size has as many distinct calls, so that only the number grows.
        *(
            Case(f"ours, {size:,}", Materialize({"MAX_CONCURRENCY": 8}), Service(size, distinct=20_000))
            for size in _sizes
        ),
        Case(INGEST, ProductPart("ingest_alone.py", _settings), Service(_sizes[-1], distinct=20_000)),
    )

    def goals(self, results: Results) -> Iterator[Goal]:
        """Limit the memory, the CPU of the ingest, and the distance of the CPU from a line."""
        wholes = [results[f"ours, {size:,}"] for size in self._sizes]
        deviation = deviation_from_line(self._sizes, [result.cpu for result in wholes])
        yield Goal("peak at 1,000,000", wholes[-1].peak, 400, "MB")
        yield Goal("CPU's distance from a straight line", 100 * deviation, 10, "%")
        yield Goal("CPU of the ingest alone at 1,000,000", results[INGEST].cpu, 20, "s")


class Year(Scenario):
    """A year of small days in one run."""

    name = "year"
    description = "365 days of 200 calls in one run, 50 ms before every response, concurrency 4."
    _latency, _concurrency = 0.05, 4
    _service = Service(200, days=365, latency=_latency)
    _settings: ClassVar = {"MAX_CONCURRENCY": _concurrency}
    cases = (
        *_both_commands(_settings, _service),
        Case(CLIENT, ProductPart("bare_client.py"), _service, stores=False),
    )

    def goals(self, results: Results) -> Iterator[Goal | str]:
        """Compare with the time of the requests themselves, and limit the size of the Dagster home."""
        ours, client = results[OURS], results[CLIENT]
        own = ours.requests * self._latency / self._concurrency
        yield Goal(f"whole command, to the requests' own time of {own:.3g} s", ours.wall / own, 3)
        yield Goal("growth of the Dagster home", ours.home, 60, "MB")
        yield (
            f"The requests' own time is {ours.requests:.0f} requests times {self._latency * 1000:.0f} ms, "
            f"{self._concurrency} at a time. A bare client that reads the same days one after another, and "
            f"stores nothing, took {client.wall:.3g} s."
        )


class OldLake(Scenario):
    """A day's run of all tables, in an empty lake and in one of three years."""

    name = "old-lake"
    description = (
        "All tables and views of one day of 2,000 calls, in an empty lake and in a lake of three years, "
        "1,095 days of all tables."
    )
    _program = Materialize(
        {"MAX_CONCURRENCY": 8, "START_DATE": "2022-06-01"}, tables="calls,reports,stats,views"
    )
    _service = Service(2_000)
    cases = (
        Case(OLD_LAKE, _program, _service, earlier_days=1095),
        Case(EMPTY_LAKE, _program, _service),
    )

    def goals(self, results: Results) -> Iterator[Goal | str]:
        """Compare the two lakes."""
        old, empty = results[OLD_LAKE], results[EMPTY_LAKE]
        yield Goal("wall time in three years, to that in an empty lake", old.wall / empty.wall, 1.1)
        yield Goal("CPU in three years, to that in an empty lake", old.cpu / empty.cpu, 1.1)
        yield f"The run adds {old.home:.2g} MB to the Dagster home."


class Polite(Scenario):
    """The configured limits, on a fast and on a slow server."""

    name = "polite"
    description = (
        "Never more concurrent requests, nor more per second, than configured: concurrency 3, 20 requests "
        "per second, two days of 20,000 calls. The rate limit binds on the fast server, the concurrency on "
        "the slow one."
    )
    _program = Materialize({"MAX_CONCURRENCY": 3, "REQUESTS_PER_SECOND": 20})
    cases = (
        Case("ours, 10 ms", _program, Service(20_000, days=2, latency=0.01)),
        Case("ours, 300 ms", _program, Service(20_000, days=2, latency=0.3)),
    )

    def goals(self, results: Results) -> Iterator[Goal]:
        """Limit the traffic of each case."""
        for name, result in results.items():
            yield Goal(f"{name}: most in flight", result.most_in_flight, 3, "")
            yield Goal(f"{name}: requests in any second", result.most_in_a_second, 20, "")


class Startup(Scenario):
    """What every `dagster` command waits for: the import, and the definitions of the accounts."""

    name = "startup"
    description = (
        "`import trackdrive_assets.definitions`, the first step of every `dagster` command, and the "
        "definitions of one and of 20 accounts."
    )
    cases = (
        Case(OURS, PythonCode("import trackdrive_assets.definitions"), stores=False),
        Case(IMPORT_DAGSTER, PythonCode("import dagster"), stores=False),
        Case(ONE_ACCOUNT, LoadAccounts(1), stores=False),
        Case(MANY_ACCOUNTS, LoadAccounts(20), stores=False),
    )

    def goals(self, results: Results) -> Iterator[Goal]:
        """Compare with Dagster's own import."""
        ratio = results[OURS].wall / results[IMPORT_DAGSTER].wall
        yield Goal("import of the definitions, to `import dagster`", ratio, 1.2)
        more = results[MANY_ACCOUNTS].wall - results[ONE_ACCOUNT].wall
        yield Goal("20 accounts in a code location, more than one", more, 3, "s")


SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        OneDay(), OneDay300ms(), TenDays300ms(), Limit4(), Million(), Year(), OldLake(), Polite(), Startup(),
    )
}  # fmt: skip
