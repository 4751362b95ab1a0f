"""Ingest the reference lists of today without Dagster: complete, or not at all."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from trackdrive_assets.api.auth import KeyPair
from trackdrive_assets.api.client import Client
from trackdrive_assets.api.options import ClientOptions
from trackdrive_assets.days import Day, exact_day
from trackdrive_assets.ingest.errors import DayIsOver
from trackdrive_assets.ingest.parts import PartsFailed
from trackdrive_assets.ingest.reference import check_is_today, ingest_reference
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.sandbox.lists import LISTS
from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets.tables.columns import REFERENCE
from trackdrive_assets_tests.support.factories import lake_at
from trackdrive_assets_tests.support.http_server import serving

EVERY_LIST = ("buyers", "offers", "traffic_sources", "numbers")


def today() -> Day:
    return exact_day(datetime.now(UTC).date(), ZoneInfo("UTC"))


def client_of(base_url: str, per_page: int = 250) -> Client:
    pair = KeyPair("tdpubsandbox", "tdprvsandbox")
    return Client(base_url, pair, ClientOptions(requests_per_second=0, per_page=per_page, retry_budget=0))


def stored_ids(lake: Lake, day: Day, name: str) -> list[int]:
    ids: list[int] = lake.read(REFERENCE.name, REFERENCE.schema, [day.date], ["id"], part=name)[
        "id"
    ].to_pylist()
    return ids


@pytest.mark.parametrize("per_page", [250, 2])
def test_every_row_of_each_list_is_stored_once(sandbox: Sandbox, tmp_path: Path, per_page: int) -> None:
    day = today()
    with client_of(sandbox.base_url, per_page) as client:
        ingest_reference(client, Lake(tmp_path), day, EVERY_LIST)
    for root, rows in LISTS.values():
        assert stored_ids(Lake(tmp_path), day, root) == [row["id"] for row in rows]


def test_a_list_without_permission_fails_alone(sandbox: Sandbox, tmp_path: Path) -> None:
    day = today()
    sandbox.refused_lists.add("buyers")
    with client_of(sandbox.base_url) as client, pytest.raises(PartsFailed, match=r"buyers: .*403") as failed:
        ingest_reference(client, Lake(tmp_path), day, EVERY_LIST)
    assert failed.value.stored.keys() == {"offers", "traffic_sources", "numbers"}
    assert len([each for each in sandbox.requests if each.path.endswith("/buyers")]) == 1


def test_a_day_that_is_over_is_refused_without_a_request(sandbox: Sandbox, tmp_path: Path) -> None:
    yesterday = exact_day(today().date - timedelta(days=1), ZoneInfo("UTC"))
    with client_of(sandbox.base_url) as client, pytest.raises(DayIsOver, match="is over, and the API has"):
        ingest_reference(client, Lake(tmp_path), yesterday, EVERY_LIST)
    assert sandbox.requests == []


def test_the_day_of_the_account_decides_what_is_over() -> None:
    day = exact_day(datetime(2026, 11, 26, tzinfo=UTC).date(), ZoneInfo("America/New_York"))
    check_is_today(day, datetime(2026, 11, 27, 4, 59, tzinfo=UTC))
    with pytest.raises(DayIsOver, match="2026-11-27"):
        check_is_today(day, datetime(2026, 11, 27, 5, tzinfo=UTC))


def test_an_incomplete_list_is_not_stored(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.inject("short", times=None, path="/api/v1/buyers")
    with client_of(sandbox.base_url) as client, pytest.raises(PartsFailed, match="missing"):
        ingest_reference(client, Lake(tmp_path), today(), ["buyers"])
    assert Lake(tmp_path).days(REFERENCE.name) == []


def test_an_empty_list_does_not_replace_the_rows_of_today(tmp_path: Path) -> None:
    day, lake = today(), lake_at(tmp_path)
    one = b'{"metadata": {"root": "buyers"}, "buyers": [{"id": 7}]}'
    with serving(one) as (address, _), client_of(address) as client:
        ingest_reference(client, lake, day, ["buyers"])
    with (
        serving(*[b'{"metadata": {"root": "buyers"}, "buyers": []}'] * 3) as (address, _),
        client_of(address) as client,
        pytest.raises(PartsFailed, match="sent no buyers, but 1 of today are stored"),
    ):
        ingest_reference(client, lake, day, ["buyers"])
    assert stored_ids(lake, day, "buyers") == [7]


@pytest.mark.parametrize("body", [b'[{"id": 7}]', b'{"offers": [{"id": 7}]}'])
def test_a_list_can_be_bare_or_without_metadata(tmp_path: Path, body: bytes) -> None:
    day = today()
    lake = lake_at(tmp_path)
    with serving(body) as (address, _), client_of(address) as client:
        ingest_reference(client, lake, day, ["offers"])
    assert stored_ids(lake, day, "offers") == [7]


@pytest.mark.parametrize("metadata", [b'{"total_count": 0}', b'{"total_count": 0, "root": "buyers"}'])
def test_null_is_an_empty_list_if_the_api_counts_no_rows(tmp_path: Path, metadata: bytes) -> None:
    day, lake = today(), lake_at(tmp_path)
    body = b'{"buyers": null, "metadata": %s}' % metadata
    with serving(body) as (address, _), client_of(address) as client:
        ingest_reference(client, lake, day, ["buyers"])
    assert stored_ids(lake, day, "buyers") == []


@pytest.mark.parametrize("count", [b"1", b"null"])
def test_null_is_an_error_if_the_api_counts_rows_or_not_at_all(tmp_path: Path, count: bytes) -> None:
    body = b'{"buyers": null, "metadata": {"total_count": %s}}' % count
    with (
        serving(body) as (address, _),
        client_of(address) as client,
        pytest.raises(PartsFailed, match=r"a page of buyers is a list of objects"),
    ):
        ingest_reference(client, lake_at(tmp_path), today(), ["buyers"])


def test_a_row_that_is_sent_twice_is_stored_once(tmp_path: Path) -> None:
    day, lake = today(), lake_at(tmp_path)
    body = b'[{"id": 7, "bid_price": 1.5}, {"id": 8}, {"id": 7, "bid_price": 1.5}]'
    with serving(body, body) as (address, _), client_of(address) as client:
        ingest_reference(client, lake, day, ["buyers"])
    assert stored_ids(lake, day, "buyers") == [7, 8]


def test_a_list_with_one_id_for_two_rows_fails_alone(tmp_path: Path) -> None:
    day, lake = today(), lake_at(tmp_path)
    contradiction = b'{"buyers": [{"id": 7, "bid_price": 1.5}, {"id": 8}, {"id": 7, "bid_price": 2}]}'
    offers = b'{"metadata": {"root": "offers", "total_count": 1, "per_page": 250}, "offers": [{"id": 7}]}'
    with (
        serving(contradiction, offers) as (address, _),
        client_of(address) as client,
        pytest.raises(
            PartsFailed, match=r"buyers: .* rows 1 and 3 have the same id, but differ in bid_price"
        ),
    ):
        ingest_reference(client, lake, day, ["buyers", "offers"])
    assert stored_ids(lake, day, "offers") == [7]


def test_a_row_that_moves_to_the_next_page_may_have_changed(tmp_path: Path) -> None:
    day, lake = today(), lake_at(tmp_path)
    page = b'{"metadata": {"root": "buyers", "total_count": %d, "per_page": 2}, "buyers": %s}'
    first = page % (3, b'[{"id": 7}, {"id": 8, "revenue_daily_used": 1}]')
    second = page % (4, b'[{"id": 8, "revenue_daily_used": 2}, {"id": 9}]')
    end = page % (4, b"[]")
    with serving(first, second, end) as (address, _), client_of(address, 2) as client:
        ingest_reference(client, lake, day, ["buyers"])
    assert stored_ids(lake, day, "buyers") == [7, 8, 9]


def test_a_body_of_another_shape_is_an_error_with_its_outline(tmp_path: Path) -> None:
    with (
        serving(b'{"numbers": {"7": "+18005550123"}}') as (address, _),
        client_of(address) as client,
        pytest.raises(PartsFailed, match="a page of numbers is a list of objects") as failed,
    ):
        ingest_reference(client, lake_at(tmp_path), today(), ["numbers"])
    assert "+18005550123" not in str(failed.value)
