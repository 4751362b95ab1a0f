"""The view `fetch_log`: when each day of each table was fetched, and what the API counted."""

from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from trackdrive_assets.lake.database import connect
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.tables.columns import schemas
from trackdrive_assets_tests.support.factories import DAY, a_call, file_of, lake_at, query, write_day

EVENING = datetime(2024, 6, 19, 22, tzinfo=UTC)
NEXT_WEEK = datetime(2024, 6, 26, 3, 0, 0, 5, tzinfo=UTC)


def test_each_day_of_each_table_is_a_row(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    with lake.replace("calls", schemas()["calls"], DAY, fetched_at=EVENING) as writer:
        writer.api_count = 2
        writer.write(pa.RecordBatch.from_pylist([a_call(), a_call()], schema=schemas()["calls"]))
    write_day(lake, "call_changes", [], fetched_at=EVENING)
    write_day(lake, "reports", [{"group_value": "1"}], fetched_at=EVENING, part="buyer_id")
    write_day(lake, "stats", [], day=date(2024, 6, 20), fetched_at=NEXT_WEEK, part="status")
    assert [tuple(row.values()) for row in query(lake, "FROM fetch_log")] == [
        ("call_changes", None, DAY, EVENING, EVENING, None, 0),
        ("calls", None, DAY, EVENING, EVENING, 2, 2),
        ("reports", "buyer_id", DAY, EVENING, EVENING, None, 1),
        ("stats", "status", date(2024, 6, 20), NEXT_WEEK, NEXT_WEEK, None, 0),
    ]


def test_a_day_that_is_fetched_again_keeps_its_first_time(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    for fetched_at in (EVENING, NEXT_WEEK):
        write_day(lake, "calls", [], fetched_at=fetched_at)
    (row,) = query(lake, "FROM fetch_log")
    assert (row["first_fetched_at"], row["fetched_at"]) == (EVENING, NEXT_WEEK)


def test_a_file_of_another_program_has_no_time(tmp_path: Path) -> None:
    file = file_of(lake_at(tmp_path), "calls", DAY)
    file.parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist([a_call()], schemas()["calls"]), file)
    (row,) = query(Lake(tmp_path), "FROM fetch_log")
    assert tuple(row.values()) == ("calls", None, DAY, None, None, None, 1)


@pytest.mark.parametrize("folder", ["it's here", "a b", "[x]", "a*b", "{a,b}", "$home ${tally}", "date", "é"])
def test_any_folder_name_works(tmp_path: Path, folder: str) -> None:
    lake = lake_at(tmp_path / folder)
    write_day(lake, "reports", [], part="a b/c=d'é")
    (row,) = query(lake, "FROM fetch_log")
    assert (row["grouped_by"], row["date"]) == ("a b/c=d'é", DAY)


def test_a_folder_name_with_a_wildcard_matches_only_itself(tmp_path: Path) -> None:
    for folder, fetched_at in (("a*", EVENING), ("ab", NEXT_WEEK)):
        write_day(lake_at(tmp_path / folder), "calls", [], fetched_at=fetched_at)
    assert [row["fetched_at"] for row in query(lake_at(tmp_path / "a*"), "FROM fetch_log")] == [EVENING]


def test_a_query_about_one_table_opens_no_other_file(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    write_day(lake, "calls", [])
    write_day(lake, "stats", [], part="status")
    for category in ("buyer_id", "offer_id"):
        write_day(lake, "reports", [], part=category)
    with connect(lake, schemas(), time_zone="UTC") as connection:
        for other in (file_of(lake, "calls", DAY), file_of(lake, "stats", DAY)):
            other.write_bytes(b"not a Parquet file")
        query = "SELECT rows FROM fetch_log WHERE table_name = 'reports' AND grouped_by = 'buyer_id'"
        assert connection.execute(query).fetchall() == [(0,)]
