"""The rate limiter: requests in flight, requests per second, and the reaction to a 429."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from trackdrive_assets.api.rate_limit import (
    Clock,
    Rate,
    RateLimiter,
    Slots,
    decrease,
    increase,
    shared_rate_limiter,
)
from trackdrive_assets_tests.api.conftest import Doorkeeper
from trackdrive_assets_tests.support.fake_clock import FakeClock


@pytest.mark.parametrize("allowed", [1, 2, 4])
def test_no_more_requests_are_in_flight_than_allowed(allowed: int) -> None:
    limiter, doorkeeper = RateLimiter(0, allowed), Doorkeeper()
    # Each thread waits here until all slots are used. With fewer slots, the barrier would break.
    full = threading.Barrier(allowed, timeout=10)

    def send(_: int) -> None:
        with limiter.acquire(Clock()):
            doorkeeper.enter()
            full.wait()
            doorkeeper.leave()

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(send, range(8 * allowed)))
    assert doorkeeper.most == allowed
    assert doorkeeper.inside == 0


def test_an_error_frees_the_slot() -> None:
    limiter = RateLimiter(0, 1)
    for _ in range(3):
        with pytest.raises(RuntimeError), limiter.acquire(Clock()):
            raise RuntimeError


def test_a_free_slot_goes_to_the_lowest_waiting_priority_number() -> None:
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


def test_requests_with_a_rate_are_sent_in_order() -> None:
    limiter, taken = RateLimiter(1000, 2), []
    for number in range(5):
        with limiter.acquire(Clock()):
            taken.append(number)
    assert taken == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("rate", [0.5, 1000, 2001, 1e9])
def test_every_rate_is_accepted(rate: float) -> None:
    with RateLimiter(rate, 1).acquire(Clock()):
        pass


def test_clients_of_one_account_share_a_limiter() -> None:
    assert shared_rate_limiter("https://acme.example", 5, 4) is shared_rate_limiter(
        "https://acme.example", 5, 4
    )
    assert shared_rate_limiter("https://acme.example", 5, 4) is not shared_rate_limiter(
        "https://other.example", 5, 4
    )


# The reaction to a 429.

CONFIGURED = 5.0


def after_refusal(rate: Rate, now: float, *, sent: int = 5, refused: int = 1) -> Rate:
    return decrease(rate, CONFIGURED, sent=sent, refused=refused, now=now)


def test_a_single_refusal_does_not_change_the_rate() -> None:
    assert after_refusal(Rate(CONFIGURED), 100).per_second == CONFIGURED


def test_a_second_refusal_soon_sets_a_rate_below_the_allowed_one() -> None:
    twice = after_refusal(after_refusal(Rate(CONFIGURED), 100), 105)
    assert 3.5 < twice.per_second < 4


def test_a_second_refusal_much_later_does_not_change_the_rate() -> None:
    assert after_refusal(after_refusal(Rate(CONFIGURED), 100), 1000).per_second == CONFIGURED


def test_the_rate_returns_to_the_configured_one_and_not_above() -> None:
    rate, now = Rate(1.0, since=0), 0.0
    rates = []
    while rate.per_second < CONFIGURED:
        now += rate.cooldown
        rate = increase(rate, CONFIGURED, now)
        rates.append(rate.per_second)
    assert rates == sorted(set(rates))
    assert rate.per_second == CONFIGURED == increase(rate, CONFIGURED, now + 1e9).per_second


def test_the_rate_does_not_increase_before_the_cooldown() -> None:
    rate = Rate(1.0, cooldown=60, since=100)
    assert increase(rate, CONFIGURED, 159) == rate


def test_the_cooldown_grows_with_each_refusal() -> None:
    cooldowns = []
    rate = Rate(3.0, since=0)
    for now in range(10):
        rate = after_refusal(rate, float(now))
        cooldowns.append(rate.cooldown)
    assert cooldowns == sorted(cooldowns)
    assert cooldowns[-1] > 4 * cooldowns[0]


def test_a_refusal_pauses_all_requests_as_long_as_demanded() -> None:
    limiter, clock = RateLimiter(0, 4), FakeClock()
    with limiter.acquire(clock) as sent_at:
        limiter.record_refusal(sent_at, 9, clock.now())
    with limiter.acquire(clock) as another:
        assert another - sent_at >= 9


def test_a_waiting_request_waits_again_after_a_refusal() -> None:
    limiter = RateLimiter(1, 4)

    class RefusalDuringSleep(FakeClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if len(self.pauses) == 1:
                limiter.record_refusal(0.0, 30, self.now())

    clock = RefusalDuringSleep()
    for _ in range(2):
        with limiter.acquire(clock):
            pass
    assert clock.now() >= 31


def test_a_later_shorter_pause_does_not_end_a_longer_one() -> None:
    limiter, clock = RateLimiter(0, 4), FakeClock()
    for retry_after in (6, None, 0, 1):
        limiter.record_refusal(0.0, retry_after, clock.now())
    with limiter.acquire(clock) as sent_at:
        assert sent_at >= 6


def test_an_outage_of_refusals_does_not_decrease_the_rate() -> None:
    limiter, clock = RateLimiter(CONFIGURED, 4), FakeClock()
    for _ in range(300):
        with limiter.acquire(clock) as sent_at:
            limiter.record_refusal(sent_at, None, clock.now())
    before = clock.now()
    for _ in range(100):
        with limiter.acquire(clock):
            pass
    assert clock.now() - before < 2 * 100 / CONFIGURED


def test_several_refusals_at_the_same_time_count_as_one() -> None:
    limiter, clock = RateLimiter(CONFIGURED, 16), FakeClock()
    times = []
    for _ in range(20):
        with limiter.acquire(clock) as sent_at:
            times.append(sent_at)
    for sent_at in times[-4:]:
        limiter.record_refusal(sent_at, 1, clock.now())
    before = clock.now()
    for _ in range(6):
        with limiter.acquire(clock):
            pass
    # A pause of one second, then five requests at the configured rate.
    assert clock.now() - before == pytest.approx(1 + 5 / CONFIGURED, rel=0.05)


def test_a_server_with_a_lower_limit_refuses_at_most_twice() -> None:
    """The server has a token bucket of four, filled by four per second. We send 100 requests at five."""
    limiter, clock = RateLimiter(CONFIGURED, 8), FakeClock()
    tokens, filled, refusals, sent = 4.0, 0.0, 0, 0
    while sent < 100:
        with limiter.acquire(clock) as now:
            tokens, filled = min(4.0, tokens + 4 * (now - filled)), now
            if tokens >= 1:
                tokens, sent = tokens - 1, sent + 1
            else:
                refusals += 1
                limiter.record_refusal(now, 1, clock.now())
    assert refusals <= 2
    assert clock.now() < 1.15 * 100 / 4
