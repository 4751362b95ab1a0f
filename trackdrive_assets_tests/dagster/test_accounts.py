"""Several accounts in one Dagster instance: their names differ, and each has its own days, runs and lake."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pyarrow as pa
import pytest

from trackdrive_assets.api.rows import Row
from trackdrive_assets.dagster.account import DagsterAccount
from trackdrive_assets.dagster.build import build_definitions
from trackdrive_assets.dagster.file_locks import FileLocks
from trackdrive_assets.dagster.resources import TrackdriveResource
from trackdrive_assets.dagster.runs import is_ours
from trackdrive_assets.days import exact_day
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets.settings import Settings
from trackdrive_assets_tests.conftest import NOW

DAY = "2024-03-02"
SECONDS = 10
"""What is awaited happens before that, or the test fails."""


@dataclass
class Accounts:
    """Two accounts, each on a sandbox with other calls, in the definitions of one code location."""

    folder: Path
    sandboxes: dict[str, Sandbox]
    instance: dg.DagsterInstance

    def definitions(self, *more: dg.AssetsDefinition) -> dg.Definitions:
        each = [
            build_definitions(
                self.settings(name), account=name, resources={"trackdrive": self.resource(name)}
            )
            for name in self.sandboxes
        ]
        return dg.Definitions.merge(*each, dg.Definitions(assets=more))

    def settings(self, name: str) -> Settings:
        zones = {"acme": "America/New_York", "zenith": "UTC"}
        return Settings(
            base_url=self.sandboxes[name].base_url,
            time_zone=zones[name],
            lake=str(self.folder / f"account={name}"),
            start_date=date(2024, 3, 1),
        )

    def resource(self, name: str) -> TrackdriveResource:
        sandbox = self.sandboxes[name]
        return TrackdriveResource(
            base_url=sandbox.base_url,
            public_key=sandbox.public_key,
            private_key=sandbox.private_key,
            requests_per_second=0,
        )

    def materialize(self, keys: list[str], *more: dg.AssetsDefinition) -> dg.ExecuteInProcessResult:
        job = self.definitions(*more).resolve_implicit_global_asset_job_def()
        result = job.get_subset(
            asset_selection={dg.AssetKey.from_user_string(key) for key in keys}, asset_check_selection=set()
        ).execute_in_process(
            instance=self.instance,
            partition_key=DAY,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
        assert result.success
        return result

    def uuids(self, name: str) -> set[str]:
        rows = Lake(self.settings(name).lake).stored("calls", pa.schema([("uuid", pa.string())]), DATE)
        return set(rows["uuid"].to_pylist()) if rows else set()


DATE = date.fromisoformat(DAY)


@pytest.fixture
def accounts(tmp_path: Path) -> Iterator[Accounts]:
    options: dict[str, Any] = {"calls_per_day": 10, "first_day": date(2024, 3, 1), "now": lambda: NOW}
    with (
        Sandbox(seed=1, **options) as acme,
        Sandbox(seed=2, **options) as zenith,
        dg.instance_for_test() as instance,
    ):
        yield Accounts(tmp_path, {"acme": acme, "zenith": zenith}, instance)


def names_of(definitions: dg.Definitions) -> set[str]:
    """Return all that must differ between two accounts of a code location."""
    repository = definitions.get_repository_def()
    assets = [asset for asset in definitions.assets or () if isinstance(asset, dg.AssetsDefinition)]
    checks = definitions.asset_checks or ()
    steps = {step.node_def.name for step in (*assets, *checks) if isinstance(step, dg.AssetsDefinition)}
    pools = {pool for asset in assets for pool in asset.op.pools}
    groups = {spec.group_name for asset in assets for spec in asset.specs if spec.group_name}
    return {
        *(key.to_user_string() for key in repository.asset_graph.get_all_asset_keys()),
        *(job.name for job in repository.get_all_jobs() if not job.name.startswith("__")),
        *(
            node.name
            for job in definitions.jobs or ()
            if isinstance(job, dg.JobDefinition)
            for node in job.nodes
        ),
        *(schedule.name for schedule in repository.schedule_defs),
        *(sensor.name for sensor in repository.sensor_defs),
        *(definitions.resources or {}),
        *steps,
        *pools,
        *groups,
    }


def test_every_name_of_an_account_begins_with_it() -> None:
    found = names_of(build_definitions(Settings(subdomain="acme"), account="acme-east"))
    assert found
    assert {name for name in found if not name.startswith(("acme-east/", "acme_east_"))} == set()


def test_an_account_without_a_name_has_plain_names() -> None:
    named = names_of(build_definitions(Settings(subdomain="acme"), account="acme"))
    plain = names_of(build_definitions(Settings(subdomain="acme")))
    assert {name.replace("acme/", "", 1).replace("acme_", "", 1) for name in named} == plain
    assert {"calls", "reports/buyer_id", "nightly", "watch_runs", "trackdrive", "trackdrive_api"} <= plain


def test_accounts_in_one_location_fill_their_own_lakes(accounts: Accounts) -> None:
    accounts.materialize(["acme/calls"])
    assert len(accounts.uuids("acme")) == len(truth(accounts, "acme"))
    assert accounts.uuids("zenith") == set()
    accounts.materialize(["zenith/calls", "zenith/views/daily_summary"])
    assert accounts.uuids("zenith") == truth(accounts, "zenith")
    assert accounts.uuids("acme") == truth(accounts, "acme")


def truth(accounts: Accounts, name: str) -> set[str]:
    day = exact_day(DATE, ZoneInfo(accounts.settings(name).time_zone))
    return {str(row["uuid"]) for row in accounts.sandboxes[name].calls(day.start, day.end)}


def test_code_locations_of_one_account_use_its_api_in_turn(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second location has the account under another name, and a lake of its own."""
    sandbox = accounts.sandboxes["acme"]
    copy = Accounts(accounts.folder / "copy", accounts.sandboxes, accounts.instance)
    asked, waits, go_on = threading.Event(), threading.Event(), threading.Event()
    acquire = FileLocks.acquire

    def acquire_noticed(locks: FileLocks, lock: str) -> None:
        # A run takes this lock only if it was not free.
        if lock == "account-localhost":
            waits.set()
        acquire(locks, lock)

    def answer_when_allowed(row: Row) -> Row:
        asked.set()
        assert go_on.wait(SECONDS)
        return row

    def run(location: Accounts, name: str) -> bool:
        resources = {"trackdrive": location.resource("acme")}
        definitions = build_definitions(location.settings("acme"), account=name, resources=resources)
        job = definitions.resolve_implicit_global_asset_job_def()
        calls = job.get_subset(asset_selection={dg.AssetKey([name, "calls"])}, asset_check_selection=set())
        return calls.execute_in_process(instance=location.instance, partition_key=DAY).success

    monkeypatch.setattr(FileLocks, "acquire", acquire_noticed)
    sandbox.rewrite = answer_when_allowed
    with ThreadPoolExecutor() as pool:
        first = pool.submit(run, accounts, "acme")
        assert asked.wait(SECONDS)
        second = pool.submit(run, copy, "copy")
        is_waiting = waits.wait(SECONDS)
        go_on.set()
        assert is_waiting
        assert first.result()
        assert second.result()
    assert accounts.uuids("acme") == copy.uuids("acme") == truth(accounts, "acme")


def test_an_asset_of_a_user_reads_the_calls_of_a_named_account(accounts: Accounts) -> None:
    accounts.materialize(["acme/calls"])
    read: list[pa.Table] = []

    @dg.asset(
        ins={"calls": dg.AssetIn(key=["acme", "calls"])},
        partitions_def=dg.DailyPartitionsDefinition("2024-03-01", timezone="America/New_York", end_offset=1),
    )
    def mine(calls: pa.Table) -> None:
        read.append(calls)

    accounts.materialize(["mine"], mine)
    assert set(read[0]["uuid"].to_pylist()) == truth(accounts, "acme")


def test_the_job_of_an_account_selects_only_its_assets(accounts: Accounts) -> None:
    job = accounts.definitions().resolve_job_def("acme_refresh_range")
    keys = {key.path[0] for key in job.asset_layer.executable_asset_keys}
    assert keys == {"acme"}


@pytest.mark.parametrize(
    ("job_name", "keys", "expected"),
    [
        ("acme_nightly", None, True),
        ("nightly", None, False),
        ("zenith_nightly", None, False),
        ("__ASSET_JOB", {dg.AssetKey(["acme", "calls"])}, True),
        ("__ASSET_JOB", {dg.AssetKey(["zenith", "calls"])}, False),
        ("__ASSET_JOB", {dg.AssetKey("calls")}, False),
        ("__ASSET_JOB", {dg.AssetKey(["acme", "other"])}, False),
    ],
)
def test_a_run_belongs_to_one_account(
    job_name: str, keys: set[dg.AssetKey] | None, *, expected: bool
) -> None:
    run = dg.DagsterRun(job_name=job_name, asset_selection=frozenset(keys) if keys else None)
    with dg.DagsterInstance.ephemeral() as instance:
        assert is_ours(instance, run, "acme") is expected


def test_an_account_can_begin_with_a_digit() -> None:
    account = DagsterAccount(Settings(), "1800-leads")
    resources: dict[str, Any] = {account.qualified("lake"): "the lake"}
    with dg.build_resources(resources) as context:
        assert getattr(context, account.qualified("lake")) == "the lake"


@pytest.mark.parametrize("name", ["calls", "views", "main", "acme east", "", "-acme", "acme/east"])
def test_a_name_that_cannot_begin_a_key_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be the name of an account"):
        DagsterAccount(Settings(), name)
