"""What holds for every check: days, missing and damaged files, and no personal data in a result."""

from datetime import timedelta

from trackdrive_assets.lake.store import ClaimedLake
from trackdrive_assets.quality.checks import run_checks
from trackdrive_assets_tests.quality.support import (
    CALL_CHECKS,
    DAY,
    NOON,
    SETTINGS,
    a_call,
    a_sale,
    codes,
    run,
    shown,
    write_calls,
)
from trackdrive_assets_tests.support.factories import file_of


def test_a_day_without_a_file_violates_every_check(lake: ClaimedLake) -> None:
    for _, result in run_checks(CALL_CHECKS, lake, SETTINGS, [DAY]):
        assert not result.passed
        assert shown(result, "date", "violation") == [(DAY, "file_missing")]


def test_an_unreadable_file_violates_every_check(lake: ClaimedLake) -> None:
    write_calls(lake, [a_call()])
    file_of(lake, "calls", DAY).write_bytes(b"no Parquet")
    for _, result in run_checks(CALL_CHECKS, lake, SETTINGS, [DAY]):
        (violation,) = result.violations
        assert (violation.code, violation.fails, violation.days) == ("file_unreadable", True, [DAY])
        assert str(file_of(lake, "calls", DAY)) in result.rows["error"][0].as_py()


def test_a_damaged_file_of_an_earlier_week_does_not_violate_this_day(lake: ClaimedLake) -> None:
    write_calls(lake, [a_call()])
    write_calls(lake, [a_call()], day=DAY - timedelta(days=7))
    file_of(lake, "calls", DAY - timedelta(days=7)).write_bytes(b"no Parquet")
    assert run(lake, "volume_in_expected_range").passed
    assert run(lake, "uuid_unique").passed


def test_a_file_with_a_damaged_middle_is_unreadable(lake: ClaimedLake) -> None:
    write_calls(lake, [a_call(number) for number in range(500)])
    file = file_of(lake, "calls", DAY)
    whole = file.read_bytes()
    file.write_bytes(whole[:4] + bytes(3000) + whole[3004:])
    assert codes(run(lake, "uuid_unique")) == ["file_unreadable"]


def test_only_the_given_days_are_checked(lake: ClaimedLake) -> None:
    for number in range(3):
        day = DAY + timedelta(days=number)
        write_calls(lake, [a_call(number, created_at=NOON, total_duration=-1.0)], day=day)
    result = run(lake, "durations_not_negative", DAY, DAY + timedelta(days=1))
    assert shown(result, "uuid") == [("call-0",), ("call-1",)]
    (violation,) = result.violations
    assert (violation.row_count, violation.days) == (2, [DAY, DAY + timedelta(days=1)])


def test_checks_of_no_days_pass(lake: ClaimedLake) -> None:
    for _, result in run_checks(CALL_CHECKS, lake, SETTINGS, []):
        assert result.passed


def test_no_violation_shows_a_name_or_a_phone_number(lake: ClaimedLake) -> None:
    wrong = a_sale(1, "0", "0") | {
        "created_at": NOON + timedelta(days=2),
        "caller_number": "+17195550100",
        "connected_to": "+17195550101",
        "number_called": "+17195550102",
        "name": "+17195550103",
        "status": "teleported",
        "total_duration": -1.0,
        "tokens": [("phone", "+17195550104")],
        "extra": '{"second_number": "+17195550105", "buyer_converted": "+17195550106"}',
        "caller_city": "\ufffd +17195550107",
    }
    write_calls(lake, [wrong, wrong], counted=3)
    results = dict(run_checks(CALL_CHECKS, lake, SETTINGS, [DAY]))
    # Without reports, four checks have nothing to compare with. Two others need days before.
    compared = {name for name in CALL_CHECKS if name.startswith("matches_api_")}
    assert sum(not result.passed for result in results.values()) == len(CALL_CHECKS) - len(compared) - 2
    for result in results.values():
        assert "719555" not in str(result.rows.to_pylist())
