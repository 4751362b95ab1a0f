"""The locks of runs, in files and in Postgres: who waits, who is next, and which runs are dead."""

import logging
import threading
from collections.abc import Iterator
from logging.handlers import QueueHandler
from pathlib import Path
from queue import SimpleQueue

import dagster as dg
import pytest

from trackdrive_assets.dagster.locks import account_lock
from trackdrive_assets.dagster.runs import WAITS_FOR_ANOTHER_RUN
from trackdrive_assets_tests.support.postgres import Postgres, serving_postgres

LOG = logging.getLogger("test_locks")
ACCOUNT = "acme.trackdrive.com"


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with serving_postgres() as server:
        server.create_database("dagster")
        yield server


@pytest.fixture(params=["files", "postgres"])
def instance(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    if request.param == "postgres":
        request.getfixturevalue("postgres").write_instance_file(tmp_path, "dagster")
    with instance_at(tmp_path) as made:
        yield made


def instance_at(home: Path) -> dg.DagsterInstance:
    return (
        dg.DagsterInstance.from_config(str(home))
        if any(home.iterdir())
        else dg.DagsterInstance.local_temp(str(home))
    )


def test_accounts_do_not_wait_for_each_other(instance: dg.DagsterInstance) -> None:
    with account_lock(instance, LOG, "acme"), account_lock(instance, LOG, "globex"):
        pass


def test_the_lock_is_free_after_the_block(instance: dg.DagsterInstance) -> None:
    for _ in range(2):
        with account_lock(instance, LOG, ACCOUNT) as lock:
            assert not lock.is_wanted()


def test_a_run_that_waits_gets_the_lock_before_the_one_that_passes_it_on(
    instance: dg.DagsterInstance,
) -> None:
    order: list[str] = []
    logged: SimpleQueue[logging.LogRecord] = SimpleQueue()
    log = logging.Logger("second")  # noqa: LOG001  only for this test
    log.addHandler(QueueHandler(logged))

    def wait_for_lock() -> None:
        with account_lock(instance, log, ACCOUNT):
            order.append("second")

    with account_lock(instance, LOG, ACCOUNT) as first:
        other = threading.Thread(target=wait_for_lock)
        other.start()
        assert logged.get(timeout=10).getMessage() == WAITS_FOR_ANOTHER_RUN
        assert first.is_wanted()
        order.append("first")
        first.pass_on()
        order.append("first again")
    other.join()
    assert order == ["first", "second", "first again"]


@dg.job
def nothing() -> None:
    """A job to have a run of."""
