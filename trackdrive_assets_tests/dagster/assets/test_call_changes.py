"""The asset `call_changes`: fetch past days again, and record what has changed."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pyarrow.parquet as pq

from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets.tables.changes import IGNORED_FIELDS
from trackdrive_assets.tables.columns import CALL_CHANGES, CALLS, REPORTS
from trackdrive_assets_tests.conftest import NOW, Clock, Pipeline, days_between
from trackdrive_assets_tests.support.api_calls import batch_of
from trackdrive_assets_tests.support.factories import file_of

FIRST, LAST = "2024-11-12", "2024-11-18"


def recorded(pipeline: Pipeline, *days: str) -> list[dict[str, object]]:
    dates = [date.fromisoformat(day) for day in days]
    rows: list[dict[str, object]] = pipeline.lake.read("call_changes", CALL_CHANGES.schema, dates).to_pylist()
    return rows


def test_a_week_fetched_again_is_exact_and_has_every_change_once(pipeline: Pipeline, clock: Clock) -> None:
    days = days_between(FIRST, LAST)
    week = [pipeline.day(day) for day in days]
    # Without the statistics, which have most of the requests.
    selection = 'key:calls or key:call_changes or key:"reports/*" or key:"views/*"'
    pipeline.materialize(selection, FIRST, LAST)
    before = {row["uuid"]: row for day in week for row in pipeline.sandbox.calls(day.start, day.end)}
    clock.now += timedelta(days=3)

    pipeline.materialize(selection, FIRST, LAST)

    moved = [
        change
        for change in pipeline.sandbox.changes(NOW, clock.now)
        if change.uuid in before and change.field not in IGNORED_FIELDS
    ]
    stored = recorded(pipeline, *days)
    assert moved
    assert Counter((row["uuid"], row["field"]) for row in stored) == Counter(
        (change.uuid, change.field) for change in moved
    )
    stored_before = {row["uuid"]: row for row in batch_of(list(before.values()), fetched_at=NOW).to_pylist()}
    for change in stored:
        was = stored_before[change["uuid"]][change["field"]]
        assert change["old_value"] == (str(was).lower() if isinstance(was, bool) else was and str(was))
    for partition, day in zip(days, week, strict=True):
        rows = pipeline.sandbox.calls(day.start, day.end)
        truth = batch_of(rows, fetched_at=NOW)
        held = pipeline.lake.read("calls", CALLS.schema, [day.date])
        assert held.drop_columns(["fetched_at"]).to_pylist() == [
            {name: value for name, value in row.items() if name != "fetched_at"} for row in truth.to_pylist()
        ]
        report = pipeline.lake.read("reports", REPORTS.schema, [day.date], part="buyer_id")
        money = sum(row["revenue"] or 0 for row in truth.to_pylist())
        assert sum(report["revenue"].to_pylist()) == money, partition


def test_changes_are_recorded_if_only_calls_are_selected(pipeline: Pipeline, clock: Clock) -> None:
    pipeline.materialize("calls", FIRST, LAST)
    clock.now += timedelta(days=3)
    pipeline.materialize("calls", FIRST, LAST)
    days = days_between(FIRST, LAST)
    assert recorded(pipeline, *days)
    shown = pipeline.materialized("call_changes")
    assert list(shown) == days
    assert sum(int(str(shown[day]["changes_found"])) for day in days) == len(recorded(pipeline, *days))


def test_calls_are_recorded_if_only_changes_are_selected(pipeline: Pipeline, clock: Clock) -> None:
    pipeline.materialize("call_changes", FIRST)
    clock.now += timedelta(days=3)
    pipeline.materialize("call_changes", FIRST)
    assert pipeline.stored(FIRST) == pipeline.truth(FIRST)
    assert list(pipeline.materialized("calls")) == [FIRST]
    assert list(pipeline.materialized("call_changes")) == [FIRST]


def test_one_fetch_writes_both(pipeline: Pipeline) -> None:
    pipeline.materialize("key:calls or key:call_changes", FIRST)
    first_pages = [asked for asked in pipeline.sandbox.requests if asked.params["cursor"] == "-1"]
    assert len(first_pages) == 1


def test_a_materialization_counts_all_changes_and_new_ones(pipeline: Pipeline, clock: Clock) -> None:
    for _ in range(3):
        pipeline.materialize("key:calls or key:call_changes", LAST)
        clock.now += timedelta(days=9)
    shown = pipeline.materialized("call_changes")[LAST]
    stored = recorded(pipeline, LAST)
    latest = max(row["detected_at"] for row in stored)  # type: ignore[type-var]  # instants
    assert shown["dagster/partition_row_count"] == len(stored)
    assert shown["changes_found"] == sum(row["detected_at"] == latest for row in stored)
    assert pipeline.materialized("calls")[LAST]["changes_found"] == shown["changes_found"]


def test_a_vanished_call_is_recorded_with_its_values(pipeline: Pipeline) -> None:
    uuid = pipeline.sandbox.add_call(pipeline.day(FIRST).start, revenue="12.50")
    pipeline.materialize("calls", FIRST)
    with Sandbox(seed=7, calls_per_day=40, first_day=date(2024, 3, 1), now=lambda: NOW) as without:
        pipeline.sandbox = without
        pipeline.materialize("calls", FIRST)
    lost = {row["field"]: (row["old_value"], row["new_value"]) for row in recorded(pipeline, FIRST)}
    assert lost["uuid"] == (uuid, None)
    assert lost["revenue"] == ("12.500000", None)


def test_the_files_of_a_day_have_their_fetch_time_and_count(pipeline: Pipeline) -> None:
    began = datetime.now(UTC)
    pipeline.materialize('key:calls or key:"reports/buyer_id"', FIRST)
    for table, suffix in (("calls", ""), ("reports", "/buyer_id")):
        file = file_of(pipeline.lake, table, date.fromisoformat(FIRST))
        with pq.ParquetFile(file) as parquet:
            notes = {key.decode(): text.decode() for key, text in parquet.metadata.metadata.items()}
            assert (
                began <= datetime.fromisoformat(notes[f"trackdrive.fetched_at{suffix}"]) <= datetime.now(UTC)
            )
            assert notes[f"trackdrive.first_fetched_at{suffix}"] == notes[f"trackdrive.fetched_at{suffix}"]
            assert notes[f"trackdrive.api_count{suffix}"] == str(parquet.metadata.num_rows)
