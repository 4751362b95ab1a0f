"""Each finding is told of an account, and the opposite of the opposite account."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from trackdrive_assets.api.auth import AuthToken, KeyPair
from trackdrive_assets.api.client import Client
from trackdrive_assets.doctor.asking import examine
from trackdrive_assets.doctor.findings import (
    Finding,
    Result,
    cost_of_a_day,
    findings,
    is_transient_failure,
    masked,
    outline,
    worst,
)
from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets_tests.support.fake_clock import Hurry
from trackdrive_assets_tests.support.http_server import serving

NOW = datetime(2024, 3, 20, 12, tzinfo=UTC)
OK, DIFFERS, INCONCLUSIVE, FAILED = Result.OK, Result.DIFFERS, Result.INCONCLUSIVE, Result.FAILED


def account(**manners: Any) -> Sandbox:
    usual: dict[str, Any] = {"seed": 7, "calls_per_day": 30, "first_day": date(2024, 3, 17)}
    return Sandbox(now=lambda: NOW, **usual | manners)


def client_of(base_url: str, credentials: KeyPair | AuthToken | None = None, **settings: Any) -> Client:
    known = credentials or KeyPair("tdpub-sandbox", "tdprv-sandbox")
    return Client(base_url, known, requests_per_second=0, clock=Hurry(), **{"retry_budget": 5, **settings})


def examined(sandbox: Sandbox, *, days: int = 7, now: datetime = NOW, **settings: Any) -> dict[str, Finding]:
    pair = KeyPair(sandbox.public_key, sandbox.private_key)
    with client_of(sandbox.base_url, pair, **settings) as client:
        found = findings(examine(client, days=days, now=now))
    return {each.subject: each for each in found}


@pytest.fixture(scope="module")
def usual() -> dict[str, Finding]:
    """Of an account like those that were seen."""
    with account() as sandbox:
        return examined(sandbox)


def test_an_account_as_it_should_be_differs_in_nothing(usual: dict[str, Finding]) -> None:
    # The sandbox's clock stands still while the server tells the time, and it names no limit.
    others = {
        subject: each.result for subject, each in usual.items() if subject not in {"clock", "rate limit"}
    }
    assert set(others.values()) == {OK}


def test_it_asks_about_fifteen_questions_and_hangs_up_nothing() -> None:
    with account() as sandbox:
        examined(sandbox)
        assert len(sandbox.requests) <= 16
        assert {asked.method for asked in sandbox.requests} == {"GET"}


@pytest.mark.parametrize(
    ("subject", "manners", "result", "words"),
    [
        ("page size", {"per_page_limit": 20}, DIFFERS, "250 rows a page asked, 20 granted"),
        ("cursor", {"api_version": "legacy"}, DIFFERS, "the older generation"),
        ("created_at_to", {"inclusive_end": False}, DIFFERS, "Exclusive, to the millisecond"),
        ("page over 10", {"refuse_page_over": None}, DIFFERS, "Page 11 is served"),
        ("reports", {"report_shape": "map"}, OK, "a map of group to objects, under `reports`"),
        ("reports", {"report_shape": "bare"}, OK, "a bare list of objects"),
        ("reports", {"refused_categories": {"status": "No."}}, FAILED, "Refused with 422"),
        ("stats", {"stats_shape": "pairs"}, OK, "a list of pairs, under `stats`"),
        ("stats", {"stats_shape": "series"}, OK, "a list of series, under `stats`"),
        ("stats", {"stats_shape": "bare_map"}, OK, "a map of group to numbers, bare"),
        ("tags with columns", {"api_version": "legacy"}, INCONCLUSIVE, "No call with tags"),
        ("money", {"calls_per_day": 0}, INCONCLUSIVE, "larger --days"),
        ("created_at_to", {"calls_per_day": 0}, INCONCLUSIVE, "larger --days"),
        ("one call", {"calls_per_day": 0}, INCONCLUSIVE, "larger --days"),
    ],
)
def test_another_account_brings_another_finding(
    usual: dict[str, Finding], subject: str, manners: dict[str, Any], result: Result, words: str
) -> None:
    with account(**manners) as sandbox:
        found = examined(sandbox)[subject]
    assert found.result is result
    assert words in found.says
    assert words not in usual[subject].says


def without(*names: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda row: {key: value for key, value in row.items() if key not in names}


def with_(**values: object) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda row: {key: values.get(key, value) for key, value in row.items()}


def unconverted_as(word: object) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda row: row | {"buyer_converted": row.get("buyer_converted") or word}


@pytest.mark.parametrize(
    ("subject", "rewrite", "result", "words"),
    [
        ("money", without("revenue", "buyer_revenue"), DIFFERS, "Missing: revenue."),
        ("money", with_(payout=None, traffic_source_payout=None), DIFFERS, "Always null: payout."),
        ("money", without("provider_cost"), DIFFERS, "Missing: provider_cost."),
        ("not converted", unconverted_as("Not converted"), DIFFERS, "'Not converted'"),
        ("not converted", unconverted_as("perhaps"), FAILED, "a text of another kind is not understood"),
        ("calls", lambda row: row | {"mood": "good"}, OK, "kept in `extra`: mood"),
        ("unknown column", lambda row: row | {"no_such_column": None}, DIFFERS, "comes back all the same"),
        (
            "tags with columns",
            lambda row: row | {"token-state": "CO"},
            DIFFERS,
            "also where columns are chosen",
        ),
        (
            "order with a cursor",
            lambda row: row | {"total_duration": int(row["uuid"][:4], 16)},
            OK,
            "is ignored",
        ),
        ("CSV", lambda row: row | {"more": 1}, DIFFERS, "not the columns asked for"),
    ],
)
def test_rows_of_another_kind_bring_another_finding(
    usual: dict[str, Finding],
    subject: str,
    rewrite: Callable[[dict[str, Any]], dict[str, Any]],
    result: Result,
    words: str,
) -> None:
    with account() as sandbox:
        sandbox.rewrite = rewrite
        found = examined(sandbox)[subject]
    assert found.result is result
    assert words in found.says
    assert words not in usual[subject].says


def test_a_clock_that_is_wrong_is_told_with_its_difference() -> None:
    right = datetime.now(UTC)
    with Sandbox(calls_per_day=5, first_day=right.date()) as sandbox:
        pair = KeyPair(sandbox.public_key, sandbox.private_key)
        with client_of(sandbox.base_url, pair) as client:
            answers = examine(client, days=1, now=right)
    clocks = [
        next(each for each in findings(answers.with_(asked_at=right + off)) if each.subject == "clock")
        for off in (timedelta(), timedelta(minutes=10), timedelta(minutes=-10))
    ]
    assert [clock.result for clock in clocks] == [OK, DIFFERS, DIFFERS]
    assert re.search(r"\d{3} s ahead of the server", clocks[1].says)
    assert re.search(r"\d{3} s behind the server", clocks[2].says)


def test_a_limit_in_the_headers_is_shown() -> None:
    with (
        serving(b'{"calls": []}', headers={"X-RateLimit-Limit": "100"}) as (address, _),
        client_of(address) as client,
    ):
        found = {each.subject: each for each in findings(examine(client, days=7, now=NOW))}
    assert found["rate limit"] == Finding("rate limit", OK, "X-RateLimit-Limit: 100")


def test_a_wrong_key_fails_once_and_asks_nothing_more() -> None:
    with account() as sandbox, client_of(sandbox.base_url, KeyPair("tdpub-wrong", "tdprv-wrong")) as client:
        found = findings(examine(client, days=7, now=NOW))
        assert len(sandbox.requests) == 1
    assert {each.subject for each in found if each.result is FAILED} == {"access", "calls"}
    assert "active and not paused" in next(each.says for each in found if each.subject == "access")
    assert worst(found) is FAILED
    assert not is_transient_failure(found)


def test_a_key_that_may_not_see_one_endpoint_fails_there_alone() -> None:
    with account() as sandbox:
        sandbox.inject("401", times=None, path="/api/v1/calls/reports")
        found = examined(sandbox)
    assert {subject for subject, each in found.items() if each.result is FAILED} == {"reports"}
    assert "Give the key this permission" in found["reports"].says


def test_an_auth_token_is_accepted_too() -> None:
    with account() as sandbox, client_of(sandbox.base_url, AuthToken(sandbox.auth_token)) as client:
        found = findings(examine(client, days=7, now=NOW))
    assert worst(found) is OK


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_host_that_is_not_there_is_one_fault_that_may_pass(scheme: str) -> None:
    with account() as sandbox:
        port = sandbox.base_url.rpartition(":")[2]
        # The sandbox speaks no TLS, and nobody listens at the first port.
        address = f"{scheme}://127.0.0.1:{port if scheme == 'https' else 1}"
        with client_of(address) as client:
            found = findings(examine(client, days=7, now=NOW))
            assert client.usage.requests < 10
    assert [each.subject for each in found if each.result is FAILED] == ["host"]
    assert is_transient_failure(found)
    assert address in found[0].says
    assert ("no safe connection" in found[0].says) is (scheme == "https")


def test_a_server_that_says_nothing_is_not_waited_for_long() -> None:
    with account() as sandbox:
        sandbox.inject("slow", times=None, delay=0.4)
        found = examined(sandbox, read_timeout=0.1, retry_budget=0)
    assert found["host"].result is FAILED
    assert "nothing was sent for 0.1 s" in found["host"].says


@pytest.mark.parametrize("kind", ["500", "502", "429-bare"])
def test_an_account_that_is_down_may_be_up_later(kind: str) -> None:
    with account() as sandbox:
        sandbox.inject(kind, times=None)
        found = examined(sandbox)
    assert found["host"].result is FAILED
    assert found["host"].later


def test_what_goes_wrong_now_and_then_is_asked_again() -> None:
    with account() as sandbox:
        sandbox.inject("500", times=None, every=4)
        assert worst(examined(sandbox).values()) is OK


@pytest.mark.parametrize(
    ("body", "status", "headers", "words"),
    [
        (b"<html>Welcome</html>", 200, {}, "not JSON"),
        (b"<html>No</html>", 404, {}, "no calls API at this address"),
        (b"", 302, {"Location": "/login"}, "It redirects"),
    ],
)
def test_a_host_that_is_no_account_is_told_from_one_that_is(
    body: bytes, status: int, headers: dict[str, str], words: str
) -> None:
    with serving(body, status=status, headers=headers) as (address, _), client_of(address) as client:
        found = findings(examine(client, days=7, now=NOW))
    assert found[0].result is FAILED
    assert words in found[0].says
    assert "TRACKDRIVE_SUBDOMAIN" in found[0].says


@pytest.mark.parametrize("body", [b"[]", b'{"hello": "world"}'], ids=["a list", "an object"])
def test_json_of_another_kind_is_no_account(body: bytes) -> None:
    with serving(body) as (address, _), client_of(address) as client:
        found = {each.subject: each for each in findings(examine(client, days=7, now=NOW))}
    assert found["access"].result is INCONCLUSIVE
    assert found["calls"].result is FAILED
    assert worst(found.values()) is FAILED


def test_a_web_page_in_the_place_of_the_api_may_be_gone_later() -> None:
    with serving(b"<html>Back soon</html>") as (address, _), client_of(address) as client:
        assert is_transient_failure(findings(examine(client, days=7, now=NOW)))


def test_one_endpoint_that_is_down_may_be_up_later_and_says_so() -> None:
    with account() as sandbox:
        sandbox.inject("502", times=None, path="/api/v1/calls/reports")
        found = examined(sandbox)
    assert found["reports"].result is FAILED
    assert "Ask again in some minutes" in found["reports"].says
    assert is_transient_failure(found.values())


def test_an_account_without_calls_tells_nothing_of_pages_and_csv() -> None:
    with account(calls_per_day=0) as sandbox:
        found = examined(sandbox)
    assert [found[subject].result for subject in ("page count", "CSV")] == [INCONCLUSIVE, INCONCLUSIVE]
    assert found["access"].result is OK


def test_a_proxy_that_asks_for_credentials_is_named() -> None:
    with serving(b"<html>No</html>", status=407) as (address, _), client_of(address) as client:
        found = {each.subject: each for each in findings(examine(client, days=7, now=NOW))}
    assert "HTTPS_PROXY" in found["calls"].says


def test_names_in_the_place_of_states_and_of_keys_are_not_shown() -> None:
    with account() as sandbox:
        sandbox.rewrite = lambda row: row | {"buyer_converted": "John Doe", "joe@example.com": 1}
        told = " ".join(each.says for each in examined(sandbox).values())
    assert "Doe" not in told
    assert "joe" not in told


def test_nothing_that_is_told_is_about_a_person() -> None:
    secret = "tdprv-sandbox"
    with account() as sandbox:
        sandbox.refused_categories["status"] = "Ask +17195550100."
        sandbox.rewrite = lambda row: row | {"buyer_converted": "+1 719 555-0100", "+17195550100": 1}
        rows = sandbox.calls(NOW - timedelta(days=7), NOW)
        told = " ".join(each.says for each in examined(sandbox).values())
    assert secret not in told
    assert not re.search(r"555.?01\d\d", told)
    assert not any(str(row["uuid"]) in told for row in rows)


@pytest.mark.parametrize("text", ["+17195550100", "719-555-0100", "(719) 555 0100", "1.719.555.0100"])
def test_a_number_is_masked_however_it_is_written(text: str) -> None:
    assert "0100" not in masked(f"Call {text}, please.")


def test_an_address_is_no_phone_number() -> None:
    assert masked("Check http://127.0.0.1:8765.") == "Check http://127.0.0.1:8765."


def test_an_outline_has_names_and_kinds_and_no_values() -> None:
    assert outline({"errors": {"id": "secret"}, "rows": [1, 2], "ok": True, "no": None}) == (
        "{errors: {id: text}, rows: [number, …], ok: true or false, no: null}"
    )


def test_a_day_costs_what_its_calls_reports_and_statistics_take() -> None:
    with account() as sandbox, client_of(sandbox.base_url) as client:
        sandbox.public_key, sandbox.private_key = "tdpub-sandbox", "tdprv-sandbox"
        answers = examine(client, days=2, now=NOW)
    says = cost_of_a_day(answers, categories=16, series=3, minutes=60, pace=5).says
    assert "305 requests (1 for calls, 16 for reports, 288 for statistics), 61 s" in says
