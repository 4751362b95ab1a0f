"""Runs of `dagster asset materialize` in their own processes, killed or stopped at a chosen moment.

They are forked from one process that has imported everything, which saves three seconds for each. Python's
audit events report what a run does to files, databases and the network.
"""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow.parquet as pq
import pytest

from trackdrive_assets.cli.dagster_home import INSTANCE_FILE
from trackdrive_assets.lake.database import FILE
from trackdrive_assets.lake.layout import LAYOUT
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets_tests.support.factories import file_of, folder_of

forks = multiprocessing.get_context("forkserver")
forks.set_forkserver_preload(
    [
        "trackdrive_assets.definitions",
        # A run imports these.
        "trackdrive_assets.dagster.assets.step_run",
        "trackdrive_assets.dagster.event_log",
        "trackdrive_assets.dagster.previews",
        "trackdrive_assets.ingest.calls",
        "trackdrive_assets.ingest.reports",
        "trackdrive_assets.ingest.stats",
        "trackdrive_assets.quality.checks",
        "dagster._cli.asset",
        # Dagster imports these when it opens its home, and pyarrow when it first writes.
        "dagster._core.storage.event_log",
        "dagster._core.storage.runs",
        "dagster._core.storage.local_compute_log_manager",
        "pyarrow.dataset",
        "pyarrow.parquet",
    ]
)

_EFFECTS = ("fcntl.", "http.", "open", "os.", "shutil.", "socket.", "sqlite3.", "tempfile.")


@dataclass(frozen=True)
class Moment:
    """The moment before a process does something to a file, a database or the network.

    Attributes:
        event: The beginning of the audit event's name. The default matches all.
        about: A part of the event's arguments.
        number: The position of the event among those that match; 0 for all of them.
        then: The beginning of the name of a later event. If given, the moment is the first such event after
            the matching one; `""` matches all.
    """

    event: str = ""
    about: str = ""
    number: int = 1
    then: str | None = None


def kill() -> None:
    """Kill this process, as the system does when memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)


class Stop:
    """A stop in another process, until the test lets it continue."""

    def __init__(self) -> None:
        self._test, self._process = forks.Pipe()

    @property
    def wait(self) -> Callable[[], None]:
        """The function for the process: wait here."""
        return partial(_wait_for_test, self._process)

    def reached(self, process: BaseProcess) -> bool:
        """Return whether the process stops here before its end."""
        return self._test in wait([self._test, process.sentinel])

    def go_on(self) -> None:
        """Let the process continue."""
        self._test.send("continue")


def _wait_for_test(test: Connection) -> None:
    test.send("here")
    test.recv()


@dataclass
class MomentCounter:
    """A counter of moments in another process."""

    count: Any = field(default_factory=lambda: forks.Value("i", lock=False))

    def __call__(self) -> None:
        self.count.value += 1


@dataclass
class Deployment:
    """An account, a lake, and a Dagster home with an instance file of the project.

    Attributes:
        variables: The variables of the instance file.
    """

    sandbox: Sandbox
    lake: Lake
    home: Path
    instance_file: Path = INSTANCE_FILE
    variables: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.home.mkdir()
        (self.home / INSTANCE_FILE.name).write_text(self.instance_file.read_text())

    def begin(
        self,
        select: str,
        first: str,
        last: str,
        *,
        at: Moment | None = None,
        do: Callable[[], None] = kill,
        output: Path | None = None,
        **environment: str,
    ) -> BaseProcess:
        """Start a run over a range of days.

        Args:
            select: The selection of assets.
            first: The first partition.
            last: The last partition.
            at: The moment to do something in the new process. The default is never.
            do: The function to call at that moment.
            output: The file for the output of the run. The default is in the Dagster home.
            **environment: Variables that replace the default ones.
        """
        command = ["asset", "materialize", "-m", "trackdrive_assets.definitions"]
        command += ["--select", select, "--partition-range", f"{first}...{last}"]
        inherited = ("TRACKDRIVE_", "DAGSTER_")
        defaults = {name: value for name, value in os.environ.items() if not name.startswith(inherited)} | {
            **self.variables,
            "DAGSTER_HOME": str(self.home),
            "TRACKDRIVE_BASE_URL": self.sandbox.base_url,
            "TRACKDRIVE_PUBLIC_KEY": self.sandbox.public_key,
            "TRACKDRIVE_PRIVATE_KEY": self.sandbox.private_key,
            "TRACKDRIVE_REQUESTS_PER_SECOND": "0",
            "TRACKDRIVE_PER_PAGE": "20",
            "TRACKDRIVE_REPORT_CATEGORIES": "status",
            "TRACKDRIVE_LAKE": self.lake.root,
        }
        process = forks.Process(
            target=_dagster,
            args=(command, defaults | environment, output or self.home / "output", at, do),
            daemon=True,  # it ends with the test, even if the test fails
        )
        process.start()
        return process

    def run(self, select: str, first: str, last: str, **options: Any) -> int | None:
        """Run to the end, with the arguments of `begin`. Return the exit code."""
        process = self.begin(select, first, last, **options)
        process.join()
        return process.exitcode

    def truth(self, partition: str) -> list[str]:
        """Return the uuids of a day on the account, sorted."""
        start = datetime.fromisoformat(partition).replace(tzinfo=UTC)
        return sorted(str(row["uuid"]) for row in self.sandbox.calls(start, start + timedelta(days=1)))

    def stored(self, partition: str) -> list[str] | None:
        """Return the uuids of a day in the lake, sorted; None if it has no file."""
        file = file_of(self.lake, "calls", date.fromisoformat(partition))
        return sorted(pq.read_table(file)["uuid"].to_pylist()) if file.exists() else None

    def leftovers(self) -> list[str]:
        """Return the files in the lake that are neither a day nor the DuckDB file."""
        ours = {FILE, "files.json", "lake.json", *(layout.file for layout in LAYOUT.values())}
        found = [path.relative_to(folder_of(self.lake)) for path in folder_of(self.lake).rglob("*")]
        return [str(path) for path in found if "." in path.name and path.name not in ours]

    def instance(self) -> AbstractContextManager[dg.DagsterInstance]:
        """Open the Dagster instance of the home."""
        return dagster_home(self.home, **self.variables)


@contextmanager
def dagster_home(home: Path, **variables: str) -> Iterator[dg.DagsterInstance]:
    """Open the Dagster instance of a home, by default with the instance file of the project."""
    file = home / INSTANCE_FILE.name
    if not file.exists():
        file.symlink_to(INSTANCE_FILE)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**variables, "DAGSTER_HOME": str(home)}.items():
            patch.setenv(name, value)
        with dg.DagsterInstance.get() as instance:
            yield instance


def _dagster(
    command: list[str],
    environment: dict[str, str],
    output: Path,
    at: Moment | None,
    do: Callable[[], None],
) -> None:
    from dagster._cli import main  # noqa: PLC0415  only the new process needs it

    with output.open("a") as stream:
        os.dup2(stream.fileno(), sys.stdout.fileno())
        os.dup2(stream.fileno(), sys.stderr.fileno())
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["dagster", *command]
    if at:
        sys.addaudithook(Watch(at, do))
    main()  # type: ignore[no-untyped-call]  # Dagster's own


class Watch:
    """An audit hook that calls a function at a moment."""

    def __init__(self, moment: Moment, do: Callable[[], None]) -> None:
        self._moment = moment
        self._do = do
        self._seen = 0
        self._over = False

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if self._over or not event.startswith(_EFFECTS):
            return
        moment = self._moment
        if moment.number and self._seen == moment.number:
            self._over = event.startswith(moment.then or "")
        elif event.startswith(moment.event) and moment.about in str(arguments):
            self._seen += 1
            self._over = moment.then is None and self._seen == moment.number
        else:
            return
        if self._over or not moment.number:
            self._do()
