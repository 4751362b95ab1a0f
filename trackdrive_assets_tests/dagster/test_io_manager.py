"""Users' own assets that take tables of the lake as an input."""

import sys
from decimal import Decimal

import dagster as dg
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from trackdrive_assets.dagster.partitions import daily_partitions
from trackdrive_assets_tests.conftest import Pipeline, why


@pytest.fixture
def taken(pipeline: Pipeline) -> dict[str, object]:
    """What the users' assets below were given, by asset."""
    given: dict[str, object] = {}
    days = daily_partitions(pipeline.settings)
    single_run = dg.BackfillPolicy.single_run()

    @dg.asset(partitions_def=days, backfill_policy=single_run)
    def frame(calls: pd.DataFrame) -> dg.MaterializeResult[None]:
        given["frame"] = calls
        return dg.MaterializeResult()

    @dg.asset(partitions_def=days, backfill_policy=single_run)
    def table(calls: pa.Table) -> dg.MaterializeResult[None]:
        given["table"] = calls
        return dg.MaterializeResult()

    @dg.asset(partitions_def=days, backfill_policy=single_run)
    def polars_frame(calls: pl.DataFrame) -> dg.MaterializeResult[None]:
        given["polars_frame"] = calls
        return dg.MaterializeResult()

    @dg.asset(partitions_def=days, backfill_policy=single_run)
    def rows(calls: list) -> dg.MaterializeResult[None]:  # type: ignore[type-arg]
        given["rows"] = calls
        return dg.MaterializeResult()

    @dg.asset(
        partitions_def=days,
        backfill_policy=single_run,
        ins={"report": dg.AssetIn(["reports", "buyer_id"])},
    )
    def by_buyer(report: pa.Table) -> dg.MaterializeResult[None]:
        given["by_buyer"] = report
        return dg.MaterializeResult()

    pipeline.extra = [frame, table, polars_frame, rows, by_buyer]
    return given


def test_calls_of_one_day_arrive_as_a_data_frame(pipeline: Pipeline, taken: dict[str, object]) -> None:
    pipeline.materialize("key:calls or key:frame", "2024-03-10")
    frame = taken["frame"]
    assert isinstance(frame, pd.DataFrame)
    assert frame["uuid"].tolist() == pipeline.truth("2024-03-10")


def test_calls_of_one_day_arrive_as_a_polars_frame(pipeline: Pipeline, taken: dict[str, object]) -> None:
    pipeline.materialize("key:calls or key:polars_frame", "2024-03-10")
    frame = taken["polars_frame"]
    assert isinstance(frame, pl.DataFrame)
    assert frame["uuid"].to_list() == pipeline.truth("2024-03-10")


def test_another_annotation_is_refused_without_a_row(pipeline: Pipeline, taken: dict[str, object]) -> None:
    pipeline.materialize("key:calls", "2024-03-10")
    reason = why(pipeline.materialize("key:rows", "2024-03-10", fails=True))
    assert "Annotate it as pd.DataFrame, pl.DataFrame or pa.Table." in reason
    assert not any(uuid in reason for uuid in pipeline.truth("2024-03-10"))
    assert not taken


def test_money_stays_exact_in_a_data_frame(pipeline: Pipeline, taken: dict[str, object]) -> None:
    pipeline.sandbox.add_call(pipeline.day("2024-03-10").start, buyer_revenue=0.1)
    pipeline.materialize("key:calls or key:frame", "2024-03-10")
    frame = taken["frame"]
    assert isinstance(frame, pd.DataFrame)
    assert frame["buyer_revenue"].iloc[0] == Decimal("0.1")


def test_a_data_frame_without_pandas_names_the_extra(
    pipeline: Pipeline, taken: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.materialize("key:calls", "2024-03-10")
    monkeypatch.setitem(sys.modules, "pandas", None)
    result = pipeline.materialize("key:frame", "2024-03-10", fails=True)
    assert "trackdrive-assets[pandas]" in why(result)
    assert not taken


def test_calls_of_a_range_arrive_as_one_table(pipeline: Pipeline, taken: dict[str, object]) -> None:
    pipeline.materialize("key:calls or key:table", "2024-03-09", "2024-03-11")
    table = taken["table"]
    assert isinstance(table, pa.Table)
    days = ("2024-03-09", "2024-03-10", "2024-03-11")
    assert table.column("uuid").to_pylist() == [uuid for day in days for uuid in pipeline.truth(day)]


def test_a_report_is_an_input_too(pipeline: Pipeline, taken: dict[str, object]) -> None:
    pipeline.materialize("key:reports/buyer_id or key:by_buyer", "2024-03-11")
    report = taken["by_buyer"]
    assert isinstance(report, pa.Table)
    assert sum(report.column("calls").to_pylist()) == len(pipeline.truth("2024-03-11"))


def test_whole_numbers_stay_whole_beside_nulls(pipeline: Pipeline, taken: dict[str, object]) -> None:
    pipeline.sandbox.add_call(pipeline.day("2024-03-10").start, buyer_id=None)
    pipeline.materialize("key:calls or key:frame", "2024-03-10")
    frame = taken["frame"]
    assert isinstance(frame, pd.DataFrame)
    assert frame["buyer_id"].dtype == pd.ArrowDtype(pa.int64())


def test_a_view_is_an_input_too(pipeline: Pipeline) -> None:
    given: list[pd.DataFrame] = []

    @dg.asset(ins={"days": dg.AssetIn(["views", "daily_summary"])})
    def summary(days: pd.DataFrame) -> dg.MaterializeResult[None]:
        given.append(days)
        return dg.MaterializeResult()

    pipeline.extra = [summary]
    pipeline.materialize("key:calls or key:views/* or key:summary", "2024-03-09", "2024-03-10")
    days = ("2024-03-09", "2024-03-10")
    assert sorted(given[0]["calls"]) == sorted(len(pipeline.truth(day)) for day in days)


@pytest.mark.usefixtures("taken")
def test_a_day_that_was_never_read_is_named(pipeline: Pipeline) -> None:
    pipeline.materialize("key:calls", "2024-03-10")
    assert "2024-03-11" in why(pipeline.materialize("key:table", "2024-03-10", "2024-03-11", fails=True))


def test_the_manager_refuses_to_write(pipeline: Pipeline) -> None:
    @dg.asset(io_manager_key="trackdrive_lake")
    def stray() -> int:
        return 1

    pipeline.extra = [stray]
    assert "only reads" in why(pipeline.materialize("key:stray", "", fails=True))
