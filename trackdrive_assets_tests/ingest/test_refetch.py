"""Single calls read again: only they change in their day's file, and what changes is recorded once."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq
import pytest

from trackdrive_assets.api.auth import KeyPair
from trackdrive_assets.api.client import Client
from trackdrive_assets.api.errors import Unavailable
from trackdrive_assets.api.options import ClientOptions
from trackdrive_assets.api.pagination import Page
from trackdrive_assets.days import Day, exact_day
from trackdrive_assets.ingest.calls import ingest_calls, store_calls
from trackdrive_assets.ingest.errors import PatchedMeanwhile
from trackdrive_assets.ingest.refetch import FetchedCall, Refetched, fetched_call, newest, refetch_calls
from trackdrive_assets.lake.day_file import DayFile, FetchInfo
from trackdrive_assets.lake.identity import LakeRecord, write_record
from trackdrive_assets.lake.store import ClaimedLake
from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets.tables.columns import CALL_CHANGES, CALL_TOTALS, CALLS
from trackdrive_assets.tables.exclusion import NO_EXCLUSIONS, Exclusion
from trackdrive_assets.tables.totals import call_totals, sum_totals
from trackdrive_assets_tests.conftest import NOW
from trackdrive_assets_tests.support.factories import file_of, lake_at

ZONE = ZoneInfo("America/New_York")
DAY = exact_day(date(2024, 11, 18), ZONE)


@pytest.fixture
def lake(tmp_path: Path) -> ClaimedLake:
    return lake_at(tmp_path / "lake", "America/New_York")


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Client]:
    keys = KeyPair(sandbox.public_key, sandbox.private_key)
    with Client(sandbox.base_url, keys, ClientOptions(requests_per_second=0, retry_budget=0.1)) as asking:
        yield asking


def stored(lake: ClaimedLake, day: Day = DAY) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = lake.read("calls", CALLS.schema, [day.date]).to_pylist()
    return rows


def changes(lake: ClaimedLake) -> list[tuple[object, object]]:
    rows = lake.read("call_changes", CALL_CHANGES.schema, [DAY.date]).to_pylist()
    return [(row["uuid"], row["field"]) for row in rows]


def fetch_info(lake: ClaimedLake) -> FetchInfo:
    with DayFile(file_of(lake, "calls", DAY.date)) as file:
        assert file.fetch_info
        return file.fetch_info


def changed(sandbox: Sandbox) -> str:
    """A call of the day that is another since: it gets a revenue of its own."""
    uuid = str(sandbox.calls(DAY.start, DAY.end)[7]["uuid"])
    sandbox.rewrite = lambda row: {**row, "revenue": "77.70"} if row["uuid"] == uuid else row
    return uuid


def refetched(
    client: Client, lake: ClaimedLake, *uuids: str, exclude: Exclusion = NO_EXCLUSIONS
) -> Refetched:
    return refetch_calls(client, lake, uuids, ZONE, exclude=exclude)


def test_the_call_is_replaced_and_the_others_stay(
    sandbox: Sandbox, client: Client, lake: ClaimedLake
) -> None:
    ingest_calls(client, lake, DAY)
    before = {row["uuid"]: row for row in stored(lake)}
    uuid = changed(sandbox)

    refetched(client, lake, uuid)

    after = {row["uuid"]: row for row in stored(lake)}
    as_now = fetched_call(client.call(uuid), ZONE, NOW, NO_EXCLUSIONS).values
    assert as_now["revenue"] == Decimal("77.70")
    now = after.pop(uuid)
    assert {name: now[name] for name in as_now if name != "fetched_at"} == {
        name: value for name, value in as_now.items() if name != "fetched_at"
    }
    del before[uuid]
    assert after == before


def test_the_sums_of_the_day_contain_the_call_as_it_is_now(
    sandbox: Sandbox, client: Client, lake: ClaimedLake
) -> None:
    ingest_calls(client, lake, DAY)
    refetched(client, lake, changed(sandbox))
    totals = lake.read("call_totals", CALL_TOTALS.schema, [DAY.date])
    calls = lake.read("calls", CALLS.schema, [DAY.date])
    expected = sum_totals([call_totals(calls)], fetch_info(lake).fetched_at)
    assert sorted(totals.to_pylist(), key=str) == sorted(expected.to_pylist(), key=str)
    with DayFile(file_of(lake, "call_totals", DAY.date)) as file:
        assert file.fetch_info
        assert file.fetch_info.fetched_at == fetch_info(lake).updated_at


def test_a_new_word_of_a_flag_comes_and_goes_with_single_calls(
    sandbox: Sandbox, client: Client, lake: ClaimedLake
) -> None:
    uuid = sandbox.add_call(DAY.start, buyer_converted="Converted", mood="calm")
    ingest_calls(client, lake, DAY)
    for word, flag, extra in (
        ("Duplicate", None, '{"buyer_converted":"Duplicate","mood":"calm"}'),
        ("Converted", True, '{"mood":"calm"}'),
    ):
        sandbox.rewrite = lambda row, word=word: {**row, "buyer_converted": word}
        refetched(client, lake, uuid)
        (row,) = (row for row in stored(lake) if row["uuid"] == uuid)
        assert (row["buyer_converted"], row["extra"]) == (flag, extra)


def test_the_day_keeps_its_order(sandbox: Sandbox, client: Client, lake: ClaimedLake) -> None:
    ingest_calls(client, lake, DAY)
    order = [row["uuid"] for row in stored(lake)]
    refetched(client, lake, changed(sandbox))
    assert [row["uuid"] for row in stored(lake)] == order


def test_its_changes_are_later_than_the_fetch_of_the_day(
    sandbox: Sandbox, client: Client, lake: ClaimedLake
) -> None:
    ingest_calls(client, lake, DAY)
    refetched(client, lake, changed(sandbox))
    (change,) = lake.read("call_changes", CALL_CHANGES.schema, [DAY.date]).to_pylist()
    assert change["detected_at"] > fetch_info(lake).fetched_at


def test_its_changes_are_recorded_once_even_if_the_day_is_fetched_again(
    sandbox: Sandbox, client: Client, lake: ClaimedLake
) -> None:
    ingest_calls(client, lake, DAY)
    uuid = changed(sandbox)
    refetched(client, lake, uuid)
    ingest_calls(client, lake, DAY)
    refetched(client, lake, uuid)
    assert changes(lake) == [(uuid, "revenue")]


def test_another_call_than_the_requested_one_is_refused(
    sandbox: Sandbox, client: Client, lake: ClaimedLake
) -> None:
    ingest_calls(client, lake, DAY)
    asked, other = (str(row["uuid"]) for row in sandbox.calls(DAY.start, DAY.end)[:2])
    before = file_of(lake, "calls", DAY.date).read_bytes()
    sandbox.rewrite = lambda row: {**row, "uuid": other, "revenue": "77.70"}
    assert "another uuid" in refetched(client, lake, asked).refused[asked]
    assert file_of(lake, "calls", DAY.date).read_bytes() == before


def test_a_uuid_in_capitals_is_the_same_call(
    sandbox: Sandbox, client: Client, lake: ClaimedLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest_calls(client, lake, DAY)
    uuid = changed(sandbox)
    one_call = client.call
    monkeypatch.setattr(client, "call", lambda asked: one_call(asked.lower()))
    assert not refetched(client, lake, uuid.upper()).refused
    assert changes(lake) == [(uuid, "revenue")]


def test_a_call_that_moved_to_another_day_is_refused(
    sandbox: Sandbox, client: Client, lake: ClaimedLake
) -> None:
    next_day = exact_day(date(2024, 11, 19), ZONE)
    for day in (DAY, next_day):
        ingest_calls(client, lake, day)
    uuid = changed(sandbox)
    before = {day: stored(lake, day) for day in (DAY, next_day)}
    sandbox.rewrite = lambda row: {**row, "created_at": "2024-11-19T12:00:00-05:00"}
    reason = refetched(client, lake, uuid).refused[uuid]
    assert reason.startswith("It is stored on 2024-11-18, but the API has it on 2024-11-19 now.")
    assert {day: stored(lake, day) for day in (DAY, next_day)} == before


# Other writers of the same day


def test_a_fetch_of_the_whole_day_meanwhile_is_not_undone(
    sandbox: Sandbox, client: Client, lake: ClaimedLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest_calls(client, lake, DAY)
    uuid, late = changed(sandbox), []
    one_call = client.call

    def call_and_fetch_of_the_day(asked: str) -> object:
        row = one_call(asked)
        late.append(sandbox.add_call(DAY.start + timedelta(hours=3)))
        sandbox.rewrite = lambda row: {**row, "revenue": "99.50"} if row["uuid"] == uuid else row
        ingest_calls(client, lake, DAY)
        return row

    monkeypatch.setattr(client, "call", call_and_fetch_of_the_day)
    refetched(client, lake, uuid)

    rows = {row["uuid"]: row for row in stored(lake)}
    assert late[0] in rows
    assert rows[uuid]["revenue"] == Decimal("99.50")


def test_a_call_that_a_later_fetch_of_the_day_lacks_is_not_added(
    sandbox: Sandbox, client: Client, lake: ClaimedLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest_calls(client, lake, DAY)
    uuid = sandbox.add_call(DAY.start)
    one_call = client.call

    def call_and_fetch_of_the_day(asked: str) -> object:
        row = one_call(asked)
        with lake.replace("calls", CALLS.schema, DAY.date):
            pass
        return row

    monkeypatch.setattr(client, "call", call_and_fetch_of_the_day)
    assert "no longer has this call" in refetched(client, lake, uuid).refused[uuid]
    assert uuid not in [row["uuid"] for row in stored(lake)]


def test_a_whole_day_that_began_before_a_refetch_does_not_undo_it(
    sandbox: Sandbox, client: Client, lake: ClaimedLake
) -> None:
    ingest_calls(client, lake, DAY)
    began = datetime.now(UTC)
    uuid = changed(sandbox)
    refetched(client, lake, uuid)
    with (
        lake.stage("calls", CALLS.schema, DAY.date, fetched_at=began) as writer,
        pytest.raises(PatchedMeanwhile, match="Run the partition again"),
    ):
        store_calls(lake, DAY, writer, NO_EXCLUSIONS)
    assert [row["revenue"] for row in stored(lake) if row["uuid"] == uuid] == [Decimal("77.70")]


def test_a_day_that_was_patched_meanwhile_is_fetched_again(
    sandbox: Sandbox, client: Client, lake: ClaimedLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest_calls(client, lake, DAY)
    uuid = changed(sandbox)
    late: list[str] = []
    pages = client.call_pages

    def pages_and_a_refetch(*args: Any, **options: Any) -> Iterator[Page]:
        yield from pages(*args, **options)
        if not late:
            late.append(sandbox.add_call(DAY.start))
            refetched(client, lake, uuid)

    monkeypatch.setattr(client, "call_pages", pages_and_a_refetch)
    ingest_calls(client, lake, DAY)
    assert late[0] in [row["uuid"] for row in stored(lake)]
    assert changes(lake).count((uuid, "revenue")) == 1


def test_a_day_with_a_time_in_the_future_is_not_patched(
    sandbox: Sandbox, client: Client, lake: ClaimedLake
) -> None:
    future = datetime.now(UTC) + timedelta(days=3000)
    with lake.replace("calls", CALLS.schema, DAY.date, fetched_at=future):
        pass
    uuid = str(sandbox.calls(DAY.start, DAY.end)[0]["uuid"])
    assert "no valid time" in refetched(client, lake, uuid).refused[uuid]


def test_the_day_does_not_count_as_fetched_again(sandbox: Sandbox, client: Client, lake: ClaimedLake) -> None:
    ingest_calls(client, lake, DAY)
    before = fetch_info(lake)
    refetched(client, lake, changed(sandbox))
    after = fetch_info(lake)
    assert after.patched_at
    assert (after.fetched_at, after.first_fetched_at, after.api_count) == (
        before.fetched_at,
        before.first_fetched_at,
        before.api_count,
    )


def test_a_call_that_the_day_lacked_is_added_and_counted(
    sandbox: Sandbox, client: Client, lake: ClaimedLake
) -> None:
    ingest_calls(client, lake, DAY)
    count = fetch_info(lake).api_count
    late = sandbox.add_call(DAY.start + timedelta(hours=3))
    done = refetched(client, lake, late)
    assert late in [row["uuid"] for row in stored(lake)]
    assert fetch_info(lake).api_count == (count or 0) + 1
    assert [read.written.rows for _, read in done.stored.values()] == [(count or 0) + 1]


def test_each_call_goes_into_the_file_of_its_own_day(
    sandbox: Sandbox, client: Client, lake: ClaimedLake
) -> None:
    next_day = exact_day(date(2024, 11, 19), ZONE)
    for day in (DAY, next_day):
        ingest_calls(client, lake, day)
    late = [sandbox.add_call(DAY.end - timedelta(milliseconds=1)), sandbox.add_call(DAY.end)]
    done = refetched(client, lake, *late)
    assert [str(day) for day in done.stored] == ["2024-11-18", "2024-11-19"]
    assert stored(lake)[-1]["uuid"] == late[0]
    assert stored(lake, next_day)[0]["uuid"] == late[1]


def test_a_column_that_the_response_lacks_keeps_its_value(
    sandbox: Sandbox, client: Client, lake: ClaimedLake
) -> None:
    uuid = sandbox.add_call(DAY.start, revenue="12.50", payout="5.00", **{"token-state": "CO", "odd_key": 7})
    ingest_calls(client, lake, DAY)
    (before,) = [row for row in stored(lake) if row["uuid"] == uuid]
    sandbox.rewrite = lambda row: {
        "uuid": row["uuid"],
        "created_at": row["created_at"],
        "payout": "6.00",
        "revenue": None,
    }

    refetched(client, lake, uuid)

    (after,) = [row for row in stored(lake) if row["uuid"] == uuid]
    differs = {name for name in after if after[name] != before[name]}
    assert differs == {"payout", "revenue", "fetched_at"}
    assert after["revenue"] is None


@pytest.mark.parametrize("comes", [True, False], ids=["that come", "that do not come"])
def test_excluded_columns_stay_out(
    sandbox: Sandbox, client: Client, lake: ClaimedLake, *, comes: bool
) -> None:
    uuid = sandbox.add_call(DAY.start, caller_number="+17195550123")
    ingest_calls(client, lake, DAY)
    sandbox.rewrite = lambda row: {
        name: value for name, value in row.items() if comes or name != "caller_number"
    }
    refetched(client, lake, uuid, exclude=Exclusion(("caller_number",)))
    (after,) = [row for row in stored(lake) if row["uuid"] == uuid]
    assert after["caller_number"] is None


def test_an_unknown_or_malformed_call_is_refused_and_others_are_stored(
    sandbox: Sandbox, client: Client, lake: ClaimedLake
) -> None:
    ingest_calls(client, lake, DAY)
    good = sandbox.add_call(DAY.start)
    odd = sandbox.add_call(DAY.start, total_duration="two minutes")
    done = refetched(client, lake, "00000000-0000-4000-8000-000000000000", "not a call!", odd, good)
    assert set(done.refused) == {"00000000-0000-4000-8000-000000000000", "not a call!", odd}
    assert "total_duration is a text of 11 characters" in done.refused[odd]
    assert [count for count, _ in done.stored.values()] == [1]


def test_a_day_that_was_never_fetched_gets_no_file_of_single_calls(
    sandbox: Sandbox, client: Client, lake: ClaimedLake
) -> None:
    uuid = sandbox.add_call(DAY.start)
    done = refetched(client, lake, uuid)
    assert "Materialize calls of 2024-11-18" in done.refused[uuid]
    assert lake.days("calls") == []


def test_a_file_of_another_program_is_not_changed(
    sandbox: Sandbox, client: Client, lake: ClaimedLake
) -> None:
    uuid = sandbox.add_call(DAY.start)
    file = file_of(lake, "calls", DAY.date)
    file.parent.mkdir(parents=True)
    pq.write_table(CALLS.schema.empty_table(), file)
    write_record(lake.storage, LakeRecord(lake.claim.identity))
    assert "Materialize calls of 2024-11-18" in refetched(client, lake, uuid).refused[uuid]


def test_nothing_is_stored_if_the_api_is_down(sandbox: Sandbox, client: Client, lake: ClaimedLake) -> None:
    uuid = sandbox.add_call(DAY.start)
    ingest_calls(client, lake, DAY)
    before = file_of(lake, "calls", DAY.date).read_bytes()
    sandbox.inject("500", times=None)
    with pytest.raises(Unavailable):
        refetched(client, lake, uuid)
    assert file_of(lake, "calls", DAY.date).read_bytes() == before


def test_the_file_still_has_the_columns_of_the_table(
    sandbox: Sandbox, client: Client, lake: ClaimedLake
) -> None:
    uuid = sandbox.add_call(DAY.start)
    ingest_calls(client, lake, DAY)
    refetched(client, lake, uuid)
    assert pq.read_schema(file_of(lake, "calls", DAY.date)).equals(CALLS.schema)


@pytest.mark.parametrize(
    ("stored_at", "revenue"),
    [
        (NOW - timedelta(hours=1), "2"),
        (NOW + timedelta(hours=1), "1"),
        (datetime.now(UTC) + timedelta(days=3000), "2"),
    ],
    ids=["earlier", "later", "in the future"],
)
def test_the_row_that_was_fetched_last_is_stored(stored_at: datetime, revenue: str) -> None:
    row = {"uuid": "a", "created_at": NOW, "fetched_at": stored_at, "revenue": "1"}
    call = FetchedCall("a", DAY, {**row, "fetched_at": NOW, "revenue": "2"})
    assert newest(row, call)["revenue"] == revenue
