"""`make bench`: runs the programs of each scenario, and prints medians, ratios and goals as Markdown.

Within a scenario the programs alternate (A B C A B C), so that other load on the machine affects all of them.
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

from benchmarks.commands import Job, Service
from benchmarks.measure import Cost, ProgramFailed, RunningServer, run, serving, stored_calls
from benchmarks.request_log import Traffic
from benchmarks.results import CaseResult
from benchmarks.scenarios import SCENARIOS, Case, Scenario

_PROJECT = Path(__file__).parents[1]
_REMOVED_VARIABLES = ("TRACKDRIVE_", "DAGSTER_", "DLT_")
_Run = tuple[Cost, Traffic | None]


class WrongDataError(Exception):
    """A difference between the stored calls and those of the server."""


def main() -> None:
    """Run the scenarios of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="number of runs; fewer for long scenarios")
    parser.add_argument("--only", choices=SCENARIOS, help="one scenario instead of all")
    options = parser.parse_args()
    print(f"{machine()}, medians of {options.runs}.", flush=True)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = dagster_home(Path(folder) / "home")
        for scenario in [SCENARIOS[options.only]] if options.only else SCENARIOS.values():
            runs = min(options.runs, scenario.most_runs)
            measured, errors = measure(scenario, runs, home, Path(folder))
            print("\n".join(report(scenario, runs, measured, errors)), flush=True)


def machine() -> str:
    """Return the description of this machine."""
    cpuinfo = Path("/proc/cpuinfo")
    models = [line.partition(": ")[2] for line in cpuinfo.read_text().splitlines() if "model name" in line]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores {models[0] if models else platform.machine()}, {memory:.0f} GiB, "
        f"{platform.system()}, Python {platform.python_version()}"
    )


def dagster_home(home: Path) -> Path:
    """Create a Dagster home with its tables, which is copied for every run."""
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
    """Return the measurements of each case, and the errors, both by the name of the case."""
    measured: dict[str, list[_Run]] = {case.name: [] for case in scenario.cases}
    errors: dict[str, str] = {}
    with ExitStack() as stack:
        services = {case.service for case in scenario.cases if case.service}
        servers = {service: stack.enter_context(serving(service)) for service in services}
        for number in range(runs):
            for case in scenario.cases:
                sys.stderr.write(f"\r\033[K{scenario.name}, {number + 1} of {runs}: {case.name} ")
                sys.stderr.flush()
                try:
                    measured[case.name].append(_one_run(case, servers, home, folder / "run"))
                except (ProgramFailed, WrongDataError) as error:
                    errors[case.name] = str(error)
    sys.stderr.write("\r\033[K")
    return measured, errors


def _one_run(case: Case, servers: dict[Service, RunningServer], home: Path, folder: Path) -> _Run:
    lake, state = folder / "lake", folder / "state"
    lake.mkdir(parents=True)
    shutil.copytree(home, state)
    server = servers[case.service] if case.service else None
    try:
        days = case.service.days if case.service else 0
        arguments, variables = case.program.command(Job(server.address if server else "", days, lake, state))
        if server:
            server.clear_log()
        cost = run(arguments, _environment() | variables, folder / "output")
        traffic = server.traffic() if server else None
        if case.stores and case.service:
            rows, uuids = stored_calls(lake)
            if not rows == uuids == case.service.calls:
                raise WrongDataError(f"{rows} rows, {uuids} uuids stored of {case.service.calls} calls")
    finally:
        shutil.rmtree(folder)
    return cost, traffic


def _environment() -> dict[str, str]:
    """Return this process's variables without those that would change a program."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_REMOVED_VARIABLES)}


def case_result(runs: Sequence[_Run]) -> CaseResult:
    """Return the result of the runs of a case."""
    costs, traffics = [cost for cost, _ in runs], [traffic for _, traffic in runs if traffic]
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
    )


def report(
    scenario: Scenario, runs: int, measured: dict[str, list[_Run]], errors: dict[str, str]
) -> Iterator[str]:
    """Return the lines of a scenario's table and goals."""
    yield f"\n### {scenario.name}\n\n{scenario.description} Medians of {runs}.\n"
    yield "| program | wall | CPU | peak | wall to ours | requests | 429 | most in flight |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|"
    results = {name: case_result(runs) for name, runs in measured.items() if runs and name not in errors}
    ours = results.get(scenario.cases[0].name)
    for name, out in results.items():
        ratio = f"{out.wall / ours.wall:.2f}" if ours else ""
        yield (
            f"| {name} | {out.wall:.2f} s | {out.cpu:.2f} s | {out.peak:.0f} MB | {ratio} "
            f"| {out.requests:.0f} | {out.refused} | {out.most_in_flight} |"
        )
    yield ""
    if errors:
        yield from (f"- {name} failed: {error}" for name, error in errors.items())
    else:
        yield from (f"- {goal}" for goal in scenario.goals(results))


if __name__ == "__main__":
    main()
