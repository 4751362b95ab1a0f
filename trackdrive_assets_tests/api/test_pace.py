"""Never more requests in flight than allowed, in one process on one account."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from trackdrive_assets.api.pace import Clock, Pace, shared_pace
from trackdrive_assets_tests.api.conftest import Doorkeeper


@pytest.mark.parametrize("allowed", [1, 2, 4])
def test_as_many_are_in_flight_as_allowed_and_never_more(allowed: int) -> None:
    pace, doorkeeper = Pace(0, allowed), Doorkeeper()
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
    pace = Pace(0, 1)
    for _ in range(3):
        with pytest.raises(RuntimeError), pace.turn(Clock()):
            raise RuntimeError


def test_a_paced_turn_is_a_turn_too() -> None:
    pace, taken = Pace(1000, 2), []
    for number in range(5):
        with pace.turn(Clock()):
            taken.append(number)
    assert taken == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("rate", [0.5, 1000, 2001, 1e9])
def test_any_rate_is_a_pace(rate: float) -> None:
    with Pace(rate, 1).turn(Clock()):
        pass


def test_clients_of_one_account_share_a_pace() -> None:
    assert shared_pace("https://acme.example", 5, 4) is shared_pace("https://acme.example", 5, 4)
    assert shared_pace("https://acme.example", 5, 4) is not shared_pace("https://other.example", 5, 4)
