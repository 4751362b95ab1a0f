"""Random mixes of faults, and a soak that tries them for minutes.

A mix depends only on its seed, so a failing mix can be repeated. `test_faults.py` tries twenty mixes, and
`make soak` as many as the time allows. Not here: what must be true after a run (`support/fault_trial.py`).
"""

import itertools
import logging
import random
import tempfile
import time
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import get_args

import click
import dagster as dg

from trackdrive_assets.dagster.assets import failures
from trackdrive_assets.sandbox.faults import KINDS, Fault
from trackdrive_assets.sandbox.serializers import ApiVersion
from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets_tests.conftest import NOW
from trackdrive_assets_tests.support.factories import lake_at
from trackdrive_assets_tests.support.fault_trial import (
    CALLS,
    REPORTS,
    SLOW_DELAY,
    STATS,
    Trial,
    settings_for,
)

KEYS = ("calls", "reports/status", "reports/buyer_converted", "stats/status")

_LONGER_THAN_THE_BUDGET = 30
"""A Retry-After in seconds above the retry budget of a trial."""


@dataclass(frozen=True)
class Mix:
    """The faults of a first run, and the changes before a second run without faults.

    Attributes:
        seed: The seed of all other attributes.
        api_version: The version of the API.
        per_page: The rows per page.
        max_concurrency: The most concurrent requests.
        keys: The assets of both runs.
        partitions: The days of both runs.
        faults: The faults of the first run.
        pause: The time between the runs.
        late: The start of each call that the account has only in the second run.
    """

    seed: int
    api_version: ApiVersion
    per_page: int
    max_concurrency: int
    keys: tuple[str, ...]
    partitions: tuple[str, ...]
    faults: tuple[Fault, ...]
    pause: timedelta
    late: tuple[datetime, ...]


def draw_mix(seed: int) -> Mix:
    """Return the mix of a seed."""
    draw = random.Random(seed)  # noqa: S311  a mix is not a secret
    last = NOW.date() - timedelta(days=draw.randint(0, 30))
    partitions = tuple((last - timedelta(days=n)).isoformat() for n in reversed(range(draw.randint(1, 3))))
    return Mix(
        seed=seed,
        api_version=draw.choice(get_args(ApiVersion)),
        per_page=draw.choice((7, 20, 250)),
        max_concurrency=draw.choice((1, 4, 16)),
        keys=tuple(key for key in KEYS if draw.random() < 0.75) or KEYS,
        partitions=partitions,
        faults=tuple(_fault(draw) for _ in range(draw.randint(2, 5))),
        pause=timedelta(hours=draw.choice((0, 1, 100))),
        late=tuple(NOW - timedelta(hours=draw.uniform(0, 72)) for _ in range(draw.randint(0, 3))),
    )


def _fault(draw: random.Random) -> Fault:
    return Fault(
        draw.choice(sorted(KINDS)),
        times=draw.choice((1, 1, 2, 3, None)),
        every=draw.randint(1, 9),
        path=draw.choice((None, CALLS, REPORTS, STATS)),
        retry_after=draw.choice((0, 1, 2, _LONGER_THAN_THE_BUDGET)),
        delay=SLOW_DELAY,
    )


def run(mix: Mix, instance: dg.DagsterInstance, folder: Path) -> list[str]:
    """Run a mix, then run without faults, and return what is wrong after either run."""
    clock = [NOW]
    with Sandbox(
        seed=mix.seed,
        calls_per_day=30,
        first_day=date(2024, 10, 1),
        now=lambda: clock[0],
        api_version=mix.api_version,
        faults=mix.faults,
    ) as sandbox:
        trial = Trial(
            sandbox,
            instance,
            lake_at(folder, "America/New_York"),
            settings_for(folder),
            per_page=mix.per_page,
            max_concurrency=mix.max_concurrency,
        )
        # The client draws its pauses from this generator.
        random.seed(mix.seed)
        first = trial.attempt(mix.keys, *mix.partitions)
        violations = trial.violations(first, mix.keys, *mix.partitions)

        sandbox.recover()
        clock[0] += mix.pause
        for created_at in mix.late:
            sandbox.add_call(created_at)
        second = trial.attempt(mix.keys, *mix.partitions)
        violations += trial.violations(second, mix.keys, *mix.partitions)
        missing = trial.day_files(mix.keys, mix.partitions).keys() - trial.recorded(second)
        return violations + [f"{key} of {day} fails without faults" for key, day in sorted(missing)]


@click.command()
@click.option("--minutes", default=10.0, help="Duration in minutes; 0 for one mix.")
@click.option("--seed", type=int, help="Seed of the first mix. The next mix has the next seed.")
def soak(minutes: float, seed: int | None) -> None:
    """Run random mixes of faults for some minutes, and print those with a violation."""
    failures.RETRY_DELAYS = (0, 0)
    logging.disable()  # thousands of requests are retried
    end = time.monotonic() + 60 * minutes
    base = random.randrange(10**9) if seed is None else seed  # noqa: S311  as above
    click.echo(f"Mixes from seed {base} on, for {minutes:g} minutes.")
    failed = []
    with tempfile.TemporaryDirectory() as home, dg.DagsterInstance.local_temp(home) as instance:
        for current in itertools.count(base):
            with tempfile.TemporaryDirectory() as lake:
                violations = run(draw_mix(current), instance, Path(lake))
            if violations:
                failed.append(current)
                click.echo(
                    f"The mix of seed {current} has violations. Repeat it: make soak MINUTES=0 SEED={current}"
                )
                click.echo("".join(f"  {violation}\n" for violation in violations), nl=False)
            if time.monotonic() >= end:
                break
    click.echo(f"{current - base + 1} mixes, {len(failed)} with violations.")
    raise SystemExit(bool(failed))


if __name__ == "__main__":
    soak()
