"""The results as Markdown: medians, ratios and goals of each scenario, and the goals of all.

Not here: the measurements (`measure.py`), and the goals (`scenarios.py`).
"""

import os
import platform
import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date
from importlib.metadata import version
from itertools import takewhile
from pathlib import Path

from benchmarks.measure import Run
from benchmarks.results import CaseResult, Goal, Results
from benchmarks.scenarios import OURS, Scenario

QUIET = 1.5
"""The load average up to which figures count, on two cores."""

GOAL_HEADER = ("| goal | measured | at most | of that | |", "|---|---:|---:|---:|---|")
"""The head of a table of goals."""


def introduction(runs: int, scale: float, load: float) -> Iterator[str]:
    """Return when and on what the results were measured."""
    packages = ("dagster", "pyarrow", "duckdb", "msgspec")
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    yield f"Measured on {date.today()} on {machine()}; {versions}. Medians of {runs}."  # noqa: DTZ011  local
    if load > QUIET:
        yield f"\n**The load average was {load:.1f} at the start, so these figures are no results.**"
    if scale != 1:
        yield f"\n**The numbers of calls were multiplied by {scale}, so these figures are no results.**"


def machine() -> str:
    """Return the description of this machine."""
    cpuinfo = Path("/proc/cpuinfo")
    models = [line.partition(": ")[2] for line in cpuinfo.read_text().splitlines() if "model name" in line]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores {models[0] if models else platform.machine()}, {memory:.0f} GiB, "
        f"{platform.system()}, Python {platform.python_version()}"
    )


def case_result(runs: Sequence[Run]) -> CaseResult:
    """Return the result of the runs of a case."""
    costs, traffics = [run.cost for run in runs], [run.traffic for run in runs if run.traffic]
    return CaseResult(
        wall=statistics.median(cost.wall for cost in costs),
        cpu=statistics.median(cost.cpu for cost in costs),
        peak=statistics.median(cost.peak for cost in costs),
        requests=statistics.median(traffic.requests for traffic in traffics) if traffics else 0,
        answered=statistics.median(traffic.requests - traffic.refused for traffic in traffics)
        if traffics
        else 0,
        refused=max((traffic.refused for traffic in traffics), default=0),
        most_in_flight=max((traffic.most_in_flight for traffic in traffics), default=0),
        most_in_a_second=max((traffic.most_in_a_second for traffic in traffics), default=0),
        duration=statistics.median(traffic.seconds for traffic in traffics) if traffics else 0,
        home=statistics.median(run.home for run in runs),
    )


def report(
    scenario: Scenario, runs: int, measured: Mapping[str, list[Run]], errors: Mapping[str, str]
) -> Iterator[str]:
    """Return the lines of a scenario's table and goals."""
    yield f"\n### {scenario.name}\n\n{scenario.description} Medians of {runs}.\n"
    results = {name: case_result(runs) for name, runs in measured.items() if runs and name not in errors}
    ours = results.get(OURS)
    ratios = "our wall to its | our CPU to its | " if ours else ""
    yield f"| program | wall | CPU | peak | {ratios}requests | 429 | most in flight |"
    yield "|---|---:|---:|---:|" + "---:|" * (2 if ours else 0) + "---:|---:|---:|"
    for name, out in results.items():
        ratios = f"{ours.wall / out.wall:.2f} | {ours.cpu / out.cpu:.2f} | " if ours else ""
        yield (
            f"| {name} | {out.wall:.2f} s | {out.cpu:.2f} s | {out.peak:.0f} MB | {ratios}"
            f"{out.requests:.0f} | {out.refused} | {out.most_in_flight} |"
        )
    yield ""
    if errors:
        yield from (f"- {name} failed: {error}" for name, error in errors.items())
        yield ""
    found = list(_known_goals(scenario, results))
    if not found:
        return
    yield from GOAL_HEADER
    yield from (f"| {goal.cells} |" for goal in found if isinstance(goal, Goal))
    remarks = [remark for remark in found if isinstance(remark, str)]
    if remarks:
        yield ""
        yield from (f"- {remark}" for remark in remarks)


def _known_goals(scenario: Scenario, results: Results) -> Iterator[Goal | str]:
    """Return the goals and remarks up to the first that needs a program which failed."""
    with suppress(KeyError):
        yield from scenario.goals(results)


def summary(sections: Mapping[str, str]) -> list[str]:
    """Return the table of the goals of all scenarios. A scenario without goals failed."""
    rows = [
        f"| `{name}` {row}"
        for name, section in sections.items()
        for row in goal_rows(section) or ["| no result | | | | **failed** |"]
    ]
    header, rule = GOAL_HEADER
    return ["\n### Goals\n", f"| scenario {header}", f"|---{rule}", *rows]


def goal_rows(section: str) -> list[str]:
    """Return the rows of the table of goals in a chapter."""
    _, found, rest = section.partition("\n".join(GOAL_HEADER) + "\n")
    return list(takewhile(lambda row: row.startswith("|"), rest.splitlines())) if found else []
