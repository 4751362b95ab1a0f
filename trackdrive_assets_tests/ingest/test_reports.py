"""Ingest a day of a report without Dagster: complete, or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from trackdrive_assets.api.auth import KeyPair
from trackdrive_assets.api.client import Client
from trackdrive_assets.api.errors import IncompleteResponse
from trackdrive_assets.api.options import ClientOptions
from trackdrive_assets.days import exact_day
from trackdrive_assets.ingest.attempts import MAX_ATTEMPTS
from trackdrive_assets.ingest.reports import groups_missing, ingest_report
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.tables.reports import parse_report
from trackdrive_assets_tests.support.http_server import serving

DAY = exact_day(date(2024, 3, 12), ZoneInfo("UTC"))
EMPTY_PAGE = b'{"metadata": {"root": "reports", "total_count": 2}, "reports": []}'
ONE_OF_TWO = EMPTY_PAGE.replace(b"[]", b'[{"buyer_id": 7, "calls": 3}]')
THE_OTHER = EMPTY_PAGE.replace(b"[]", b'[{"buyer_id": 8, "calls": 1}]')


@contextmanager
def client_of(*answers: bytes) -> Iterator[Client]:
    """Open a client of a server that gives these responses one after another."""
    pair = KeyPair("tdpub-of-the-test", "tdprv-of-the-test")
    with (
        serving(*answers) as (address, _),
        Client(address, pair, ClientOptions(requests_per_second=0)) as client,
    ):
        yield client


def test_an_incomplete_report_is_fetched_again(tmp_path: Path) -> None:
    with client_of(ONE_OF_TWO, EMPTY_PAGE, ONE_OF_TWO, THE_OTHER) as client:
        written = ingest_report(client, Lake(tmp_path), DAY, "buyer_id")
    assert written.rows == written.api_count == 2


def test_a_report_that_stays_incomplete_fails_and_stores_nothing(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    with (
        client_of(*[ONE_OF_TWO, EMPTY_PAGE] * MAX_ATTEMPTS) as client,
        pytest.raises(IncompleteResponse, match="1 are"),
    ):
        ingest_report(client, lake, DAY, "buyer_id")
    assert lake.days("reports", category="buyer_id") == []


@pytest.mark.parametrize(("total_count", "missing"), [(None, 0), (2, 0), (1, 0), (3, 1), (40, 0)], ids=str)
def test_a_count_of_the_calls_is_not_mistaken_for_one_of_the_groups(
    total_count: int | None, missing: int
) -> None:
    batch = parse_report([{"buyer_id": 7, "calls": 30}, {"buyer_id": 8, "calls": 10}], category="buyer_id")
    assert groups_missing(batch, total_count) == missing


def test_a_report_without_numbers_of_calls_is_not_compared_with_the_count() -> None:
    assert groups_missing(parse_report([{"buyer_id": 7}], category="buyer_id"), 40) == 0


def test_a_report_without_rows_is_compared_with_the_count() -> None:
    assert groups_missing(parse_report([], category="buyer_id"), 40) == 40
