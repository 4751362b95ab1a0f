"""`make bench`: runs the programs of each scenario, and measures them.

Within a scenario the programs alternate (A B C A B C), so that other load on the machine affects all of them.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

from benchmarks.account import FIRST_DAY
from benchmarks.commands import Job, PeerInDagster, Service
from benchmarks.measure import ProgramFailed, Run, RunningServer, run, serving, size, stored_calls
from benchmarks.report import QUIET, introduction, report, summary
from benchmarks.scenarios import SCENARIOS, Case, Scenario
from trackdrive_assets.cli.dagster_home import INSTANCE_FILE

VIEWS = "views"
"""The scenario of `year.py` and `views.py`, which compares no programs."""

_PROJECT = Path(__file__).parents[1]
_REMOVED_VARIABLES = ("TRACKDRIVE_", "DAGSTER_", "DLT_")


class WrongDataError(Exception):
    """A difference between the stored calls and those of the server."""


class Bench:
    """The folder of the benchmarks, with what all runs start from.

    Args:
        folder: An empty folder.
        scale: The factor of all numbers of calls. Only 1 shows the goals.
    """

    def __init__(self, folder: Path, scale: float) -> None:
        self.folder = folder
        self.scale = scale
        self._home = _dagster_home(folder / "home")

    def section(self, scenario: Scenario, runs: int) -> str:
        """Run a scenario, and return its chapter."""
        measured: dict[str, list[Run]] = {case.name: [] for case in scenario.cases}
        errors: dict[str, str] = {}
        with ExitStack() as stack:
            servers = {
                case.service: stack.enter_context(serving(case.service.scaled(self.scale)))
                for case in scenario.cases
                if case.service
            }
            for number in range(runs):
                for case in scenario.cases:
                    _show(f"{scenario.name}, {number + 1} of {runs}: {case.name}")
                    try:
                        measured[case.name].append(self._one_run(case, servers))
                    except (ProgramFailed, WrongDataError) as error:
                        errors[case.name] = str(error)
        _show("")
        return "\n".join(report(scenario, runs, measured, errors))

    def views(self) -> str:
        """Build the lake of a year, time every view, and return the chapter."""
        lake = self.folder / "year"
        _show("views: building a year")
        try:
            self._python("benchmarks.year", lake, f"--calls-per-day={round(20_000 * self.scale)}")
            _show("views: timing")
            body = self._python("benchmarks.views", lake)
        except ProgramFailed as error:
            body = f"- failed: {error}"
        finally:
            shutil.rmtree(lake, ignore_errors=True)
        _show("")
        return f"\n### {VIEWS}\n\nA year of 20,000 calls a day. Every view is read whole.\n\n{body}"

    def _one_run(self, case: Case, servers: Mapping[Service, RunningServer]) -> Run:
        folder = self.folder / "run"
        lake, state = folder / "lake", folder / "state"
        folder.mkdir()
        try:
            if case.earlier_days:
                shutil.copytree(self._old_lake(case.earlier_days), lake)
            else:
                lake.mkdir()
            stored_before, _ = stored_calls(lake)
            shutil.copytree(self._home, state)
            if isinstance(case.program, PeerInDagster):
                yaml_of_all = (state / "dagster.yaml").read_text()
                (state / "dagster.yaml").write_text(without_our_classes(yaml_of_all))
            home_before = size(state)
            server = servers[case.service] if case.service else None
            days = case.service.days if case.service else 0
            command = case.program.command(Job(server.address if server else "", days, lake, state))
            if server:
                server.clear_log()
            cost = run(command.arguments, _environment() | command.variables, folder)
            traffic = server.traffic() if server else None
            if case.stores and case.service:
                expected = stored_before + case.service.scaled(self.scale).calls
                rows, uuids = stored_calls(lake)
                if not rows == uuids == expected:
                    raise WrongDataError(f"{rows} rows, {uuids} uuids stored of {expected} calls")
            return Run(cost, traffic, size(state) - home_before)
        finally:
            shutil.rmtree(folder)

    def _old_lake(self, days: int) -> Path:
        """Return a lake of small days of all tables before the first day, which is built once."""
        lake = self.folder / f"{days}-days"
        if not lake.exists():
            _show(f"building a lake of {days} days")
            last = FIRST_DAY - timedelta(days=1)
            self._python(
                "benchmarks.year", lake, f"--days={days}", f"--last-day={last}", "--calls-per-day=20"
            )
        return lake

    def _python(self, module: str, *arguments: str | Path) -> str:
        """Run a module of the benchmarks, and return its output."""
        result = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", module, *arguments],
            cwd=_PROJECT,
            env=_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode:
            raise ProgramFailed(
                f"{module} failed with exit code {result.returncode}:\n{result.stderr[-2000:]}"
            )
        return result.stdout


def main() -> None:
    """Run the scenarios of the command line."""
    names = [*SCENARIOS, VIEWS]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="number of runs of every program")
    parser.add_argument(
        "--only", nargs="+", choices=names, default=names, help="some scenarios instead of all"
    )
    parser.add_argument(
        "--scale", type=float, default=1, help="factor of all numbers of calls, for a try-out"
    )
    parser.add_argument("--busy", action="store_true", help="run also on a busy machine")
    parser.add_argument("--output", type=Path, help="file for the results, in addition to the terminal")
    options = parser.parse_args()
    started, load = time.monotonic(), os.getloadavg()[0]
    if load > QUIET and not options.busy:
        sys.exit(
            f"The load average is {load:.1f}, so figures would be wrong. Wait until it is below {QUIET}, "
            f"or run with BUSY=1."
        )
    head = "\n".join(introduction(options.runs, options.scale, load))
    print(head, flush=True)
    sections: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        bench = Bench(Path(folder), options.scale)
        for name in options.only:
            sections[name] = bench.views() if name == VIEWS else bench.section(SCENARIOS[name], options.runs)
            print(sections[name], flush=True)
            if options.output:
                options.output.write_text("\n".join([head, *summary(sections), *sections.values(), ""]))
    print("\n".join(summary(sections)))
    print(f"\nThe benchmarks took {(time.monotonic() - started) / 60:.0f} minutes.")


def without_our_classes(dagster_yaml: str) -> str:
    """Return a dagster.yaml without the sections that name a class of the product. Peers do not have it."""
    sections = re.split(r"\n(?=\w)", dagster_yaml)
    return "\n".join(section for section in sections if "module: trackdrive_assets" not in section)


def _dagster_home(home: Path) -> Path:
    """Create a Dagster home with its tables, which is copied for every run."""
    home.mkdir()
    shutil.copy(INSTANCE_FILE, home)
    subprocess.run(
        [Path(sys.executable).with_name("dagster"), "instance", "info"],
        env=_environment() | {"DAGSTER_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    return home


def _environment() -> dict[str, str]:
    """Return this process's variables without those that would change a program."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_REMOVED_VARIABLES)}


def _show(text: str) -> None:
    """Replace the line of progress in the terminal."""
    sys.stderr.write(f"\r\033[K{text}")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
