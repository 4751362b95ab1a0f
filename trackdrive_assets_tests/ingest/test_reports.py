"""Ingest a day of a report without Dagster: complete, or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from trackdrive_assets.api.auth import KeyPair
from trackdrive_assets.api.client import Client
from trackdrive_assets.api.options import ClientOptions
from trackdrive_assets.days import exact_day
from trackdrive_assets.ingest.attempts import MAX_ATTEMPTS
from trackdrive_assets.ingest.parts import PartsFailed
from trackdrive_assets.ingest.reports import groups_missing, ingest_reports
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.sandbox.endpoints import EndpointResult
from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets.tables.columns import REPORTS
from trackdrive_assets.tables.reports import parse_report
from trackdrive_assets_tests.support.factories import lake_at
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
        written = ingest_reports(client, lake_at(tmp_path), DAY, ["buyer_id"])["buyer_id"].written
    assert written.rows == written.api_count == 2


def test_a_report_that_stays_incomplete_fails_and_stores_nothing(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    with (
        client_of(*[ONE_OF_TWO, EMPTY_PAGE] * MAX_ATTEMPTS) as client,
        pytest.raises(PartsFailed, match="1 are"),
    ):
        ingest_reports(client, lake, DAY, ["buyer_id"])
    assert lake.days("reports") == []


def stored_calls(lake: Lake) -> int:
    calls = lake.read(REPORTS.name, REPORTS.schema, [DAY.date], ["calls"], part="status")["calls"]
    return sum(calls.to_pylist())


def client_for(sandbox: Sandbox, date_precision: str = "microsecond") -> Client:
    options = ClientOptions(requests_per_second=0, date_precision=date_precision)
    return Client(sandbox.base_url, KeyPair(sandbox.public_key, sandbox.private_key), options)


@pytest.mark.parametrize("inclusive_end", [True, False])
def test_each_call_counts_in_the_report_of_one_day(
    sandbox: Sandbox, tmp_path: Path, *, inclusive_end: bool
) -> None:
    sandbox.inclusive_end = inclusive_end
    for moment in (DAY.start, DAY.end, DAY.end - timedelta(milliseconds=1)):
        sandbox.add_call(moment)
    with client_for(sandbox) as client:
        ingest_reports(client, Lake(tmp_path), DAY, ["status"])
    assert stored_calls(Lake(tmp_path)) == len(sandbox.calls(DAY.start, DAY.end))
    assert sandbox.requests[0].params["created_at_to"] == "2024-03-12 23:59:59.999999 +0000"


def test_an_account_without_fractions_loses_no_call_of_the_last_second(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.whole_seconds = True
    sandbox.add_call(DAY.end - timedelta(milliseconds=1))
    with client_for(sandbox, "second") as client:
        ingest_reports(client, Lake(tmp_path), DAY, ["status"])
    assert stored_calls(Lake(tmp_path)) == len(sandbox.calls(DAY.start, DAY.end))


def test_a_report_that_comes_empty_does_not_replace_the_stored_one(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake(tmp_path)
    with client_for(sandbox) as client:
        ingest_reports(client, lake, DAY, ["status"])
        before = stored_calls(lake)
        monkeypatch.setattr(sandbox, "report", lambda *_: EndpointResult(200, []))
        with pytest.raises(PartsFailed, match=f"{before} calls are stored, but the API now sends 0"):
            ingest_reports(client, lake, DAY, ["status"])
    assert stored_calls(lake) == before > 0


def test_a_report_of_a_day_whose_calls_are_gone_is_replaced(sandbox: Sandbox, tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    with client_for(sandbox) as client:
        ingest_reports(client, lake, DAY, ["status"])
    empty = Sandbox(seed=7, calls_per_day=0, first_day=date(2024, 3, 1))
    with empty, client_for(empty) as client:
        ingest_reports(client, lake, DAY, ["status"])
        assert len([asked for asked in empty.requests if asked.path.endswith("/calls")]) == 3
    assert stored_calls(lake) == 0


def test_a_report_with_more_groups_than_counted_is_right_if_it_comes_twice(tmp_path: Path) -> None:
    page = b'{"metadata": {"root": "reports", "total_count": 2, "per_page": 2}, "reports": [%s]}'
    first, second = (
        page % b",".join(b'{"buyer_id": %d, "calls": 9}' % n for n in numbers) for numbers in ((1, 2), (3,))
    )
    with client_of(first, second, first, second) as client:
        written = ingest_reports(client, Lake(tmp_path), DAY, ["buyer_id"])["buyer_id"].written
    assert written.rows == 3
    assert written.api_count is None


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
