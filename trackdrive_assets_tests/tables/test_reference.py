"""The rows of a reference list: what is stored of them, and what never is."""

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from trackdrive_assets.tables.columns import REFERENCE
from trackdrive_assets.tables.errors import MalformedRow
from trackdrive_assets.tables.exclusion import Exclusion
from trackdrive_assets.tables.reference import parse_reference

NOW = datetime(2026, 11, 27, 5, tzinfo=UTC)


def parsed(*rows: Mapping[str, object], list_name: str = "buyers", exclude: str = "") -> list[dict[str, Any]]:
    exclusion = Exclusion(tuple(exclude.split())) if exclude else Exclusion()
    batch = parse_reference(rows, list_name=list_name, fetched_at=NOW, exclude=exclusion)
    assert batch.schema == REFERENCE.schema
    stored: list[dict[str, Any]] = batch.to_pylist()
    return stored


def test_a_buyer_has_its_name_label_price_and_state() -> None:
    row = {"id": 7, "name": "Auto &amp; Home", "user_buyer_id": 1070, "paused": True, "bid_price": "24.50"}
    (buyer,) = parsed(row)
    assert buyer["list_name"] == "buyers"
    assert (buyer["id"], buyer["name"], buyer["label"]) == (7, "Auto & Home", "1070")
    assert (buyer["is_paused"], buyer["bid_price"], buyer["fetched_at"]) == (True, Decimal("24.5"), NOW)


def test_the_company_is_the_name_of_a_row_without_one() -> None:
    (source,) = parsed({"id": 7, "company_name": "Example Media"}, list_name="traffic_sources")
    assert source["name"] == "Example Media"


@pytest.mark.parametrize("nothing", [None, ""])
def test_an_empty_name_does_not_hide_the_company(nothing: str | None) -> None:
    (source,) = parsed({"id": 7, "name": nothing, "company_name": "Example Media"})
    assert source["name"] == "Example Media"


def test_null_and_an_absent_key_are_different_flags() -> None:
    first, second = parsed({"id": 7, "paused": None}, {"id": 8})
    assert (first["is_paused"], second["is_paused"]) == (False, None)


def test_a_tracking_number_has_its_offer_and_its_traffic_source() -> None:
    row = {"id": 7, "number": "+18005550123", "offer_id": 8, "traffic_source_id": 9}
    (number,) = parsed(row, list_name="numbers")
    assert (number["number_called"], number["offer_id"], number["traffic_source_id"]) == (
        "+18005550123",
        8,
        9,
    )


def test_contacts_and_secrets_are_not_stored() -> None:
    row = {
        "id": 7,
        "number": "+18665550145",
        "plain_number": 18665550145,
        "email": "a@example.com",
        "first_name": "Sam",
        "provider_auth_key": "s3cret",
        "webhook_url": "https://example.com/?key=s3cret",
        "token_used": "s3cret",
        "phone_limit": 18665550145,
    }
    (buyer,) = parsed(row)
    stored = {name: value for name, value in buyer.items() if value is not None}
    assert stored.keys() == {"list_name", "id", "fetched_at"}


def test_caps_and_their_use_are_stored_under_their_own_names() -> None:
    row = {"id": 7, "concurrency_cap_limit": 10, "earned_revenue_daily_used": "0.5", "maxed_count": True}
    (buyer,) = parsed(row)
    assert json.loads(buyer["limits"]) == {"concurrency_cap_limit": 10, "earned_revenue_daily_used": 0.5}


def test_a_value_that_cannot_be_read_is_null_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        first, second = parsed({"id": 7, "bid_price": "a lot"}, {"id": 8, "bid_price": 2})
    assert (first["bid_price"], second["bid_price"]) == (None, 2)
    assert "buyers: 1 of 2 rows have a bid_price that is not an amount" in caplog.text
    assert "a lot" not in caplog.text


@pytest.mark.parametrize("row", [{}, {"id": None}, {"id": "x"}, {"id": 1.5}])
def test_a_row_without_an_id_is_an_error_that_names_the_row(row: Mapping[str, object]) -> None:
    with pytest.raises(MalformedRow, match="Row 2 of offers: id is"):
        parsed({"id": 1}, row, list_name="offers")


def test_excluded_labels_and_ids_are_null() -> None:
    (buyer,) = parsed({"id": 7, "user_buyer_id": "a"}, exclude="user_buyer_id")
    (number,) = parsed({"id": 7, "offer_id": 8, "ring_pool_id": 9}, list_name="numbers", exclude="offer_id")
    assert (buyer["label"], number["offer_id"], number["ring_pool_id"]) == (None, None, 9)
