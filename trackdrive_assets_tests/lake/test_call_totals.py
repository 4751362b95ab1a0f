"""The sums of a day: those that are stored, those that are computed from the calls, and the views of both."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib import resources
from pathlib import Path
from random import Random
from string import Template
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from trackdrive_assets.days import Day, exact_day
from trackdrive_assets.ingest.calls import store_calls
from trackdrive_assets.lake.database import connect
from trackdrive_assets.lake.sql_catalog import parse_query
from trackdrive_assets.lake.store import ClaimedLake
from trackdrive_assets.tables.columns import CALLS, schemas
from trackdrive_assets.tables.exclusion import NO_EXCLUSIONS
from trackdrive_assets_tests.support.factories import Row, a_call, a_deal, file_of, lake_at, query

UTC_ZONE = ZoneInfo("UTC")
DAY = exact_day(date(2024, 6, 19), UTC_ZONE)
NEXT_DAY = exact_day(date(2024, 6, 20), UTC_ZONE)
FETCHED = datetime(2024, 6, 21, 3, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path: Path) -> ClaimedLake:
    return lake_at(tmp_path / "lake")


def store(lake: ClaimedLake, day: Day, calls: list[Row], fetched_at: datetime = FETCHED) -> None:
    """Store a day of calls as an ingest does: the calls, their changes and their sums."""
    with lake.stage("calls", CALLS.schema, day.date, sort_by="created_at", fetched_at=fetched_at) as writer:
        writer.write(pa.RecordBatch.from_pylist(calls, schema=CALLS.schema))
        store_calls(lake, day, writer, NO_EXCLUSIONS)


def numbers_of_calls(lake: ClaimedLake) -> dict[date, int]:
    """Return the number of calls of each day, according to the views of sums."""
    counts = [
        {
            row["date"]: row["calls"]
            for row in query(lake, f"SELECT date, sum(calls) AS calls FROM {view} GROUP BY 1")
        }
        for view in ("daily_summary", "hourly_volume", "buyer_performance", "state_performance")
    ]
    assert all(count == counts[0] for count in counts)
    return counts[0]


# The stored sums are those of the calls

PARTIES = ("buyer", "offer", "traffic_source")

ODD_STATES = [
    None,
    "",
    " ",
    "co",
    "CO",
    " us-Co ",
    "US-TX",
    "us-",
    "us-us-tx",
    "\tco",
    "c,o",
    "straße",
    "İ",
    "é\n",
]
ODD_TEXTS = [
    None,
    "",
    "state:CO,state:TX",
    "state:,geo_state:us-co",
    "state: ,geo_state:us-co",
    "geo_state:us-tx, state: co ,zip:80202",
    "zip:80202,\n\tgeo_state:US-tx\n,x",
    "home_state:CO",
    "State:CO",
    "state:a:b",
    "stateñ:é,state:é",
]


def odd_tags(chance: Random) -> Row:
    """Return the tags of a call as a map, as the text of the legacy API, or as both."""
    names = chance.sample(["zip", "state", "State", "geo_state"], chance.randrange(5))
    tags = {name: chance.choice(ODD_STATES) for name in names}
    return {"tokens": chance.choice([None, tags]), "token_values": chance.choice(ODD_TEXTS)}


def odd_call(chance: Random, number: int, day: Day) -> Row:
    """Return a call of a day with odd values: unknown, empty, renamed, equal to another's."""
    span = (day.end - day.start) // timedelta(microseconds=1)

    def maybe(value: Callable[[], object]) -> object:
        return value() if chance.random() < 0.7 else None

    def amount() -> object:
        return maybe(lambda: Decimal(chance.randrange(-(10**9), 10**12)).scaleb(-6))

    def seconds() -> object:
        return maybe(lambda: chance.choice([0.0, -1.0, chance.randrange(4000) / 4]))

    parties: Row = {}
    for party in PARTIES:
        parties |= {
            f"{party}_id": maybe(lambda: chance.randrange(3)),
            f"user_{party}_id": chance.choice([None, "", "1", "A"]),
            party: chance.choice([None, "", "Harbor", "harbor", "1"]),
        }
    flags = (
        f"{side}_{flag}" for side in ("buyer", "traffic_source") for flag in ("converted", "repeat_caller")
    )
    amounts = (
        "revenue",
        "buyer_revenue",
        "payout",
        "traffic_source_payout",
        "trackdrive_cost",
        "provider_cost",
    )
    durations = ("total_duration", "answered_duration", "agent_duration")
    return {
        "uuid": str(number),
        "created_at": day.start + timedelta(microseconds=chance.randrange(span)),
        "fetched_at": FETCHED,
        "status": chance.choice([None, "", "no-buyer", "no-buyer-all-filtered", "finished", "NO-BUYER"]),
        "disposition_name": chance.choice([None, "", "No Buyer", "Sold"]),
        "connected_to": chance.choice([None, "", "+17195550100"]),
        "caller_number": chance.choice([None, "", f"sip:{chance.randrange(300)}"]),
        **parties,
        **{name: maybe(lambda: chance.random() < 0.5) for name in flags},
        **{name: amount() for name in amounts},
        **{name: seconds() for name in durations},
        "ended_at": maybe(lambda: day.end),
        **odd_tags(chance),
    }


ZONES = {
    "UTC": ["2024-06-19"],
    "America/New_York": ["2024-03-10", "2024-11-03"],
    "Australia/Lord_Howe": ["2024-04-07", "2024-10-06"],
    "Asia/Kathmandu": ["2024-02-29"],
}
"""Days of 24, 23, 25, 24.5 and 23.5 hours, and a zone that differs from UTC by a quarter of an hour."""


def odd_lake(folder: Path, zone: str) -> ClaimedLake:
    """Return a lake with days of odd calls, of hidden columns, and without calls."""
    lake, chance = lake_at(folder, zone), Random(zone)  # noqa: S311  seeded, so that it can be repeated
    for text in ZONES[zone]:
        day = exact_day(date.fromisoformat(text), ZoneInfo(zone))
        store(lake, day, [odd_call(chance, number, day) for number in range(300)])
    hidden = exact_day(day.date + timedelta(days=1), ZoneInfo(zone))
    known = ("uuid", "created_at", "status")
    store(lake, hidden, [{name: odd_call(chance, n, hidden)[name] for name in known} for n in range(9)])
    store(lake, exact_day(day.date + timedelta(days=2), ZoneInfo(zone)), [])
    return lake


def differing(connection: duckdb.DuckDBPyConnection, one: str, other: str) -> list[tuple[object, ...]]:
    """Return the rows that only one of two queries has, as often as it has them."""
    assert connection.sql(one).types == connection.sql(other).types
    return connection.sql(f"({one} EXCEPT ALL {other}) UNION ALL ({other} EXCEPT ALL {one})").fetchall()


def sums_of_calls(zone: str) -> Iterator[tuple[str, str]]:
    """Yield each view of sums, and a plain query that computes the same from the calls."""
    sql = resources.files("trackdrive_assets.lake") / "sql"
    parts = {
        part: parse_query((sql / "parts" / f"{part}.sql").read_text("utf-8")).sql
        for part in ("tally", "total", "measures", "completeness")
    }
    folder = Path(__file__).with_name("sums_of_calls")
    for file in sorted(folder.glob("*.sql")):
        for party in PARTIES if file.stem == "performance" else [""]:
            text = Template(parse_query(file.read_text("utf-8")).sql).safe_substitute(parts)
            text = Template(text).substitute(party=party, time_zone=f"'{zone}'")
            yield f"{party}_performance" if party else file.stem, text


@pytest.mark.parametrize("zone", ZONES)
def test_stored_sums_are_those_of_the_calls(tmp_path: Path, zone: str) -> None:
    lake = odd_lake(tmp_path / "lake", zone)
    stored = lake.days("call_totals")
    with connect(lake, schemas(), time_zone=zone) as connection:
        connection.execute("CREATE TABLE stored AS FROM call_totals")
        for view, oracle in sums_of_calls(zone):
            assert differing(connection, f"FROM {view}", f"FROM ({oracle})") == [], view
        for day in stored:
            file_of(lake, "call_totals", day).unlink()
        with connect(lake, schemas(), time_zone=zone) as computed:
            totals = computed.sql("FROM call_totals").to_arrow_table()
        assert stored == lake.days("calls")
        assert totals.num_rows > 300
        connection.register("computed", totals)
        assert differing(connection, "FROM stored", "FROM computed") == []


def test_a_day_without_calls_has_a_file_without_sums(lake: ClaimedLake) -> None:
    store(lake, DAY, [])
    assert lake.read("call_totals", schemas()["call_totals"], [DAY.date]).num_rows == 0


def test_a_query_about_a_day_reads_the_sums_of_that_day_only(lake: ClaimedLake) -> None:
    store(lake, DAY, [a_deal(uuid="a")])
    store(lake, NEXT_DAY, [a_deal(uuid="b", created_at=NEXT_DAY.start)])
    with connect(lake, schemas(), time_zone="UTC") as connection:
        for view in (
            "daily_summary",
            "hourly_volume",
            "buyer_performance",
            "source_offer_buyer_performance",
            "state_performance",
        ):
            plan = connection.execute(f"EXPLAIN FROM {view} WHERE date = '2024-06-19'").fetchall()
            assert "Scanning Files: 1/2" in str(plan)


# The views show the sums of the current calls, whatever happened to the files


def test_a_kill_between_calls_and_sums_shows_no_old_sums(lake: ClaimedLake) -> None:
    file = file_of(lake, "call_totals", DAY.date)
    store(lake, DAY, [a_deal(uuid="a")])
    old = file.read_bytes()
    store(lake, DAY, [a_deal(uuid="a"), a_deal(uuid="b")], FETCHED + timedelta(hours=1))
    file.write_bytes(old)
    store(lake, NEXT_DAY, [a_deal(uuid="c", created_at=NEXT_DAY.start)])
    assert numbers_of_calls(lake) == {DAY.date: 2, NEXT_DAY.date: 1}


def test_the_sums_of_calls_that_were_restored_are_computed(lake: ClaimedLake) -> None:
    store(lake, DAY, [a_deal(uuid="a")])
    backup = file_of(lake, "calls", DAY.date).read_bytes()
    store(lake, DAY, [a_deal(uuid="a"), a_deal(uuid="b")], FETCHED + timedelta(hours=1))
    file_of(lake, "calls", DAY.date).write_bytes(backup)
    assert numbers_of_calls(lake) == {DAY.date: 1}


@pytest.mark.parametrize("content", [None, b"", b"no Parquet"])
def test_missing_or_damaged_sums_are_computed(lake: ClaimedLake, content: bytes | None) -> None:
    store(lake, DAY, [a_deal(uuid="a")])
    store(lake, NEXT_DAY, [a_deal(uuid="b", created_at=NEXT_DAY.start)])
    file = file_of(lake, "call_totals", DAY.date)
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    assert numbers_of_calls(lake) == {DAY.date: 1, NEXT_DAY.date: 1}
    fetched = query(lake, "SELECT date FROM fetch_log WHERE table_name = 'calls' ORDER BY date")
    assert [row["date"] for row in fetched] == [DAY.date, NEXT_DAY.date]


def test_the_sums_of_calls_that_were_removed_are_not_shown(lake: ClaimedLake) -> None:
    store(lake, DAY, [a_deal(uuid="a")])
    store(lake, NEXT_DAY, [a_deal(uuid="b", created_at=NEXT_DAY.start)])
    file_of(lake, "calls", DAY.date).unlink()
    assert numbers_of_calls(lake) == {NEXT_DAY.date: 1}


def test_sums_of_an_older_version_without_a_column_are_computed(lake: ClaimedLake) -> None:
    store(lake, DAY, [a_deal(uuid="a"), a_call(uuid="b")])
    file = file_of(lake, "call_totals", DAY.date)
    older = pq.read_table(file).drop_columns(["unanswered"])
    pq.write_table(older, file)
    (row,) = query(lake, "SELECT calls, missed, fetched_at FROM daily_summary")
    assert row == {"calls": 2, "missed": 1, "fetched_at": FETCHED}


def test_calls_of_another_program_have_no_stored_sums(lake: ClaimedLake) -> None:
    store(lake, DAY, [a_deal(uuid="a")])
    table = pa.Table.from_pylist([a_call(uuid="a"), a_call(uuid="b")], schema=CALLS.schema)
    pq.write_table(table, file_of(lake, "calls", DAY.date))
    assert numbers_of_calls(lake) == {DAY.date: 2}
