"""Each probe has one finding for the usual account, and another for an account with the opposite behavior."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from trackdrive_assets.api.http_responses import RawResponse
from trackdrive_assets.doctor.conversions import definition_of_profit
from trackdrive_assets.doctor.finding import Finding, Result
from trackdrive_assets.doctor.probes import findings
from trackdrive_assets.doctor.replies import KnownCall
from trackdrive_assets.doctor.requests import choose_known_call, send_requests
from trackdrive_assets_tests.doctor.conftest import (
    DIFFERS,
    FAILED,
    INCONCLUSIVE,
    NOW,
    OK,
    SETTINGS,
    Rewrite,
    account,
    connect,
    key_of,
    probe,
    probe_sandbox,
    probes_with,
)
from trackdrive_assets_tests.support.http_server import serving


def test_the_usual_account_is_ok_in_every_probe(usual: dict[str, Finding]) -> None:
    # The sandbox has no rate limit.
    assert set(usual) - probes_with(OK, usual) == {"rate_limit"}


def without_fractions(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "created_at": f"{row['created_at'][:19]}.000+00:00"}


def test_doctor_sends_seven_get_requests() -> None:
    with account() as sandbox:
        probe_sandbox(sandbox)
        assert [request.method for request in sandbox.requests] == ["GET"] * 7


def test_an_undocumented_category_is_requested_and_a_slip_is_named() -> None:
    with account() as sandbox, connect(sandbox.base_url, key_of(sandbox)) as client:
        finding = probe(client, categories=("status", "buyr_id"))["report_categories"]
        asked = [request.params.get("category") for request in sandbox.requests]
    assert finding.result is FAILED
    assert finding.description.startswith("Refused: buyr_id. TRACKDRIVE_REPORT_CATEGORIES contains buyr_id")
    assert finding.description.endswith("Did you mean buyer_id?")
    assert asked.count("buyr_id") == asked.count("status") == 1


def test_a_category_without_rows_may_be_a_slip() -> None:
    with account() as sandbox, connect(sandbox.base_url, key_of(sandbox)) as client:
        replies = send_requests(client, days=7, now=NOW)
    empty = RawResponse(status=200, headers={}, body=b"[]", seconds=0.1)
    rows = RawResponse(status=200, headers={}, body=b'[{"schedule_id": 7, "count": 1}]', seconds=0.1)
    known = findings(replace(replies, categories={"schedule_id": rows}), SETTINGS)["report_categories"]
    slip = findings(replace(replies, categories={"statsu": empty}), SETTINGS)["report_categories"]
    assert known == Finding(OK, "Not documented, and known to the API: schedule_id.")
    assert slip.result is DIFFERS
    assert "Did you mean status?" in slip.description


@pytest.mark.parametrize(
    ("code", "behavior", "result", "words"),
    [
        ("page_size", {"per_page_limit": 20}, DIFFERS, "request 250 rows per page and get 20. A req"),
        ("cursor", {"api_version": "legacy"}, DIFFERS, "The legacy API's"),
        ("created_at_to", {"inclusive_end": False}, DIFFERS, "Exclusive, to the millisecond"),
        ("created_at_to", {"whole_seconds": True}, DIFFERS, "need TRACKDRIVE_DATE_PRECISION=second"),
        ("created_at_to", {"rewrite": without_fractions}, INCONCLUSIVE, "has a fraction of a second"),
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
        FAILED, "Not understood: 200, a body like text(8). Please report this line as an issue."
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
        ("not_converted", unconverted_as("perhaps"), DIFFERS, "Unknown: an unknown text. The lake has null"),
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


def test_a_rate_limit_header_is_shown() -> None:
    headers = {"X-RateLimit-Limit": "100"}
    with serving(b'{"calls": []}', headers=headers) as (address, _), connect(address) as client:
        assert probe(client)["rate_limit"] == Finding(OK, "X-RateLimit-Limit: 100")


def test_the_cost_of_a_day_counts_its_requests() -> None:
    with account() as sandbox, connect(sandbox.base_url, key_of(sandbox)) as client:
        description = probe(client, days=2)["cost_of_a_day"].description
    assert "305 requests (1 for calls, 16 for reports, 288 for statistics)." in description
    assert description.endswith("and 21 min without statistics.")


@pytest.mark.parametrize(
    ("api_profit", "result", "words"),
    [
        ("30", OK, "Revenue minus payout, as in the views."),
        ("25.004", DIFFERS, "Revenue minus payout minus cost."),
        ("95", DIFFERS, "Neither"),
    ],
)
def test_the_definition_of_profit_is_found_in_the_sums_of_a_report(
    api_profit: str, result: Result, words: str
) -> None:
    finding = definition_of_profit(
        revenue=Decimal(100), payout=Decimal(70), cost=Decimal(5), profit=Decimal(api_profit), rows=2
    )
    assert (finding.result, finding.description.startswith(words)) == (result, True)


def test_the_profit_of_calls_without_cost_settles_nothing() -> None:
    nothing = Decimal(0)
    finding = definition_of_profit(revenue=nothing, payout=nothing, cost=nothing, profit=nothing, rows=9)
    assert finding.result is INCONCLUSIVE


def test_the_profit_is_probed_with_the_report(usual: dict[str, Finding]) -> None:
    assert usual["profit"] == Finding(OK, "Revenue minus payout, as in the views.")
    with account(report_shape="map") as sandbox:
        assert probe_sandbox(sandbox)["profit"].result in {OK, INCONCLUSIVE}
    with account(calls_per_day=0) as empty:
        assert probe_sandbox(empty)["profit"].result is INCONCLUSIVE


def test_a_failure_in_a_good_response_is_a_failure_that_may_pass() -> None:
    with account() as sandbox, connect(sandbox.base_url, key_of(sandbox)) as client:
        replies = send_requests(client, days=7, now=NOW)
    body = b'{"success": false, "error": "Jane Doe", "calls": []}'
    page = RawResponse(status=200, headers={}, body=body, seconds=0.1)
    finding = findings(replace(replies, page=page), SETTINGS)["calls"]
    assert finding.result is FAILED
    assert finding.transient
    assert "Failed: 200, a body like {success: boolean, error: text(8), calls: []}" in finding.description
