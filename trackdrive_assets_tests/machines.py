"""A trial of several machines: two accounts, two code servers behind links, Postgres, and what breaks them.

`make trial-machines` runs it as root, in network namespaces of its own. It prints what happens,
and ends with an error if something is not as it must be. Not here: the machines (`support/machines.py`).
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from urllib.error import HTTPError

import click
import dagster as dg

from trackdrive_assets.lake.store import Lake
from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets.tables.columns import CALL_CHANGES, CALLS
from trackdrive_assets_tests.conftest import NOW, days_between
from trackdrive_assets_tests.support.certificates import Authority
from trackdrive_assets_tests.support.factories import lake_at
from trackdrive_assets_tests.support.machines import (
    ACCOUNTS,
    CENTER,
    DATABASE,
    MACHINES,
    AccountFront,
    address_of,
    namespaces,
    overlaps,
    set_link,
    start,
)
from trackdrive_assets_tests.support.object_store import CountedServer, serving_seaweedfs
from trackdrive_assets_tests.support.postgres import INSTANCE_FILE, Postgres, serving_postgres

DAYS = days_between("2024-09-01", "2024-10-30")
LOCATIONS = {
    # The account, the machine and the port of each code location.
    "acme-1": ("acme", "tdm1", 4001),
    "acme-2": ("acme", "tdm2", 4002),
    "globex-2": ("globex", "tdm2", 4003),
}
DEFINITIONS = """import os

from trackdrive_assets.dagster.build import build_definitions
from trackdrive_assets.settings import Settings

defs = build_definitions(Settings.read(os.environ), account="{name}")
"""
UI = "http://127.0.0.1:3000"
STORE_PORT = 8333
ENDED = {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED}
LAUNCH = """
mutation ($params: ExecutionParams!) {
  launchPipelineExecution(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
    ... on RunConfigValidationInvalid { errors { message } }
  }
}
"""


class Trial:
    """The servers of the trial, and what was seen of them."""

    def __init__(self, folder: Path, postgres: Postgres, store: str, stack: ExitStack) -> None:
        self.folder = folder
        self.postgres = postgres
        # By http a store is only asked on the same machine. So each machine passes a port on to the store.
        self.endpoint = f"http://127.0.0.1:{STORE_PORT}"
        python = (sys.executable, "-W", "ignore", "-m")
        for machine in (CENTER, *MACHINES):
            words = (*python, "trackdrive_assets_tests.support.forward", str(STORE_PORT), store)
            start(machine, words, dict(os.environ), str(folder / f"store-{machine}.log"))
        os.environ.update(self.store_variables())
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        authority = Authority(folder)
        self.sandboxes: dict[str, Sandbox] = {}
        self.fronts: dict[str, AccountFront] = {}
        self.lakes: dict[str, Lake] = {}
        for number, (name, address) in enumerate(ACCOUNTS.items()):
            made = Sandbox(seed=number, calls_per_day=20, first_day=date(2024, 8, 20), now=lambda: NOW)
            sandbox = self.sandboxes[name] = stack.enter_context(made)
            port = int(sandbox.base_url.rpartition(":")[2])
            front = self.fronts[name] = AccountFront(address, port, authority.issue(f"IP:{address}"))
            front.serve()
            self.lakes[name] = lake_at(f"s3://lake/account={name}")
            (folder / f"{name}.py").write_text(DEFINITIONS.format(name=name))
        self.bundle = authority.bundle
        servers = [
            {"grpc_server": {"host": address_of(machine), "port": port, "location_name": location}}
            for location, (_, machine, port) in LOCATIONS.items()
        ]
        self.workspace = folder / "workspace.yaml"
        self.workspace.write_text(json.dumps({"load_from": servers}))
        os.environ.update(self.environment("center"))
        self.instance = stack.enter_context(dg.DagsterInstance.get())

    def store_variables(self) -> dict[str, str]:
        """Return the variables of the store."""
        return CountedServer(self.endpoint, endpoint=self.endpoint).variables()

    def environment(self, machine: str, account: str | None = None) -> dict[str, str]:
        """Return the variables of a process. Each machine has a Dagster home of its own."""
        home = self.folder / "homes" / machine
        home.mkdir(parents=True, exist_ok=True)
        (home / "dagster.yaml").write_text(INSTANCE_FILE.read_text())
        kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "HOME") if name in os.environ}
        database = {**self.postgres.variables("dagster"), "DAGSTER_POSTGRES_HOST": DATABASE}
        variables = {
            **kept,
            **database,
            **self.store_variables(),
            "DAGSTER_HOME": str(home),
            "PYTHONUNBUFFERED": "1",
        }
        if account:
            sandbox = self.sandboxes[account]
            variables |= {
                "REQUESTS_CA_BUNDLE": str(self.bundle),
                "TRACKDRIVE_BASE_URL": f"https://{ACCOUNTS[account]}",
                "TRACKDRIVE_PUBLIC_KEY": sandbox.public_key,
                "TRACKDRIVE_PRIVATE_KEY": sandbox.private_key,
                "TRACKDRIVE_REQUESTS_PER_SECOND": "4",
                "TRACKDRIVE_REPORT_CATEGORIES": "status",
                "TRACKDRIVE_LAKE": self.lakes[account].root,
            }
        return variables

    def start(self, name: str) -> None:
        """Start the daemon, the UI, or a code server."""
        python = (sys.executable, "-W", "ignore", "-m")
        if name in LOCATIONS:
            account, machine, port = LOCATIONS[name]
            file = str(self.folder / f"{account}.py")
            served = ("-f", file, "-h", "0.0.0.0", "-p", str(port))  # noqa: S104  a namespace of its own
            words: tuple[str, ...] = (*python, "dagster", "api", "grpc", *served)
            environment = self.environment(machine, account)
        else:
            machine, environment = CENTER, self.environment("center")
            words = {
                "daemon": (*python, "dagster._daemon", "run", "-w", str(self.workspace)),
                "ui": (
                    *(*python, "trackdrive_assets.dagster.ui", "-w", str(self.workspace)),
                    *("--host", "127.0.0.1", "--port", "3000"),
                ),
            }[name]
        self.processes[name] = start(machine, words, environment, str(self.folder / f"{name}.log"))

    def kill(self, name: str) -> None:
        """Kill the daemon, the UI or a code server."""
        self.processes[name].kill()
        self.processes[name].wait()

    def launch(self, location: str, first: str, last: str) -> str:
        """Launch a run over days through the UI, and return its id."""
        tags = {
            "dagster/asset_partition_range_start": first,
            "dagster/asset_partition_range_end": last,
            "dagster/priority": "1" if first == last else "0",
        }
        params = {
            "selector": {
                "repositoryLocationName": location,
                "repositoryName": "__repository__",
                "jobName": f"{LOCATIONS[location][0]}_look_back",
            },
            "runConfigData": {},
            "executionMetadata": {"tags": [{"key": key, "value": tags[key]} for key in tags]},
        }
        body = json.dumps({"query": LAUNCH, "variables": {"params": params}}).encode()
        request = urllib.request.Request(  # noqa: S310  our own server
            f"{UI}/graphql", body, {"Content-Type": "application/json"}
        )
        launched: list[str] = []

        def is_launched() -> bool:
            launched.extend(_launch(request))
            return bool(launched)

        wait_until(is_launched, 120, "a launch")
        log(f"launched {launched[0][:8]} on {location} for {first} to {last}")
        return launched[0]

    def launch_all(self, location: str) -> str:
        return self.launch(location, DAYS[0], DAYS[-1])

    def status(self, run_id: str) -> dg.DagsterRunStatus:
        run = self.instance.get_run_by_id(run_id)
        assert run
        return run.status

    def end_of(self, run_id: str, expected: dg.DagsterRunStatus, seconds: float = 240) -> None:
        """Wait until a run has ended, and check how."""
        wait_until(lambda: self.status(run_id) in ENDED, seconds, f"the end of {run_id[:8]}")
        found = self.status(run_id)
        log(f"{run_id[:8]} ended: {found.value}")
        assert found is expected, self.reason(run_id)

    def reason(self, run_id: str) -> list[str]:
        """Return the messages of what failed in a run."""
        failures = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE}
        entries = self.instance.all_logs(run_id, of_type=failures)
        events = [entry.dagster_event for entry in entries if entry.dagster_event]
        return [str(event.event_specific_data)[:2000] for event in events]

    def recorded(self, run_id: str) -> int:
        """Return how many days of calls a run has recorded."""
        entries = self.instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
        events = [entry.dagster_event for entry in entries if entry.dagster_event]
        keys = [dg.AssetKey([name, "calls"]) for name in ACCOUNTS]
        return len({event.partition for event in events if event.asset_key in keys})

    def wait_for_days(self, run_id: str, count: int) -> None:
        """Wait until a run has recorded some days of calls, and has not ended."""
        wait_until(lambda: self.recorded(run_id) >= count, 120, f"{count} days of {run_id[:8]}")
        assert self.status(run_id) is dg.DagsterRunStatus.STARTED

    def process_at(self, account: str) -> int:
        """Return the process that used the API of an account last."""
        return self.fronts[account].exchanges[-1].process

    def add_late_calls(self) -> dict[str, list[str]]:
        """Add a call to every fifth day of each account. Return their uuids."""
        return {
            name: [
                sandbox.add_call(datetime.fromisoformat(day).replace(hour=12, tzinfo=UTC))
                for day in DAYS[::5]
            ]
            for name, sandbox in self.sandboxes.items()
        }


def _launch(request: urllib.request.Request) -> list[str]:
    """Return the id of the launched run. None just after a machine or the database was away."""
    try:
        with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310  our own server
            answer = json.load(response)["data"]["launchPipelineExecution"]
    except HTTPError:
        return []
    return [answer["run"]["runId"]] if "run" in answer else []


def wait_until(is_true: Callable[[], object], seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < end, f"{what} did not come within {seconds:.0f} s"
        time.sleep(0.25)


BEGAN = time.monotonic()


def log(line: str) -> None:
    """Print a line with the seconds since the beginning."""
    click.echo(f"{time.monotonic() - BEGAN:6.1f} s {line}")


def is_gone(process: int) -> bool:
    """Return whether a process has ended. A zombie has."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


# What happens


def first_backfills_are_side_by_side(trial: Trial) -> None:
    runs = [trial.launch_all("acme-1"), trial.launch_all("globex-2")]
    for run in runs:
        trial.end_of(run, dg.DagsterRunStatus.SUCCESS)
    began = {name: front.exchanges[0].began for name, front in trial.fronts.items()}
    ended = {name: front.exchanges[-1].ended for name, front in trial.fronts.items()}
    assert max(began.values()) < min(ended.values()), "the accounts waited for each other"


def a_short_run_of_another_machine_goes_first(trial: Trial) -> None:
    long = trial.launch_all("acme-1")
    trial.wait_for_days(long, 3)
    began = time.monotonic()
    short = trial.launch("acme-2", DAYS[0], DAYS[0])
    trial.end_of(short, dg.DagsterRunStatus.SUCCESS)
    log(f"the short run took {time.monotonic() - began:.1f} s")
    assert trial.status(long) is dg.DagsterRunStatus.STARTED
    trial.end_of(long, dg.DagsterRunStatus.SUCCESS)


def a_killed_run_does_not_block(trial: Trial) -> None:
    killed = trial.launch_all("acme-1")
    trial.wait_for_days(killed, 10)
    os.kill(trial.process_at("acme"), signal.SIGKILL)
    after = trial.launch_all("acme-2")
    trial.end_of(after, dg.DagsterRunStatus.SUCCESS)
    trial.end_of(killed, dg.DagsterRunStatus.FAILURE)


def a_killed_code_server_does_not_end_its_runs(trial: Trial) -> None:
    run = trial.launch_all("globex-2")
    trial.wait_for_days(run, 10)
    trial.kill("globex-2")
    trial.start("globex-2")
    trial.end_of(run, dg.DagsterRunStatus.SUCCESS)
    wait_until(lambda: answers("globex-2"), 60, "the code server")
    trial.end_of(trial.launch_all("globex-2"), dg.DagsterRunStatus.SUCCESS)


def a_killed_daemon_does_not_end_runs(trial: Trial) -> None:
    run = trial.launch_all("acme-1")
    trial.wait_for_days(run, 10)
    trial.kill("daemon")
    trial.start("daemon")
    trial.end_of(run, dg.DagsterRunStatus.SUCCESS)


def a_cut_link_stops_the_run(trial: Trial) -> None:
    run = trial.launch_all("acme-1")
    trial.wait_for_days(run, 10)
    process = trial.process_at("acme")
    waiting = trial.launch_all("acme-2")
    set_link("tdm1", "down")
    cut = time.monotonic()
    wait_until(lambda: is_gone(process), 60, "the end of the process behind the cut link")
    log(f"the run behind the cut link ended {time.monotonic() - cut:.1f} s after it")
    trial.end_of(waiting, dg.DagsterRunStatus.SUCCESS)
    set_link("tdm1", "up")
    trial.end_of(run, dg.DagsterRunStatus.FAILURE)
    trial.end_of(trial.launch_all("acme-1"), dg.DagsterRunStatus.SUCCESS)


def a_restart_of_the_database_stops_the_runs(trial: Trial) -> None:
    runs = {"acme": trial.launch_all("acme-1"), "globex": trial.launch_all("globex-2")}
    for run in runs.values():
        trial.wait_for_days(run, 10)
    processes = {name: trial.process_at(name) for name in runs}
    trial.postgres.control("restart", "-m", "fast")
    restarted = time.monotonic()
    for process in processes.values():
        wait_until(partial(is_gone, process), 60, "the end of a run")
    log(f"the runs ended {time.monotonic() - restarted:.1f} s after the restart")
    for run in runs.values():
        trial.end_of(run, dg.DagsterRunStatus.FAILURE)
        log(f"{run[:8]}: {trial.reason(run)}")
        assert 10 <= trial.recorded(run) < len(DAYS)


def answers(location: str) -> bool:
    """Return whether a code server answers."""
    _, machine, port = LOCATIONS[location]
    words = ["dagster", "api", "grpc-health-check", "-h", address_of(machine), "-p", str(port)]
    done = subprocess.run([sys.executable, "-W", "ignore", "-m", *words], capture_output=True, check=False)
    return done.returncode == 0


# What must be true at the end


def check_end(trial: Trial, late: Mapping[str, list[str]]) -> None:
    for name, lake in trial.lakes.items():
        sandbox = trial.sandboxes[name]
        appeared: Counter[str] = Counter()
        for day in DAYS:
            at = date.fromisoformat(day)
            begin = datetime.combine(at, datetime.min.time(), UTC)
            truth = sorted(str(row["uuid"]) for row in sandbox.calls(begin, begin + timedelta(days=1)))
            stored = sorted(lake.read("calls", CALLS.schema, [at])["uuid"].to_pylist())
            assert stored == truth, f"{name} has not exactly the calls of {day}"
            changes = lake.read("call_changes", CALL_CHANGES.schema, [at]).to_pylist()
            appeared.update(row["new_value"] for row in changes if row["field"] == "uuid")
        assert appeared == Counter(late[name]), f"{name} has changes that are missing or doubled"
        exchanges = trial.fronts[name].exchanges
        assert not any(exchange.process == 0 for exchange in exchanges), "a request without a process"
        found = overlaps(exchanges)
        assert not found, f"{len(found)} requests of two runs of {name} at once: {found[:3]}"
        count = len({exchange.process for exchange in exchanges})
        log(f"{name}: {len(exchanges)} requests of {count} runs, no two at once")
    unfinished = [run.run_id for run in trial.instance.get_runs() if run.status not in ENDED]
    assert unfinished == []


def try_machines(programs: Path) -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="machines")))
        postgres = stack.enter_context(serving_postgres(DATABASE))
        postgres.execute("CREATE DATABASE dagster")
        store = stack.enter_context(serving_seaweedfs(programs / "weed", DATABASE))
        CountedServer(store, endpoint=store).bucket("lake")
        trial = Trial(folder, postgres, store.partition("://")[2], stack)
        for name in (*LOCATIONS, "daemon", "ui"):
            trial.start(name)
        for location in LOCATIONS:
            wait_until(partial(answers, location), 120, location)
        wait_until(ui_answers, 120, "the UI")
        try:
            first_backfills_are_side_by_side(trial)
            late = trial.add_late_calls()
            for step in (
                a_short_run_of_another_machine_goes_first,
                a_cut_link_stops_the_run,
                a_restart_of_the_database_stops_the_runs,
                a_killed_run_does_not_block,
                a_killed_code_server_does_not_end_its_runs,
                a_killed_daemon_does_not_end_runs,
                first_backfills_are_side_by_side,
            ):
                log(f"{step.__name__.replace('_', ' ')}")
                step(trial)
            check_end(trial, late)
        except BaseException:
            for output in folder.glob("*.log"):
                click.echo("\n".join([f"--- {output.name}", *output.read_text().splitlines()[-40:]]))
            raise
    log("all is as it must be")


def ui_answers() -> bool:
    try:
        with urllib.request.urlopen(f"{UI}/server_info", timeout=5):  # noqa: S310  our own server
            return True
    except OSError:
        return False


@click.command()
@click.option("--programs", type=Path, required=True, help="The folder with weed.")
@click.option("--in-center", is_flag=True, help="The namespaces are there, and this is the center.")
def main(*, programs: Path, in_center: bool) -> None:
    """Make the namespaces, and run the trial in that of the center."""
    if in_center:
        try_machines(programs)
        return
    if os.getuid():
        raise SystemExit("Only root can make network namespaces. Run it as root.")
    python = (sys.executable, "-W", "ignore", "-m", __spec__.name, "--programs", programs, "--in-center")
    with namespaces():
        sys.exit(subprocess.run(["ip", "netns", "exec", CENTER, *python], check=False).returncode)


if __name__ == "__main__":
    main()
