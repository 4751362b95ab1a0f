"""The event log with open connections: what is stored, what others see of it, and what stays open."""

import inspect
from collections.abc import Iterator
from pathlib import Path
from queue import Queue

import dagster as dg
import pytest
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.event_log import SqliteEventLogStorage

from trackdrive_assets.cli.dagster_home import INSTANCE_FILE
from trackdrive_assets.dagster.event_log import MAX_OPEN, PooledSqliteEventLogStorage
from trackdrive_assets_tests.support.processes import dagster_home

CALLS = dg.AssetKey("calls")
WRITTEN_FOR = """\
    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            check.str_param(shard, "shard")

            conn_string = self.conn_string_for_shard(shard)
            engine = create_engine(
                conn_string,
                poolclass=NullPool,
                connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS},
            )

            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)

            with engine.connect() as conn:
                with conn.begin():
                    yield conn
            engine.dispose()
"""


@dg.asset
def calls() -> None:
    """An asset."""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    with dagster_home(home) as opened:
        yield opened


def run(instance: dg.DagsterInstance) -> str:
    return dg.materialize([calls], instance=instance).run_id


def files(home: Path) -> set[str]:
    return {path.name for path in (home / "history" / "runs").iterdir()}


def test_dagster_still_connects_as_this_class_expects() -> None:
    # If this fails, compare the new method with the one here, and adapt `PooledSqliteEventLogStorage`.
    assert inspect.getsource(SqliteEventLogStorage._connect) == WRITTEN_FOR


def test_another_process_reads_what_was_stored(instance: dg.DagsterInstance, home: Path) -> None:
    run_id = run(instance)
    other = SqliteEventLogStorage(str(home / "history" / "runs"))
    stored = [entry.dagster_event_type for entry in other.get_logs_for_run(run_id)]
    assert stored == [entry.dagster_event_type for entry in instance.all_logs(run_id)]
    assert dg.DagsterEventType.RUN_SUCCESS in stored
    assert other.has_asset_key(CALLS)


def test_two_processes_store_events_of_one_run(instance: dg.DagsterInstance) -> None:
    run_id = run(instance)
    before = len(instance.all_logs(run_id))
    with dg.DagsterInstance.get() as other:
        for reporting in (instance, other) * 3:
            reporting.report_engine_event("An event", run_id=run_id, job_name="calls")
        assert len(other.all_logs(run_id)) == len(instance.all_logs(run_id)) == before + 6


def test_the_log_stays_open_between_two_events(instance: dg.DagsterInstance, home: Path) -> None:
    run_id = run(instance)
    assert isinstance(instance.event_log_storage, PooledSqliteEventLogStorage)
    assert {f"{run_id}.db-wal", "index.db-wal"} <= files(home)
    instance.dispose()
    assert files(home) == {f"{run_id}.db", "index.db"}


def test_only_the_runs_used_last_stay_open(instance: dg.DagsterInstance, home: Path) -> None:
    runs = [run(instance) for _ in range(MAX_OPEN + 1)]
    still_open = {name.removesuffix(".db-wal") for name in files(home) if name.endswith("-wal")}
    assert len(still_open) == MAX_OPEN
    assert {"index", runs[-1]} <= still_open
    assert runs[0] not in still_open


def test_a_deleted_run_has_no_events(instance: dg.DagsterInstance) -> None:
    run_id = run(instance)
    instance.delete_run(run_id)
    assert instance.all_logs(run_id) == []
    assert instance.fetch_materializations(CALLS, limit=1).records == []


def test_events_after_the_file_was_deleted_are_found(instance: dg.DagsterInstance, home: Path) -> None:
    run_id = run(instance)
    for path in (home / "history" / "runs").glob(f"{run_id}.db*"):
        path.unlink()
    instance.report_engine_event("An event", run_id=run_id, job_name="calls")
    with dg.DagsterInstance.get() as other:
        assert [entry.message for entry in other.all_logs(run_id)] == ["An event"]


def test_the_ui_follows_a_run_that_stores_events(instance: dg.DagsterInstance) -> None:
    run_id = run(instance)
    cursor = instance.get_records_for_run(run_id).cursor
    seen = Queue[str]()
    with dg.DagsterInstance.get() as ui:
        ui.watch_event_logs(run_id, cursor, lambda entry, _: seen.put(entry.message))
        instance.report_engine_event("Shown", run_id=run_id, job_name="calls")
        assert seen.get(timeout=60) == "Shown"


def test_a_home_opens_with_dagsters_own_class_again(instance: dg.DagsterInstance, home: Path) -> None:
    run_id = run(instance)
    instance.dispose()
    (home / "dagster.yaml").unlink()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with dg.DagsterInstance.get() as plain:
        assert not isinstance(plain.event_log_storage, PooledSqliteEventLogStorage)
        assert plain.get_latest_materialization_event(CALLS) is not None
        assert plain.all_logs(run_id)


def test_without_a_home_the_log_is_in_the_temporary_folder_of_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    ref = InstanceRef.from_dir(str(tmp_path), config_dir=str(INSTANCE_FILE.parent))
    with dg.DagsterInstance.from_ref(ref) as temporary:
        assert isinstance(temporary.event_log_storage, PooledSqliteEventLogStorage)
        run_id = run(temporary)
        assert {f"{run_id}.db", "index.db"} <= files(tmp_path)


def test_a_check_of_many_days_is_stored_once(instance: dg.DagsterInstance) -> None:
    days = dg.DailyPartitionsDefinition("2024-03-01")

    @dg.asset(partitions_def=days, backfill_policy=dg.BackfillPolicy.single_run())
    def daily() -> None:
        """An asset of days."""

    @dg.asset_check(asset=daily)
    def check() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    job = dg.Definitions([daily], asset_checks=[check]).resolve_implicit_global_asset_job_def()
    span = {
        "dagster/asset_partition_range_start": "2024-03-01",
        "dagster/asset_partition_range_end": "2024-03-09",
    }
    assert job.execute_in_process(instance=instance, tags=span).success
    key = dg.AssetCheckKey(daily.key, "check")
    (stored,) = instance.event_log_storage.get_asset_check_execution_history(key, limit=10)
    assert stored.status.value == "SUCCEEDED"


def test_the_columns_of_assets_are_looked_up_once(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up: list[str] = []

    def look_up(_: object, __: object, column: str) -> bool:
        looked_up.append(column)
        return True

    monkeypatch.setattr(SqliteEventLogStorage, "_has_asset_key_col_on_connection", look_up)
    run(instance)
    run(instance)
    assert looked_up == ["last_materialization_timestamp"]
