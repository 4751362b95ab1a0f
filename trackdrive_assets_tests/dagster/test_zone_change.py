"""Runs on the lake of another account or time zone, and the run that changes the zone."""

import json
from contextlib import closing
from dataclasses import replace
from datetime import date
from typing import Any

import dagster as dg
import pytest

from trackdrive_assets.dagster.file_locks import FileLocks
from trackdrive_assets.dagster.locks import AccountLock
from trackdrive_assets.dagster.zone_change import ACCEPT_ZONE
from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets_tests.conftest import NOW, Pipeline, why
from trackdrive_assets_tests.support.factories import folder_of

DAY = "2024-03-12"


@pytest.mark.parametrize("table", ["key:calls", "key:reports/status", "key:stats/status"])
def test_another_company_on_loopback_is_refused(pipeline: Pipeline, table: str) -> None:
    pipeline.materialize("key:calls or key:reports/status or key:stats/status", DAY)
    before = {path: path.read_bytes() for path in folder_of(pipeline.lake).rglob("*.*") if path.is_file()}
    with Sandbox(company="Other", first_day=date(2024, 3, 1), now=lambda: NOW) as other:
        result = replace(pipeline, sandbox=other).materialize(table, DAY, fails=True)
    assert "lake of localhost/Sandbox, but the account is localhost/Other" in why(result)
    assert {
        path: path.read_bytes() for path in folder_of(pipeline.lake).rglob("*.*") if path.is_file()
    } == before


def test_the_same_company_on_another_port_is_the_same_account(pipeline: Pipeline) -> None:
    pipeline.materialize("key:calls", DAY)
    with Sandbox(seed=7, calls_per_day=40, first_day=date(2024, 3, 1), now=lambda: NOW) as moved:
        replace(pipeline, sandbox=moved).materialize("key:calls", DAY)


@pytest.mark.parametrize("select", ["key:calls", "key:views/calls"])
def test_another_zone_is_refused_before_the_first_request(pipeline: Pipeline, select: str) -> None:
    pipeline.materialize("key:calls", DAY)
    pipeline.settings = replace(pipeline.settings, time_zone="UTC")
    asked = len(pipeline.sandbox.requests)
    result = pipeline.materialize(select, DAY, fails=True)
    assert "days of" in why(result)
    assert "New_York, but TRACKDRIVE_TIME_ZONE is UTC" in why(result)
    assert len(pipeline.sandbox.requests) == asked
    assert not (folder_of(pipeline.lake) / "trackdrive.duckdb").exists()


def change_to_utc(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, select: str
) -> dg.ExecuteInProcessResult:
    """Materialize 2024-03-11 to 2024-03-13 with the tag of `--accept-zone`."""
    pipeline.settings = replace(pipeline.settings, time_zone="UTC")
    execute = dg.JobDefinition.execute_in_process

    def execute_with_tag(job: Any, *, tags: dict[str, str], **options: Any) -> Any:
        return execute(job, tags={**tags, ACCEPT_ZONE: "true"}, **options)

    monkeypatch.setattr(dg.JobDefinition, "execute_in_process", execute_with_tag)
    result = pipeline.run(dg.AssetSelection.from_string(select), "2024-03-11", "2024-03-13")
    monkeypatch.undo()
    return result


def test_a_change_of_the_zone_keeps_all_calls_and_changes(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.materialize("key:calls", "2024-03-11", "2024-03-12")
    pipeline.sandbox.rewrite = lambda row: {**row, "status": "busy"}
    pipeline.materialize("key:calls", "2024-03-11", "2024-03-12")
    query = "SELECT uuid, field, old_value, new_value, detected_at FROM call_changes ORDER BY ALL"
    pipeline.materialize("key:views/calls", DAY)
    changes = pipeline.ask(query)
    assert changes
    assert change_to_utc(pipeline, monkeypatch, "key:calls").success
    assert json.loads((folder_of(pipeline.lake) / "lake.json").read_text())["time_zone"] == "UTC"
    for day in ("2024-03-11", "2024-03-12", "2024-03-13"):
        assert pipeline.stored(day) == pipeline.truth(day)
    pipeline.materialize("key:views/calls", DAY)
    assert pipeline.ask(query) == changes
    misfiled = "SELECT * FROM call_changes WHERE date <> CAST(timezone('UTC', created_at) AS DATE)"
    assert pipeline.ask(misfiled) == []


def test_a_change_of_the_zone_does_not_pause_for_a_waiting_run(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.settings = replace(pipeline.settings, max_concurrency=1)
    pipeline.materialize("key:calls", "2024-03-11", "2024-03-12")
    with closing(FileLocks(pipeline.instance)) as waiting:
        waiting.acquire("account.next")
        # Otherwise this run would wait for the lock for ever.
        monkeypatch.setattr(AccountLock, "pass_on", pytest.fail)
        # The first take of the run must not wait either.
        monkeypatch.setattr(AccountLock, "take", lambda _: None)
        assert change_to_utc(pipeline, monkeypatch, "key:calls").success


def test_an_incomplete_change_stops_other_runs(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline.materialize("key:calls or key:reports/status", "2024-03-11", "2024-03-12")
    assert change_to_utc(pipeline, monkeypatch, "key:calls").success
    for select in ("key:calls", "key:views/calls"):
        result = pipeline.materialize(select, DAY, fails=True)
        assert "trackdrive materialize --from 2024-03-11 --to 2024-03-13 --accept-zone" in why(result)
    assert change_to_utc(pipeline, monkeypatch, "key:reports/status").success
    pipeline.materialize("key:calls", DAY)
