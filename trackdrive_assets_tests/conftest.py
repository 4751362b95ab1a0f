"""The fixtures of all tests: no account in the environment, a running sandbox, and a pipeline on it."""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import duckdb
import hypothesis
import pyarrow.parquet as pq
import pytest
from alembic.script import ScriptDirectory

from trackdrive_assets.dagster.assets import failures
from trackdrive_assets.dagster.build import build_definitions
from trackdrive_assets.dagster.resources import TrackdriveResource
from trackdrive_assets.days import Day, exact_day
from trackdrive_assets.lake.store import ClaimedLake
from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets.settings import Settings
from trackdrive_assets_tests.support.factories import file_of, folder_of, lake_at

NOW = datetime(2024, 11, 20, 15, tzinfo=UTC)
"""The fixed time of the sandbox."""

EVENT_LOG = {
    "event_log_storage": {
        "module": "trackdrive_assets.dagster.event_log",
        "class": "PooledSqliteEventLogStorage",
    }
}
"""The event log of `dagster.yaml`."""

# By default a property that takes longer than 200 ms fails, and a busy machine is that slow.
hypothesis.settings.register_profile(
    "busy_machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("busy_machine")


@pytest.fixture(autouse=True)
def no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the account from the environment."""
    for name in [name for name in os.environ if name.startswith(("TRACKDRIVE_", "DAGSTER_"))]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry steps without a delay."""
    monkeypatch.setattr(failures, "RETRY_DELAYS", (0,) * len(failures.RETRY_DELAYS))


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox with about forty calls a day since March 2024."""
    with Sandbox(seed=7, calls_per_day=40, first_day=date(2024, 3, 1), now=lambda: NOW) as running:
        yield running


@dataclass
class Clock:
    """The time of the sandbox, which tests can change."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock(sandbox: Sandbox) -> Clock:
    clock = Clock(NOW)
    sandbox.now = clock
    return clock


@dataclass
class Pipeline:
    """The definitions on a sandbox, an empty lake and a Dagster instance, with methods for tests."""

    sandbox: Sandbox
    instance: dg.DagsterInstance
    lake: ClaimedLake
    settings: Settings
    extra: Sequence[dg.AssetsDefinition] = field(default_factory=list)

    def materialize(
        self,
        select: str,
        first: str,
        last: str | None = None,
        *,
        fails: bool = False,
        checked: bool = False,
    ) -> dg.ExecuteInProcessResult:
        """Run a selection for one partition, or for a range as `--partition-range` and backfills do."""
        result = self.run(dg.AssetSelection.from_string(select), first, last, checked=checked)
        assert result.success is not fails, why(result)
        return result

    def run(
        self, selection: dg.AssetSelection, first: str, last: str | None, *, checked: bool = False
    ) -> dg.ExecuteInProcessResult:
        """Run a selection, and return the result, also if it failed. Without `checked`, no checks run."""
        ours = build_definitions(self.settings, resources={"trackdrive": self.account})
        definitions = dg.Definitions.merge(ours, dg.Definitions(assets=self.extra))
        keys = selection.resolve(definitions.resolve_asset_graph())
        span = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last or ""}
        job = definitions.resolve_implicit_global_asset_job_def().get_subset(
            asset_selection=keys, asset_check_selection=None if checked else set()
        )
        return job.execute_in_process(
            instance=self.instance,
            raise_on_error=False,
            partition_key=None if last else first,
            tags=span if last else {},
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )

    def launch(
        self, job: str, config: Mapping[str, object], tags: Mapping[str, str] | None = None
    ) -> dg.ExecuteInProcessResult:
        """Run a job as its launchpad does, with the config of its only step."""
        definitions = build_definitions(self.settings, resources={"trackdrive": self.account})
        found = definitions.resolve_job_def(job)
        (step,) = [node.name for node in found.nodes]
        return found.execute_in_process(
            instance=self.instance,
            raise_on_error=False,
            tags=tags,
            run_config={
                "ops": {step: {"config": config}},
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
            },
        )

    @property
    def account(self) -> TrackdriveResource:
        return TrackdriveResource(
            base_url=self.sandbox.base_url,
            public_key=self.sandbox.public_key,
            private_key=self.sandbox.private_key,
            max_concurrency=self.settings.max_concurrency,
            requests_per_second=0,
            retry_budget=5,
        )

    def day(self, partition: str) -> Day:
        return exact_day(date.fromisoformat(partition), ZoneInfo(self.settings.time_zone))

    def truth(self, partition: str) -> list[str]:
        """Return the uuids of a day in the sandbox, oldest first."""
        day = self.day(partition)
        return [str(row["uuid"]) for row in self.sandbox.calls(day.start, day.end)]

    def stored(self, partition: str) -> list[str]:
        """Return the uuids of a day in the lake, in the order of the file."""
        file = file_of(self.lake, "calls", date.fromisoformat(partition))
        return [str(uuid) for uuid in pq.read_table(file).column("uuid").to_pylist()]

    def ask(self, sql: str) -> list[tuple[object, ...]]:
        """Return the rows of a query on trackdrive.duckdb."""
        with duckdb.connect(str(folder_of(self.lake) / "trackdrive.duckdb"), read_only=True) as connection:
            return connection.sql(sql).fetchall()

    def files(self) -> set[str]:
        """Return the paths of all files in the lake."""
        return {
            str(path.relative_to(folder_of(self.lake)))
            for path in folder_of(self.lake).rglob("*")
            if path.is_file()
        }

    def materialized(self, key: str) -> dict[str, dict[str, object]]:
        """Return the materialized partitions, with the metadata that the UI shows."""
        asset_key = dg.AssetKey.from_user_string(key)
        return {
            partition: self._metadata(asset_key, partition)
            for partition in sorted(self.instance.get_materialized_partitions(asset_key))
        }

    def _metadata(self, key: dg.AssetKey, partition: str) -> dict[str, object]:
        records = self.instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=key, asset_partitions=[partition]), limit=1
        ).records
        materialization = records[0].asset_materialization
        assert materialization is not None
        return {name: value.value for name, value in materialization.metadata.items()}


def why(result: dg.ExecuteInProcessResult) -> str:
    """Return the errors of the failed steps of a run, as the UI shows them."""
    errors = []
    for event in result.all_events:
        if event.is_step_failure:
            failure = event.step_failure_data
            errors.append(failure.user_failure_data.description if failure.user_failure_data else "")
            errors.append(failure.error.to_string() if failure.error else "")
    return "\n".join(filter(None, errors))


@pytest.fixture(scope="session", autouse=True)
def migrations() -> Iterator[None]:
    """Read the migrations of Dagster's databases once. Each new database needs the number of the last one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ScriptDirectory, "from_config", cache(ScriptDirectory.from_config))
        yield


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Dagster home with empty databases, because to copy them is faster than to create them."""
    home = tmp_path_factory.mktemp("empty_home")
    with dg.DagsterInstance.local_temp(str(home), overrides=EVENT_LOG):
        return home


@pytest.fixture
def pipeline(sandbox: Sandbox, empty_home: Path, tmp_path: Path) -> Iterator[Pipeline]:
    """A pipeline in New York."""
    dagster_home = shutil.copytree(empty_home, tmp_path / "dagster")
    with dg.DagsterInstance.local_temp(str(dagster_home), overrides=EVENT_LOG) as instance:
        yield Pipeline(
            sandbox=sandbox,
            instance=instance,
            lake=lake_at(tmp_path / "lake", "America/New_York"),
            settings=Settings(
                time_zone="America/New_York",
                start_date=date(2024, 3, 1),
                lake=str(tmp_path / "lake"),
                stats_interval="6h",
            ),
        )


def days_between(first: str, last: str) -> list[str]:
    """Return partition keys, both ends included."""
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    return [(start + timedelta(days=n)).isoformat() for n in range((end - start).days + 1)]
