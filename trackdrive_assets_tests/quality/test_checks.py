"""What each question lets pass, and what it finds, on days that are written by hand."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from trackdrive_assets.api.catalog import STATUSES
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.quality.checks import Answer, answers, last_due, questions
from trackdrive_assets.settings import Settings
from trackdrive_assets.tables.columns import CALLS, REPORTS

SETTINGS = Settings(time_zone="America/New_York")
DAY = date(2024, 6, 19)
NOON = datetime(2024, 6, 19, 16, tzinfo=UTC)
NEXT_MORNING = NOON + timedelta(hours=18)

OF_CALLS = sorted(questions().keys() - {"yesterday_loaded"})
"""Every question but the one that asks the clock."""


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path)


def ask(lake: Lake, name: str, *days: date, settings: Settings = SETTINGS) -> Answer:
    """What is found on the day, or on other days."""
    ((_, answer),) = answers([name], lake, settings, days or [DAY])
    return answer


def says(answer: Answer) -> str:
    return " ".join(finding.says for finding in answer.findings)


def shown(answer: Answer, *names: str) -> list[tuple[object, ...]]:
    """These columns of everything found."""
    return [tuple(row[name] for name in names) for row in answer.rows.to_pylist()]


def a_call(number: int = 1, **fields: object) -> dict[str, object]:
    """A call that nobody answered; the fields that matter are given."""
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
    """A call that converted for both sides."""
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


def store(
    lake: Lake,
    calls: Sequence[Mapping[str, object]],
    *,
    day: date = DAY,
    fetched_at: datetime | None = None,
    counted: int | None = None,
    schema: pa.Schema = CALLS.schema,
) -> None:
    """Write a day by hand; read on the next morning, unless said otherwise."""
    with lake.replace("calls", schema, day, fetched_at=fetched_at or NEXT_MORNING + (day - DAY)) as writer:
        writer.api_count = counted
        writer.write(pa.RecordBatch.from_pylist(list(calls), schema=schema))


def test_a_day_without_a_file_is_a_finding_of_every_question(lake: Lake) -> None:
    for _, answer in answers(OF_CALLS, lake, SETTINGS, [DAY]):
        assert not answer.holds
        assert shown(answer, "date", "finding") == [
            (DAY, "The calls of this day have no file. Materialize its partition.")
        ]


def test_a_file_that_cannot_be_read_is_a_finding_of_every_question(lake: Lake) -> None:
    store(lake, [a_call()])
    lake.file("calls", DAY).write_bytes(b"no Parquet")
    for _, answer in answers(OF_CALLS, lake, SETTINGS, [DAY]):
        (finding,) = answer.findings
        assert finding.fails
        assert finding.days == [DAY]
        assert finding.says.startswith("A file cannot be read. Run its partition again.")


def test_a_damaged_file_of_the_weeks_before_is_no_finding_of_this_day(lake: Lake) -> None:
    store(lake, [a_call()])
    store(lake, [a_call()], day=DAY - timedelta(days=7))
    lake.file("calls", DAY - timedelta(days=7)).write_bytes(b"no Parquet")
    assert ask(lake, "volume_in_expected_range").holds
    assert ask(lake, "uuid_unique").holds


def test_a_file_whose_middle_is_damaged_is_a_finding(lake: Lake) -> None:
    store(lake, [a_call(number) for number in range(500)])
    file = lake.file("calls", DAY)
    whole = file.read_bytes()
    file.write_bytes(whole[:4] + bytes(3000) + whole[3004:])
    assert "A file cannot be read. Run its partition again." in says(ask(lake, "uuid_unique"))


def test_only_the_days_asked_about_are_looked_at(lake: Lake) -> None:
    for number in range(3):
        day = DAY + timedelta(days=number)
        store(lake, [a_call(number, created_at=NOON, total_duration=-1.0)], day=day)
    answer = ask(lake, "durations_not_negative", DAY, DAY + timedelta(days=1))
    assert shown(answer, "uuid") == [("call-0",), ("call-1",)]
    (finding,) = answer.findings
    assert (finding.rows, finding.days) == (2, [DAY, DAY + timedelta(days=1)])


def test_no_days_and_no_lake_hold(lake: Lake) -> None:
    for _, answer in answers(OF_CALLS, lake, SETTINGS, []):
        assert answer.holds


# The calls themselves


def test_a_uuid_stands_once(lake: Lake) -> None:
    store(lake, [a_call(1), a_call(1), a_call(2)])
    assert shown(ask(lake, "uuid_unique"), "date", "uuid", "times") == [(DAY, "call-1", 2)]


def test_a_call_is_created_inside_its_day_of_the_accounts_zone(lake: Lake) -> None:
    first, end = datetime(2024, 6, 19, 4, tzinfo=UTC), datetime(2024, 6, 20, 4, tzinfo=UTC)
    tick = timedelta(microseconds=1)
    instants = [first - tick, first, end - tick, end]
    store(lake, [a_call(number, created_at=instant) for number, instant in enumerate(instants)])
    assert shown(ask(lake, "created_at_in_partition"), "uuid") == [("call-0",), ("call-3",)]


@pytest.mark.parametrize(
    ("zone", "day", "first", "end"),
    [
        ("America/New_York", date(2024, 11, 3), "2024-11-03T04:00Z", "2024-11-04T05:00Z"),
        # Midnight is skipped; midnight comes twice.
        ("America/Santiago", date(2024, 9, 8), "2024-09-08T04:00Z", "2024-09-09T03:00Z"),
        ("America/Havana", date(2024, 11, 3), "2024-11-03T04:00Z", "2024-11-04T05:00Z"),
    ],
)
def test_the_day_is_exact_when_the_clock_is_changed(
    lake: Lake, zone: str, day: date, first: str, end: str
) -> None:
    tick = timedelta(microseconds=1)
    start, after = datetime.fromisoformat(first), datetime.fromisoformat(end)
    instants = [start - tick, start, after - tick, after]
    store(lake, [a_call(number, created_at=at) for number, at in enumerate(instants)], day=day)
    answer = ask(lake, "created_at_in_partition", day, settings=Settings(time_zone=zone))
    assert shown(answer, "uuid") == [("call-0",), ("call-3",)]


def test_a_duration_is_not_negative(lake: Lake) -> None:
    store(
        lake, [a_call(1, hold_duration=-0.5), a_call(2, total_duration=0.0), a_call(3, total_duration=None)]
    )
    answer = ask(lake, "durations_not_negative")
    assert shown(answer, "uuid", "total_duration", "hold_duration") == [("call-1", 60.0, -0.5)]


def test_a_call_does_not_end_before_it_is_created(lake: Lake) -> None:
    store(
        lake,
        [a_call(1, ended_at=NOON - timedelta(seconds=1)), a_call(2, ended_at=NOON), a_call(3, ended_at=None)],
    )
    assert shown(ask(lake, "ended_after_created"), "uuid") == [("call-1",)]


def test_who_converted_has_an_amount(lake: Lake) -> None:
    store(lake, [a_sale(1, "10", "5"), a_sale(2, None, "5"), a_sale(3, "10", "0"), a_call(4)])
    assert shown(ask(lake, "conversions_are_paid"), "finding", "uuid") == [
        ("The buyer converted and owes nothing.", "call-2"),
        ("The traffic source converted and is owed nothing.", "call-3"),
    ]


def test_a_sale_for_one_side_alone_is_in_order(lake: Lake) -> None:
    store(lake, [a_sale(1, "10.50", None) | {"traffic_source_converted": False}, a_sale(2, "10", "5")])
    assert ask(lake, "conversions_are_paid").holds


@pytest.mark.parametrize("hidden", ["revenue", "payout"])
def test_amounts_that_the_account_may_not_see_are_not_missing(lake: Lake, hidden: str) -> None:
    store(lake, [a_sale(number, "10", "5") | {hidden: None} for number in range(3)])
    answer = ask(lake, "conversions_are_paid")
    assert answer.holds
    assert "nothing can be said" in says(answer)


def test_the_older_names_of_amounts_count(lake: Lake) -> None:
    older = {"buyer_revenue": Decimal(7), "traffic_source_payout": Decimal(3)}
    store(lake, [a_sale(1, None, None) | older, a_sale(2, "1", "1")])
    assert ask(lake, "conversions_are_paid").holds


def test_what_is_shown_names_nobody(lake: Lake) -> None:
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
    store(lake, [wrong, wrong], counted=3)
    told = dict(answers(OF_CALLS, lake, SETTINGS, [DAY]))
    assert sum(not answer.holds for answer in told.values()) == len(OF_CALLS) - 2
    for answer in told.values():
        assert "719555" not in str(answer.rows.to_pylist())


# The files


@pytest.mark.parametrize("counted", [2, 0])
def test_a_day_of_the_past_holds_what_the_api_counted(lake: Lake, counted: int) -> None:
    store(lake, [a_call()], counted=1)
    assert ask(lake, "row_count_matches_api").findings == []
    store(lake, [a_call()], counted=counted)
    answer = ask(lake, "row_count_matches_api")
    assert not answer.holds
    assert shown(answer, "rows", "api_count") == [(1, counted)]


def test_calls_may_come_in_while_a_day_that_goes_on_is_read(lake: Lake) -> None:
    store(lake, [a_call()], counted=0, fetched_at=NOON)
    answer = ask(lake, "row_count_matches_api")
    assert answer.holds
    assert "Calls came in while the day was read" in says(answer)


def test_none_may_be_missing_of_a_day_that_goes_on(lake: Lake) -> None:
    store(lake, [a_call()], counted=2, fetched_at=NOON)
    assert not ask(lake, "row_count_matches_api").holds


def test_a_day_that_the_api_did_not_count_is_told_and_holds(lake: Lake) -> None:
    store(lake, [a_call()], counted=None)
    answer = ask(lake, "row_count_matches_api")
    assert answer.holds
    assert "The API did not count the calls of the day" in says(answer)


def test_a_file_of_an_older_version_is_to_be_read_again(lake: Lake) -> None:
    older = CALLS.schema.remove(CALLS.schema.get_field_index("hangup_cause"))
    older = older.set(older.get_field_index("revenue"), pa.field("revenue", pa.float64()))
    store(lake, [a_call()], schema=older.append(pa.field("gone", pa.string())))
    answer = ask(lake, "schema_matches")
    assert "Run the partition again." in says(answer)
    assert shown(answer, "column", "declared", "found") == [
        ("revenue", "decimal128(18, 6)", "double"),
        ("hangup_cause", "string", "nowhere"),
        ("gone", "nowhere", "string"),
    ]


def test_a_file_of_this_version_is_as_declared(lake: Lake) -> None:
    store(lake, [a_call(tokens=[("state", "CO")])])
    assert ask(lake, "schema_matches").findings == []


# The API's own figures


def report(
    lake: Lake, *, calls: int, revenue: str | None = "10", fetched_at: datetime = NEXT_MORNING
) -> None:
    """The API's report on the one buyer of the day."""
    row = {"group_value": "7", "calls": calls, "revenue": revenue and Decimal(revenue), "payout": Decimal(5)}
    with lake.replace("reports", REPORTS.schema, DAY, fetched_at=fetched_at, category="buyer_id") as writer:
        writer.write(pa.RecordBatch.from_pylist([row], schema=REPORTS.schema))


def test_a_report_that_agrees_is_not_told_of(lake: Lake) -> None:
    store(lake, [a_sale(1, "10", "5")])
    report(lake, calls=1)
    assert ask(lake, "matches_api_report_buyer_id").findings == []


def test_a_report_that_differs_is_shown_figure_by_figure(lake: Lake) -> None:
    store(lake, [a_sale(1, "10", "5")])
    report(lake, calls=2, revenue="12.50")
    answer = ask(lake, "matches_api_report_buyer_id")
    assert not answer.holds
    assert "The calls and reports/buyer_id differ" in says(answer)
    assert sorted(shown(answer, "group_value", "figure", "calls_value", "api_value", "difference")) == [
        ("7", "calls", 1, 2, -1),
        ("7", "revenue", 10, Decimal("12.5"), Decimal("-2.5")),
    ]


def test_figures_that_were_read_at_another_moment_are_told_and_hold(lake: Lake) -> None:
    store(lake, [a_sale(1, "10", "5")])
    report(lake, calls=2, fetched_at=NEXT_MORNING + timedelta(days=3))
    answer = ask(lake, "matches_api_report_buyer_id")
    assert answer.holds
    assert "differ, but were read at another moment" in says(answer)


def test_a_report_that_is_missing_cannot_be_read(lake: Lake) -> None:
    store(lake, [a_sale(1, "10", "5")])
    answer = ask(lake, "matches_api_report_buyer_id")
    assert not answer.holds
    assert "reports/buyer_id cannot be read: the day has no file." in says(answer)


def test_a_number_that_one_side_hides_is_told_apart(lake: Lake) -> None:
    store(lake, [a_sale(1, "10", "5")])
    report(lake, calls=1, revenue=None)
    assert "reports/buyer_id has no such figure" in says(ask(lake, "matches_api_report_buyer_id"))
    store(lake, [a_sale(1, None, "5")])
    report(lake, calls=1)
    assert "The calls have no such figure" in says(ask(lake, "matches_api_report_buyer_id"))


@pytest.mark.parametrize("source", ["stats", "report_offer_id", "report_traffic_source_id"])
def test_each_source_is_asked_for_itself(lake: Lake, source: str) -> None:
    store(lake, [a_sale(1, "10", "5")])
    report(lake, calls=1)
    assert "cannot be read: the day has no file." in says(ask(lake, f"matches_api_{source}"))


# How many calls


def calls_at(count: int, day: date, *, hour: int) -> list[dict[str, object]]:
    """So many calls of a summer's day, at an hour of New York."""
    at = datetime(day.year, day.month, day.day, hour + 4, tzinfo=UTC)
    return [a_call(number, created_at=at) for number in range(count)]


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ([100, 100, 100, 100, 100], ""),
        ([61, 100, 100, 100, 100], ""),
        ([59, 100, 100, 100, 100], "Far fewer calls than"),
        ([60, 120, 80, 120, 80], ""),
        ([166, 100, 100, 100, 100], ""),
        ([167, 100, 100, 100, 100], "Far more calls than"),
        # Few calls vary by chance.
        ([0, 4], ""),
        ([0, 5], "Far fewer calls than"),
        ([2, 9], ""),
        ([1, 9], "Far fewer calls than"),
        ([4, 1, 1], ""),
    ],
)
def test_a_day_is_held_to_the_same_weekday_of_four_weeks(lake: Lake, counts: list[int], told: str) -> None:
    for weeks, count in enumerate(counts):
        day = DAY - timedelta(weeks=weeks)
        store(lake, calls_at(count, day, hour=12), day=day)
    answer = ask(lake, "volume_in_expected_range")
    assert answer.holds == (not told)
    assert told in says(answer)
    if told:
        assert shown(answer, "calls", "mean_of_weeks_before", "weeks_compared") == [
            (counts[0], counts[1], len(counts) - 1)
        ]


def test_other_weekdays_and_older_weeks_do_not_count(lake: Lake) -> None:
    for days_before in (0, 1, 6, 8, 35):
        day = DAY - timedelta(days=days_before)
        store(lake, calls_at(100 if days_before else 5, day, hour=12), day=day)
    answer = ask(lake, "volume_in_expected_range", DAY - timedelta(days=35), DAY)
    assert answer.holds
    assert "There is nothing to compare with" in says(answer)
    assert (DAY, 0) in shown(answer, "date", "weeks_compared")


def test_a_day_that_goes_on_is_compared_up_to_the_same_time(lake: Lake) -> None:
    before = DAY - timedelta(weeks=1)
    store(lake, calls_at(30, before, hour=10) + calls_at(70, before, hour=14), day=before)
    store(lake, calls_at(30, DAY, hour=10), fetched_at=NOON)
    assert ask(lake, "volume_in_expected_range").findings == []
    store(lake, calls_at(30, DAY, hour=10), fetched_at=NEXT_MORNING)
    assert not ask(lake, "volume_in_expected_range").holds


def test_the_same_time_is_the_accounts_also_after_the_clock_was_changed(lake: Lake) -> None:
    after, before = date(2024, 11, 5), date(2024, 10, 29)
    eleven_before, eleven_after = (
        datetime(2024, 10, 29, 15, tzinfo=UTC),
        datetime(2024, 11, 5, 16, tzinfo=UTC),
    )
    store(lake, [a_call(n, created_at=eleven_before) for n in range(50)], day=before)
    store(lake, [], day=after, fetched_at=eleven_after - timedelta(minutes=1))
    assert ask(lake, "volume_in_expected_range", after).holds
    store(lake, [], day=after, fetched_at=eleven_after + timedelta(minutes=1))
    assert not ask(lake, "volume_in_expected_range", after).holds


def test_a_week_before_that_was_read_half_is_nothing_to_compare_with(lake: Lake) -> None:
    before = DAY - timedelta(weeks=1)
    store(lake, calls_at(10, before, hour=9), day=before, fetched_at=NOON - timedelta(weeks=1))
    store(lake, calls_at(100, DAY, hour=12))
    assert "There is nothing to compare with" in says(ask(lake, "volume_in_expected_range"))


# What nobody documented


def test_an_undocumented_status_or_column_is_told_with_an_example(lake: Lake) -> None:
    store(
        lake,
        [
            a_call(1, status="teleported"),
            a_call(2, status="teleported"),
            a_call(3, extra='{"mood": "good", "weather": {"rain": true}}'),
        ],
    )
    answer = ask(lake, "no_undocumented_values")
    assert not answer.holds
    assert sorted(shown(answer, "name", "calls", "uuid")) == [
        ("mood", 1, "call-3"),
        ("teleported", 2, "call-1"),
        ("weather", 1, "call-3"),
    ]


@pytest.mark.parametrize(("days_before", "known"), [(1, True), (28, True), (29, False), (-1, False)])
def test_what_was_seen_in_the_four_weeks_before_is_known(
    lake: Lake, days_before: int, *, known: bool
) -> None:
    days = [DAY, DAY - timedelta(days=days_before)]
    for day in days:
        store(lake, [a_call(status="teleported", extra='{"mood": "good"}')], day=day)
    new = shown(ask(lake, "no_undocumented_values", *days), "date", "name")
    assert new.count((DAY, "teleported")) == new.count((DAY, "mood")) == (not known)


def test_documented_statuses_are_never_new(lake: Lake) -> None:
    store(lake, [a_call(number, status=status) for number, status in enumerate(STATUSES)])
    assert ask(lake, "no_undocumented_values").findings == []


# What is due


@pytest.mark.parametrize(
    ("hour_of_the_20th", "day"),
    [(0, date(2024, 6, 18)), (5.99, date(2024, 6, 18)), (6, date(2024, 6, 19)), (23.99, date(2024, 6, 19))],
)
def test_a_day_is_due_at_six_in_the_morning_after_it(hour_of_the_20th: float, day: date) -> None:
    midnight = datetime(2024, 6, 20, tzinfo=UTC)
    assert last_due(midnight + timedelta(hours=hour_of_the_20th)) == day


def store_recent_days(lake: Lake, *, read_after: timedelta) -> None:
    """The days that may be due by this machine's clock, each read so long after it began in New York."""
    today = datetime.now(UTC).replace(hour=5, minute=0, second=0, microsecond=0)
    for start in (today - timedelta(days=before) for before in range(4)):
        store(lake, [], day=start.date(), fetched_at=start + read_after)


def test_yesterday_is_there_when_it_was_read_after_its_end(lake: Lake) -> None:
    store_recent_days(lake, read_after=timedelta(hours=26))
    answer = ask(lake, "yesterday_loaded")
    assert answer.findings == []
    assert len(answer.days) == 1


def test_yesterday_is_not_there_when_it_was_only_read_while_it_went_on(lake: Lake) -> None:
    store_recent_days(lake, read_after=timedelta(hours=20))
    assert "last read while it went on" in says(ask(lake, "yesterday_loaded"))


def test_yesterday_is_missed_whatever_days_are_asked_about(lake: Lake) -> None:
    store(lake, [a_call()])
    answer = ask(lake, "yesterday_loaded")
    assert not answer.holds
    assert "have no file" in says(answer)


def test_nothing_is_due_before_the_first_partition(lake: Lake) -> None:
    settings = Settings(start_date=datetime.now(UTC).date() + timedelta(days=1))
    assert ask(lake, "yesterday_loaded", settings=settings).findings == []
