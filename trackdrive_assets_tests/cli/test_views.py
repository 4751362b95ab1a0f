"""`trackdrive views`: the DuckDB file of a lake that was moved, and over several accounts."""

import shutil
from datetime import date
from pathlib import Path

import duckdb
import pytest

from trackdrive_assets.lake.identity import LakeIdentity
from trackdrive_assets.lake.ownership import claim
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.tables.columns import CALLS
from trackdrive_assets_tests.cli.conftest import Trackdrive
from trackdrive_assets_tests.support.factories import DAY, a_call, file_of, lake_at, write_day


def store_day(folder: Path, account: str) -> None:
    with claim(Lake(folder), LakeIdentity(account, "UTC")).replace("calls", CALLS.schema, date(2024, 3, 16)):
        pass


def test_the_views_of_a_lake_that_was_moved_read_its_new_place(
    trackdrive: Trackdrive, tmp_path: Path
) -> None:
    store_day(tmp_path / "old", "acme.trackdrive.com")
    assert trackdrive("views", "old").exit_code == 0
    shutil.move(tmp_path / "old", tmp_path / "new")
    result = trackdrive("views", "new")
    assert result.exit_code == 0
    assert "new/trackdrive.duckdb: " in result.stdout
    with duckdb.connect(str(tmp_path / "new" / "trackdrive.duckdb"), read_only=True) as connection:
        assert connection.sql("SELECT count(*) FROM calls").fetchall() == [(0,)]


def test_a_folder_of_accounts_gets_one_file_over_them(trackdrive: Trackdrive, tmp_path: Path) -> None:
    for account in ("acme", "zenith"):
        store_day(tmp_path / "lakes" / f"account={account}", f"{account}.trackdrive.com")
    assert trackdrive("views", "lakes").exit_code == 0
    with duckdb.connect(str(tmp_path / "lakes" / "trackdrive.duckdb"), read_only=True) as connection:
        found = connection.sql("SELECT schema_name FROM duckdb_views() WHERE NOT internal").fetchall()
    assert {name for (name,) in found} == {"main", "acme", "zenith"}


def count_calls(database: Path, view: str = "calls") -> int:
    with duckdb.connect(str(database), read_only=True) as connection:
        (row,) = connection.sql(f"SELECT count(*) FROM {view}").fetchall()
    return int(row[0])


@pytest.mark.parametrize("name", ["new", "it's [a] new*"])
def test_relative_views_of_a_lake_read_whatever_place_they_are_in(
    trackdrive: Trackdrive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    write_day(lake_at(tmp_path / name), "calls", [a_call(uuid="a"), a_call(uuid="b")])
    assert trackdrive("views", name, "--relative").exit_code == 0
    shutil.move(tmp_path / name, tmp_path / "moved")
    with pytest.raises(duckdb.IOException, match="No files found"):
        count_calls(tmp_path / "moved" / "trackdrive.duckdb")
    monkeypatch.chdir(tmp_path / "moved")
    for view in ("calls", "call_facts", "fetch_log"):
        assert count_calls(Path("trackdrive.duckdb"), view) == (1 if view == "fetch_log" else 2)


def test_relative_views_of_accounts_begin_at_the_common_folder(
    trackdrive: Trackdrive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_day(lake_at(tmp_path / "lakes" / "account=acme"), "calls", [a_call(uuid="a")])
    assert trackdrive("views", "lakes", "--relative").exit_code == 0
    shutil.move(tmp_path / "lakes", tmp_path / "moved")
    monkeypatch.chdir(tmp_path / "moved")
    assert count_calls(Path("trackdrive.duckdb")) == 1


def test_relative_views_of_a_bucket_are_wrong_use(trackdrive: Trackdrive) -> None:
    outcome = trackdrive("views", "s3://lake/acme", "--relative")
    assert outcome.exit_code == 2
    assert "--relative is for a folder" in outcome.stderr


def test_a_folder_that_is_no_lake_gets_no_file(trackdrive: Trackdrive, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    result = trackdrive("views", "notes")
    assert result.exit_code == 1
    assert "is no lake, because it has no days" in result.stderr
    assert list((tmp_path / "notes").iterdir()) == []


def test_a_lake_of_the_variables_without_days_gets_no_file(trackdrive: Trackdrive, tmp_path: Path) -> None:
    for command in (["views"], ["page", "--from", "2024-06-19"], ["export", "daily_summary"]):
        result = trackdrive(*command)
        assert result.exit_code == 1
        assert f"{tmp_path}/data is no lake, because it has no days. Check TRACKDRIVE_LAKE" in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("folder", ["data", "lakes"])
def test_a_damaged_file_is_named_without_the_words_of_duckdb(
    trackdrive: Trackdrive, tmp_path: Path, folder: str
) -> None:
    lake = lake_at(tmp_path / folder / ("account=acme" if folder == "lakes" else ""))
    write_day(lake, "calls", [a_call()])
    file = file_of(lake, "calls", DAY)
    file.write_bytes(b"no Parquet")
    result = trackdrive("views", folder)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {file} is damaged: ")
    assert result.stderr.endswith(". Run its partition again, which replaces it.\n")
    assert "LINE" not in result.stderr


def test_the_views_of_the_lake_of_another_account_are_not_built(
    trackdrive: Trackdrive, tmp_path: Path
) -> None:
    store_day(tmp_path / "data", "acme.trackdrive.com")
    result = trackdrive("views")
    assert result.exit_code == 1
    assert "is the lake of acme.trackdrive.com" in result.stderr
