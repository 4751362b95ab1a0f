"""A sandbox with a stopped clock, clients that ask it without waiting, and who counts them."""

import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest

from trackdrive_assets.api.auth import KeyPair
from trackdrive_assets.api.client import Client
from trackdrive_assets.api.options import ClientOptions
from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets_tests.support.fake_clock import FakeClock

NOON = datetime(2024, 3, 20, 12, tzinfo=UTC)
FIRST_DAY = date(2024, 3, 15)


class Doorkeeper:
    """Counts who is inside at once."""

    def __init__(self) -> None:
        self.inside = 0
        self.most = 0
        self._lock = threading.Lock()

    def enter(self) -> None:
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)

    def leave(self) -> None:
        with self._lock:
            self.inside -= 1


def account(**settings: Any) -> Sandbox:
    """Five and a half days of some 30 calls."""
    return Sandbox(seed=7, calls_per_day=30, first_day=FIRST_DAY, now=lambda: NOON, **settings)


@pytest.fixture(scope="session")
def still() -> Iterator[Sandbox]:
    """For tests that only read."""
    with account() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """For tests that change something."""
    with account() as sandbox:
        yield sandbox


@pytest.fixture
def clock() -> FakeClock:
    """What the client of this test waits by."""
    return FakeClock()


@pytest.fixture
def client(sandbox: Sandbox, clock: FakeClock) -> Iterator[Client]:
    """A client of the sandbox that tests change."""
    with Client(
        sandbox.base_url,
        KeyPair(sandbox.public_key, sandbox.private_key),
        ClientOptions(requests_per_second=0),
        clock=clock,
    ) as client:
        yield client


@pytest.fixture
def reader(still: Sandbox) -> Iterator[Client]:
    """A client of the sandbox that no test changes."""
    with Client(
        still.base_url, KeyPair(still.public_key, still.private_key), ClientOptions(requests_per_second=0)
    ) as client:
        yield client
