"""What passes each check, and the violations that each finds, on days that are written by hand."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from trackdrive_assets.api.catalog import STATUSES
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.quality.check import CheckResult
from trackdrive_assets.quality.checks import checks, run_checks
from trackdrive_assets.quality.file_checks import last_due
from trackdrive_assets.settings import Settings
from trackdrive_assets.tables.columns import CALLS, REPORTS

SETTINGS = Settings(time_zone="America/New_York")
DAY = date(2024, 6, 19)
NOON = datetime(2024, 6, 19, 16, tzinfo=UTC)
NEXT_MORNING = NOON + timedelta(hours=18)

CALL_CHECKS = sorted(checks().keys() - {"yesterday_loaded"})
"""Every check except the one that depends on the clock."""


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path)


def run(lake: Lake, name: str, *days: date, settings: Settings = SETTINGS) -> CheckResult:
    """Run a check on `DAY`, or on other days."""
    ((_, result),) = run_checks([name], lake, settings, days or [DAY])
    assert all(checks()[name].message(code) for code in codes(result))
    return result


def codes(result: CheckResult) -> list[str]:
    """Return the codes of the violations."""
    return [violation.code for violation in result.violations]


def shown(result: CheckResult, *names: str) -> list[tuple[object, ...]]:
    """Return some columns of all violations."""
    return [tuple(row[name] for name in names) for row in result.rows.to_pylist()]


def a_call(number: int = 1, **fields: object) -> dict[str, object]:
    """Return an unanswered call. `fields` are those that matter."""
    return {
        "uuid": f"call-{number}",
        "created_at": NOON,
        "ended_at": NOON + timedelta(minutes=1),
        "status": "no-answer",
        "buyer_converted": False,
        "traffic_source_converted": False,
        "total_duration": 60.0,
    } | fields


def a_sale(number: int, revenue: str | None, payout: str | None, **fields: object) -> dict[str, object]:
    """Return a call that converted for both sides."""
    return a_call(
        number,
        status="finished",
        buyer_id=7,
        buyer_converted=True,
        traffic_source_converted=True,
        revenue=revenue and Decimal(revenue),
        payout=payout and Decimal(payout),
        **fields,
    )


def write_calls(
    lake: Lake,
    calls: Sequence[Mapping[str, object]],
    *,
    day: date = DAY,
    fetched_at: datetime | None = None,
    counted: int | None = None,
    schema: pa.Schema = CALLS.schema,
) -> None:
    """Store a day. By default, it was fetched on the next morning."""
    with lake.replace("calls", schema, day, fetched_at=fetched_at or NEXT_MORNING + (day - DAY)) as writer:
        writer.api_count = counted
        writer.write(pa.RecordBatch.from_pylist(list(calls), schema=schema))


def test_a_day_without_a_file_violates_every_check(lake: Lake) -> None:
    for _, result in run_checks(CALL_CHECKS, lake, SETTINGS, [DAY]):
        assert not result.passed
        assert shown(result, "date", "violation") == [(DAY, "file_missing")]


def test_an_unreadable_file_violates_every_check(lake: Lake) -> None:
    write_calls(lake, [a_call()])
    lake.file("calls", DAY).write_bytes(b"no Parquet")
    for _, result in run_checks(CALL_CHECKS, lake, SETTINGS, [DAY]):
        (violation,) = result.violations
        assert (violation.code, violation.fails, violation.days) == ("file_unreadable", True, [DAY])
        assert str(lake.file("calls", DAY)) in result.rows["error"][0].as_py()


def test_a_damaged_file_of_an_earlier_week_does_not_violate_this_day(lake: Lake) -> None:
    write_calls(lake, [a_call()])
    write_calls(lake, [a_call()], day=DAY - timedelta(days=7))
    lake.file("calls", DAY - timedelta(days=7)).write_bytes(b"no Parquet")
    assert run(lake, "volume_in_expected_range").passed
    assert run(lake, "uuid_unique").passed


def test_a_file_with_a_damaged_middle_is_unreadable(lake: Lake) -> None:
    write_calls(lake, [a_call(number) for number in range(500)])
    file = lake.file("calls", DAY)
    whole = file.read_bytes()
    file.write_bytes(whole[:4] + bytes(3000) + whole[3004:])
    assert codes(run(lake, "uuid_unique")) == ["file_unreadable"]


def test_only_the_given_days_are_checked(lake: Lake) -> None:
    for number in range(3):
        day = DAY + timedelta(days=number)
        write_calls(lake, [a_call(number, created_at=NOON, total_duration=-1.0)], day=day)
    result = run(lake, "durations_not_negative", DAY, DAY + timedelta(days=1))
    assert shown(result, "uuid") == [("call-0",), ("call-1",)]
    (violation,) = result.violations
    assert (violation.row_count, violation.days) == (2, [DAY, DAY + timedelta(days=1)])


def test_checks_of_no_days_pass(lake: Lake) -> None:
    for _, result in run_checks(CALL_CHECKS, lake, SETTINGS, []):
        assert result.passed


# The calls themselves


def test_a_uuid_is_unique_in_its_day(lake: Lake) -> None:
    write_calls(lake, [a_call(1), a_call(1), a_call(2)])
    assert shown(run(lake, "uuid_unique"), "date", "uuid", "times") == [(DAY, "call-1", 2)]


def test_a_call_is_created_inside_its_day_on_the_accounts_clock(lake: Lake) -> None:
    first, end = datetime(2024, 6, 19, 4, tzinfo=UTC), datetime(2024, 6, 20, 4, tzinfo=UTC)
    tick = timedelta(microseconds=1)
    instants = [first - tick, first, end - tick, end]
    write_calls(lake, [a_call(number, created_at=instant) for number, instant in enumerate(instants)])
    assert shown(run(lake, "created_at_in_partition"), "uuid") == [("call-0",), ("call-3",)]


@pytest.mark.parametrize(
    ("zone", "day", "first", "end"),
    [
        ("America/New_York", date(2024, 11, 3), "2024-11-03T04:00Z", "2024-11-04T05:00Z"),
        # Midnight is skipped; midnight comes twice.
        ("America/Santiago", date(2024, 9, 8), "2024-09-08T04:00Z", "2024-09-09T03:00Z"),
        ("America/Havana", date(2024, 11, 3), "2024-11-03T04:00Z", "2024-11-04T05:00Z"),
    ],
)
def test_a_day_is_exact_when_clocks_change(lake: Lake, zone: str, day: date, first: str, end: str) -> None:
    tick = timedelta(microseconds=1)
    start, after = datetime.fromisoformat(first), datetime.fromisoformat(end)
    instants = [start - tick, start, after - tick, after]
    write_calls(lake, [a_call(number, created_at=at) for number, at in enumerate(instants)], day=day)
    result = run(lake, "created_at_in_partition", day, settings=Settings(time_zone=zone))
    assert shown(result, "uuid") == [("call-0",), ("call-3",)]


def test_a_duration_is_not_negative(lake: Lake) -> None:
    write_calls(
        lake, [a_call(1, hold_duration=-0.5), a_call(2, total_duration=0.0), a_call(3, total_duration=None)]
    )
    result = run(lake, "durations_not_negative")
    assert shown(result, "uuid", "total_duration", "hold_duration") == [("call-1", 60.0, -0.5)]


def test_a_call_does_not_end_before_it_is_created(lake: Lake) -> None:
    write_calls(
        lake,
        [a_call(1, ended_at=NOON - timedelta(seconds=1)), a_call(2, ended_at=NOON), a_call(3, ended_at=None)],
    )
    assert shown(run(lake, "ended_after_created"), "uuid") == [("call-1",)]


def test_a_conversion_has_an_amount(lake: Lake) -> None:
    write_calls(lake, [a_sale(1, "10", "5"), a_sale(2, None, "5"), a_sale(3, "10", "0"), a_call(4)])
    assert shown(run(lake, "conversions_are_paid"), "violation", "uuid") == [
        ("buyer_owes_nothing", "call-2"),
        ("source_is_owed_nothing", "call-3"),
    ]


def test_a_conversion_of_one_side_alone_passes(lake: Lake) -> None:
    write_calls(lake, [a_sale(1, "10.50", None) | {"traffic_source_converted": False}, a_sale(2, "10", "5")])
    assert run(lake, "conversions_are_paid").passed


@pytest.mark.parametrize("hidden", ["revenue", "payout"])
def test_hidden_amounts_are_reported_and_pass(lake: Lake, hidden: str) -> None:
    write_calls(lake, [a_sale(number, "10", "5") | {hidden: None} for number in range(3)])
    result = run(lake, "conversions_are_paid")
    assert result.passed
    assert codes(result) == ["amounts_hidden"]


def test_amounts_under_their_legacy_names_count(lake: Lake) -> None:
    legacy = {"buyer_revenue": Decimal(7), "traffic_source_payout": Decimal(3)}
    write_calls(lake, [a_sale(1, None, None) | legacy, a_sale(2, "1", "1")])
    assert run(lake, "conversions_are_paid").passed


def test_no_violation_shows_a_name_or_a_phone_number(lake: Lake) -> None:
    wrong = a_sale(1, "0", "0") | {
        "created_at": NOON + timedelta(days=2),
        "caller_number": "+17195550100",
        "connected_to": "+17195550101",
        "number_called": "+17195550102",
        "name": "+17195550103",
        "status": "teleported",
        "total_duration": -1.0,
        "tokens": [("phone", "+17195550104")],
        "extra": '{"second_number": "+17195550105"}',
    }
    write_calls(lake, [wrong, wrong], counted=3)
    results = dict(run_checks(CALL_CHECKS, lake, SETTINGS, [DAY]))
    assert sum(not result.passed for result in results.values()) == len(CALL_CHECKS) - 2
    for result in results.values():
        assert "719555" not in str(result.rows.to_pylist())


# The files


@pytest.mark.parametrize("counted", [2, 0])
def test_a_finished_day_has_as_many_calls_as_the_api_counted(lake: Lake, counted: int) -> None:
    write_calls(lake, [a_call()], counted=1)
    assert run(lake, "row_count_matches_api").violations == []
    write_calls(lake, [a_call()], counted=counted)
    result = run(lake, "row_count_matches_api")
    assert not result.passed
    assert shown(result, "rows", "api_count") == [(1, counted)]


def test_calls_may_come_in_during_the_fetch_of_an_unfinished_day(lake: Lake) -> None:
    write_calls(lake, [a_call()], counted=0, fetched_at=NOON)
    result = run(lake, "row_count_matches_api")
    assert result.passed
    assert codes(result) == ["calls_added_during_fetch"]


def test_an_unfinished_day_must_not_lack_counted_calls(lake: Lake) -> None:
    write_calls(lake, [a_call()], counted=2, fetched_at=NOON)
    assert not run(lake, "row_count_matches_api").passed


def test_a_day_that_the_api_did_not_count_is_reported_and_passes(lake: Lake) -> None:
    write_calls(lake, [a_call()], counted=None)
    result = run(lake, "row_count_matches_api")
    assert result.passed
    assert codes(result) == ["not_counted"]


def test_a_file_of_an_older_version_has_other_columns(lake: Lake) -> None:
    older = CALLS.schema.remove(CALLS.schema.get_field_index("hangup_cause"))
    older = older.set(older.get_field_index("revenue"), pa.field("revenue", pa.float64()))
    write_calls(lake, [a_call()], schema=older.append(pa.field("gone", pa.string())))
    result = run(lake, "schema_matches")
    assert codes(result) == ["column_differs"]
    assert shown(result, "column", "declared_type", "actual_type") == [
        ("revenue", "decimal128(18, 6)", "double"),
        ("hangup_cause", "string", "missing"),
        ("gone", "missing", "string"),
    ]


def test_a_file_of_this_version_matches_the_schema(lake: Lake) -> None:
    write_calls(lake, [a_call(tokens=[("state", "CO")])])
    assert run(lake, "schema_matches").violations == []


# The API's own figures


def write_report(
    lake: Lake, *, calls: int, revenue: str | None = "10", fetched_at: datetime = NEXT_MORNING
) -> None:
    """Store the API's report about the only buyer of the day."""
    row = {"group_value": "7", "calls": calls, "revenue": revenue and Decimal(revenue), "payout": Decimal(5)}
    with lake.replace("reports", REPORTS.schema, DAY, fetched_at=fetched_at, category="buyer_id") as writer:
        writer.write(pa.RecordBatch.from_pylist([row], schema=REPORTS.schema))


def test_a_matching_report_passes(lake: Lake) -> None:
    write_calls(lake, [a_sale(1, "10", "5")])
    write_report(lake, calls=1)
    assert run(lake, "matches_api_report_buyer_id").violations == []


def test_each_number_of_a_report_that_differs_is_a_violation(lake: Lake) -> None:
    write_calls(lake, [a_sale(1, "10", "5")])
    write_report(lake, calls=2, revenue="12.50")
    result = run(lake, "matches_api_report_buyer_id")
    assert not result.passed
    assert codes(result) == ["values_differ"]
    assert sorted(shown(result, "group_value", "figure", "calls_value", "api_value", "difference")) == [
        ("7", "calls", 1, 2, -1),
        ("7", "revenue", 10, Decimal("12.5"), Decimal("-2.5")),
    ]


def test_totals_fetched_at_another_time_are_reported_and_pass(lake: Lake) -> None:
    write_calls(lake, [a_sale(1, "10", "5")])
    write_report(lake, calls=2, fetched_at=NEXT_MORNING + timedelta(days=3))
    result = run(lake, "matches_api_report_buyer_id")
    assert result.passed
    assert codes(result) == ["fetched_apart"]


def test_a_missing_report_fails(lake: Lake) -> None:
    write_calls(lake, [a_sale(1, "10", "5")])
    result = run(lake, "matches_api_report_buyer_id")
    assert not result.passed
    assert codes(result) == ["api_file_missing"]


def test_a_violation_names_the_side_that_lacks_a_number(lake: Lake) -> None:
    write_calls(lake, [a_sale(1, "10", "5")])
    write_report(lake, calls=1, revenue=None)
    assert codes(run(lake, "matches_api_report_buyer_id")) == ["api_value_missing"]
    write_calls(lake, [a_sale(1, None, "5")])
    write_report(lake, calls=1)
    assert codes(run(lake, "matches_api_report_buyer_id")) == ["calls_value_missing"]


@pytest.mark.parametrize("source", ["stats", "report_offer_id", "report_traffic_source_id"])
def test_each_source_has_a_check_of_its_own(lake: Lake, source: str) -> None:
    write_calls(lake, [a_sale(1, "10", "5")])
    write_report(lake, calls=1)
    assert codes(run(lake, f"matches_api_{source}")) == ["api_file_missing"]


# How many calls


def calls_at(count: int, day: date, *, hour: int) -> list[dict[str, object]]:
    """Return `count` calls of a summer day, at an hour in New York."""
    at = datetime(day.year, day.month, day.day, hour + 4, tzinfo=UTC)
    return [a_call(number, created_at=at) for number in range(count)]


@pytest.mark.parametrize(
    ("counts", "code"),
    [
        ([100, 100, 100, 100, 100], ""),
        ([61, 100, 100, 100, 100], ""),
        ([59, 100, 100, 100, 100], "too_few_calls"),
        ([60, 120, 80, 120, 80], ""),
        ([166, 100, 100, 100, 100], ""),
        ([167, 100, 100, 100, 100], "too_many_calls"),
        # Few calls vary by chance.
        ([0, 4], ""),
        ([0, 5], "too_few_calls"),
        ([2, 9], ""),
        ([1, 9], "too_few_calls"),
        ([4, 1, 1], ""),
    ],
)
def test_a_day_is_compared_with_the_same_weekday_of_four_weeks(
    lake: Lake, counts: list[int], code: str
) -> None:
    for weeks, count in enumerate(counts):
        day = DAY - timedelta(weeks=weeks)
        write_calls(lake, calls_at(count, day, hour=12), day=day)
    result = run(lake, "volume_in_expected_range")
    assert result.passed == (not code)
    assert codes(result) == ([code] if code else [])
    if code:
        assert shown(result, "calls", "mean_of_weeks_before", "weeks_compared") == [
            (counts[0], counts[1], len(counts) - 1)
        ]


def test_other_weekdays_and_older_weeks_do_not_count(lake: Lake) -> None:
    for days_before in (0, 1, 6, 8, 35):
        day = DAY - timedelta(days=days_before)
        write_calls(lake, calls_at(100 if days_before else 5, day, hour=12), day=day)
    result = run(lake, "volume_in_expected_range", DAY - timedelta(days=35), DAY)
    assert result.passed
    assert codes(result) == ["nothing_to_compare"]
    assert (DAY, 0) in shown(result, "date", "weeks_compared")


def test_an_unfinished_day_is_compared_up_to_the_same_time(lake: Lake) -> None:
    before = DAY - timedelta(weeks=1)
    write_calls(lake, calls_at(30, before, hour=10) + calls_at(70, before, hour=14), day=before)
    write_calls(lake, calls_at(30, DAY, hour=10), fetched_at=NOON)
    assert run(lake, "volume_in_expected_range").violations == []
    write_calls(lake, calls_at(30, DAY, hour=10), fetched_at=NEXT_MORNING)
    assert not run(lake, "volume_in_expected_range").passed


def test_the_same_time_is_on_the_accounts_clock_even_after_it_changed(lake: Lake) -> None:
    after, before = date(2024, 11, 5), date(2024, 10, 29)
    eleven_before, eleven_after = (
        datetime(2024, 10, 29, 15, tzinfo=UTC),
        datetime(2024, 11, 5, 16, tzinfo=UTC),
    )
    write_calls(lake, [a_call(n, created_at=eleven_before) for n in range(50)], day=before)
    write_calls(lake, [], day=after, fetched_at=eleven_after - timedelta(minutes=1))
    assert run(lake, "volume_in_expected_range", after).passed
    write_calls(lake, [], day=after, fetched_at=eleven_after + timedelta(minutes=1))
    assert not run(lake, "volume_in_expected_range", after).passed


def test_a_half_fetched_day_of_an_earlier_week_is_not_compared(lake: Lake) -> None:
    before = DAY - timedelta(weeks=1)
    write_calls(lake, calls_at(10, before, hour=9), day=before, fetched_at=NOON - timedelta(weeks=1))
    write_calls(lake, calls_at(100, DAY, hour=12))
    assert codes(run(lake, "volume_in_expected_range")) == ["nothing_to_compare"]


# Undocumented values


def test_an_undocumented_status_or_column_is_shown_with_an_example(lake: Lake) -> None:
    write_calls(
        lake,
        [
            a_call(1, status="teleported"),
            a_call(2, status="teleported"),
            a_call(3, extra='{"mood": "good", "weather": {"rain": true}}'),
        ],
    )
    result = run(lake, "no_undocumented_values")
    assert not result.passed
    assert sorted(shown(result, "name", "calls", "uuid")) == [
        ("mood", 1, "call-3"),
        ("teleported", 2, "call-1"),
        ("weather", 1, "call-3"),
    ]


@pytest.mark.parametrize(("days_before", "known"), [(1, True), (28, True), (29, False), (-1, False)])
def test_a_value_of_the_four_weeks_before_is_not_new(lake: Lake, days_before: int, *, known: bool) -> None:
    days = [DAY, DAY - timedelta(days=days_before)]
    for day in days:
        write_calls(lake, [a_call(status="teleported", extra='{"mood": "good"}')], day=day)
    new = shown(run(lake, "no_undocumented_values", *days), "date", "name")
    assert new.count((DAY, "teleported")) == new.count((DAY, "mood")) == (not known)


def test_documented_statuses_are_never_new(lake: Lake) -> None:
    write_calls(lake, [a_call(number, status=status) for number, status in enumerate(STATUSES)])
    assert run(lake, "no_undocumented_values").violations == []


# Yesterday


@pytest.mark.parametrize(
    ("hour_of_the_20th", "day"),
    [(0, date(2024, 6, 18)), (5.99, date(2024, 6, 18)), (6, date(2024, 6, 19)), (23.99, date(2024, 6, 19))],
)
def test_a_day_is_due_at_six_on_the_next_morning(hour_of_the_20th: float, day: date) -> None:
    midnight = datetime(2024, 6, 20, tzinfo=UTC)
    assert last_due(midnight + timedelta(hours=hour_of_the_20th)) == day


def store_recent_days(lake: Lake, *, fetched_after: timedelta) -> None:
    """Store the days that may be due on this machine's clock. New York's time is 5 hours behind UTC."""
    today = datetime.now(UTC).replace(hour=5, minute=0, second=0, microsecond=0)
    for start in (today - timedelta(days=before) for before in range(4)):
        write_calls(lake, [], day=start.date(), fetched_at=start + fetched_after)


def test_yesterday_is_loaded_if_it_was_fetched_after_its_end(lake: Lake) -> None:
    store_recent_days(lake, fetched_after=timedelta(hours=26))
    result = run(lake, "yesterday_loaded")
    assert result.violations == []
    assert len(result.days) == 1


def test_yesterday_is_not_loaded_if_it_was_fetched_before_its_end(lake: Lake) -> None:
    store_recent_days(lake, fetched_after=timedelta(hours=20))
    assert codes(run(lake, "yesterday_loaded")) == ["fetched_before_end"]


def test_a_missing_yesterday_fails_whatever_days_are_checked(lake: Lake) -> None:
    write_calls(lake, [a_call()])
    result = run(lake, "yesterday_loaded")
    assert not result.passed
    assert codes(result) == ["file_missing"]


def test_no_day_is_due_before_the_first_partition(lake: Lake) -> None:
    settings = Settings(start_date=datetime.now(UTC).date() + timedelta(days=1))
    assert run(lake, "yesterday_loaded", settings=settings).violations == []
