"""Two runs on one day, and an analyst who has trackdrive.duckdb open while it is rebuilt."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from multiprocessing.connection import Connection
from pathlib import Path

import duckdb
import pytest

from trackdrive_assets.lake.database import FILE
from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets_tests.conftest import Pipeline, days_between
from trackdrive_assets_tests.support.factories import folder_of, lake_at
from trackdrive_assets_tests.support.processes import Deployment, Moment, Stop, forks

DAY = "2024-03-10"
IN_THE_MIDDLE = Moment("http.client.send", "created_at_to=2024-03-11", number=2)
"""The moment between the first page of the day and the request for the second."""


# Two runs


@pytest.fixture
def deployment(sandbox: Sandbox, tmp_path: Path) -> Deployment:
    return Deployment(sandbox, lake_at(tmp_path / "lake", "America/New_York"), tmp_path / "home")


def test_runs_of_one_home_use_the_api_one_after_another(deployment: Deployment) -> None:
    stop = Stop()
    output = deployment.home / "second"
    os.mkfifo(output)
    first = deployment.begin("calls", DAY, DAY, at=IN_THE_MIDDLE, do=stop.wait)
    assert stop.reached(first)
    # The second run uses a token, so that its requests can be recognized.
    second = deployment.begin(
        "calls",
        DAY,
        DAY,
        output=output,
        TRACKDRIVE_AUTH_TOKEN=deployment.sandbox.auth_token,
        TRACKDRIVE_PUBLIC_KEY="",
        TRACKDRIVE_PRIVATE_KEY="",
    )
    with output.open() as lines:
        waits = any("Another run uses the API" in line for line in lines)
        stop.go_on()
        lines.read()
    first.join()
    second.join()
    assert waits
    assert (first.exitcode, second.exitcode) == (0, 0)
    used = [request.authorization for request in deployment.sandbox.requests]
    assert used == sorted(used, key=["basic", "auth_token"].index)
    assert set(used) == {"basic", "auth_token"}
    assert deployment.stored(DAY) == deployment.truth(DAY)
    assert deployment.leftovers() == []


def test_a_run_of_many_days_lets_a_waiting_run_go_first_after_the_day(deployment: Deployment) -> None:
    stop = Stop()
    output = deployment.home / "second"
    os.mkfifo(output)
    first = deployment.begin(
        "calls", DAY, "2024-03-13", at=IN_THE_MIDDLE, do=stop.wait, TRACKDRIVE_MAX_CONCURRENCY="1"
    )
    assert stop.reached(first)
    second = deployment.begin("calls", "2024-03-14", "2024-03-14", output=output)
    with output.open() as lines:
        assert any("Another run uses the API" in line for line in lines)
        stop.go_on()
        lines.read()
    first.join()
    second.join()
    assert (first.exitcode, second.exitcode) == (0, 0)
    ends = [request.params.get("created_at_to", "") for request in deployment.sandbox.requests]
    asked = list(dict.fromkeys(end[:10] for end in ends if end))
    # While a day is stored, the next one may have begun.
    assert asked.index("2024-03-15") in {1, 2}
    assert [end for end in asked if end != "2024-03-15"] == days_between("2024-03-11", "2024-03-14")


def test_of_two_homes_the_run_that_began_later_wins(deployment: Deployment, tmp_path: Path) -> None:
    other = Deployment(deployment.sandbox, deployment.lake, tmp_path / "other")
    stop = Stop()
    first = deployment.begin("calls", DAY, DAY, at=IN_THE_MIDDLE, do=stop.wait)
    assert stop.reached(first)

    deployment.sandbox.add_call(datetime(2024, 3, 10, 23, 59, tzinfo=UTC))
    assert other.run("calls", DAY, DAY) == 0
    assert deployment.stored(DAY) == deployment.truth(DAY)

    stop.go_on()
    first.join()
    assert first.exitcode == 0
    assert deployment.stored(DAY) == deployment.truth(DAY)
    assert deployment.leftovers() == []


# An analyst


@dataclass
class Analyst:
    """A person in another process who has trackdrive.duckdb open."""

    connection: Connection

    def ask(self, question: str) -> list[tuple[object, ...]]:
        self.connection.send(question)
        answer: list[tuple[object, ...]] = self.connection.recv()
        return answer


@contextmanager
def analyst(path: Path, *, read_only: bool) -> Iterator[Analyst]:
    here, there = forks.Pipe()
    process = forks.Process(target=answer, args=(there, path, read_only), daemon=True)
    process.start()
    there.close()
    try:
        yield Analyst(here)
    finally:
        here.close()
        process.join()


def answer(questions: Connection, path: Path, read_only: bool) -> None:  # noqa: FBT001
    # Until the other end is closed.
    with duckdb.connect(path, read_only=read_only) as connection, suppress(EOFError):
        while True:
            questions.send(connection.execute(questions.recv()).fetchall())


@pytest.mark.parametrize("read_only", [True, False], ids=["for reading", "for writing"])
def test_an_analyst_and_a_rebuild_do_not_disturb_each_other(pipeline: Pipeline, *, read_only: bool) -> None:
    select = "key:calls or key:views/*"
    pipeline.materialize(select, "2024-03-09")
    file = folder_of(pipeline.lake) / FILE
    opened = file.stat().st_ino
    with analyst(file, read_only=read_only) as person:
        assert person.ask("SELECT DISTINCT date FROM daily_summary") == [(date(2024, 3, 9),)]
        if not read_only:
            person.ask("CREATE TABLE notes AS SELECT 'ask Ann' AS note")

        pipeline.materialize(select, "2024-03-10")

        assert file.stat().st_ino != opened
        assert pipeline.ask("SELECT count(DISTINCT date) FROM daily_summary") == [(2,)]
        assert pipeline.ask("SELECT count(*) FROM duckdb_tables()") == [(0,)]
        assert person.ask("SELECT count(DISTINCT date) FROM daily_summary") == [(2,)]
        if not read_only:
            assert person.ask("FROM notes") == [("ask Ann",)]
            person.ask("INSERT INTO notes VALUES ('and Bob')")
            assert pipeline.ask("SELECT count(DISTINCT date) FROM daily_summary") == [(2,)]
    assert pipeline.ask("SELECT count(*) FROM duckdb_tables()") == [(0,)]
    assert pipeline.ask("SELECT count(DISTINCT date) FROM daily_summary") == [(2,)]
    assert {path for path in pipeline.files() if path.startswith(FILE)} == {FILE}
