"""The result of the runs of a program, and the goals that it is compared with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class CaseResult:
    """The medians of the runs of a case, and the worst traffic of any run.

    Attributes:
        wall: The median wall time in seconds.
        cpu: The median CPU time in seconds.
        peak: The median of the peak memory in MB.
        requests: The median number of requests.
        answered: The median number of requests whose response is not 429.
        refused: The number of 429 responses of the worst run.
        most_in_flight: The most concurrent requests of the worst run.
        most_in_a_second: The most requests within any second of the worst run.
        duration: The median seconds from the first request to the last response.
        home: The median growth of the Dagster home in MB.
    """

    wall: float
    cpu: float
    peak: float
    requests: float = 0
    answered: float = 0
    refused: int = 0
    most_in_flight: int = 0
    most_in_a_second: int = 0
    duration: float = 0
    home: float = 0


Results = Mapping[str, CaseResult]
"""The result of each case by its name."""


@dataclass(frozen=True)
class Goal:
    """A measured number, and its upper limit.

    Attributes:
        description: The description of the number.
        number: The measured number.
        limit: The limit.
        unit: The unit of both.
    """

    description: str
    number: float
    limit: float
    unit: str = "times"

    @property
    def cells(self) -> str:
        """The cells of the table of goals: the goal, the number, the limit, their ratio, and the verdict."""
        ratio = self.number / self.limit if self.limit else self.number
        verdict = "met" if self.number <= self.limit else "**missed**"
        shown = [f"{number:.3g} {self.unit}".rstrip() for number in (self.number, self.limit)]
        return f"{self.description} | {shown[0]} | {shown[1]} | {ratio:.2f} | {verdict}"


def deviation_from_line(xs: Sequence[float], ys: Sequence[float]) -> float:
    """Return the largest distance of a point from the best straight line, as a fraction of the line there."""
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    products = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True))
    slope = products / sum((x - mean_x) ** 2 for x in xs)
    line = [mean_y + slope * (x - mean_x) for x in xs]
    return max(abs(y / on_line - 1) for y, on_line in zip(ys, line, strict=True))
