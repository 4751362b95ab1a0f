"""`make bench`: runs the programs of each scenario in turn, and prints medians, ratios and goals as Markdown.

Within a scenario the programs take turns, A B C A B C, so that a busy minute of the machine hits all of them.
"""

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks.measure import Cost, ProgramFailed, Served, Traffic, run, serving, stored_calls
from benchmarks.scenarios import SCENARIOS, Case, Job, Outcome, Scenario, Service

_PROJECT = Path(__file__).parents[1]
_STRANGERS = ("TRACKDRIVE_", "DAGSTER_", "DLT_")
_Run = tuple[Cost, Traffic | None]


class WrongDataError(Exception):
    """A program has not stored what the server has."""


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="medians of so many; long scenarios take fewer")
    parser.add_argument("--only", choices=SCENARIOS, help="one scenario instead of all")
    asked = parser.parse_args()
    print(f"{machine()}, medians of {asked.runs}.", flush=True)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = dagster_home(Path(folder) / "home")
        for scenario in [SCENARIOS[asked.only]] if asked.only else SCENARIOS.values():
            runs = min(asked.runs, scenario.most_runs)
            measured, wrong = measure(scenario, runs, home, Path(folder))
            print("\n".join(report(scenario, runs, measured, wrong)), flush=True)


def machine() -> str:
    """What it is measured on."""
    cpuinfo = Path("/proc/cpuinfo")
    models = [line.partition(": ")[2] for line in cpuinfo.read_text().splitlines() if "model name" in line]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores {models[0] if models else platform.machine()}, {memory:.0f} GiB, "
        f"{platform.system()}, Python {platform.python_version()}"
    )


def dagster_home(home: Path) -> Path:
    """A Dagster home whose tables are made, to be copied for every run."""
    home.mkdir()
    shutil.copy(_PROJECT / "dagster.yaml", home)
    subprocess.run(
        [Path(sys.executable).with_name("dagster"), "instance", "info"],
        env=_environment() | {"DAGSTER_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    return home


def measure(
    scenario: Scenario, runs: int, home: Path, folder: Path
) -> tuple[dict[str, list[_Run]], dict[str, str]]:
    """What each run of each case took; and what is wrong, by the case's name."""
    measured: dict[str, list[_Run]] = {case.name: [] for case in scenario.cases}
    wrong: dict[str, str] = {}
    with ExitStack() as servers:
        services = {case.service for case in scenario.cases if case.service}
        served = {service: servers.enter_context(serving(service)) for service in services}
        for number in range(runs):
            for case in scenario.cases:
                sys.stderr.write(f"\r\033[K{scenario.name}, {number + 1} of {runs}: {case.name} ")
                sys.stderr.flush()
                try:
                    measured[case.name].append(_one_run(case, served, home, folder / "run"))
                except (ProgramFailed, WrongDataError) as failure:
                    wrong[case.name] = str(failure)
    sys.stderr.write("\r\033[K")
    return measured, wrong


def _one_run(case: Case, served: dict[Service, Served], home: Path, place: Path) -> _Run:
    lake, state = place / "lake", place / "state"
    lake.mkdir(parents=True)
    shutil.copytree(home, state)
    server = served[case.service] if case.service else None
    try:
        days = case.service.days if case.service else 0
        arguments, variables = case.command(Job(server.address if server else "", days, lake, state))
        if server:
            server.forget()
        cost = run(arguments, _environment() | variables, place / "output")
        traffic = server.traffic() if server else None
        if case.stores and case.service:
            rows, uuids = stored_calls(lake)
            if not rows == uuids == case.service.calls:
                raise WrongDataError(f"{rows} rows, {uuids} uuids stored of {case.service.calls} calls")
    finally:
        shutil.rmtree(place)
    return cost, traffic


def _environment() -> dict[str, str]:
    """This one's, without what would change how a program runs."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_STRANGERS)}


def outcome(runs: Sequence[_Run]) -> Outcome:
    """What the runs of a case come to."""
    costs, seen = [cost for cost, _ in runs], [traffic for _, traffic in runs if traffic]
    return Outcome(
        wall=statistics.median(cost.wall for cost in costs),
        cpu=statistics.median(cost.cpu for cost in costs),
        peak=statistics.median(cost.peak for cost in costs),
        requests=statistics.median(each.requests for each in seen) if seen else 0,
        answered=statistics.median(each.requests - each.refused for each in seen) if seen else 0,
        refused=max((each.refused for each in seen), default=0),
        most_in_flight=max((each.most_in_flight for each in seen), default=0),
        most_in_a_second=max((each.most_in_a_second for each in seen), default=0),
        asking=statistics.median(each.seconds for each in seen) if seen else 0,
    )


def report(
    scenario: Scenario, runs: int, measured: dict[str, list[_Run]], wrong: dict[str, str]
) -> Iterator[str]:
    """The table of a scenario, with its goals, line by line."""
    yield f"\n### {scenario.name}\n\n{scenario.asks} Medians of {runs}.\n"
    yield "| program | wall | CPU | peak | wall to ours | requests | 429 | most in flight |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|"
    outcomes = {name: outcome(runs) for name, runs in measured.items() if runs and name not in wrong}
    first = outcomes.get(scenario.cases[0].name)
    for name, out in outcomes.items():
        ratio = f"{out.wall / first.wall:.2f}" if first else ""
        yield (
            f"| {name} | {out.wall:.2f} s | {out.cpu:.2f} s | {out.peak:.0f} MB | {ratio} "
            f"| {out.requests:.0f} | {out.refused} | {out.most_in_flight} |"
        )
    yield ""
    if wrong:
        yield from (f"- {name} is not right: {what}" for name, what in wrong.items())
    else:
        yield from (f"- {goal}" for goal in scenario.goals(outcomes))


if __name__ == "__main__":
    main()
