"""Accounts that cannot be reached, keys that are refused, and clocks that are wrong."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from trackdrive_assets.api.auth import AuthToken, KeyPair
from trackdrive_assets.doctor.finding import is_transient_failure, overall
from trackdrive_assets.doctor.probes import findings
from trackdrive_assets.doctor.requests import send_requests
from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets_tests.doctor.conftest import (
    DIFFERS,
    FAILED,
    INCONCLUSIVE,
    OK,
    SETTINGS,
    account,
    connect,
    key_of,
    probe,
    probe_sandbox,
    probes_with,
)
from trackdrive_assets_tests.support.http_server import serving


def test_a_wrong_key_fails_after_one_request() -> None:
    with account() as sandbox, connect(sandbox.base_url, KeyPair("tdpub-wrong", "tdprv-wrong")) as client:
        found = probe(client)
        assert len(sandbox.requests) == 1
    assert probes_with(FAILED, found) == {"access"}
    assert "active and not paused" in found["access"].description
    assert overall(found.values()) is FAILED
    assert not is_transient_failure(found.values())


def test_a_missing_permission_fails_only_its_endpoint() -> None:
    with account() as sandbox:
        sandbox.inject("401", times=None, path="/api/v1/calls/reports")
        found = probe_sandbox(sandbox)
    assert probes_with(FAILED, found) == {"reports"}
    assert "Give the key this permission" in found["reports"].description


def test_an_auth_token_is_accepted_too() -> None:
    with account() as sandbox, connect(sandbox.base_url, AuthToken(sandbox.auth_token)) as client:
        assert overall(probe(client).values()) is OK


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_unreachable_host_is_one_transient_failure(scheme: str) -> None:
    with account() as sandbox:
        # The sandbox has no TLS, and nothing listens on port 1.
        port = sandbox.base_url.rpartition(":")[2] if scheme == "https" else 1
        address = f"{scheme}://127.0.0.1:{port}"
        with connect(address) as client:
            found = probe(client)
            assert client.usage.requests < 10
    assert probes_with(FAILED, found) == {"host"}
    assert is_transient_failure(found.values())
    assert address in found["host"].description
    assert ("no secure connection" in found["host"].description) is (scheme == "https")


def test_a_silent_server_is_given_up_after_the_response_timeout() -> None:
    with account() as sandbox:
        sandbox.inject("slow", times=None, delay=0.4)
        found = probe_sandbox(sandbox, response_timeout=0.1, retry_budget=0)
    assert found["host"].result is FAILED
    assert "no complete response within 0.1 s" in found["host"].description


@pytest.mark.parametrize("kind", ["500", "502", "429-bare"])
def test_an_account_that_is_down_is_a_transient_failure(kind: str) -> None:
    with account() as sandbox:
        sandbox.inject(kind, times=None)
        found = probe_sandbox(sandbox)
    assert found["host"].result is FAILED
    assert found["host"].transient


def test_occasional_errors_are_retried() -> None:
    with account() as sandbox:
        sandbox.inject("500", times=None, every=4)
        assert overall(probe_sandbox(sandbox).values()) is OK


@pytest.mark.parametrize(
    ("body", "status", "headers", "words"),
    [
        (b"<html>Welcome</html>", 200, {}, "may be another server than Trackdrive"),
        (b"OK", 200, {}, "not JSON"),
        (b"", 200, {}, "may be another server than Trackdrive"),
        (b"[]", 200, {}, "may be another server than Trackdrive"),
        (b'{"hello": "world"}', 200, {}, "may be another server than Trackdrive"),
        (b'{"calls": [{"sid": "CA1", "duration": 3}]}', 200, {}, "may be another server than Trackdrive"),
        (b"<html>No</html>", 404, {}, "has no calls API"),
        (b"", 302, {"Location": "/login"}, "The host redirects"),
    ],
)
def test_a_host_without_an_account_fails_with_the_setting(
    body: bytes, status: int, headers: dict[str, str], words: str
) -> None:
    with serving(body, status=status, headers=headers) as (address, _), connect(address) as client:
        host = probe(client)["host"]
    assert host.result is FAILED
    assert words in host.description
    assert "TRACKDRIVE_SUBDOMAIN" in host.description


@pytest.mark.parametrize("body", [b"[]", b'{"hello": "world"}'], ids=["a list", "an object"])
def test_json_of_another_api_fails(body: bytes) -> None:
    with serving(body) as (address, _), connect(address) as client:
        found = probe(client)
    assert found["access"].result is INCONCLUSIVE
    assert found["calls"].result is FAILED
    assert overall(found.values()) is FAILED


def test_a_web_page_in_place_of_the_api_is_a_transient_failure() -> None:
    with serving(b"<html>Back soon</html>") as (address, _), connect(address) as client:
        assert is_transient_failure(probe(client).values())


def test_a_failure_in_the_body_is_not_another_server() -> None:
    with (
        serving(b'{"success": false, "error": "db", "calls": []}') as (address, _),
        connect(address) as client,
    ):
        assert "another server" not in probe(client)["host"].description


def test_one_endpoint_that_is_down_is_a_transient_failure() -> None:
    with account() as sandbox:
        sandbox.inject("502", times=None, path="/api/v1/calls/reports")
        found = probe_sandbox(sandbox)
    assert found["reports"].result is FAILED
    assert "Try again in some minutes" in found["reports"].description
    assert is_transient_failure(found.values())


def test_an_account_without_calls_still_accepts_the_key() -> None:
    with account(calls_per_day=0) as sandbox:
        assert probe_sandbox(sandbox)["access"].result is OK


def test_a_proxy_that_requires_credentials_is_named() -> None:
    with serving(b"<html>No</html>", status=407) as (address, _), connect(address) as client:
        assert "HTTPS_PROXY" in probe(client)["calls"].description


def test_a_wrong_clock_is_reported_with_its_offset() -> None:
    correct = datetime.now(UTC)
    with (
        Sandbox(calls_per_day=5, first_day=correct.date()) as sandbox,
        connect(sandbox.base_url, key_of(sandbox)) as client,
    ):
        replies = send_requests(client, days=1, now=correct)
    clocks = [
        findings(replace(replies, received_at=correct + offset), SETTINGS)["clock"]
        for offset in (timedelta(), timedelta(minutes=10), timedelta(minutes=-10))
    ]
    assert [clock.result for clock in clocks] == [OK, DIFFERS, DIFFERS]
    assert re.search(r"\d{3} s ahead of the server", clocks[1].description)
    assert re.search(r"\d{3} s behind the server", clocks[2].description)
