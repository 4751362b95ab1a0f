"""A sandbox with a fixed clock, and a client with its key pair."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import requests

from trackdrive_assets.sandbox.server import Sandbox

MARCH = date(2024, 3, 1)
NOON = datetime(2024, 3, 20, 12, tzinfo=UTC)
"""A Wednesday."""


@dataclass
class Clock:
    """A clock that a test advances."""

    time: datetime = NOON

    def __call__(self) -> datetime:
        return self.time

    def advance(self, **amount: float) -> None:
        self.time += timedelta(**amount)


@dataclass
class HttpClient:
    """A client with the key pair of a sandbox."""

    sandbox: Sandbox
    session: requests.Session = field(default_factory=requests.Session)

    def get(self, path: str = "/calls", /, **params: Any) -> requests.Response:
        keys = (self.sandbox.public_key, self.sandbox.private_key)
        return self.session.get(f"{self.sandbox.base_url}/api/v1{path}", params=params, auth=keys, timeout=10)

    def rows(self, **params: Any) -> list[dict[str, Any]]:
        """Return the calls of the first page, which has 250 unless the test chooses."""
        calls: list[dict[str, Any]] = self.get(**{"per_page": 250, **params}).json()["calls"]
        return calls

    def pages(self, **params: Any) -> list[list[dict[str, Any]]]:
        """Return every page by cursor, with the empty last page."""
        pages: list[list[dict[str, Any]]] = []
        cursor = "-1"
        while cursor != "0" and len(pages) < 200:
            body = self.get(cursor=cursor, **params).json()
            pages.append(body["calls"])
            cursor = repr(body["metadata"]["next_cursor"])
        return pages


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sandbox(clock: Clock) -> Iterator[Sandbox]:
    with Sandbox(seed=7, calls_per_day=40, first_day=MARCH, now=clock) as served:
        yield served


@pytest.fixture
def http(sandbox: Sandbox) -> Iterator[HttpClient]:
    with requests.Session() as session:
        yield HttpClient(sandbox, session)


@pytest.fixture(scope="session")
def shared() -> Iterator[HttpClient]:
    """A sandbox for all tests that only read: 19 days of 40 calls, and a live call."""
    with (
        Sandbox(seed=7, calls_per_day=40, first_day=MARCH, now=Clock()) as served,
        requests.Session() as session,
    ):
        served.add_call(NOON - timedelta(seconds=3), ended_at=None, status="initiated")
        yield HttpClient(served, session)
