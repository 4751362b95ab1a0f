"""Each probe has one finding for the usual account, and another for an account with the opposite behavior."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from trackdrive_assets.api.auth import AuthToken, KeyPair
from trackdrive_assets.api.client import Client
from trackdrive_assets.api.transport import RawResponse
from trackdrive_assets.doctor.descriptions import mask_phone_numbers, outline
from trackdrive_assets.doctor.finding import Finding, Result, is_transient_failure, overall
from trackdrive_assets.doctor.probes import findings
from trackdrive_assets.doctor.replies import KnownCall
from trackdrive_assets.doctor.requests import choose_known_call, send_requests
from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets.settings import Settings
from trackdrive_assets_tests.support.fake_clock import Hurry
from trackdrive_assets_tests.support.http_server import serving

NOW = datetime(2024, 3, 20, 12, tzinfo=UTC)
OK, DIFFERS, INCONCLUSIVE, FAILED = Result.OK, Result.DIFFERS, Result.INCONCLUSIVE, Result.FAILED
SETTINGS = Settings()

Rewrite = Callable[[dict[str, Any]], dict[str, Any]]


def account(**behavior: Any) -> Sandbox:
    usual: dict[str, Any] = {"seed": 7, "calls_per_day": 30, "first_day": date(2024, 3, 17)}
    return Sandbox(now=lambda: NOW, **usual | behavior)


def connect(base_url: str, credentials: KeyPair | AuthToken | None = None, **options: Any) -> Client:
    known = credentials or KeyPair("tdpub-sandbox", "tdprv-sandbox")
    return Client(base_url, known, requests_per_second=0, clock=Hurry(), **{"retry_budget": 5, **options})


def key_of(sandbox: Sandbox) -> KeyPair:
    return KeyPair(sandbox.public_key, sandbox.private_key)


def probe(client: Client, days: int = 7) -> dict[str, Finding]:
    return findings(send_requests(client, days=days, now=NOW), SETTINGS)


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


def test_the_usual_account_is_ok_in_every_probe(usual: dict[str, Finding]) -> None:
    # The sandbox has no rate limit.
    assert set(usual) - probes_with(OK, usual) == {"rate_limit"}


def test_doctor_sends_seven_get_requests() -> None:
    with account() as sandbox:
        probe_sandbox(sandbox)
        assert [request.method for request in sandbox.requests] == ["GET"] * 7


@pytest.mark.parametrize(
    ("code", "behavior", "result", "words"),
    [
        ("page_size", {"per_page_limit": 20}, DIFFERS, "request 250 rows per page and get 20. A req"),
        ("cursor", {"api_version": "legacy"}, DIFFERS, "The legacy API's"),
        ("created_at_to", {"inclusive_end": False}, DIFFERS, "Exclusive, to the millisecond"),
        ("reports", {"refused_categories": {"status": "No."}}, FAILED, "Refused: 422, a body like {"),
        ("reports", {"calls_per_day": 0}, INCONCLUSIVE, "larger --days"),
        ("stats", {"calls_per_day": 0}, INCONCLUSIVE, "larger --days"),
        ("money", {"calls_per_day": 0}, INCONCLUSIVE, "larger --days"),
        ("created_at_to", {"calls_per_day": 0}, INCONCLUSIVE, "larger --days"),
        ("one_call", {"calls_per_day": 0}, INCONCLUSIVE, "larger --days"),
    ],
)
def test_another_behavior_leads_to_another_finding(
    usual: dict[str, Finding], code: str, behavior: dict[str, Any], result: Result, words: str
) -> None:
    with account(**behavior) as sandbox:
        finding = probe_sandbox(sandbox)[code]
    assert finding.result is result
    assert words in finding.description
    assert words not in usual[code].description


@pytest.mark.parametrize("shape", ["objects", "map", "bare"])
def test_every_shape_of_reports_is_understood(shape: str) -> None:
    with account(report_shape=shape) as sandbox:
        assert probe_sandbox(sandbox)["reports"].result is OK


@pytest.mark.parametrize("shape", ["map", "pairs", "series", "bare_map"])
def test_every_shape_of_stats_is_understood(shape: str) -> None:
    with account(stats_shape=shape) as sandbox:
        assert probe_sandbox(sandbox)["stats"].result is OK


@pytest.mark.parametrize(("field", "code"), [("report", "reports"), ("stats", "stats"), ("call", "one_call")])
def test_an_unknown_shape_is_shown_without_its_values(field: str, code: str) -> None:
    body = b'{"status": 200, "metadata": {"root": "things"}, "things": "Jane Doe"}'
    with account() as sandbox, connect(sandbox.base_url, key_of(sandbox)) as client:
        replies = send_requests(client, days=7, now=NOW)
    changed: Any = {field: RawResponse(status=200, headers={}, body=body, seconds=0.1)}
    finding = findings(replace(replies, **changed), SETTINGS)[code]
    assert finding == Finding(
        FAILED, "Not understood: 200, a body like text. Please report this line as an issue."
    )


def without(*names: str) -> Rewrite:
    return lambda row: {key: value for key, value in row.items() if key not in names}


def with_values(**values: object) -> Rewrite:
    return lambda row: {key: values.get(key, value) for key, value in row.items()}


def unconverted_as(value: object) -> Rewrite:
    return lambda row: row | {"buyer_converted": row.get("buyer_converted") or value}


@pytest.mark.parametrize(
    ("code", "rewrite", "result", "words"),
    [
        ("money", without("revenue", "buyer_revenue"), DIFFERS, "Missing: revenue."),
        ("money", with_values(payout=None, traffic_source_payout=None), DIFFERS, "Always null: payout."),
        ("money", without("provider_cost"), DIFFERS, "Missing: provider_cost."),
        ("money", with_values(buyer_converted=None), INCONCLUSIVE, "no converted call for revenue"),
        ("not_converted", unconverted_as("Not converted"), DIFFERS, "'Not converted'"),
        ("not_converted", unconverted_as("perhaps"), FAILED, "Not understood: an unknown text"),
        ("not_converted", unconverted_as("Converted"), OK, "Written as null."),
        ("not_converted", without("buyer_converted", "traffic_source_converted"), INCONCLUSIVE, "no unconv"),
        ("calls", lambda row: row | {"mood": "good"}, OK, "stored in `extra`: mood"),
    ],
)
def test_other_values_lead_to_another_finding(
    usual: dict[str, Finding], code: str, rewrite: Rewrite, result: Result, words: str
) -> None:
    with account() as sandbox:
        sandbox.rewrite = rewrite
        finding = probe_sandbox(sandbox)[code]
    assert finding.result is result
    assert words in finding.description
    assert finding == usual[code] or words not in usual[code].description


@pytest.mark.parametrize(
    ("at_end", "at_neighbor", "words"),
    [
        (True, False, "Inclusive"),
        (False, True, "Exclusive"),
        (True, True, "includes later calls"),
        (False, False, "omits the last calls"),
        (None, None, "Inconclusive"),
    ],
)
def test_the_end_of_a_range_is_found_from_two_requests(
    *, at_end: bool | None, at_neighbor: bool | None, words: str
) -> None:
    with account() as sandbox, connect(sandbox.base_url, key_of(sandbox)) as client:
        replies = send_requests(client, days=7, now=NOW)
    empty = RawResponse(status=200, headers={}, body=b'{"calls": []}', seconds=0.1)
    pages = {True: replies.until_known, False: empty, None: None}
    replies = replace(replies, until_known=pages[at_end], until_neighbor=pages[at_neighbor])
    assert words in findings(replies, SETTINGS)["created_at_to"].description


def test_the_known_call_has_a_fraction_of_a_second_if_possible() -> None:
    whole = {"uuid": "a", "created_at": "2024-03-18T05:00:00.000+00:00"}
    fraction = {"uuid": "b", "created_at": "2024-03-18T05:00:00.977+00:00"}
    assert choose_known_call([{"uuid": "c"}, whole, fraction]) == KnownCall.from_row(fraction)
    assert choose_known_call([{"uuid": "c"}, whole]) == KnownCall.from_row(whole)
    assert choose_known_call([{"uuid": "c"}]) is None


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


def test_a_rate_limit_header_is_shown() -> None:
    headers = {"X-RateLimit-Limit": "100"}
    with serving(b'{"calls": []}', headers=headers) as (address, _), connect(address) as client:
        assert probe(client)["rate_limit"] == Finding(OK, "X-RateLimit-Limit: 100")


def test_a_wrong_key_fails_after_one_request() -> None:
    with account() as sandbox, connect(sandbox.base_url, KeyPair("tdpub-wrong", "tdprv-wrong")) as client:
        found = probe(client)
        assert len(sandbox.requests) == 1
    assert probes_with(FAILED, found) == {"access", "calls"}
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
    assert ("no safe connection" in found["host"].description) is (scheme == "https")


def test_a_silent_server_is_given_up_after_the_read_timeout() -> None:
    with account() as sandbox:
        sandbox.inject("slow", times=None, delay=0.4)
        found = probe_sandbox(sandbox, read_timeout=0.1, retry_budget=0)
    assert found["host"].result is FAILED
    assert "nothing was sent for 0.1 s" in found["host"].description


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
        (b"<html>Welcome</html>", 200, {}, "not JSON"),
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


def test_names_in_unexpected_places_are_not_shown() -> None:
    with account() as sandbox:
        sandbox.rewrite = lambda row: row | {"buyer_converted": "John Doe", "joe@example.com": 1}
        shown = " ".join(finding.description for finding in probe_sandbox(sandbox).values())
    assert "Doe" not in shown
    assert "joe" not in shown


def test_findings_contain_no_key_phone_number_or_uuid() -> None:
    with account() as sandbox:
        sandbox.refused_categories["status"] = "Ask +17195550100."
        sandbox.rewrite = lambda row: row | {"buyer_converted": "+1 719 555-0100", "+17195550100": 1}
        rows = sandbox.calls(NOW - timedelta(days=7), NOW)
        shown = " ".join(finding.description for finding in probe_sandbox(sandbox).values())
    assert sandbox.private_key not in shown
    assert not re.search(r"555.?01\d\d", shown)
    assert not any(str(row["uuid"]) in shown for row in rows)


@pytest.mark.parametrize("text", ["+17195550100", "719-555-0100", "(719) 555 0100", "1.719.555.0100"])
def test_a_phone_number_is_masked_in_every_spelling(text: str) -> None:
    assert "0100" not in mask_phone_numbers(f"Call {text}, please.")


def test_an_ip_address_is_not_masked() -> None:
    assert mask_phone_numbers("Check http://127.0.0.1:8765.") == "Check http://127.0.0.1:8765."


def test_an_outline_has_keys_and_types_but_no_values() -> None:
    assert outline({"errors": {"id": "secret"}, "rows": [1, 2], "ok": True, "no": None}) == (
        "{errors: {id: text}, rows: [number, …], ok: boolean, no: null}"
    )


def test_the_cost_of_a_day_counts_its_requests() -> None:
    with account() as sandbox, connect(sandbox.base_url, key_of(sandbox)) as client:
        description = probe(client, days=2)["cost_of_a_day"].description
    assert "305 requests (1 for calls, 16 for reports, 288 for statistics), at least 61 s" in description
