"""The view `reconciliation`: which numbers of the API are compared with the calls, and each verdict."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from trackdrive_assets.api.auth import KeyPair
from trackdrive_assets.api.client import Client
from trackdrive_assets.api.options import ClientOptions
from trackdrive_assets.days import exact_day
from trackdrive_assets.ingest.calls import ingest_calls
from trackdrive_assets.ingest.reports import ingest_reports
from trackdrive_assets.ingest.stats import ingest_stats
from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets.tables.columns import CALLS
from trackdrive_assets_tests.conftest import NOW
from trackdrive_assets_tests.support.factories import (
    DAY,
    Row,
    a_call,
    a_sale,
    dollars,
    file_of,
    lake_at,
    query,
    write_day,
)

AFTERWARDS = datetime(2024, 6, 21, 3, tzinfo=UTC)
"""A time after the end of `DAY`."""

REPORTS = ("buyer_id", "offer_id", "traffic_source_id")

SALE = a_sale("30", "20", status="finished", buyer_id=1, offer_id=2, traffic_source_id=3)


def a_total(group: str | None, calls: int, revenue: str | None, payout: str | None) -> Row:
    """Return a row of a report."""
    return {
        "group_value": group,
        "calls": calls,
        "revenue": revenue and Decimal(revenue),
        "payout": payout and Decimal(payout),
    }


def an_interval(group: str | None, count: int, revenue: str | None, cost: str, profit: str) -> Row:
    """Return a row of the statistics."""
    return {
        "group_value": group,
        "count": count,
        "revenue": revenue and Decimal(revenue),
        "cost": Decimal(cost),
        "profit": Decimal(profit),
    }


BUYERS = {"buyer_id": [a_total("1", 1, "30", "20")]}
TOTALS = {
    **BUYERS,
    "offer_id": [a_total("2", 1, "30", "20")],
    "traffic_source_id": [a_total("3", 1, "30", "20")],
}
STATUSES = [an_interval("finished", 1, "30", "0.045", "10")]


def reconciled(
    folder: Path,
    calls: list[Row],
    reports: Mapping[str, list[Row]] | None = None,
    stats: list[Row] | None = None,
    *,
    calls_fetched_at: datetime = AFTERWARDS,
    api_fetched_at: datetime = AFTERWARDS,
    time_zone: str = "UTC",
) -> list[dict[str, Any]]:
    """Store calls, reports and statistics, and return the rows of the view about these sources."""
    lake = lake_at(folder)
    write_day(lake, "calls", calls, fetched_at=calls_fetched_at)
    for category, rows in (reports or {}).items():
        write_day(lake, "reports", rows, fetched_at=api_fetched_at, part=category)
    if stats is not None:
        write_day(lake, "stats", stats, fetched_at=api_fetched_at, part="status")
    return query(lake, "FROM reconciliation WHERE api_fetched_at IS NOT NULL", time_zone=time_zone)


def verdicts(rows: list[dict[str, Any]]) -> dict[tuple[str | None, str], str]:
    """Return the verdicts by group and figure."""
    return {(row["group_value"], row["figure"]): row["verdict"] for row in rows}


# Which numbers are compared


def test_every_number_that_both_sides_have_is_a_row(tmp_path: Path) -> None:
    rows = reconciled(tmp_path, [SALE], TOTALS, STATUSES)
    assert [(row["source"], row["group_value"], row["figure"], row["calls_value"]) for row in rows] == [
        *(
            (f"reports/{category}", group, figure, dollars(value))
            for category, group in zip(REPORTS, "123", strict=True)
            for figure, value in (("calls", "1"), ("payout", "20"), ("revenue", "30"))
        ),
        ("stats/status", "finished", "cost", dollars("0.045")),
        ("stats/status", "finished", "count", dollars("1")),
        ("stats/status", "finished", "profit", dollars("10")),
        ("stats/status", "finished", "revenue", dollars("30")),
    ]
    assert all(row["api_value"] == row["calls_value"] for row in rows)
    assert {(row["date"], row["verdict"], row["difference"]) for row in rows} == {(DAY, "match", 0)}
    assert {(row["calls_fetched_at"], row["api_fetched_at"]) for row in rows} == {(AFTERWARDS, AFTERWARDS)}


def test_intervals_of_a_day_are_added_up(tmp_path: Path) -> None:
    halves = [an_interval("finished", 1, "30", "0.045", "10"), an_interval("finished", 1, "5", "0.045", "1")]
    rows = reconciled(tmp_path, [SALE, a_sale("5", "4")], stats=halves)
    assert set(verdicts(rows).values()) == {"match"}


@pytest.mark.parametrize(
    ("api_profit", "definition", "calls_profit", "verdict"),
    [
        ("10", "revenue - payout", "10", "match"),
        ("9.955", "revenue - payout - cost", "9.955", "match"),
        ("12", "revenue - payout", "10", "mismatch"),
        ("9", "revenue - payout - cost", "9.955", "mismatch"),
    ],
)
def test_profit_is_compared_by_the_definition_of_the_account(
    tmp_path: Path, api_profit: str, definition: str, calls_profit: str, verdict: str
) -> None:
    rows = reconciled(tmp_path, [SALE], stats=[an_interval("finished", 1, "30", "0.045", api_profit)])
    assert {row["figure"]: row["definition"] for row in rows} == {
        "cost": None,
        "count": None,
        "profit": definition,
        "revenue": None,
    }
    (profit,) = (row for row in rows if row["figure"] == "profit")
    assert (profit["calls_value"], profit["verdict"]) == (dollars(calls_profit), verdict)


def test_days_without_statistics_do_not_decide_the_definition_of_profit(tmp_path: Path) -> None:
    sales = [a_sale("30", "20", uuid=uuid, created_at=AFTERWARDS) for uuid in "ab"]
    write_day(lake_at(tmp_path), "calls", sales, day=AFTERWARDS.date(), fetched_at=AFTERWARDS)
    rows = reconciled(tmp_path, [SALE], stats=STATUSES)
    assert [row["definition"] for row in rows if row["figure"] == "profit"] == ["revenue - payout"]


def test_a_group_that_only_one_side_has_is_zero_on_the_other(tmp_path: Path) -> None:
    rows = reconciled(tmp_path, [SALE], {"buyer_id": [a_total("7", 2, "9", "8")]})
    revenue = {row["group_value"]: row for row in rows if row["figure"] == "revenue"}
    assert (revenue["1"]["calls_value"], revenue["1"]["api_value"]) == (30, 0)
    assert (revenue["7"]["calls_value"], revenue["7"]["api_value"]) == (0, 9)
    assert set(verdicts(rows).values()) == {"mismatch"}


def test_calls_without_a_buyer_are_compared_if_the_report_has_them(tmp_path: Path) -> None:
    calls = [SALE, a_call()]
    assert set(verdicts(reconciled(tmp_path, calls, BUYERS))) == {
        ("1", n) for n in ("calls", "payout", "revenue")
    }
    for nameless in (None, ""):
        listed = {"buyer_id": [*BUYERS["buyer_id"], a_total(nameless, 2, "0", "0")]}
        found = verdicts(reconciled(tmp_path, calls, listed))
        assert (found[None, "calls"], found[None, "revenue"]) == ("mismatch", "match")


def test_calls_without_a_status_are_always_compared(tmp_path: Path) -> None:
    rows = reconciled(tmp_path, [SALE, a_call(status=""), a_call(status=None)], stats=STATUSES)
    (count,) = (row for row in rows if (row["group_value"], row["figure"]) == (None, "count"))
    assert (count["calls_value"], count["api_value"], count["verdict"]) == (2, 0, "mismatch")


def test_an_empty_day_of_one_side_has_zeros(tmp_path: Path) -> None:
    assert verdicts(reconciled(tmp_path / "a", [], BUYERS))["1", "revenue"] == "mismatch"
    assert verdicts(reconciled(tmp_path / "b", [SALE], {"buyer_id": []}))["1", "revenue"] == "mismatch"
    assert reconciled(tmp_path / "c", [], {"buyer_id": []}) == []


def test_a_day_can_be_selected_by_its_date(tmp_path: Path) -> None:
    reconciled(tmp_path, [SALE], BUYERS)
    lake = lake_at(tmp_path)
    write_day(lake, "calls", [SALE], day=date(2024, 6, 20))
    for day, verdict in (("2024-06-19", "match"), ("2024-06-20", "not_comparable")):
        question = f"FROM reconciliation WHERE date = '{day}' AND source = 'reports/buyer_id'"
        assert {row["verdict"] for row in query(lake, question)} == {verdict}


# mismatch


def test_a_count_that_differs_by_one_is_a_mismatch(tmp_path: Path) -> None:
    rows = reconciled(tmp_path, [SALE], {"buyer_id": [a_total("1", 2, "30", "20")]})
    assert verdicts(rows) == {
        ("1", "calls"): "mismatch",
        ("1", "payout"): "match",
        ("1", "revenue"): "match",
    }
    (count,) = (row for row in rows if row["figure"] == "calls")
    assert count["difference"] == -1


@pytest.mark.parametrize(
    ("revenue", "verdict"),
    [("30.005", "match"), ("29.995", "match"), ("30.0051", "mismatch"), ("29.99", "mismatch")],
)
def test_money_may_be_rounded_to_cents(tmp_path: Path, revenue: str, verdict: str) -> None:
    rows = reconciled(tmp_path, [SALE], {"buyer_id": [a_total("1", 1, revenue, "20")]})
    assert verdicts(rows)["1", "revenue"] == verdict


@pytest.mark.parametrize(("intervals", "verdict"), [(2, "mismatch"), (3, "match")])
def test_each_interval_of_the_statistics_may_be_rounded(tmp_path: Path, intervals: int, verdict: str) -> None:
    # 1.5 cents away, in so many numbers of half a cent of leeway each.
    shares = ["30.015", *["0"] * (intervals - 1)]
    statistics = [an_interval("finished", int(n == 0), share, "0", "0") for n, share in enumerate(shares)]
    rows = reconciled(tmp_path, [SALE], stats=statistics)
    assert verdicts(rows)["finished", "revenue"] == verdict


def test_a_count_is_never_rounded(tmp_path: Path) -> None:
    many = [an_interval("finished", int(n < 2), "0", "0", "0") for n in range(288)]
    rows = reconciled(tmp_path, [SALE], stats=many)
    assert verdicts(rows)["finished", "count"] == "mismatch"


# not_comparable

WRONG = {"buyer_id": [a_total("1", 1, "31", "20")]}


@pytest.mark.parametrize("apart", [timedelta(hours=1), timedelta(hours=-1)])
def test_fetches_more_than_an_hour_apart_are_not_comparable(tmp_path: Path, apart: timedelta) -> None:
    within = reconciled(tmp_path / "within", [SALE], WRONG, api_fetched_at=AFTERWARDS + apart)
    beyond = reconciled(tmp_path / "beyond", [SALE], WRONG, api_fetched_at=AFTERWARDS + apart * 1.001)
    assert verdicts(within)["1", "revenue"] == "mismatch"
    assert verdicts(beyond)["1", "revenue"] == "not_comparable"
    assert verdicts(beyond)["1", "calls"] == "match"


def test_an_unfinished_day_is_not_comparable(tmp_path: Path) -> None:
    end = datetime(2024, 6, 20, 4, tzinfo=UTC)
    before = end - timedelta(seconds=1)

    def verdict(calls_fetched_at: datetime, api_fetched_at: datetime) -> str:
        rows = reconciled(
            tmp_path / f"{calls_fetched_at:%H}{api_fetched_at:%H}",
            [SALE],
            WRONG,
            calls_fetched_at=calls_fetched_at,
            api_fetched_at=api_fetched_at,
            time_zone="America/New_York",
        )
        return verdicts(rows)["1", "revenue"]

    assert verdict(end, end) == "mismatch"
    assert verdict(before, end) == verdict(end, before) == "not_comparable"


def test_files_without_a_fetch_time_are_not_comparable(tmp_path: Path) -> None:
    reconciled(tmp_path, [SALE], WRONG)
    lake = lake_at(tmp_path)
    pq.write_table(pa.Table.from_pylist([SALE], CALLS.schema), file_of(lake, "calls", DAY))
    rows = query(lake, "FROM reconciliation WHERE source = 'reports/buyer_id'")
    assert verdicts(rows)["1", "revenue"] == "not_comparable"
    assert {row["calls_fetched_at"] for row in rows} == {None}


def test_a_source_that_was_not_fetched_has_a_row_for_each_figure(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    write_day(lake, "calls", [SALE], fetched_at=AFTERWARDS)
    rows = query(lake, "FROM reconciliation")
    assert {(row["source"], row["figure"]) for row in rows} == {
        *(
            (f"reports/{category}", figure)
            for category in REPORTS
            for figure in ("calls", "revenue", "payout")
        ),
        *(("stats/status", figure) for figure in ("count", "revenue", "cost", "profit")),
    }
    assert len(rows) == 13
    assert {(row["verdict"], row["reason"], row["group_value"], row["api_fetched_at"]) for row in rows} == {
        ("not_comparable", "not_fetched", None, None)
    }


def test_days_without_calls_are_not_compared(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    write_day(lake, "reports", BUYERS["buyer_id"], part="buyer_id")
    assert query(lake, "FROM reconciliation") == []


def test_every_verdict_but_a_match_has_a_reason(tmp_path: Path) -> None:
    def reasons(name: str, call: Row, revenue: str | None, api_fetched_at: datetime = AFTERWARDS) -> set[Any]:
        report = {"buyer_id": [a_total("1", 1, revenue, "20")]}
        rows = reconciled(tmp_path / name, [call], report, api_fetched_at=api_fetched_at)
        return {row["reason"] for row in rows if row["figure"] == "revenue"}

    assert reasons("match", SALE, "30") == {None}
    assert reasons("mismatch", SALE, "31") == {"values_differ"}
    assert reasons("apart", SALE, "31", AFTERWARDS + timedelta(days=2)) == {"fetched_apart"}
    assert reasons("api", SALE, None) == {"api_value_missing"}
    assert reasons("calls", SALE | {"revenue": None}, "30") == {"calls_value_missing"}


# unreadable


def test_a_number_that_the_api_lacks_is_unreadable(tmp_path: Path) -> None:
    rows = reconciled(tmp_path, [SALE], {"buyer_id": [a_total("1", 1, "30", None)]})
    assert verdicts(rows) == {
        ("1", "calls"): "match",
        ("1", "payout"): "unreadable",
        ("1", "revenue"): "match",
    }


def test_a_figure_that_the_api_has_for_no_group_is_unreadable(tmp_path: Path) -> None:
    calls = [SALE, SALE | {"buyer_id": 2}]
    found = verdicts(reconciled(tmp_path, calls, {"buyer_id": [a_total("1", 1, "30", None)]}))
    assert (found["2", "payout"], found["2", "revenue"]) == ("unreadable", "mismatch")


def test_a_sum_that_lacks_an_interval_is_unreadable(tmp_path: Path) -> None:
    halves = [an_interval("finished", 1, None, "0.045", "10"), an_interval("finished", 0, "30", "0", "0")]
    found = verdicts(reconciled(tmp_path, [SALE], stats=halves))
    assert (found["finished", "revenue"], found["finished", "profit"]) == ("unreadable", "match")


def test_hidden_money_is_unreadable(tmp_path: Path) -> None:
    hidden = dict.fromkeys(("revenue", "payout", "trackdrive_cost", "provider_cost"))
    totals = [*STATUSES, an_interval("no-answer", 1, "1", "1", "1")]
    found = verdicts(reconciled(tmp_path, [SALE | hidden], stats=totals))
    assert found["finished", "count"] == "match"
    assert {
        found[group, name] for group in ("finished", "no-answer") for name in ("revenue", "cost", "profit")
    } == {"unreadable"}
    assert found["no-answer", "count"] == "mismatch"


@pytest.mark.parametrize("category", REPORTS)
def test_groups_without_ids_are_unreadable(tmp_path: Path, category: str) -> None:
    calls = [SALE | {category: None}, SALE | {category: None}]
    found = verdicts(
        reconciled(tmp_path, calls, {category: [*TOTALS[category], a_total(None, 1, "30", "20")]})
    )
    assert len(found) == 6
    assert set(found.values()) == {"unreadable"}


def test_a_day_without_buyers_matches(tmp_path: Path) -> None:
    rows = reconciled(tmp_path, [SALE | {"buyer_id": None}], {"buyer_id": [a_total(None, 1, "30", "20")]})
    assert len(rows) == 3
    assert set(verdicts(rows).values()) == {"match"}


def test_the_time_zone_of_the_session_changes_nothing(tmp_path: Path) -> None:
    reconciled(tmp_path, [SALE], WRONG, calls_fetched_at=datetime(2024, 6, 20, 0, 30, tzinfo=UTC))
    lake = lake_at(tmp_path)
    question = "FROM reconciliation WHERE figure = 'revenue'"
    assert query(lake, question, setting="SET TimeZone = 'Asia/Tokyo'") == query(lake, question)


# On the sandbox. Its totals are those of its calls


@pytest.mark.parametrize("partition", ["2024-11-18", "2024-11-03"], ids=["usual", "of 25 hours"])
def test_the_totals_of_a_day_match(tmp_path: Path, partition: str) -> None:
    rows = sandbox_rows(tmp_path, "current", partition)
    assert {(row["verdict"], row["source"]) for row in rows} == {
        ("match", source) for source in ("stats/status", *(f"reports/{category}" for category in REPORTS))
    }


def test_the_comparable_totals_of_the_legacy_api_match(tmp_path: Path) -> None:
    rows = sandbox_rows(tmp_path, "legacy", "2024-11-18")
    assert {(row["verdict"], row["source"]) for row in rows} == {
        ("match", "stats/status"),
        *(("unreadable", f"reports/{category}") for category in REPORTS),
    }


def sandbox_rows(
    folder: Path, api_version: Literal["current", "legacy"], partition: str
) -> list[dict[str, Any]]:
    """Ingest a day of the sandbox in New York, and return the rows of the view."""
    lake, day = lake_at(folder), exact_day(date.fromisoformat(partition), ZoneInfo("America/New_York"))
    with (
        Sandbox(
            seed=7, calls_per_day=40, first_day=date(2024, 11, 1), now=lambda: NOW, api_version=api_version
        ) as account,
        Client(
            account.base_url,
            KeyPair(account.public_key, account.private_key),
            ClientOptions(requests_per_second=0),
        ) as client,
    ):
        ingest_calls(client, lake, day)
        ingest_stats(client, lake, day, ["status"], minutes=360, now=datetime.now(UTC))
        ingest_reports(client, lake, day, REPORTS)
    rows = query(lake, "FROM reconciliation", time_zone="America/New_York")
    assert len(rows) > 40
    assert sum(row["api_value"] for row in rows if row["figure"] == "revenue") > 0
    return rows
