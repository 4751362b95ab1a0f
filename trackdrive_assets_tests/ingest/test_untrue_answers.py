"""A server that fails, counts wrongly or ignores the range: the stored day stays, or the calls are right."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from trackdrive_assets.api.auth import KeyPair
from trackdrive_assets.api.client import Client
from trackdrive_assets.api.errors import IncompleteResponse, RangeIgnored, TrackdriveError, Unavailable
from trackdrive_assets.api.options import ClientOptions
from trackdrive_assets.days import exact_day
from trackdrive_assets.ingest.attempts import MAX_ATTEMPTS
from trackdrive_assets.ingest.calls import ingest_calls
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.sandbox.endpoints import EndpointResult
from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets.tables.columns import CALLS
from trackdrive_assets_tests.conftest import NOW
from trackdrive_assets_tests.support.fake_clock import FakeClock
from trackdrive_assets_tests.support.http_server import serving

DAY = exact_day(date(2024, 3, 12), ZoneInfo("UTC"))
NEW_YORK_DAY = exact_day(date(2024, 3, 12), ZoneInfo("America/New_York"))


@contextmanager
def client_at(address: str, max_concurrency: int = 4, per_page: int = 250) -> Iterator[Client]:
    options = ClientOptions(
        requests_per_second=0, retry_budget=2, max_concurrency=max_concurrency, per_page=per_page
    )
    with Client(
        address, KeyPair("tdpub-of-the-test", "tdprv-of-the-test"), options, clock=FakeClock()
    ) as client:
        yield client


def call(number: int) -> dict[str, Any]:
    created_at = DAY.start + timedelta(minutes=2 * number)
    return {"uuid": f"call-{number}", "created_at": created_at.isoformat(timespec="milliseconds")}


def page(rows: int, total_count: int | None) -> bytes:
    metadata = {"root": "calls", "total_count": total_count, "next_cursor": 0, "per_page": 250}
    calls = [call(number) for number in reversed(range(rows))]
    return json.dumps({"status": 200, "metadata": metadata, "calls": calls}).encode()


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake with forty calls of the day."""
    lake = Lake(tmp_path / "lake")
    with serving(page(40, 40)) as (address, _), client_at(address) as client:
        ingest_calls(client, lake, DAY)
    return lake


def stored(lake: Lake) -> int:
    return int(lake.read(CALLS.name, CALLS.schema, [DAY.date]).num_rows)


@pytest.mark.parametrize(
    "body",
    [
        b'{"success": false, "error": "db", "calls": []}',
        b'{"status": "error", "calls": []}',
        b'{"status": 200, "metadata": {"root": "calls", "total_count": 0}, "errors": ["db"], "calls": []}',
        b'{"error": "db", "metadata": {"root": "calls", "total_count": 0}, "calls": []}',
    ],
)
def test_a_failure_is_not_a_day_without_calls(lake: Lake, body: bytes) -> None:
    with serving(body) as (address, _), client_at(address) as client, pytest.raises(Unavailable):
        ingest_calls(client, lake, DAY)
    assert stored(lake) == 40


@pytest.mark.parametrize("status", [206, 202])
def test_a_part_of_an_answer_is_not_a_day_without_calls(lake: Lake, status: int) -> None:
    with (
        serving(page(0, 0), status=status) as (address, _),
        client_at(address) as client,
        pytest.raises(Unavailable),
    ):
        ingest_calls(client, lake, DAY)
    assert stored(lake) == 40


@pytest.mark.parametrize("rows", [0, 3])
def test_a_day_loses_most_calls_if_the_api_counts_so_three_times(lake: Lake, rows: int) -> None:
    with serving(page(rows, rows)) as (address, asked), client_at(address) as client:
        written = ingest_calls(client, lake, DAY).written
        assert len(asked) == MAX_ATTEMPTS
    assert written.rows == written.api_count == stored(lake) == rows


@pytest.mark.parametrize(
    "bodies",
    [[b"[]"], [b'{"calls": []}'], [page(0, None)], [page(0, 0), page(0, 0), page(0, None)], [page(3, None)]],
)
def test_a_day_without_a_count_loses_no_calls(lake: Lake, bodies: list[bytes]) -> None:
    with serving(*bodies) as (address, asked), client_at(address) as client:
        with pytest.raises(IncompleteResponse, match="40 calls are stored, but the API now sends"):
            ingest_calls(client, lake, DAY)
        assert len(asked) == MAX_ATTEMPTS
    assert stored(lake) == 40


def test_a_day_whose_first_page_is_empty_is_walked_on(tmp_path: Path) -> None:
    first = {"metadata": {"root": "calls", "total_count": 3, "next_cursor": 7, "per_page": 250}, "calls": []}
    with serving(json.dumps(first).encode(), page(3, 3)) as (address, _), client_at(address) as client:
        assert ingest_calls(client, Lake(tmp_path), DAY).written.rows == 3


def test_a_day_that_comes_back_is_stored(lake: Lake) -> None:
    with serving(page(0, 0), page(41, 41)) as (address, _), client_at(address) as client:
        ingest_calls(client, lake, DAY)
    assert stored(lake) == 41


def test_a_day_that_never_had_calls_is_empty_at_once(tmp_path: Path) -> None:
    with serving(page(0, 0)) as (address, asked), client_at(address) as client:
        ingest_calls(client, Lake(tmp_path), DAY)
        assert len(asked) == 1


class ShiftedSandbox(Sandbox):
    """A sandbox that ignores the offset of an instant, as if all were UTC."""

    offset = timedelta(0)

    def list_calls(self, params: Mapping[str, str], fault: str | None = None) -> EndpointResult:
        moved = {
            name: str(datetime.strptime(params[name], "%Y-%m-%d %H:%M:%S %z") - self.offset)
            for name in ("created_at_from", "created_at_to")
        }
        return super().list_calls({**params, **moved}, fault)


@pytest.mark.parametrize("hours", [4, -5, 0.25])
def test_a_call_outside_the_requested_range_fails_the_day(tmp_path: Path, hours: float) -> None:
    lake = Lake(tmp_path)
    with (
        ShiftedSandbox(seed=7, calls_per_day=600, first_day=date(2024, 3, 1), now=lambda: NOW) as shifted,
        Client(shifted.base_url, KeyPair(shifted.public_key, shifted.private_key)) as client,
    ):
        shifted.offset = timedelta(hours=hours)
        with pytest.raises(RangeIgnored, match=r"asked for calls from 2024-03-12T03:59:59\+00:00"):
            ingest_calls(client, lake, NEW_YORK_DAY)
        assert lake.days("calls") == []


def test_a_range_that_only_parts_of_a_day_ignore_is_requested_whole(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    day = timedelta(days=1)

    class DailySandbox(Sandbox):
        """A sandbox that answers each range by the whole day around it."""

        def list_calls(self, params: Mapping[str, str], fault: str | None = None) -> EndpointResult:
            since, until = (
                datetime.strptime(params[name], "%Y-%m-%d %H:%M:%S %z")
                for name in ("created_at_from", "created_at_to")
            )
            if until - since < day:
                params = {**params, "created_at_from": str(DAY.start), "created_at_to": str(DAY.end)}
            return super().list_calls(params, fault)

    with DailySandbox(seed=7, calls_per_day=200, first_day=date(2024, 3, 1), now=lambda: NOW) as daily:
        pair = KeyPair(daily.public_key, daily.private_key)
        options = ClientOptions(requests_per_second=0, per_page=7, max_concurrency=8)
        with Client(daily.base_url, pair, options) as client:
            ingest_calls(client, lake, DAY)
        assert stored(lake) == len(daily.calls(DAY.start, DAY.end))


@pytest.mark.parametrize("seconds", [-2, -1.5, -1, 86400, 86400.9, 86401.5])
def test_calls_within_the_margin_of_the_query_are_left_out(tmp_path: Path, seconds: float) -> None:
    near = {"uuid": "near", "created_at": (DAY.start + timedelta(seconds=seconds)).isoformat()}
    metadata = {"root": "calls", "total_count": 2, "next_cursor": 0, "per_page": 250}
    body = json.dumps({"metadata": metadata, "calls": [call(1), near]}).encode()
    with serving(body) as (address, _), client_at(address) as client:
        written = ingest_calls(client, Lake(tmp_path), DAY).written
    assert written.rows == written.api_count == 1


@pytest.mark.parametrize("seconds", [-2.1, 86402, 10**6])
def test_a_call_beyond_the_margin_is_named_by_its_instant_only(tmp_path: Path, seconds: float) -> None:
    moment = DAY.start + timedelta(seconds=seconds)
    offset = timezone(timedelta(hours=-5))
    row = {
        "uuid": "far",
        "caller_number": "+17195550142",
        "created_at": moment.astimezone(offset).isoformat(),
    }
    body = json.dumps({"metadata": {"root": "calls", "total_count": 1}, "calls": [row]}).encode()
    with (
        serving(body) as (address, _),
        client_at(address) as client,
        pytest.raises(RangeIgnored) as caught,
    ):
        ingest_calls(client, Lake(tmp_path), DAY)
    assert moment.astimezone(UTC).isoformat() in str(caught.value)
    assert "555" not in str(caught.value)
    assert "far" not in str(caught.value)
    assert caught.value.is_permanent


class CappedSandbox(Sandbox):
    """A sandbox that counts up to a limit."""

    def list_calls(self, params: Mapping[str, str], fault: str | None = None) -> EndpointResult:
        result = super().list_calls(params, fault)
        metadata = {
            **result.body["metadata"],
            "total_count": min(100, result.body["metadata"]["total_count"]),
        }
        return EndpointResult(200, {**result.body, "metadata": metadata}, result.rows)


@pytest.mark.parametrize("max_concurrency", [1, 8])
def test_a_count_with_a_limit_does_not_limit_the_day(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, max_concurrency: int
) -> None:
    lake = Lake(tmp_path)
    with CappedSandbox(seed=7, calls_per_day=600, first_day=date(2024, 3, 1), now=lambda: NOW) as capped:
        pair = KeyPair(capped.public_key, capped.private_key)
        options = ClientOptions(requests_per_second=0, per_page=20, max_concurrency=max_concurrency)
        with Client(capped.base_url, pair, options) as client:
            written = ingest_calls(client, lake, DAY).written
        assert stored(lake) == len(capped.calls(DAY.start, DAY.end)) > 300
    assert written.api_count is None
    assert "Its count is not reliable" in caplog.text


def test_more_calls_than_counted_that_change_fail_the_day(tmp_path: Path) -> None:
    with (
        serving(page(5, 4), page(6, 4), page(7, 4)) as (address, _),
        client_at(address) as client,
        pytest.raises(IncompleteResponse, match="counted 4 rows but sent 7"),
    ):
        ingest_calls(client, Lake(tmp_path), DAY)


@pytest.mark.parametrize("body", [b'[{"error": "db"}]', b'{"calls": [{"error": "db"}]}'])
def test_a_message_in_the_place_of_a_call_is_not_stored(tmp_path: Path, body: bytes) -> None:
    lake = Lake(tmp_path)
    with serving(body) as (address, _), client_at(address) as client, pytest.raises(TrackdriveError):
        ingest_calls(client, lake, DAY)
    assert lake.days("calls") == []
