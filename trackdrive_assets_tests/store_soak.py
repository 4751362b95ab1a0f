"""Random orders of writers, readers and kills on SeaweedFS, for minutes: `make soak-store`.

Not here: what must be true after each of them (`support/contended_day.py`).
"""

import random
import tempfile
import time
from itertools import count
from pathlib import Path
from unittest.mock import patch

import click

from trackdrive_assets.lake import atomic
from trackdrive_assets_tests.support.contended_day import Account, check_any_order
from trackdrive_assets_tests.support.factories import lake_at
from trackdrive_assets_tests.support.interleaving import Choice
from trackdrive_assets_tests.support.object_store import bucket_of, serving_seaweedfs


@click.command()
@click.option("--programs", type=Path, required=True, help="The folder with weed.")
@click.option("--minutes", type=float, default=10.0, help="How long to try.")
@click.option("--seed", type=int, default=1, help="The seed of the first order.")
def soak(programs: Path, minutes: float, seed: int) -> None:
    """Try orders until the time is over. The seed of an order that fails is printed."""
    end = time.monotonic() + 60 * minutes
    with (
        serving_seaweedfs(programs / "weed") as address,
        bucket_of(address) as bucket,
        patch.object(atomic, "_PAUSE", 0),
    ):
        for number in count(seed):
            if time.monotonic() > end:
                click.echo(
                    f"{number - seed} orders, seeds {seed} to {number - 1}: no change lost or doubled."
                )
                return
            try:
                with tempfile.TemporaryDirectory() as lock:
                    check_any_order(Account(lake_at(f"{bucket}/{number}"), Path(lock)), draw_choices(number))
            except BaseException:
                click.echo(f"Failed: --seed {number}", err=True)
                raise


def draw_choices(seed: int) -> list[Choice]:
    """Return which thread goes on, with two kills on average."""
    drawn = random.Random(seed)  # noqa: S311  no secret
    return [
        Choice(drawn.randrange(5), drawn.randrange(1, 13), drawn.random() < 0.1)
        for _ in range(drawn.randrange(40))
    ]


if __name__ == "__main__":
    soak()
