"""The asset `calls`: exact days, one file each, and what happens when a day fails."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pyarrow.parquet as pq
import pytest

from trackdrive_assets.dagster.assets.step_run import days_of
from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets.tables.columns import CALLS
from trackdrive_assets_tests.conftest import NOW, Pipeline, days_between, why
from trackdrive_assets_tests.support.factories import file_of, folder_of

BAD_DAYS = ("2024-03-10", "2024-03-11")


@pytest.mark.parametrize(
    ("first", "last"),
    [("2024-03-09", "2024-03-11"), ("2024-11-02", "2024-11-04")],
    ids=["clock goes forward", "clock goes back"],
)
def test_days_around_a_clock_change_have_exactly_their_calls(
    pipeline: Pipeline, first: str, last: str
) -> None:
    pipeline.materialize("calls", first, last)
    for partition in days_between(first, last):
        assert pipeline.stored(partition) == pipeline.truth(partition)
        assert pipeline.truth(partition)


def test_a_call_at_the_edge_of_a_day_is_in_one_day(pipeline: Pipeline) -> None:
    midnight = pipeline.day("2024-03-10").start
    tick = timedelta(milliseconds=1)
    before, at, after = (pipeline.sandbox.add_call(midnight + n * tick) for n in (-1, 0, 1))
    pipeline.materialize("calls", "2024-03-09", "2024-03-10")
    assert pipeline.stored("2024-03-09")[-1] == before
    assert pipeline.stored("2024-03-10")[:2] == [at, after]


def test_the_legacy_api_gives_the_same_calls(pipeline: Pipeline) -> None:
    with Sandbox(
        seed=7, calls_per_day=40, first_day=date(2024, 3, 1), now=lambda: NOW, api_version="legacy"
    ) as legacy:
        pipeline.sandbox = legacy
        pipeline.materialize("calls", "2024-03-10")
        assert pipeline.stored("2024-03-10") == pipeline.truth("2024-03-10")


def test_a_file_ascends_by_created_at_and_has_the_declared_schema(pipeline: Pipeline) -> None:
    pipeline.sandbox.add_call(pipeline.day("2024-03-10").start + timedelta(hours=3))
    pipeline.materialize("calls", "2024-03-10")
    stored = pq.ParquetFile(file_of(pipeline.lake, "calls", date(2024, 3, 10))).read()
    assert stored.schema.equals(CALLS.schema)
    assert stored.column("created_at").to_pylist() == sorted(stored.column("created_at").to_pylist())


def test_a_day_without_calls_is_a_file_without_rows(pipeline: Pipeline) -> None:
    with Sandbox(calls_per_day=0, now=lambda: NOW) as empty:
        pipeline.sandbox = empty
        pipeline.materialize("key:calls or key:views/calls", "2024-03-10")
    assert pipeline.stored("2024-03-10") == []
    assert pipeline.ask("SELECT count(*) FROM calls") == [(0,)]
    assert pipeline.ask("FROM daily_summary") == []


def test_a_day_that_became_empty_is_emptied(pipeline: Pipeline) -> None:
    pipeline.materialize("calls", "2024-03-10")
    with Sandbox(calls_per_day=0, now=lambda: NOW) as empty:
        pipeline.sandbox = empty
        pipeline.materialize("calls", "2024-03-10")
    assert pipeline.stored("2024-03-10") == []


def test_a_materialization_has_its_counts_and_its_cost(pipeline: Pipeline) -> None:
    pipeline.materialize("calls", "2024-03-10")
    shown = pipeline.materialized("calls")["2024-03-10"]
    file = file_of(pipeline.lake, "calls", date(2024, 3, 10))
    assert shown["dagster/partition_row_count"] == len(pipeline.truth("2024-03-10"))
    assert shown["api_count"] == len(pipeline.truth("2024-03-10"))
    assert shown["requests"] == len(pipeline.sandbox.requests)
    assert shown["retries"] == 0
    assert shown["bytes"] == file.stat().st_size
    assert shown["path"] == str(file)
    assert isinstance(shown["seconds"], float)


def test_a_transient_fault_is_retried_and_counted(pipeline: Pipeline) -> None:
    pipeline.sandbox.inject("429", times=2, retry_after=0)
    pipeline.materialize("calls", "2024-03-10")
    assert pipeline.stored("2024-03-10") == pipeline.truth("2024-03-10")
    assert pipeline.materialized("calls")["2024-03-10"]["retries"] == 2


def test_an_incomplete_day_is_fetched_again(pipeline: Pipeline) -> None:
    pipeline.sandbox.inject("short")
    pipeline.materialize("calls", "2024-03-10")
    assert pipeline.stored("2024-03-10") == pipeline.truth("2024-03-10")


def test_a_day_that_stays_incomplete_keeps_its_old_file(pipeline: Pipeline) -> None:
    pipeline.materialize("calls", "2024-03-10")
    before = file_of(pipeline.lake, "calls", date(2024, 3, 10)).read_bytes()
    pipeline.sandbox.inject("short", times=None)
    result = pipeline.materialize("calls", "2024-03-10", fails=True)
    assert "are missing" in why(result)
    assert file_of(pipeline.lake, "calls", date(2024, 3, 10)).read_bytes() == before


def test_a_failure_in_the_middle_of_a_range_keeps_what_is_done(pipeline: Pipeline) -> None:
    pipeline.materialize("calls", "2024-03-09", "2024-03-11")
    second = file_of(pipeline.lake, "calls", date(2024, 3, 10)).read_bytes()
    broken = pipeline.sandbox.add_call(pipeline.day("2024-03-10").start, total_duration="two minutes")
    late = pipeline.sandbox.add_call(pipeline.day("2024-03-09").start)

    result = pipeline.materialize("calls", "2024-03-09", "2024-03-11", fails=True)

    assert "calls of 2024-03-10" in why(result)
    assert broken in why(result)
    assert late in pipeline.stored("2024-03-09")
    assert file_of(pipeline.lake, "calls", date(2024, 3, 10)).read_bytes() == second


def test_bad_days_fail_alone_and_the_run_names_them(pipeline: Pipeline) -> None:
    pipeline.materialize("calls", "2024-03-09", "2024-03-12")
    old = {day: file_of(pipeline.lake, "calls", date.fromisoformat(day)).read_bytes() for day in BAD_DAYS}
    bad = [
        pipeline.sandbox.add_call(pipeline.day(day).start, total_duration="two minutes") for day in BAD_DAYS
    ]
    late = pipeline.sandbox.add_call(pipeline.day("2024-03-12").start)

    result = pipeline.materialize("key:calls or key:views/*", "2024-03-09", "2024-03-12", fails=True)

    assert "2 failed. Everything else that was fetched is stored." in why(result)
    for day, uuid in zip(BAD_DAYS, bad, strict=True):
        assert f"calls of {day}: Call {uuid}: total_duration is a text of 11 characters" in why(result)
        assert file_of(pipeline.lake, "calls", date.fromisoformat(day)).read_bytes() == old[day]
    assert late in pipeline.stored("2024-03-12")
    assert not [event for event in result.all_events if event.is_step_up_for_retry]
    # The views of the run were skipped, and show what was stored.
    assert pipeline.ask(f"SELECT count(*) FROM calls WHERE uuid = '{late}'") == [(1,)]


def evaluated_checks(
    pipeline: Pipeline, result: dg.ExecuteInProcessResult
) -> dict[str, dg.AssetCheckEvaluation]:
    evaluated = pipeline.instance.all_logs(result.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    found = [entry.get_dagster_event().asset_check_evaluation_data for entry in evaluated]
    return {check.check_name: check for check in found}


def test_the_checks_of_a_run_with_a_bad_day_look_at_the_stored_days(pipeline: Pipeline) -> None:
    pipeline.sandbox.add_call(pipeline.day("2024-03-10").start, total_duration="two minutes")
    negative = pipeline.sandbox.add_call(pipeline.day("2024-03-11").start, total_duration=-5)
    result = pipeline.materialize("calls", "2024-03-09", "2024-03-11", fails=True, checked=True)
    found = evaluated_checks(pipeline, result)
    assert found["uuid_unique"].passed
    assert not found["durations_not_negative"].passed
    assert negative in str(found["durations_not_negative"].metadata["examples"])
    assert "2 days (2024-03-09, 2024-03-11)" in str(found["uuid_unique"].description)
    assert not any(name.startswith("matches_api") for name in found)


def test_a_run_that_stored_no_day_evaluates_no_check(pipeline: Pipeline) -> None:
    pipeline.sandbox.add_call(pipeline.day("2024-03-10").start, total_duration="two minutes")
    result = pipeline.materialize("key:calls or key:views/*", "2024-03-10", fails=True, checked=True)
    assert evaluated_checks(pipeline, result) == {}
    assert pipeline.files() == set()


def test_days_are_recorded_as_they_finish(pipeline: Pipeline) -> None:
    pipeline.settings = replace(pipeline.settings, max_concurrency=1)
    pipeline.sandbox.add_call(pipeline.day("2024-03-11").start, total_duration="two minutes")
    pipeline.materialize("calls", "2024-03-09", "2024-03-12", fails=True)
    recorded = pipeline.materialized("calls")
    assert list(recorded) == ["2024-03-09", "2024-03-10", "2024-03-12"]
    for partition, shown in recorded.items():
        assert shown["dagster/partition_row_count"] == len(pipeline.truth(partition))


def test_a_day_that_stays_incomplete_is_fetched_three_times_and_not_nine(pipeline: Pipeline) -> None:
    pipeline.sandbox.inject("short", times=None)
    pipeline.materialize("calls", "2024-03-10", fails=True)
    begun = [asked for asked in pipeline.sandbox.requests if asked.params["cursor"] == "-1"]
    assert len(begun) == 3


def test_a_range_shows_each_day_its_own_numbers(pipeline: Pipeline) -> None:
    pipeline.materialize("calls", "2024-03-09", "2024-03-11")
    recorded = pipeline.materialized("calls")
    assert sorted(recorded) == days_between("2024-03-09", "2024-03-11")
    for partition, shown in recorded.items():
        assert shown["dagster/partition_row_count"] == len(pipeline.truth(partition))
        assert shown["path"] == str(file_of(pipeline.lake, "calls", date.fromisoformat(partition)))


def test_a_range_fetches_every_day_once(pipeline: Pipeline) -> None:
    pipeline.materialize("calls", "2024-03-09", "2024-03-11")
    first_pages = [
        asked.params["created_at_from"]
        for asked in pipeline.sandbox.requests
        if asked.params["cursor"] == "-1"
    ]
    assert sorted(first_pages) == [
        "2024-03-09 04:59:59 +0000",
        "2024-03-10 04:59:59 +0000",
        "2024-03-11 03:59:59 +0000",
    ]


def test_one_malformed_row_fails_the_day_and_drops_nothing(pipeline: Pipeline) -> None:
    pipeline.materialize("calls", "2024-03-10")
    before = pipeline.files()
    uuid = pipeline.sandbox.add_call(pipeline.day("2024-03-10").start, buyer_revenue="ten dollars")
    result = pipeline.materialize("calls", "2024-03-10", fails=True)
    assert uuid in why(result)
    assert "buyer_revenue" in why(result)
    assert pipeline.files() == before
    assert uuid not in pipeline.stored("2024-03-10")


def test_undocumented_columns_and_values_are_kept(pipeline: Pipeline) -> None:
    uuid = pipeline.sandbox.add_call(
        pipeline.day("2024-03-10").start,
        mood="cheerful",
        carrier={"name": "Example Telecom", "hops": [1, 2]},
        status="teleported",
        buyer="Smith &amp; Sons",
        hold_duration="",
        buyer_revenue="",
    )
    pipeline.materialize("key:calls or key:views/calls", "2024-03-10")
    kept = pipeline.ask(
        "SELECT extra->>'mood', extra->'carrier'->'hops'->>1, status, buyer, hold_duration, buyer_revenue "
        f"FROM calls WHERE uuid = '{uuid}'"
    )
    assert kept == [("cheerful", "2", "teleported", "Smith & Sons", None, None)]


def test_money_is_exact_and_conversion_is_a_boolean(pipeline: Pipeline) -> None:
    start = pipeline.day("2024-03-10").start
    paid = pipeline.sandbox.add_call(
        start, buyer_revenue=10.1, trackdrive_cost=0.07500000000000001, buyer_converted="Converted"
    )
    free = pipeline.sandbox.add_call(start, buyer_revenue=None, buyer_converted=None)
    pipeline.materialize("key:calls or key:views/calls", "2024-03-10")
    found = pipeline.ask(
        "SELECT uuid, buyer_revenue, buyer_converted FROM calls "
        f"WHERE uuid IN ('{paid}', '{free}') ORDER BY uuid = '{free}'"
    )
    assert found == [(paid, Decimal("10.1"), True), (free, None, False)]
    cost = pipeline.ask(f"SELECT trackdrive_cost FROM calls WHERE uuid = '{paid}'")
    assert cost == [(Decimal("0.075"),)]


def test_excluded_columns_are_stored_as_null(pipeline: Pipeline) -> None:
    pipeline.settings = replace(pipeline.settings, exclude_columns=("caller_number", "token-*"))
    pipeline.materialize("calls", "2024-03-10")
    stored = pq.ParquetFile(file_of(pipeline.lake, "calls", date(2024, 3, 10))).read()
    assert stored.column("token_values").null_count == stored.num_rows
    assert stored.column("caller_number").null_count == stored.num_rows
    assert not any(stored.column("tokens").to_pylist())


def test_an_excluded_value_is_in_no_file_and_in_no_event(pipeline: Pipeline, tmp_path: Path) -> None:
    number = "7195550177"

    def with_number(row: dict[str, Any]) -> dict[str, Any]:
        keys = ("caller_number", "name", "token-caller_id", "Token-Phone", "token_values", "ssn", "buyer")
        return {**row, **dict.fromkeys(keys, f"+1{number}")}

    pipeline.settings = replace(
        pipeline.settings, exclude_columns=("Caller-Number", "TOKENS", "extra-SSN", "buyer")
    )
    pipeline.sandbox.rewrite = with_number
    pipeline.materialize("key:calls", "2024-03-10")
    pipeline.sandbox.rewrite = lambda row: {**with_number(row), "caller_number": number, "sub_id": "new"}
    pipeline.materialize("key:calls or key:views/*", "2024-03-10", checked=True)
    assert pipeline.ask("SELECT DISTINCT field FROM call_changes WHERE field <> 'fetched_at'") == [
        ("sub_id",)
    ]
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    for file in files:
        content = str(pq.read_table(file).to_pylist()) if file.suffix == ".parquet" else file.read_bytes()
        assert number not in str(content), file
    assert {file.suffix for file in files} >= {".parquet", ".db"}


def test_a_revoked_key_fails_the_run_and_names_what_to_check(pipeline: Pipeline) -> None:
    pipeline.sandbox.revoked = True
    result = pipeline.materialize("calls", "2024-03-09", "2024-03-11", fails=True)
    assert len(pipeline.sandbox.requests) <= pipeline.settings.max_concurrency
    for word in ("401", "/api/v1/calls", "public key tdpub", "Trackdrive profile"):
        assert word in why(result)
    assert pipeline.sandbox.private_key not in why(result)


def test_a_partition_in_the_future_is_refused(pipeline: Pipeline) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()
    with pytest.raises(Exception, match=tomorrow):
        pipeline.materialize("calls", tomorrow)
    assert pipeline.sandbox.requests == []


def test_a_range_that_runs_backwards_is_refused(pipeline: Pipeline) -> None:
    result = pipeline.materialize("calls", "2024-03-11", "2024-03-09", fails=True)
    assert "Give its earlier day first" in why(result)


def test_a_day_that_has_not_begun_is_refused_with_its_zone() -> None:
    with pytest.raises(dg.Failure, match="2024-06-20 has not begun in America/New_York"):
        days_of(
            ["2024-06-19", "2024-06-20"], ZoneInfo("America/New_York"), datetime(2024, 6, 20, 3, tzinfo=UTC)
        )


def test_a_lake_that_cannot_be_written_is_named_and_stays_clean(pipeline: Pipeline) -> None:
    folder_of(pipeline.lake).mkdir()
    (folder_of(pipeline.lake) / "calls").write_text("a file where a folder belongs")
    result = pipeline.materialize("calls", "2024-03-10", fails=True)
    assert str(folder_of(pipeline.lake) / "calls") in why(result)
    assert pipeline.files() == {"calls"}
