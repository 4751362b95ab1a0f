"""The locks of runs, in files and in Postgres: who waits, who is next, and which runs are dead."""

import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from logging.handlers import QueueHandler
from pathlib import Path
from queue import SimpleQueue
from signal import SIGKILL, SIGTERM

import dagster as dg
import pytest
import yaml  # type: ignore[import-untyped]  # Dagster brings it, without types

from trackdrive_assets.dagster import postgres_locks
from trackdrive_assets.dagster.locks import account_lock, fail_dead_runs
from trackdrive_assets.dagster.postgres_locks import PostgresLocks
from trackdrive_assets.dagster.runs import WAITS_FOR_ANOTHER_RUN
from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets_tests.support.factories import lake_at
from trackdrive_assets_tests.support.postgres import INSTANCE_FILE, Postgres, serving_postgres
from trackdrive_assets_tests.support.processes import Deployment, Moment, Stop

LOG = logging.getLogger("test_locks")
ACCOUNT = "acme.trackdrive.com"
FIRST, LAST = "2024-03-10", "2024-03-13"
IN_THE_LAST_DAY = Moment("http.client.send", "created_at_to=2024-03-14")
ON_POSTGRES = pytest.mark.parametrize("deployment", ["postgres"], indirect=True)
"""For files, `test_executor.py`, `test_kills.py` and `test_stops.py` test the same."""

SECONDS = 30
"""The process ends by itself before that, or the test fails."""


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with serving_postgres() as server:
        server.execute("CREATE DATABASE dagster")
        yield server


@pytest.fixture(params=["files", "postgres"])
def deployment(request: pytest.FixtureRequest, sandbox: Sandbox, tmp_path: Path) -> Deployment:
    """A deployment on each kind of instance."""
    lake, home = lake_at(tmp_path / "lake"), tmp_path / "home"
    if request.param == "files":
        return Deployment(sandbox, lake, home)
    variables = request.getfixturevalue("postgres").variables("dagster")
    return Deployment(sandbox, lake, home, INSTANCE_FILE, variables)


@pytest.fixture
def instance(deployment: Deployment) -> Iterator[dg.DagsterInstance]:
    with deployment.instance() as opened:
        yield opened


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


def status(deployment: Deployment, run_id: str) -> dg.DagsterRunStatus:
    with deployment.instance() as instance:
        run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


def last_run(deployment: Deployment) -> str:
    with deployment.instance() as instance:
        return instance.get_runs(limit=1)[0].run_id


def recorded(deployment: Deployment, run_id: str) -> set[str | None]:
    """Return the days of calls that a run recorded."""
    with deployment.instance() as instance:
        entries = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
    events = [entry.dagster_event for entry in entries if entry.dagster_event]
    return {event.partition for event in events if event.asset_key == dg.AssetKey("calls")}


@ON_POSTGRES
def test_a_killed_run_is_marked_as_failed_and_does_not_block_the_next_one(deployment: Deployment) -> None:
    assert deployment.run("calls", FIRST, LAST, at=IN_THE_LAST_DAY) == -SIGKILL
    killed = last_run(deployment)
    assert status(deployment, killed) is dg.DagsterRunStatus.STARTED

    assert deployment.run("calls", FIRST, LAST) == 0

    assert status(deployment, killed) is dg.DagsterRunStatus.FAILURE
    for day in (FIRST, LAST):
        assert deployment.stored(day) == deployment.truth(day)


@ON_POSTGRES
def test_a_run_that_lives_is_not_marked_as_failed(deployment: Deployment) -> None:
    stop = Stop()
    process = deployment.begin("calls", FIRST, LAST, at=IN_THE_LAST_DAY, do=stop.wait)
    assert stop.reached(process)
    with deployment.instance() as instance:
        assert fail_dead_runs(instance) == []
    assert status(deployment, last_run(deployment)) is dg.DagsterRunStatus.STARTED
    process.kill()
    process.join()


@ON_POSTGRES
def test_a_run_that_waits_for_the_account_ends_by_a_signal(deployment: Deployment) -> None:
    output = deployment.home / "output"
    os.mkfifo(output)
    with deployment.instance() as instance, account_lock(instance, LOG, "localhost"):
        process = deployment.begin("calls", FIRST, FIRST, output=output)
        with output.open() as lines:
            assert any(WAITS_FOR_ANOTHER_RUN in line for line in lines)
            process.terminate()
            process.join(SECONDS)
    assert process.exitcode not in {None, 0, -SIGTERM}
    assert status(deployment, last_run(deployment)) is dg.DagsterRunStatus.FAILURE


@ON_POSTGRES
def test_a_run_that_loses_its_session_stops_and_keeps_its_finished_days(
    deployment: Deployment, postgres: Postgres
) -> None:
    stop = Stop()
    select = 'key:calls or key:"reports/status"'
    process = deployment.begin(
        select, FIRST, LAST, at=IN_THE_LAST_DAY, do=stop.wait, TRACKDRIVE_MAX_CONCURRENCY="1"
    )
    assert stop.reached(process)
    postgres.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'trackdrive_assets'"
    )
    process.join(SECONDS)

    assert process.exitcode not in {None, 0, -SIGKILL}
    stopped = last_run(deployment)
    assert status(deployment, stopped) is dg.DagsterRunStatus.FAILURE
    # With one request at a time, the last day begins when the first one is recorded.
    assert FIRST in recorded(deployment, stopped)
    assert LAST not in recorded(deployment, stopped)
    with deployment.instance() as instance:
        failures = instance.all_logs(stopped, of_type=dg.DagsterEventType.STEP_FAILURE)
    # The step of the reports, which does not depend on the calls, sends no request.
    assert ["The session with Dagster's database ended" in str(each.dagster_event) for each in failures] == [
        True,
        True,
    ]
    assert not [request for request in deployment.sandbox.requests if "report" in request.path]
    assert deployment.leftovers() == []

    assert deployment.run("calls", FIRST, LAST) == 0
    for day in (FIRST, LAST):
        assert deployment.stored(day) == deployment.truth(day)


@ON_POSTGRES
def test_a_database_that_is_gone_fails_the_run_with_a_sentence(deployment: Deployment) -> None:
    with deployment.instance() as instance:
        url = "postgresql://trackdrive:s3cret@127.0.0.1:1/dagster"
        instance.run_storage.postgres_url = url  # type: ignore[attr-defined]
        with pytest.raises(dg.Failure, match=r"cannot be reached: .*refused") as failure:
            fail_dead_runs(instance)
    assert "s3cret" not in str(failure.value.description)


@ON_POSTGRES
def test_the_ui_replaces_connections_that_a_restart_has_ended(
    instance: dg.DagsterInstance, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = yaml.safe_load((INSTANCE_FILE.parent / "compose-postgres.yaml").read_text())["services"]
    words = services["webserver"]["command"]
    seconds = int(words[words.index("--db-pool-recycle") + 1])
    instance.optimize_for_webserver(statement_timeout=5000, pool_recycle=seconds, max_overflow=1)
    runs = instance.get_runs_count()
    postgres.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'dagster'")
    later = time.time() + 15
    monkeypatch.setattr(time, "time", lambda: later)
    assert instance.get_runs_count() == runs


@ON_POSTGRES
def test_a_silent_session_lasts_longer_than_its_run(instance: dg.DagsterInstance) -> None:
    url = getattr(instance.run_storage, "postgres_url")  # noqa: B009  only that of Postgres has it
    with closing(PostgresLocks(instance, url)) as locks:
        idle, interval, count = (
            int(str(locks._execute(f"SELECT current_setting('tcp_keepalives_{name}')")))
            for name in ("idle", "interval", "count")
        )
        check = locks._execute("SELECT current_setting('client_connection_check_interval')")
    ping = postgres_locks._SECONDS_BETWEEN_PINGS
    unanswered = postgres_locks._CLIENT_OPTIONS["tcp_user_timeout"] / 1000
    assert ping + unanswered + postgres_locks._SECONDS_TO_STOP < idle <= idle + interval * count <= 90
    # A session that waits for a lock ends soon after its process.
    assert check == "5s"
