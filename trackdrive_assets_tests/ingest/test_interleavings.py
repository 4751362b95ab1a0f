"""Writers and readers of one day at the same time, in any order of their steps, with a kill at any step."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import Phase, given, settings

from trackdrive_assets.lake import atomic
from trackdrive_assets_tests.support.contended_day import (
    CHOICES,
    KILLS,
    Account,
    check_any_order,
    run_interleaved,
)
from trackdrive_assets_tests.support.factories import lake_at
from trackdrive_assets_tests.support.interleaving import Choice
from trackdrive_assets_tests.support.object_store import bucket_of, serving_moto

WITHOUT_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)


@pytest.fixture(scope="module", autouse=True)
def no_pause_at_locks() -> Iterator[None]:
    """Ask for a lock again at once, because its holder runs in between."""
    with patch.object(atomic, "_PAUSE", 0):
        yield


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """The URL of a bucket."""
    with serving_moto() as address, bucket_of(address) as url:
        yield url


@given(before=CHOICES, kill=KILLS, after=CHOICES)
@settings(max_examples=10, phases=WITHOUT_SHRINKING)
def test_no_order_and_no_kill_mixes_days_or_loses_changes(
    tmp_path_factory: pytest.TempPathFactory, before: list[Choice], kill: Choice, after: list[Choice]
) -> None:
    check_any_order(Account(lake_at(tmp_path_factory.mktemp("lake"))), [*before, kill, *after])


@given(before=CHOICES, kill=KILLS, after=CHOICES)
@settings(max_examples=2, phases=WITHOUT_SHRINKING)
def test_no_order_and_no_kill_loses_changes_in_a_bucket(
    bucket: str,
    tmp_path_factory: pytest.TempPathFactory,
    before: list[Choice],
    kill: Choice,
    after: list[Choice],
) -> None:
    lock = tmp_path_factory.mktemp("lock")
    check_any_order(Account(lake_at(f"{bucket}/{lock.name}"), lock), [*before, kill, *after])


@pytest.mark.parametrize(("place", "stride"), [("folder", 1), ("bucket", 3)])
def test_a_kill_at_any_step_neither_loses_nor_doubles_changes(
    bucket: str, tmp_path: Path, place: str, stride: int
) -> None:
    account = Account(lake_at(tmp_path if place == "folder" else f"{bucket}/killed"))
    run_interleaved(account, {"first": account.fetch_day}, [])
    for step in count(step=stride):
        kill = Choice(0, steps=step, is_kill=True)
        errors = run_interleaved(account, {"killed": account.fetch_day}, [kill])
        assert not run_interleaved(account, {"next": account.fetch_day}, [])
        account.check_changes()
        if not errors:
            break
    # Before each of the three files is replaced, and after it.
    assert step > 6
