"""The assets `reports/*` and `stats/*`: the API's own totals, any subset of them, beside `calls`."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import get_args

import dagster as dg
import pytest

from trackdrive_assets.api.catalog import LEGACY_GROUP_BYS, REPORT_CATEGORIES
from trackdrive_assets.sandbox.aggregates import ReportShape, StatsShape
from trackdrive_assets_tests.conftest import Pipeline, why


def logged(pipeline: Pipeline, result: dg.ExecuteInProcessResult) -> list[str]:
    """Return the messages in the event log of a run."""
    return [entry.user_message for entry in pipeline.instance.all_logs(result.run_id)]


def test_each_category_counts_every_call_of_the_day(pipeline: Pipeline) -> None:
    pipeline.materialize("key:reports/* or key:views/reports", "2024-03-10")
    counted = pipeline.ask("SELECT category, sum(calls) FROM reports GROUP BY category ORDER BY category")
    calls = len(pipeline.truth("2024-03-10"))
    assert counted == [(category, calls) for category in sorted(REPORT_CATEGORIES)]


def test_a_report_gives_what_the_calls_give(pipeline: Pipeline) -> None:
    pipeline.materialize("key:calls or key:reports/buyer_id or key:views/reports", "2024-03-11")
    reported = pipeline.ask(
        "SELECT group_value, calls, revenue FROM reports WHERE category = 'buyer_id' ORDER BY group_value"
    )
    computed = pipeline.ask(
        "SELECT buyer_id::VARCHAR, count(*), coalesce(sum(revenue), 0) FROM calls GROUP BY 1 ORDER BY 1"
    )
    assert reported == computed
    assert len(reported) > 1


def test_one_category_alone_can_be_materialized(pipeline: Pipeline) -> None:
    pipeline.materialize("key:reports/status", "2024-03-10")
    assert pipeline.files() == {"lake.json", "reports/date=2024-03-10/reports.parquet"}
    assert {asked.params["category"] for asked in pipeline.sandbox.requests} == {"status"}


def test_a_refused_category_fails_alone(pipeline: Pipeline) -> None:
    pipeline.sandbox.refused_categories["contact_id"] = "reports by contact are not part of this plan"
    result = pipeline.materialize("key:reports/*", "2024-03-10", "2024-03-12", fails=True)
    assert "errors: {category: text(44)}" in why(result)
    assert "reports/contact_id of 2024-03-10" in why(result)
    assert pipeline.materialized("reports/contact_id") == {}
    for category in set(REPORT_CATEGORIES) - {"contact_id"}:
        assert len(pipeline.materialized(f"reports/{category}")) == 3
    refused = [a for a in pipeline.sandbox.requests if a.params["category"] == "contact_id"]
    assert len(refused) == 1


def test_a_refused_category_does_not_keep_the_others_from_the_views(pipeline: Pipeline) -> None:
    pipeline.sandbox.refused_categories["contact_id"] = "reports by contact are not part of this plan"
    pipeline.materialize("*", "2024-03-10", fails=True)
    (number,) = pipeline.ask("SELECT count(DISTINCT category) FROM reports")
    assert number == (len(REPORT_CATEGORIES) - 1,)
    for table in ("calls", "stats"):
        assert pipeline.ask(f"SELECT count(*) > 0 FROM {table}") == [(True,)]


def test_bad_calls_do_not_keep_later_tables_from_the_views(pipeline: Pipeline) -> None:
    pipeline.sandbox.rewrite = lambda row: row | {"total_duration": "many"}
    result = pipeline.materialize("key:calls or key:reports/status or key:views/*", "2024-03-10", fails=True)
    assert "calls of 2024-03-10" in why(result)
    assert pipeline.ask("SELECT count(*) > 0 FROM reports") == [(True,)]


def test_a_revoked_key_ends_every_category_at_once(pipeline: Pipeline) -> None:
    pipeline.sandbox.revoked = True
    result = pipeline.materialize("key:reports/*", "2024-03-10", "2024-03-12", fails=True)
    assert "Trackdrive profile" in why(result)
    assert len(pipeline.sandbox.requests) <= pipeline.settings.max_concurrency


def test_an_undocumented_category_can_be_configured(pipeline: Pipeline) -> None:
    pipeline.settings = replace(pipeline.settings, report_categories=("status", "buyr_id"))
    with pytest.warns(UserWarning, match="buyr_id"):
        result = pipeline.materialize("key:reports/*", "2024-03-10", fails=True)
    assert list(pipeline.materialized("reports/status")) == ["2024-03-10"]
    remark = (
        "TRACKDRIVE_REPORT_CATEGORIES contains buyr_id, which the API may not know. Did you mean buyer_id?"
    )
    assert logged(pipeline, result).count(remark) == 1


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_a_run_logs_once_that_days_are_utc_days(pipeline: Pipeline, zone: str) -> None:
    pipeline.settings = replace(pipeline.settings, time_zone=zone)
    result = pipeline.materialize("key:calls or key:reports/status or key:stats/status", "2024-03-10")
    remark = "Days are UTC days, because TRACKDRIVE_TIME_ZONE is UTC or not set."
    assert logged(pipeline, result).count(remark) == (zone == "UTC")


@pytest.mark.parametrize("shape", get_args(ReportShape))
def test_a_report_of_another_shape_is_understood(pipeline: Pipeline, shape: ReportShape) -> None:
    pipeline.sandbox.report_shape = shape
    pipeline.materialize("key:reports/status or key:views/reports", "2024-03-10")
    assert pipeline.ask("SELECT sum(calls) FROM reports") == [(len(pipeline.truth("2024-03-10")),)]


@pytest.mark.parametrize("shape", get_args(StatsShape))
def test_statistics_of_any_shape_add_up_to_the_calls(pipeline: Pipeline, shape: StatsShape) -> None:
    pipeline.sandbox.stats_shape = shape
    pipeline.materialize("key:stats/status or key:views/stats", "2024-03-10")
    day = pipeline.day("2024-03-10")
    by_status = Counter(str(row["status"]) for row in pipeline.sandbox.calls(day.start, day.end))
    stored = pipeline.ask("SELECT group_value, sum(count) FROM stats GROUP BY group_value")
    assert sorted(stored, key=str) == sorted(by_status.items(), key=str)


@pytest.mark.parametrize("group_by", LEGACY_GROUP_BYS)
def test_an_interval_has_all_four_statistics(pipeline: Pipeline, group_by: str) -> None:
    pipeline.materialize(f"key:calls or key:stats/{group_by} or key:views/stats", "2024-03-11")
    ((count, revenue, profit, cost),) = pipeline.ask(
        "SELECT sum(count), sum(revenue), sum(profit), sum(cost) FROM stats"
    )
    computed = pipeline.ask(
        "SELECT count(*), sum(revenue), sum(revenue) - sum(payout), sum(trackdrive_cost + provider_cost) "
        "FROM calls"
    )
    assert [(count, revenue, profit, cost)] == computed
    assert Decimal(str(revenue)) > 0


def test_the_day_on_which_the_clock_goes_back_has_25_hours(pipeline: Pipeline) -> None:
    pipeline.settings = replace(pipeline.settings, stats_interval="1h")
    day = pipeline.day("2024-11-03")
    for hour in range(25):
        pipeline.sandbox.add_call(day.start + timedelta(hours=hour, minutes=30))
    pipeline.materialize("key:stats/status or key:views/stats", "2024-11-03")
    hours = pipeline.ask("SELECT DISTINCT interval_end - interval_start FROM stats")
    assert hours == [(timedelta(hours=1),)]
    assert pipeline.ask("SELECT count(DISTINCT interval_start), sum(count) FROM stats") == [
        (25, len(pipeline.truth("2024-11-03")))
    ]
