"""Findings contain no secrets, no phone numbers and no values of calls."""

import re
from datetime import timedelta

import pytest

from trackdrive_assets.privacy import mask_phone_numbers
from trackdrive_assets_tests.doctor.conftest import (
    NOW,
    account,
    probe_sandbox,
)


def test_names_in_unexpected_places_are_not_shown() -> None:
    with account() as sandbox:
        sandbox.rewrite = lambda row: row | {"buyer_converted": "John Doe", "joe@example.com": 1}
        shown = " ".join(finding.description for finding in probe_sandbox(sandbox).values())
    assert "Doe" not in shown
    assert "joe" not in shown


def test_a_number_in_the_place_of_a_conversion_is_not_shown() -> None:
    with account() as sandbox:
        sandbox.rewrite = lambda row: row | {"buyer_converted": 17195550100}
        shown = " ".join(finding.description for finding in probe_sandbox(sandbox).values())
    assert "5550100" not in shown


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
