"""The parts of a day's file: each is replaced by itself, and keeps its own fetch."""

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from trackdrive_assets.lake.day_file import DayFile, FetchInfo
from trackdrive_assets.lake.day_parts import PartInfo, fetched_part, parts_of
from trackdrive_assets.lake.errors import LakeError
from trackdrive_assets.lake.identity import LakeRecord, write_record
from trackdrive_assets.lake.local_storage import LocalStorage
from trackdrive_assets.lake.store import ClaimedLake, Lake
from trackdrive_assets.tables.columns import REPORTS
from trackdrive_assets_tests.support.factories import DAY, file_of, lake_at, write_day

EVENING = datetime(2024, 6, 19, 22, tzinfo=UTC)
NEXT_DAY = EVENING + timedelta(days=1)


def stored(lake: Lake) -> dict[str, PartInfo]:
    with DayFile(file_of(lake, "reports", DAY)) as file:
        return dict(parts_of(file, "category"))


def groups(lake: Lake, part: str | None = None) -> list[str]:
    """Return the groups of the day, in the order of the file."""
    found: list[str] = lake.read("reports", REPORTS.schema, [DAY], part=part)["group_value"].to_pylist()
    return found


def write_part(lake: ClaimedLake, part: str, *values: str, at: datetime = EVENING) -> None:
    write_day(lake, "reports", [{"group_value": value} for value in values], fetched_at=at, part=part)


def test_a_new_part_keeps_the_others_and_their_fetches(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    write_part(lake, "status", "s")
    write_part(lake, "buyer_id", "1", "2", at=NEXT_DAY)
    assert groups(lake) == ["1", "2", "s"]
    assert stored(lake) == {
        "status": PartInfo(1, FetchInfo(EVENING, EVENING)),
        "buyer_id": PartInfo(2, FetchInfo(NEXT_DAY, NEXT_DAY)),
    }


def test_each_part_has_a_row_group_of_its_own(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    for part in ("status", "buyer_id", "offer_id"):
        write_part(lake, part, "1", "2")
    with pq.ParquetFile(file_of(lake, "reports", DAY)) as file:
        found = [file.read_row_group(n)["category"].to_pylist() for n in range(file.num_row_groups)]
    assert found == [["buyer_id"] * 2, ["offer_id"] * 2, ["status"] * 2]


def test_a_part_without_rows_is_stored(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    write_part(lake, "status", "s")
    write_part(lake, "buyer_id")
    assert groups(lake, "buyer_id") == []
    assert stored(lake)["buyer_id"].rows == 0


def test_a_part_that_is_not_stored_is_an_error(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    write_part(lake, "status", "s")
    with pytest.raises(LakeError, match="reports/buyer_id is missing for 1 of the 1 requested"):
        groups(lake, "buyer_id")


def test_an_older_fetch_of_a_part_is_dropped(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lake = lake_at(tmp_path)
    write_part(lake, "status", "new", at=NEXT_DAY)
    rows = pa.RecordBatch.from_pylist([{"category": "status", "group_value": "old"}], REPORTS.schema)
    results = lake.replace_parts("reports", REPORTS.schema, DAY, {"status": fetched_part(rows, EVENING)})
    assert (groups(lake), results["status"].is_superseded) == (["new"], True)
    assert "is dropped" in caplog.text


def test_a_later_fetch_of_one_part_does_not_drop_another(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    write_part(lake, "status", "s", at=NEXT_DAY)
    write_part(lake, "buyer_id", "1", at=EVENING)
    assert groups(lake) == ["1", "s"]


def test_a_part_that_is_fetched_again_keeps_its_first_time(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    for at in (EVENING, NEXT_DAY):
        write_part(lake, "status", at=at)
    assert stored(lake)["status"].fetch_info == FetchInfo(NEXT_DAY, EVENING)


def test_two_writers_of_a_day_lose_no_part(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    names = [f"part-{n}" for n in range(8)]
    ready = Barrier(len(names))

    def write(name: str) -> None:
        ready.wait()
        write_part(lake, name, name)

    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(write, names))
    assert groups(lake) == names


def test_a_damaged_file_is_replaced(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    write_part(lake, "status", "s")
    file_of(lake, "reports", DAY).write_bytes(b"not a Parquet file")
    write_part(lake, "buyer_id", "1")
    assert groups(lake) == ["1"]


def test_a_damaged_part_does_not_stop_another(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lake = lake_at(tmp_path)
    write_part(lake, "status", "s")
    write_part(lake, "buyer_id", *map(str, range(1000)))
    file = file_of(lake, "reports", DAY)
    content = bytearray(file.read_bytes())
    content[4:100] = bytes(96)
    file.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        write_part(lake, "offer_id", "2")
    assert groups(lake) == ["2", "s"]
    assert "The part buyer_id is lost. Materialize it again." in caplog.text


def test_the_parts_of_another_program_are_kept(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    write_part(lake, "status")
    rows = [{"category": name, "group_value": name} for name in ("offer_id", "buyer_id", "offer_id")]
    pq.write_table(pa.Table.from_pylist(rows), file_of(lake, "reports", DAY))
    write_part(lake, "status", "s")
    assert groups(lake) == ["buyer_id", "offer_id", "offer_id", "s"]


def test_a_part_of_another_time_zone_is_not_kept(tmp_path: Path) -> None:
    write_part(lake_at(tmp_path), "status", "s")
    elsewhere = lake_at(tmp_path / "other", "America/New_York")
    write_record(LocalStorage(tmp_path), LakeRecord(elsewhere.claim.identity))
    lake = lake_at(tmp_path, "America/New_York")
    write_part(lake, "buyer_id", "1")
    assert groups(lake) == ["1"]


def test_an_error_keeps_the_old_parts(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    write_part(lake, "status", "s")
    write_record(
        LocalStorage(tmp_path), LakeRecord(lake_at(tmp_path / "other", "America/New_York").claim.identity)
    )
    with pytest.raises(LakeError, match="Nothing was stored"):
        write_part(lake, "buyer_id", "1")
    assert groups(lake) == ["s"]
    assert [path.name for path in file_of(lake, "reports", DAY).parent.iterdir()] == ["reports.parquet"]
