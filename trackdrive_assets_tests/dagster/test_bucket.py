"""Runs of a lake in a bucket: assets, checks, views and the IO manager, and a bucket that cannot be used."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest

from trackdrive_assets.dagster.build import build_definitions
from trackdrive_assets.dagster.partitions import daily_partitions
from trackdrive_assets.lake import object_storage
from trackdrive_assets.lake.database import read_view
from trackdrive_assets.lake.errors import UnusableLakeError
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.report.page import store_page, write_page
from trackdrive_assets_tests.conftest import Pipeline, why
from trackdrive_assets_tests.support.factories import a_call, lake_at, write_day
from trackdrive_assets_tests.support.object_store import bucket_of, serving_moto

DAY = "2024-03-10"


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    with serving_moto() as address, bucket_of(address) as url:
        yield url


def test_a_run_stores_checks_and_shows_days_in_a_bucket(pipeline: Pipeline, bucket: str) -> None:
    pipeline.lake = lake_at(f"{bucket}/acme", "America/New_York")
    pipeline.settings = replace(pipeline.settings, lake=f"{bucket}/acme")
    given: list[pa.Table] = []

    @dg.asset(partitions_def=daily_partitions(pipeline.settings))
    def mine(calls: pa.Table) -> dg.MaterializeResult[None]:
        given.append(calls)
        return dg.MaterializeResult()

    pipeline.extra = [mine]
    result = pipeline.materialize(
        "key:calls or key:call_changes or key:reports/buyer_id or key:views/* or key:mine", DAY, checked=True
    )
    truth = pipeline.truth(DAY)
    assert given[0]["uuid"].to_pylist() == truth
    assert sorted(read_view(pipeline.lake, "calls")["uuid"].to_pylist()) == sorted(truth)
    assert pipeline.materialized("calls")[DAY]["path"] == f"{bucket}/acme/calls/date={DAY}/calls.parquet"
    failed = [check.check_name for check in result.get_asset_check_evaluations() if not check.passed]
    assert failed == ["yesterday_loaded"]


def test_a_page_is_written_from_a_bucket_and_into_it(bucket: str, tmp_path: Path) -> None:
    lake, day = lake_at(f"{bucket}/page"), date.fromisoformat(DAY)
    write_day(lake, "calls", [a_call(uuid=str(number)) for number in range(77)], day=day)
    page = write_page(Lake(lake.root), day, day, tmp_path / "page.html", time_zone="UTC")
    assert ">77<" in page.read_text("utf-8")
    assert store_page(Lake(lake.root), day, day, time_zone="UTC") == f"{lake.root}/page.html"
    with Lake(lake.root).storage.open("page.html") as stored:
        assert stored is not None
        assert ">77<" in stored.path.read_text("utf-8")


def test_a_bucket_that_is_not_reached_fails_only_the_run(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(object_storage, "RETRY_SECONDS", 0)
    pipeline.settings = replace(pipeline.settings, lake="s3://bucket/acme")
    assert build_definitions(pipeline.settings).resolve_asset_graph()
    result = pipeline.materialize("key:calls", DAY, fails=True)
    assert "The store can't be reached" in why(result)
    assert pipeline.sandbox.requests == []


def test_definitions_without_the_extra_name_it(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    with pytest.raises(UnusableLakeError, match=r"pip install 'trackdrive-assets\[s3\]'"):
        build_definitions(replace(pipeline.settings, lake="s3://bucket/acme"))
