"""The calls of the sandbox depend only on the seed, and look like those of a real account."""

from collections import Counter
from datetime import UTC, date, datetime

from trackdrive_assets.api.catalog import CALL_COLUMNS
from trackdrive_assets.sandbox.call import Record
from trackdrive_assets.sandbox.generator import CallGenerator
from trackdrive_assets.sandbox.reference_data import NUMBERS
from trackdrive_assets.sandbox.times import DAY, HOUR, midnight, milliseconds

BUYERS = {buyer for number in NUMBERS for buyer in number.offer.buyers}
FIRST = date(2024, 1, 1)
MONDAY = midnight(date(2024, 3, 18))
SUNDAY = midnight(date(2024, 3, 17))
MONTHS_LATER = MONDAY + 100 * DAY


def day_of_calls(generator: CallGenerator, start: int = MONDAY, now: int = MONTHS_LATER) -> list[Record]:
    return [generator.record(call, now) for call in generator.oldest_first(start, start + DAY)]


def test_the_same_seed_gives_the_same_calls_after_other_requests() -> None:
    used, fresh = CallGenerator(7, 100, FIRST), CallGenerator(7, 100, FIRST)
    list(used.oldest_first(SUNDAY - 20 * DAY, SUNDAY))
    assert day_of_calls(used) == day_of_calls(fresh)


def test_calls_do_not_depend_on_the_first_day() -> None:
    assert day_of_calls(CallGenerator(7, 100, FIRST)) == day_of_calls(
        CallGenerator(7, 100, date(2024, 3, 18))
    )


def test_another_seed_gives_other_calls() -> None:
    assert day_of_calls(CallGenerator(7, 100, FIRST)) != day_of_calls(CallGenerator(8, 100, FIRST))


def test_counting_days_matches_simulating_them() -> None:
    generator = CallGenerator(7, 100, FIRST)
    start, end = SUNDAY - 5 * DAY + 7 * HOUR, MONDAY + 13 * HOUR
    assert generator.count(start, end) == len(list(generator.oldest_first(start, end)))


def test_newest_first_is_oldest_first_backwards() -> None:
    generator = CallGenerator(7, 100, FIRST)
    upwards = list(generator.oldest_first(SUNDAY, MONDAY + 9 * HOUR))
    assert list(generator.newest_first(SUNDAY, MONDAY + 9 * HOUR)) == upwards[::-1]


def test_positions_are_unique_in_a_large_volume() -> None:
    calls = list(CallGenerator(7, 30_000, FIRST).oldest_first(MONDAY, MONDAY + DAY))
    assert len({call.created for call in calls}) < len(calls) == len({call.position for call in calls})
    assert all(call.tick < 100 for call in calls)


def test_every_call_is_found_by_uuid_and_by_id() -> None:
    generator = CallGenerator(7, 100, FIRST)
    for call in generator.oldest_first(MONDAY, MONDAY + DAY):
        assert generator.find(generator.uuid(call.id)) is generator.find(str(call.id)) is call


def test_an_unknown_uuid_is_not_found() -> None:
    assert CallGenerator(7, 100, FIRST).find("5cc8897c-ad0f-44cb-8ea7-8f7736ae76f1") is None


def test_volume_follows_us_business_hours_and_weekdays() -> None:
    generator = CallGenerator(7, 2000, FIRST)
    hours = Counter(int(row["created_at"][11:13]) for row in day_of_calls(generator))
    assert hours[17] > 5 * hours[7]
    assert generator.count(MONDAY, MONDAY + DAY) > 1.5 * generator.count(SUNDAY, SUNDAY + DAY)


def test_no_buyer_takes_more_than_its_share_of_a_day() -> None:
    taken = Counter(row["buyer"] for row in day_of_calls(CallGenerator(7, 2000, FIRST)))
    assert all(taken[buyer.name] <= 2000 * buyer.daily_share for buyer in BUYERS)
    assert any(taken[buyer.name] == 2000 * buyer.daily_share for buyer in BUYERS)


def test_better_sources_convert_more() -> None:
    rows = day_of_calls(CallGenerator(7, 5000, FIRST))

    def converting(source: str) -> float:
        own = [row for row in rows if row["traffic_source"] == source and row["offer"] == "Auto &amp; Home"]
        return len([row for row in own if row["buyer_converted"]]) / len(own)

    assert converting("Example Media") > 1.2 * converting("Coupon Barn")


def test_repeat_callers_have_called_before() -> None:
    seen = set()
    repeats = 0
    for row in day_of_calls(CallGenerator(7, 500, FIRST)):
        if row["traffic_source_repeat_caller"] == "Repeat":
            repeats += 1
            assert row["caller_number"] in seen
        seen.add(row["caller_number"])
    assert repeats > 20


def test_every_phone_number_is_reserved_for_fiction() -> None:
    for row in day_of_calls(CallGenerator(7, 500, FIRST)):
        for name in ("caller_number", "number_called", "connected_to"):
            assert row[name] is None or row[name][5:10] == "55501"


def test_a_call_is_live_then_finished_then_recorded() -> None:
    generator = CallGenerator(7, 200, FIRST)
    call = next(call for call in generator.oldest_first(MONDAY, MONDAY + DAY) if call.recorded)
    assert call.connected is not None
    assert call.recorded is not None
    at = [generator.record(call, now) for now in (call.created, call.connected, call.ended, call.recorded)]
    assert [row["status"] for row in at] == ["initiated", "forwarded", "finished", "finished"]
    assert [row["ended_at"] is None for row in at] == [True, True, False, False]
    assert [row["total_duration"] is None for row in at] == [True, True, False, False]
    assert [row["buyer"] is None for row in at] == [True, False, False, False]
    assert [row["recording_url"] is None for row in at] == [True, True, True, False]


def test_some_conversions_come_days_later_and_some_are_reversed() -> None:
    changes = CallGenerator(7, 500, FIRST).changes(MONDAY + DAY, MONDAY + 6 * DAY)
    conversions = [(change.old, change.new) for change in changes if change.field == "buyer_converted"]
    assert conversions.count((None, "Converted")) > 10
    assert conversions.count(("Converted", None)) > 3


def test_changes_are_the_differences_between_the_rows() -> None:
    generator = CallGenerator(7, 200, FIRST)
    since, until = MONDAY + DAY, MONDAY + 4 * DAY
    before = {row["uuid"]: row for row in day_of_calls(generator, now=since)}
    after = {row["uuid"]: row for row in day_of_calls(generator, now=until)}
    differing = {
        (uuid, name) for uuid, row in before.items() for name in row if row[name] != after[uuid][name]
    }
    recorded = {(each.uuid, each.field) for each in generator.changes(since, until) if each.uuid in before}
    assert recorded == differing
    assert all(
        each.new == after[each.uuid][each.field]
        for each in generator.changes(since, until)
        if each.uuid in before
    )


def test_money_is_null_unless_converted_on_each_side() -> None:
    rows = day_of_calls(CallGenerator(7, 500, FIRST))
    assert {row["buyer_revenue"] is None for row in rows if row["buyer_converted"] is None} == {True}
    sides = {(row["buyer_converted"], row["traffic_source_converted"]) for row in rows}
    assert len(sides) == 4


def test_values_have_the_awkward_types_of_the_api() -> None:
    rows = day_of_calls(CallGenerator(7, 500, FIRST))
    types = {name: {type(row[name]) for row in rows} for name in CALL_COLUMNS}
    assert types["hold_duration"] == {int, float}
    assert types["total_duration"] == {int}
    assert types["answered_duration"] == {float}
    assert types["attempted_duration"] == {str, float, type(None)}
    assert types["revenue"] == {str, float, type(None)}
    assert 0.07500000000000001 in {row["trackdrive_cost"] for row in rows}
    assert {row["user_buyer_id"] for row in rows} >= {"1070", "hta-08", None}
    assert {row["created_at"][10] + row["created_at"][19] + row["created_at"][23:] for row in rows} == {
        "T.+00:00"
    }


def test_times_are_milliseconds_in_utc() -> None:
    assert milliseconds(datetime(2024, 3, 18, 0, 0, 1, 5000, tzinfo=UTC)) == MONDAY + 1005
