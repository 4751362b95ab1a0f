"""Never more requests in flight than allowed, in one process on one account."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from trackdrive_assets.api.rate_limit import (
    Clock,
    Rate,
    RateLimiter,
    Slots,
    faster,
    shared_rate_limiter,
    slower,
)
from trackdrive_assets_tests.api.conftest import Doorkeeper
from trackdrive_assets_tests.support.fake_clock import Hurry


@pytest.mark.parametrize("allowed", [1, 2, 4])
def test_as_many_are_in_flight_as_allowed_and_never_more(allowed: int) -> None:
    pace, doorkeeper = RateLimiter(0, allowed), Doorkeeper()
    # Nobody leaves before as many as are allowed have come in; were fewer let in, this would break.
    full = threading.Barrier(allowed, timeout=10)

    def ask(_: int) -> None:
        with pace.turn(Clock()):
            doorkeeper.enter()
            full.wait()
            doorkeeper.leave()

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(ask, range(8 * allowed)))
    assert doorkeeper.most == allowed
    assert doorkeeper.inside == 0


def test_an_error_gives_the_place_back() -> None:
    pace = RateLimiter(0, 1)
    for _ in range(3):
        with pytest.raises(RuntimeError), pace.turn(Clock()):
            raise RuntimeError


def test_a_free_slot_goes_to_the_lowest_priority_number_that_waits() -> None:
    slots, served = Slots(1), []

    def serve(priority: int) -> None:
        with slots.held(priority):
            served.append(priority)

    with ThreadPoolExecutor(4) as threads, slots.held(0):
        for waiting, priority in enumerate([3, 1, 2, 1], 1):
            threads.submit(serve, priority)
            while slots.waiting_count < waiting:
                pass
    assert served == [1, 1, 2, 3]


def test_a_paced_turn_is_a_turn_too() -> None:
    pace, taken = RateLimiter(1000, 2), []
    for number in range(5):
        with pace.turn(Clock()):
            taken.append(number)
    assert taken == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("rate", [0.5, 1000, 2001, 1e9])
def test_any_rate_is_a_pace(rate: float) -> None:
    with RateLimiter(rate, 1).turn(Clock()):
        pass


def test_clients_of_one_account_share_a_pace() -> None:
    assert shared_rate_limiter("https://acme.example", 5, 4) is shared_rate_limiter(
        "https://acme.example", 5, 4
    )
    assert shared_rate_limiter("https://acme.example", 5, 4) is not shared_rate_limiter(
        "https://other.example", 5, 4
    )


# What a refusal does.

CONFIGURED = 5.0


def refused(tempo: Rate, now: float, *, sent: int = 5, refused: int = 1) -> Rate:
    return slower(tempo, CONFIGURED, sent=sent, refused=refused, now=now)


def test_a_single_refusal_may_be_chance_and_changes_no_rate() -> None:
    assert refused(Rate(CONFIGURED), 100).rate == CONFIGURED


def test_a_second_refusal_soon_after_shows_a_limit_just_above_what_was_let_through() -> None:
    twice = refused(refused(Rate(CONFIGURED), 100), 105)
    assert 3.5 < twice.rate < 4


def test_a_second_refusal_much_later_is_chance_again() -> None:
    assert refused(refused(Rate(CONFIGURED), 100), 1000).rate == CONFIGURED


def test_speed_comes_back_by_itself_and_never_beyond_what_is_configured() -> None:
    tempo, now = Rate(1.0, since=0), 0.0
    rates = []
    while tempo.rate < CONFIGURED:
        now += tempo.patience
        tempo = faster(tempo, CONFIGURED, now)
        rates.append(tempo.rate)
    assert rates == sorted(set(rates))
    assert tempo.rate == CONFIGURED == faster(tempo, CONFIGURED, now + 1e9).rate


def test_nothing_is_faster_before_it_has_been_quiet_for_a_while() -> None:
    tempo = Rate(1.0, patience=60, since=100)
    assert faster(tempo, CONFIGURED, 159) == tempo


def test_a_limit_that_stays_is_run_into_ever_more_seldom() -> None:
    patience = []
    tempo = Rate(3.0, since=0)
    for now in range(10):
        tempo = refused(tempo, float(now))
        patience.append(tempo.patience)
    assert patience == sorted(patience)
    assert patience[-1] > 4 * patience[0]


def test_a_refusal_holds_everybody_back_for_as_long_as_the_server_asks() -> None:
    pace, clock = RateLimiter(0, 4), Hurry()
    with pace.turn(clock) as sent_at:
        pace.refused(sent_at, 9, clock.now())
    with pace.turn(clock) as another:
        assert another - sent_at >= 9


def test_who_was_waiting_for_a_turn_when_another_was_refused_waits_again() -> None:
    pace = RateLimiter(1, 4)

    class RefusedMeanwhile(Hurry):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if len(self.pauses) == 1:
                pace.refused(0.0, 30, self.now())

    clock = RefusedMeanwhile()
    for _ in range(2):
        with pace.turn(clock):
            pass
    assert clock.now() >= 31


def test_a_shorter_pause_asked_for_later_ends_no_longer_one() -> None:
    pace, clock = RateLimiter(0, 4), Hurry()
    for retry_after in (6, None, 0, 1):
        pace.refused(0.0, retry_after, clock.now())
    with pace.turn(clock) as sent_at:
        assert sent_at >= 6


def test_an_outage_of_refusals_tells_of_no_rate() -> None:
    pace, clock = RateLimiter(CONFIGURED, 4), Hurry()
    for _ in range(300):
        with pace.turn(clock) as sent_at:
            pace.refused(sent_at, None, clock.now())
    before = clock.now()
    for _ in range(100):
        with pace.turn(clock):
            pass
    assert clock.now() - before < 2 * 100 / CONFIGURED


def test_several_refusals_of_one_moment_count_as_one() -> None:
    pace, clock = RateLimiter(CONFIGURED, 16), Hurry()
    moments = []
    for _ in range(20):
        with pace.turn(clock) as sent_at:
            moments.append(sent_at)
    for sent_at in moments[-4:]:
        pace.refused(sent_at, 1, clock.now())
    before = clock.now()
    for _ in range(6):
        with pace.turn(clock):
            pass
    # A second's pause, and then five more at the configured pace: taken for chance.
    assert clock.now() - before == pytest.approx(1 + 5 / CONFIGURED, rel=0.05)


def test_a_server_that_allows_fewer_than_configured_refuses_twice_and_no_more() -> None:
    """A bucket of four that fills by four a second, and a hundred requests at five."""
    pace, clock = RateLimiter(CONFIGURED, 8), Hurry()
    tokens, filled, refusals, sent = 4.0, 0.0, 0, 0
    while sent < 100:
        with pace.turn(clock) as now:
            tokens, filled = min(4.0, tokens + 4 * (now - filled)), now
            if tokens >= 1:
                tokens, sent = tokens - 1, sent + 1
            else:
                refusals += 1
                pace.refused(now, 1, clock.now())
    assert refusals <= 2
    assert clock.now() < 1.15 * 100 / 4
