"""The progress of a run of `trackdrive materialize`: a line for each finished day, and a bar in a terminal.

Dagster passes every event and message of a run to the loggers of the run. `RunDisplay` is the handler of such
a logger, so no line of Dagster tears the bar. `RunProgress` counts, and prints nothing.
"""

import logging
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any, Literal, Self

import click
import dagster as dg
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from trackdrive_assets.cost import count_of, format_duration
from trackdrive_assets.dagster.progress import seconds_left
from trackdrive_assets.dagster.runs import WAITS_FOR_ANOTHER_RUN

Detail = Literal["bar", "days", "log"]
"""What is printed of a run: a bar in a terminal, lines of the finished days too, or every line of Dagster."""

Numbers = Mapping[str, float]
"""The numbers among the metadata of a recorded day."""


class RunProgress:
    """What a run has finished, counted from the days that it records.

    Args:
        tables: The table of each asset that is fetched from the API.
        days: The number of days of the run.
        requests: The expected requests of one day, for each table.

    Attributes:
        rows: The rows of the finished days, for each table.
        requests: The requests of the finished days, for each table.
        fetched: The number of calls that were fetched so far, those of days in progress included.
    """

    def __init__(self, tables: Mapping[dg.AssetKey, str], days: int, requests: Mapping[str, int]) -> None:
        self._tables = tables
        self._days = days
        self._expected = requests
        self._asset_count = Counter(tables.values())
        self._name_width = max(map(len, tables.values()), default=0)
        self._recorded: dict[tuple[str, str], dict[dg.AssetKey, Numbers]] = defaultdict(dict)
        self._done: Counter[str] = Counter()
        self._shares: dict[str, float] = {}
        self.rows: Counter[str] = Counter()
        self.requests: Counter[str] = Counter()
        self.fetched = 0

    def record(self, key: dg.AssetKey, day: str, numbers: Numbers) -> str | None:
        """Count a recorded day of an asset.

        Returns:
            The line of the day if all assets of its table are recorded now.
        """
        table = self._tables.get(key)
        if table is None or key in (recorded := self._recorded[table, day]):
            return None
        recorded[key] = numbers
        if len(recorded) < self._asset_count[table]:
            return None
        # Assets that are written along with a table, such as `call_changes`, have rows of their own.
        rows = sum(found["rows"] for key, found in recorded.items() if key.path[0] == table)
        requests = sum(found.get("requests", 0) for found in recorded.values())
        seconds = max(found.get("seconds", 0) for found in recorded.values())
        self._done[table] += 1
        self.rows[table] += int(rows)
        self.requests[table] += int(requests)
        self.fetched = max(self.fetched, self.rows["calls"])
        counts = f"{_aligned(int(rows), 'row', 12)} {_aligned(int(requests), 'request', 7)}"
        return f"{table:{self._name_width}} {day}{counts} {seconds:>8,.1f} s"

    def advance(self, table: str, share: float, fetched: int) -> None:
        """Record the share of a table that is fetched, 0 to 1, before its next day is finished."""
        self._shares[table] = share
        if table == "calls":
            self.fetched = fetched

    def describe_tables(self) -> str:
        """Return how many days of each table are finished."""
        return ", ".join(f"{table} {self._done[table]} of {self._days}" for table in self._expected)

    def describe(self, step: str | None) -> str:
        """Return how many days of a step are finished. Only the name of a step without days."""
        if step is None or step not in self._expected:
            return step or ""
        return f"{step} {self._done[step]}/{self._days} days"

    @property
    def share(self) -> float:
        """The share of the run that is done, 0 to 1, if every request takes the same time."""
        weights = {table: self._requests_per_day(table) for table in self._expected}
        done = sum(
            weight * max(self._done[table] / self._days, self._shares.get(table, 0))
            for table, weight in weights.items()
        )
        return done / sum(weights.values()) if weights else 0.0

    def _requests_per_day(self, table: str) -> float:
        """Return the mean of the finished days. The expected number until a day is finished."""
        return self.requests[table] / self._done[table] if self._done[table] else self._expected[table]


class RunDisplay(logging.Handler):
    """The handler that prints the finished days, the warnings and the errors of a run. A context manager.

    Args:
        progress: What the run has finished.
        shows: What is printed of the run. Warnings and errors are always printed.

    Attributes:
        printed: The lines of the warnings and errors that were printed.
    """

    def __init__(self, progress: RunProgress, *, shows: Detail) -> None:
        super().__init__()
        self._progress = progress
        self._shows = shows
        self.printed: set[str] = set()
        self._began = time.monotonic()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[state]}"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
            disable=shows == "log" or not sys.stderr.isatty(),
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self._bar.add_task("", total=1.0, state="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def emit(self, record: logging.LogRecord) -> None:
        """Show an event or a message of the run."""
        context: Mapping[str, Any] = vars(record)["dagster_meta"]
        event: dg.DagsterEvent | None = context["dagster_event"]
        message = context["orig_message"]
        if self._shows == "log":
            click.echo(record.getMessage(), err=True)
        elif event is None and _is_for_people(record.levelno, message):
            self._print(message, is_error=True)
        if event is None and record.levelno >= logging.WARNING:
            self.printed.update(message.splitlines())
        if (share := vars(record).get("share")) is not None:
            self._progress.advance(context["step_key"], share, vars(record)["fetched"])
        if event and (recorded := materialized_day(event)):
            line = self._progress.record(*recorded)
            if line and self._shows != "bar":
                self._print(line)
        self._bar.update(
            self._task,
            completed=self._progress.share,
            description=self._progress.describe(context["step_key"]),
            state=self._state(),
        )

    def _state(self) -> str:
        left = seconds_left(self._progress.share, time.monotonic() - self._began)
        calls = f"{self._progress.fetched:,} calls" if self._progress.fetched else ""
        return ", ".join(filter(None, [calls, f"about {format_duration(left)} left" if left else ""]))

    def _print(self, line: str, *, is_error: bool = False) -> None:
        """Print a line, above the bar if there is one on the same terminal."""
        if not self._bar.disable and (is_error or sys.stdout.isatty()):
            self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            click.echo(line, err=is_error)


def _aligned(number: int, noun: str, width: int) -> str:
    """Return a number with its noun. The numbers of several lines end in the same column."""
    text = count_of(number, noun)
    return f"{text} ".rjust(width + len(noun) + 2) if number == 1 else text.rjust(width + len(noun) + 2)


def _is_for_people(level: int, message: str) -> bool:
    """Return whether a message is more than the list of the steps that Dagster skips after a failed one.

    The list is wrong about checks and views, which a failed step shows itself if it stored days.
    """
    if message.startswith("Dependencies for step"):
        return False
    return level >= logging.WARNING or message == WAITS_FOR_ANOTHER_RUN


def materialized_day(event: dg.DagsterEvent) -> tuple[dg.AssetKey, str, Numbers] | None:
    """Return the asset, the day and the numbers of a recorded day. None for any other event."""
    if event.event_type is not dg.DagsterEventType.ASSET_MATERIALIZATION or event.partition is None:
        return None
    materialization = event.step_materialization_data.materialization
    metadata = materialization.metadata
    names = {"rows": "dagster/partition_row_count", "requests": "requests", "seconds": "seconds"}
    numbers = {short: float(str(metadata[name].value)) for short, name in names.items() if name in metadata}
    return materialization.asset_key, event.partition, {"rows": 0, **numbers}
