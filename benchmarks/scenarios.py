"""The scenarios: which programs are compared, on which server, and the goals.

Not here: the command lines (`commands.py`), how a run is measured (`measure.py`), and the report
(`bench.py`).
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from benchmarks.commands import Peer, Product, ProductPart, Program, PythonCode, Service
from benchmarks.results import Goal, Results, deviation_from_line

OURS = "ours"


@dataclass(frozen=True)
class Case:
    """One program of a scenario.

    Attributes:
        name: The name in the table.
        program: The program.
        service: The server; None for a program that reads nothing.
        stores: Whether the program stores the calls.
    """

    name: str
    program: Program
    service: Service | None = None
    stores: bool = True


class Scenario(ABC):
    """A comparison of programs.

    Attributes:
        name: The name on the command line.
        description: What the scenario measures.
        cases: The programs, the product first.
        most_runs: The largest number of runs. More would take minutes and not change the medians.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    cases: ClassVar[Sequence[Case]]
    most_runs: ClassVar[int] = 5

    @abstractmethod
    def goals(self, results: Results) -> Iterator[Goal | str]:
        """Return the goals and remarks about the results."""


def _all_programs(service: Service) -> list[Case]:
    settings = {"MAX_CONCURRENCY": 8}
    return [
        Case(OURS, Product(settings), service),
        Case("ours, ingest alone", ProductPart("ingest_alone.py", settings), service),
        Case("pandas loop", Peer("pandas_loop.py"), service),
        Case("dlt, defaults", Peer("dlt_rest_api.py"), service),
        Case("dlt, Arrow pages", Peer("dlt_arrow.py"), service),
    ]


class OneDay(Scenario):
    """One large day without latency, so that only CPU counts."""

    name = "one-day"
    description = "100,000 calls of one day, 1000 per page, no latency, concurrency 8."
    cases = _all_programs(Service(100_000))

    def goals(self, results: Results) -> Iterator[Goal | str]:
        """Compare with dlt, and limit the CPU of the ingest."""
        wall = results[OURS].wall
        yield Goal("no slower than dlt at its best", wall, results["dlt, Arrow pages"].wall)
        yield Goal("2.5 times as fast as dlt's defaults", wall, results["dlt, defaults"].wall / 2.5)
        yield Goal("CPU of the ingest alone", results["ours, ingest alone"].cpu, 3)


class OneDay300ms(Scenario):
    """One large day with latency, so that concurrency counts."""

    name = "one-day-300ms"
    description = "The same with 300 ms before every response, concurrency 8."
    cases = _all_programs(Service(100_000, latency=0.3))
    most_runs = 3

    def goals(self, results: Results) -> Iterator[Goal | str]:
        """Limit the wall time, and compare with dlt."""
        wall = results[OURS].wall
        yield Goal("the whole command", wall, 9)
        yield Goal("5 times as fast as dlt's defaults", wall, results["dlt, defaults"].wall / 5)


class TenDays300ms(Scenario):
    """Several days with latency, which dlt can read concurrently too."""

    name = "ten-days-300ms"
    description = "100,000 calls over ten days in one run, 300 ms, concurrency 5."
    _service = Service(10_000, days=10, latency=0.3)
    cases = (
        Case(OURS, Product({"MAX_CONCURRENCY": 5}), _service),
        Case("ours, ingest alone", ProductPart("ingest_alone.py", {"MAX_CONCURRENCY": 5}), _service),
        Case("dlt, Arrow pages, 5 threads", Peer("dlt_arrow.py"), _service),
    )

    def goals(self, results: Results) -> Iterator[Goal | str]:
        """Compare with dlt."""
        dlt = results["dlt, Arrow pages, 5 threads"]
        yield Goal("faster than dlt at its best", results[OURS].wall, dlt.wall)


class Limit4(Scenario):
    """A server whose rate limit is below the configured rate."""

    name = "limit-4"
    description = (
        "40,000 calls over ten days from a server that allows 4 requests per second. Our rate is the default "
        "of 5, concurrency 8."
    )
    _service = Service(4_000, days=10, latency=0.1, limit=4)
    cases = (
        Case(OURS, Product({"MAX_CONCURRENCY": 8, "REQUESTS_PER_SECOND": None}), _service),
        Case("dlt, Arrow pages, 5 threads", Peer("dlt_arrow.py"), _service),
    )
    most_runs = 3

    def goals(self, results: Results) -> Iterator[Goal | str]:
        """Limit the 429 responses, and the time to that of the limit."""
        ours = results[OURS]
        yield Goal("429 responses of the worst run", ours.refused, 2, "")
        yield Goal(
            "from first request to last response, within 10 % of responses / 4",
            ours.duration,
            1.1 * ours.answered / 4,
        )


class Million(Scenario):
    """Days up to a million calls, whose CPU grows linearly and whose memory does not."""

    name = "million"
    description = "1,000,000 calls in a day, and how the cost grows up to it."
    most_runs = 3
    _sizes = (100_000, 250_000, 500_000, 1_000_000)
    # Every size has as many distinct calls, so that only the number grows.
    cases = tuple(
        Case(f"ours, {size:,}", Product({"MAX_CONCURRENCY": 8}), Service(size, distinct=20_000))
        for size in _sizes
    )

    def goals(self, results: Results) -> Iterator[Goal | str]:
        """Limit the memory, and the distance of the CPU from a line."""
        yield Goal("peak at 1,000,000", results["ours, 1,000,000"].peak, 400, "MB")
        deviation = deviation_from_line(self._sizes, [results[case.name].cpu for case in self.cases])
        yield Goal("CPU's distance from a straight line", 100 * deviation, 10, "%")


class Year(Scenario):
    """A year of small days in one run."""

    name = "year"
    description = "365 days of 200 calls in one run, 50 ms before every response, concurrency 4."
    most_runs = 3
    _latency, _concurrency = 0.05, 4
    _service = Service(200, days=365, latency=_latency)
    cases = (
        Case(OURS, Product({"MAX_CONCURRENCY": _concurrency}), _service),
        Case("our client alone", ProductPart("bare_client.py"), _service, stores=False),
    )

    def goals(self, results: Results) -> Iterator[Goal | str]:
        """Compare with the time of the requests themselves."""
        ours, client = results[OURS], results["our client alone"]
        own = ours.requests * self._latency / self._concurrency
        yield Goal(f"under 3 times the requests' own time, {own:.3g} s", ours.wall, 3 * own)
        yield (
            f"The requests' own time is {ours.requests:.0f} requests times {self._latency * 1000:.0f} ms, "
            f"{self._concurrency} at a time. A bare client that reads the same days one after another, and "
            f"stores nothing, took {client.wall:.3g} s. The run took {ours.wall / client.wall:.2g} times as "
            f"long."
        )


class Polite(Scenario):
    """The configured limits, on a fast and on a slow server."""

    name = "polite"
    description = (
        "Never more concurrent requests, nor more per second, than configured: concurrency 3, 20 requests "
        "per second, two days of 20,000 calls. The rate limit binds on the fast server, the concurrency on "
        "the slow one."
    )
    _product = Product({"MAX_CONCURRENCY": 3, "REQUESTS_PER_SECOND": 20})
    cases = (
        Case("ours, 10 ms", _product, Service(20_000, days=2, latency=0.01)),
        Case("ours, 300 ms", _product, Service(20_000, days=2, latency=0.3)),
    )

    def goals(self, results: Results) -> Iterator[Goal | str]:
        """Limit the traffic of each case."""
        for name, result in results.items():
            yield Goal(f"{name}: most in flight", result.most_in_flight, 3, "")
            yield Goal(f"{name}: requests in any second", result.most_in_a_second, 20, "")


class Startup(Scenario):
    """The import that every `dagster` command waits for."""

    name = "startup"
    description = "`import trackdrive_assets.definitions`, the first step of every `dagster` command."
    cases = (
        Case(OURS, PythonCode("import trackdrive_assets.definitions"), stores=False),
        Case("import dagster", PythonCode("import dagster"), stores=False),
    )

    def goals(self, results: Results) -> Iterator[Goal | str]:
        """Compare with Dagster's own import."""
        dagster = results["import dagster"]
        yield Goal("under 1.3 times `import dagster`", results[OURS].wall, 1.3 * dagster.wall)


SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        OneDay(), OneDay300ms(), TenDays300ms(), Limit4(), Million(), Year(), Polite(), Startup(),
    )
}  # fmt: skip
