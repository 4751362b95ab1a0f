"""Accounts of the sandbox, and what doctor finds about them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import pytest

from trackdrive_assets.api.auth import AuthToken, KeyPair
from trackdrive_assets.api.client import Client
from trackdrive_assets.api.options import ClientOptions
from trackdrive_assets.doctor.finding import Finding, Result
from trackdrive_assets.doctor.probes import findings
from trackdrive_assets.doctor.requests import send_requests
from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets.settings import Settings
from trackdrive_assets_tests.support.fake_clock import FakeClock

NOW = datetime(2024, 3, 20, 12, tzinfo=UTC)
OK, DIFFERS, INCONCLUSIVE, FAILED = Result.OK, Result.DIFFERS, Result.INCONCLUSIVE, Result.FAILED
SETTINGS = Settings()

Rewrite = Callable[[dict[str, Any]], dict[str, Any]]


def account(**behavior: Any) -> Sandbox:
    usual: dict[str, Any] = {"seed": 7, "calls_per_day": 30, "first_day": date(2024, 3, 17)}
    return Sandbox(now=lambda: NOW, **usual | behavior)


def connect(base_url: str, credentials: KeyPair | AuthToken | None = None, **options: Any) -> Client:
    known = credentials or KeyPair("tdpub-sandbox", "tdprv-sandbox")
    return Client(
        base_url,
        known,
        ClientOptions(**{"requests_per_second": 0, "retry_budget": 5, **options}),
        clock=FakeClock(),
    )


def key_of(sandbox: Sandbox) -> KeyPair:
    return KeyPair(sandbox.public_key, sandbox.private_key)


def probe(client: Client, days: int = 7, categories: Sequence[str] = ()) -> dict[str, Finding]:
    return findings(send_requests(client, days=days, now=NOW, categories=categories), SETTINGS)


def probe_sandbox(sandbox: Sandbox, **options: Any) -> dict[str, Finding]:
    with connect(sandbox.base_url, key_of(sandbox), **options) as client:
        return probe(client)


def probes_with(result: Result, found: Mapping[str, Finding]) -> set[str]:
    return {code for code, finding in found.items() if finding.result is result}


@pytest.fixture(scope="module")
def usual() -> dict[str, Finding]:
    """The findings about an account that behaves like those in the captured responses."""
    with account() as sandbox:
        return probe_sandbox(sandbox)
