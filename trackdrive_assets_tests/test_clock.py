"""The clock by which days are fetched."""

from datetime import UTC, datetime, timedelta

from trackdrive_assets import clock

TOLERANCE = timedelta(minutes=1)


def test_the_clock_is_that_of_the_machine() -> None:
    assert abs(clock.now() - datetime.now(UTC)) < TOLERANCE


def test_the_clock_goes_on_from_a_moment_of_the_past_inside_the_block() -> None:
    moment = datetime(2024, 6, 19, 12, tzinfo=UTC)
    with clock.set_to(moment):
        assert moment <= clock.now() < moment + TOLERANCE
    assert abs(clock.now() - datetime.now(UTC)) < TOLERANCE
