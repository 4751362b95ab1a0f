"""The view `lake_info`: whose calls these are, and how current."""

from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path

from trackdrive_assets.lake.accounts import build_accounts_database
from trackdrive_assets.lake.database import build_database, read_view
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.tables.columns import schemas
from trackdrive_assets_tests.support.factories import a_call, lake_at, write_day

LAST_FETCH = datetime(2024, 6, 21, 15, tzinfo=UTC)


def fill(folder: Path, time_zone: str = "America/New_York") -> Lake:
    """Store a final day, a complete day without calls, and a part of the next day."""
    lake = lake_at(folder, time_zone)
    write_day(lake, "calls", [a_call()], day=date(2024, 5, 1), fetched_at=datetime(2024, 6, 1, 7, tzinfo=UTC))
    write_day(lake, "calls", [], day=date(2024, 6, 20), fetched_at=LAST_FETCH)
    write_day(lake, "calls", [a_call()], day=date(2024, 6, 21), fetched_at=LAST_FETCH)
    return lake


def test_it_names_the_account_its_zone_and_its_days(tmp_path: Path) -> None:
    lake = fill(tmp_path)
    before = datetime.now(UTC).replace(microsecond=0)
    build_database(lake, schemas(), time_zone="America/New_York")
    (row,) = read_view(lake, "lake_info").to_pylist()
    assert before <= row.pop("built_at") <= datetime.now(UTC)
    assert row == {
        "account_host": "localhost/Sandbox",
        "time_zone": "America/New_York",
        "first_day": date(2024, 5, 1),
        "last_day": date(2024, 6, 21),
        "last_complete_day": date(2024, 6, 20),
        "days": 3,
        "final_days": 1,
        "fetched_at": LAST_FETCH,
        "layout": 2,
        "version": version("trackdrive-assets"),
    }


def test_it_has_a_row_for_each_account(tmp_path: Path) -> None:
    fill(tmp_path / "account=acme")
    fill(tmp_path / "account=zenith", "UTC")
    build_accounts_database(tmp_path, schemas())
    rows = read_view(Lake(tmp_path), "lake_info").to_pylist()
    assert {row["account"]: (row["time_zone"], row["days"]) for row in rows} == {
        "acme": ("America/New_York", 3),
        "zenith": ("UTC", 3),
    }


def test_an_empty_lake_has_a_row_without_days(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    build_database(lake, schemas(), time_zone="UTC")
    (row,) = read_view(lake, "lake_info").to_pylist()
    assert (row["account_host"], row["time_zone"], row["first_day"], row["days"]) == (None, "UTC", None, 0)
