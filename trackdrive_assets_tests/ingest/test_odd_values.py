"""A day with one odd value: kept if it can be, else one request, one error, and nothing stored."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq
import pytest

from trackdrive_assets.api.auth import KeyPair
from trackdrive_assets.api.client import Client
from trackdrive_assets.api.errors import UnreadableResponse
from trackdrive_assets.api.options import ClientOptions
from trackdrive_assets.days import exact_day
from trackdrive_assets.ingest.calls import ingest_calls
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.tables.errors import MalformedRow
from trackdrive_assets_tests.support.http_server import serving

DAY = exact_day(date(2024, 3, 10), ZoneInfo("UTC"))
COUNTED_ONE = b'"total_count": 1'


def page(field: str, written: bytes, *, counted: bytes = COUNTED_ONE) -> bytes:
    """Return a page of one call with a value as the server writes it."""
    call = b'{"uuid": "u-1", "created_at": "2024-03-10T05:00:00Z", "%s": %s}' % (field.encode(), written)
    return b'{"metadata": {"root": "calls", %s}, "calls": [%s]}' % (counted, call)


@contextmanager
def account(body: bytes) -> Iterator[tuple[Client, list[Any]]]:
    with (
        serving(body) as (url, asked),
        Client(url, KeyPair("tdpub-a", "tdprv-a"), ClientOptions(requests_per_second=0)) as client,
    ):
        yield client, asked


@pytest.mark.parametrize(
    ("field", "written", "stored"),
    [
        ("sub_id", b"1e500000000", "1e500000000"),
        ("sub_id", b"1e-999999999", "1e-999999999"),
        ("sub_id", b"NaN", "NaN"),
        ("sub_id", b"9" * 5_000, "9" * 5_000),
        ("buyer", rb'"a\ud800b"', "a\ufffdb"),
        ("buyer", b'"caf\xe9"', "caf\ufffd"),
        ("buyer", b'"a\tb"', "a\tb"),
        ("buyer", b'"geo=1&region=us&amp;copy=1"', "geo=1&region=us&copy=1"),
        ("buyer_converted", b'"Duplicate"', None),
        ("payout", b'"1e2"', 100),
    ],
)
def test_a_value_that_can_be_kept_is_stored(
    tmp_path: Path, field: str, written: bytes, stored: object
) -> None:
    with account(page(field, written)) as (client, asked):
        file = ingest_calls(client, Lake(tmp_path), DAY).written.url
    assert pq.read_table(file)[field].to_pylist() == [stored]
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("field", "written"),
    [
        ("payout", b"1e-999999999"),
        ("payout", b"1e3000000"),
        ("payout", b"NaN"),
        ("payout", b'"1_000"'),
        ("payout", b"+5"),
        ("buyer_id", b"1e3000000"),
        ("buyer_id", b'"nan"'),
        ("total_duration", b"Infinity"),
        ("total_duration", b'"inf"'),
        ("ended_at", b'"2024-03-28T15:16:49' + b" " * 100 + b'+00:00"'),
        ("token-x", b"[" * 200 + b"]" * 200),
    ],
)
def test_a_value_that_cannot_be_read_fails_the_day_at_once(
    tmp_path: Path, field: str, written: bytes
) -> None:
    with account(page(field, written)) as (client, asked), pytest.raises(MalformedRow) as failure:
        ingest_calls(client, Lake(tmp_path), DAY)
    assert (failure.value.uuid, failure.value.field) == ("u-1", field)
    assert len(asked) == 1
    assert not list(tmp_path.rglob("*.parquet"))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (page("mood", b"[" * 5_000 + b"]" * 5_000), "not an answer of this API: .* nested too deep"),
        (page("a", b"1", counted=b'"total_count": 1e3000000'), "total_count is not a count"),
        (page("a", b"1, " + b", ".join(b'"token-%d": 1' % n for n in range(5_000))), "2,000 different keys"),
    ],
    ids=["nested", "total_count", "keys"],
)
def test_json_that_is_no_answer_fails_the_day_at_once(tmp_path: Path, body: bytes, reason: str) -> None:
    with account(body) as (client, asked), pytest.raises(UnreadableResponse, match=reason):
        ingest_calls(client, Lake(tmp_path), DAY)
    assert len(asked) == 1
