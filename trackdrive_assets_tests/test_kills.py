"""SIGKILL at any moment of a run: every file is complete afterwards, and the next run repairs the rest."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from random import Random
from signal import SIGKILL

import dagster as dg
import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from trackdrive_assets.lake.database import connect
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets.settings import Settings
from trackdrive_assets.tables.columns import schemas
from trackdrive_assets_tests.conftest import NOW, days_between
from trackdrive_assets_tests.support.factories import file_of, folder_of, lake_at
from trackdrive_assets_tests.support.processes import Deployment, Moment, MomentCounter

SELECT = 'key:calls or key:"reports/status" or key:"views/daily_summary"'
DAYS = days_between("2024-03-09", "2024-03-10")
STARTED = dg.DagsterRunStatus.STARTED


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A deployment with two days that were fetched once, and their views."""
    folder = tmp_path_factory.mktemp("kills")
    with Sandbox(seed=7, calls_per_day=40, first_day=date(2024, 3, 1), now=lambda: NOW) as sandbox:
        deployment = Deployment(sandbox, lake_at(folder / "lake"), folder / "home")
        assert run(deployment, DAYS) == 0
        yield deployment


def run(deployment: Deployment, days: Sequence[str], **options: object) -> int | None:
    return deployment.run(SELECT, days[0], days[-1], **options)


# The state of a deployment


@dataclass(frozen=True)
class State:
    """The days of a deployment at one time.

    Attributes:
        calls: The uuids of each day; None if it was never fetched.
        reported: The number of calls in the report of each day; None likewise.
        recorded: The days that Dagster has as materialized.
        runs: The status of each run.
    """

    calls: Mapping[str, list[str] | None]
    reported: Mapping[str, int | None]
    recorded: frozenset[str]
    runs: Mapping[str, dg.DagsterRunStatus]


def state_of(deployment: Deployment, days: Sequence[str]) -> State:
    with deployment.instance() as instance:
        recorded = instance.get_materialized_partitions(dg.AssetKey("calls"))
        runs = {run.run_id: run.status for run in instance.get_runs()}
    return State(
        {day: deployment.stored(day) for day in days},
        {day: reported(deployment.lake, day) for day in days},
        frozenset(recorded),
        runs,
    )


def reported(lake: Lake, day: str) -> int | None:
    file = file_of(lake, "reports", date.fromisoformat(day))
    if not file.exists():
        return None
    counts: list[int] = pq.read_table(file).filter(pc.field("category") == "status")["calls"].to_pylist()
    return sum(counts)


def appeared(lake: Lake) -> list[str]:
    """Return the calls that appeared late according to `call_changes`, as often as they are in it."""
    files = (file_of(lake, "call_changes", date.fromisoformat(day)) for day in DAYS)
    changes = pa.concat_tables(pq.read_table(file) for file in files)
    uuids: list[str] = changes.filter(pc.field("field") == "uuid")["new_value"].to_pylist()
    return uuids


def recorded_by(deployment: Deployment, run_id: str) -> set[str | None]:
    """Return the days of calls that a run recorded."""
    with deployment.instance() as instance:
        events = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
    return {
        event.dagster_event.partition
        for event in events
        if event.dagster_event and event.dagster_event.asset_key == dg.AssetKey("calls")
    }


def locks(deployment: Deployment) -> set[str]:
    """Return the runs that took a liveness lock, whether they still live or not."""
    return {file.stem for file in (deployment.home / "trackdrive_runs").glob("*.alive")}


# The tests


def kill_and_run_again(deployment: Deployment, days: Sequence[str], *moments: Moment) -> None:
    """Kill a run at each moment, one after another, and let the next run end."""
    truth = {day: deployment.truth(day) for day in days}
    alive: set[str] = set()
    after = state_of(deployment, days)
    for moment in moments:
        before = after
        assert run(deployment, days, at=moment) == -SIGKILL
        after = state_of(deployment, days)
        assert_days_are_old_or_new(before, after, truth)
        assert_views_can_be_queried(deployment)
        assert_sums_are_those_of_the_calls(deployment)
        assert_recorded_days_are_stored(deployment, before, after, truth)
        alive |= locks(deployment)

    assert run(deployment, days) == 0

    repaired = state_of(deployment, days)
    assert repaired.calls == truth
    assert repaired.reported == {day: len(truth[day]) for day in days}
    assert repaired.recorded >= after.recorded | set(days)
    assert deployment.leftovers() == []
    assert_views_can_be_queried(deployment)
    assert_dead_runs_are_failed(deployment, after, repaired, alive)


def assert_days_are_old_or_new(before: State, after: State, truth: Mapping[str, list[str]]) -> None:
    for day, uuids in truth.items():
        assert after.calls[day] in (before.calls[day], uuids)
        assert after.reported[day] in (before.reported[day], len(uuids))


def assert_views_can_be_queried(deployment: Deployment) -> None:
    with duckdb.connect(str(folder_of(deployment.lake) / "trackdrive.duckdb"), read_only=True) as connection:
        views = connection.sql(
            "SELECT view_name FROM duckdb_views() WHERE schema_name = 'main' AND NOT internal"
        ).fetchall()
        assert views
        for (name,) in views:
            connection.sql(f"FROM {name}").fetchall()


def assert_sums_are_those_of_the_calls(deployment: Deployment) -> None:
    """Check the views that the next build would make, also of a run that died between calls and sums."""
    with connect(deployment.lake, schemas(), time_zone="UTC") as connection:
        days = connection.sql("SELECT date, sum(calls) FROM hourly_volume GROUP BY date").fetchall()
    stored = {day: deployment.stored(str(day)) for day in deployment.lake.days("calls")}
    assert dict(days) == {day: len(uuids) for day, uuids in stored.items() if uuids}


def assert_recorded_days_are_stored(
    deployment: Deployment, before: State, after: State, truth: Mapping[str, list[str]]
) -> None:
    assert after.recorded >= before.recorded
    assert after.recorded <= {str(day) for day in deployment.lake.days("calls")}
    recorded = {day for dead in after.runs.keys() - before.runs for day in recorded_by(deployment, dead)}
    assert recorded <= {day for day, uuids in truth.items() if after.calls[day] == uuids}
    replaced = {day for day in truth if after.calls[day] != before.calls[day]}
    # While one day is recorded, others that were fetched at the same time are stored.
    assert len(replaced - recorded) <= Settings.max_concurrency


def assert_dead_runs_are_failed(
    deployment: Deployment, after: State, repaired: State, alive: set[str]
) -> None:
    """Check the runs, except those that were killed before they took a liveness lock."""
    left = {run_id for run_id, status in repaired.runs.items() if status is STARTED}
    assert left & alive == set()
    assert locks(deployment) == repaired.runs.keys() - after.runs


MOMENTS = {
    "before a day is stored": [
        Moment("http.client.send", "created_at_to=2024-03-11", number=2),
        # Its changes are stored, the day is not.
        Moment("os.rename", "date=2024-03-10/calls.parquet"),
    ],
    "before a stored day is recorded": [
        Moment("os.rename", "date=2024-03-10/calls.parquet", then=""),
        Moment("os.rename", "date=2024-03-10/calls.parquet", then="sqlite3."),
        Moment("shutil.rmtree", "calls/date=2024-03-10", then=""),
    ],
    "around the views": [
        Moment("os.rename", "trackdrive.duckdb"),
        Moment("os.rename", "trackdrive.duckdb", then=""),
    ],
}


@pytest.mark.parametrize("moments", MOMENTS.values(), ids=MOMENTS)
def test_a_kill_leaves_fetched_days_old_or_new(deployment: Deployment, moments: list[Moment]) -> None:
    noon = (datetime.fromisoformat(day).replace(hour=12, tzinfo=UTC) for day in DAYS)
    late = sorted(deployment.sandbox.add_call(created_at) for created_at in noon)
    kill_and_run_again(deployment, DAYS, *moments)
    assert sorted(uuid for uuid in appeared(deployment.lake) if uuid in late) == late


def test_a_kill_at_any_moment_leaves_first_days_complete_or_absent(deployment: Deployment) -> None:
    def effect(number: int) -> Moment:
        return Moment(about=str(deployment.home.parent), number=number)

    effects = MomentCounter()
    assert run(deployment, days_between("2024-04-09", "2024-04-10"), at=effect(0), do=effects) == 0
    chance = Random(11)  # noqa: S311  seeded, so that it can be repeated
    moments = [effect(round(effects.count.value * chance.uniform(0.02, 0.95))) for _ in range(4)]
    kill_and_run_again(deployment, days_between("2024-05-09", "2024-05-10"), *moments)
