"""The checks of the calls that are queries: what passes, and the violations that they find."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from trackdrive_assets.api.catalog import STATUSES
from trackdrive_assets.lake.sql_catalog import Query
from trackdrive_assets.lake.store import ClaimedLake
from trackdrive_assets.quality.catalog import check_of
from trackdrive_assets.settings import Settings
from trackdrive_assets_tests.quality.support import (
    DAY,
    NOON,
    a_call,
    a_sale,
    codes,
    run,
    shown,
    write_calls,
)
from trackdrive_assets_tests.support.factories import lake_at


def test_a_uuid_is_unique_in_its_day(lake: ClaimedLake) -> None:
    write_calls(lake, [a_call(1), a_call(1), a_call(2)])
    assert shown(run(lake, "uuid_unique"), "date", "uuid", "times") == [(DAY, "call-1", 2)]


def test_a_call_is_created_inside_its_day_on_the_accounts_clock(lake: ClaimedLake) -> None:
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
def test_a_day_is_exact_when_clocks_change(
    tmp_path: Path, zone: str, day: date, first: str, end: str
) -> None:
    lake = lake_at(tmp_path, zone)
    tick = timedelta(microseconds=1)
    start, after = datetime.fromisoformat(first), datetime.fromisoformat(end)
    instants = [start - tick, start, after - tick, after]
    write_calls(lake, [a_call(number, created_at=at) for number, at in enumerate(instants)], day=day)
    result = run(lake, "created_at_in_partition", day, settings=Settings(time_zone=zone))
    assert shown(result, "uuid") == [("call-0",), ("call-3",)]


def test_a_duration_is_not_negative(lake: ClaimedLake) -> None:
    write_calls(
        lake, [a_call(1, hold_duration=-0.5), a_call(2, total_duration=0.0), a_call(3, total_duration=None)]
    )
    result = run(lake, "durations_not_negative")
    assert shown(result, "uuid", "total_duration", "hold_duration") == [("call-1", 60.0, -0.5)]


def test_a_call_does_not_end_before_it_is_created(lake: ClaimedLake) -> None:
    write_calls(
        lake,
        [a_call(1, ended_at=NOON - timedelta(seconds=1)), a_call(2, ended_at=NOON), a_call(3, ended_at=None)],
    )
    assert shown(run(lake, "ended_after_created"), "uuid") == [("call-1",)]


def test_a_conversion_has_an_amount(lake: ClaimedLake) -> None:
    write_calls(lake, [a_sale(1, "10", "5"), a_sale(2, None, "5"), a_sale(3, "10", "0"), a_call(4)])
    assert shown(run(lake, "conversions_are_paid"), "violation", "uuid") == [
        ("buyer_owes_nothing", "call-2"),
        ("source_is_owed_nothing", "call-3"),
    ]


def test_a_conversion_of_one_side_alone_passes(lake: ClaimedLake) -> None:
    write_calls(lake, [a_sale(1, "10.50", None) | {"traffic_source_converted": False}, a_sale(2, "10", "5")])
    assert run(lake, "conversions_are_paid").passed


@pytest.mark.parametrize("hidden", ["revenue", "payout"])
def test_hidden_amounts_are_reported_and_pass(lake: ClaimedLake, hidden: str) -> None:
    write_calls(lake, [a_sale(number, "10", "5") | {hidden: None} for number in range(3)])
    result = run(lake, "conversions_are_paid")
    assert result.passed
    assert codes(result) == ["amounts_hidden"]


def test_amounts_under_their_legacy_names_count(lake: ClaimedLake) -> None:
    legacy = {"buyer_revenue": Decimal(7), "traffic_source_payout": Decimal(3)}
    write_calls(lake, [a_sale(1, None, None) | legacy, a_sale(2, "1", "1")])
    assert run(lake, "conversions_are_paid").passed


# row_count_matches_api


@pytest.mark.parametrize("counted", [2, 0])
def test_a_finished_day_has_as_many_calls_as_the_api_counted(lake: ClaimedLake, counted: int) -> None:
    write_calls(lake, [a_call()], counted=1)
    assert run(lake, "row_count_matches_api").violations == []
    write_calls(lake, [a_call()], counted=counted)
    result = run(lake, "row_count_matches_api")
    assert not result.passed
    assert shown(result, "rows", "api_count") == [(1, counted)]


def test_calls_may_come_in_during_the_fetch_of_an_unfinished_day(lake: ClaimedLake) -> None:
    write_calls(lake, [a_call()], counted=0, fetched_at=NOON)
    result = run(lake, "row_count_matches_api")
    assert result.passed
    assert codes(result) == ["calls_added_during_fetch"]


def test_an_unfinished_day_must_not_lack_counted_calls(lake: ClaimedLake) -> None:
    write_calls(lake, [a_call()], counted=2, fetched_at=NOON)
    assert not run(lake, "row_count_matches_api").passed


def test_a_day_that_the_api_did_not_count_is_reported_and_passes(lake: ClaimedLake) -> None:
    write_calls(lake, [a_call()], counted=None)
    result = run(lake, "row_count_matches_api")
    assert result.passed
    assert codes(result) == ["not_counted"]


# no_undocumented_values


def test_an_undocumented_status_or_column_is_shown_with_an_example(lake: ClaimedLake) -> None:
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


def test_an_undocumented_word_of_a_flag_is_shown_with_an_example(lake: ClaimedLake) -> None:
    word = '{"buyer_converted": "Duplicate"}'
    write_calls(lake, [a_call(1, extra=word), a_call(2, extra=word), a_call(3, extra='{"a\\"b": 1}')])
    assert sorted(shown(run(lake, "no_undocumented_values"), "violation", "name", "calls", "uuid")) == [
        ("undocumented_column", 'a"b', 1, "call-3"),
        ("undocumented_word", "buyer_converted: Duplicate", 2, "call-1"),
    ]


def test_a_number_that_is_too_large_does_not_break_the_check(lake: ClaimedLake) -> None:
    write_calls(lake, [a_call(1, extra='{"a":"1e500000000","b":1e99,"c":123456789012345678901234567890}')])
    assert sorted(shown(run(lake, "no_undocumented_values"), "name")) == [("a",), ("b",), ("c",)]


@pytest.mark.parametrize(("days_before", "known"), [(1, True), (28, True), (29, False), (-1, False)])
def test_a_value_of_the_four_weeks_before_is_not_new(
    lake: ClaimedLake, days_before: int, *, known: bool
) -> None:
    days = [DAY, DAY - timedelta(days=days_before)]
    for day in days:
        write_calls(lake, [a_call(status="teleported", extra='{"mood": "good"}')], day=day)
    new = shown(run(lake, "no_undocumented_values", *days), "date", "name")
    assert new.count((DAY, "teleported")) == new.count((DAY, "mood")) == (not known)


def test_documented_statuses_are_never_new(lake: ClaimedLake) -> None:
    write_calls(lake, [a_call(number, status=status) for number, status in enumerate(STATUSES)])
    assert run(lake, "no_undocumented_values").violations == []


# no_replaced_characters


def test_a_replaced_character_is_shown_with_its_column(lake: ClaimedLake) -> None:
    write_calls(
        lake,
        [
            a_call(1, buyer="Caf\ufffd", offer="Caf\ufffd"),
            a_call(2, buyer="Z\ufffdrich"),
            a_call(3, tokens=[("city", "Z\ufffdrich")]),
            a_call(4, extra='{"mood": "\ufffd"}'),
            a_call(5, buyer="Zürich ?"),
        ],
    )
    result = run(lake, "no_replaced_characters")
    assert not result.passed
    assert sorted(shown(result, "name", "calls", "uuid")) == [
        ("buyer", 2, "call-1"),
        ("extra", 1, "call-4"),
        ("offer", 1, "call-1"),
        ("tokens", 1, "call-3"),
    ]


def test_texts_without_replaced_characters_pass(lake: ClaimedLake) -> None:
    write_calls(lake, [a_call(1, buyer="Zürich\t😀"), a_call(2)])
    assert run(lake, "no_replaced_characters").violations == []


# The heads of the SQL files


@pytest.mark.parametrize("options", [{}, {"severity": "fatal"}])
def test_a_check_needs_a_severity(options: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"sql/checks/new_check\.sql needs `-- severity: error`"):
        check_of("new_check", Query("Every call is good.", options, "SELECT 1"))


def test_the_sentences_of_a_check_are_those_of_its_head() -> None:
    check = check_of(
        "new_check", Query("It is good.", {"severity": "warning", "bad": "It is bad."}, "SELECT 1")
    )
    assert (check.severity, check.description) == ("warning", "It is good.")
    assert check.message("bad") == "It is bad."
    assert check.message("file_missing") == "The calls of the day have no file. Materialize the partition."
