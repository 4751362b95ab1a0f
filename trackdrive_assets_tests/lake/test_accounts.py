"""The DuckDB file over several accounts."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from trackdrive_assets.lake.accounts import build_accounts_database
from trackdrive_assets.lake.errors import LakeError
from trackdrive_assets.lake.identity import LakeIdentity
from trackdrive_assets.lake.ownership import claim
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.tables.columns import CALLS, COLUMN_DESCRIPTIONS, DESCRIPTIONS, schemas

DAY = date(2024, 6, 19)
AT = datetime(2024, 6, 20, 2, tzinfo=UTC)
"""An instant that is on the day before in New York."""

Store = Callable[..., Path]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return a function that stores calls of an account, and returns the root."""

    def store_calls(account: str, *uuids: str, time_zone: str = "UTC", day: date = DAY) -> Path:
        lake = claim(
            Lake(tmp_path / f"account={account}"), LakeIdentity(f"{account}.trackdrive.com", time_zone)
        )
        rows = [{"uuid": uuid, "created_at": AT, "fetched_at": AT, "status": "finished"} for uuid in uuids]
        with lake.replace("calls", CALLS.schema, day) as writer:
            writer.write(pa.RecordBatch.from_pylist(rows, schema=CALLS.schema))
        return tmp_path

    return store_calls


def ask(root: Path, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect() as connection:
        # Under another name than the file was written with.
        connection.execute(f"ATTACH '{root / 'trackdrive.duckdb'}' AS lakes (READ_ONLY)")
        connection.execute("USE lakes")
        return connection.sql(sql).fetchall()


def build(root: Path) -> None:
    build_accounts_database(
        root, schemas(), descriptions=DESCRIPTIONS, column_descriptions=COLUMN_DESCRIPTIONS
    )


def test_each_view_has_the_rows_of_all_accounts_with_their_name(store: Store) -> None:
    store("acme", "a", "b")
    root = store("zenith", "c")
    build(root)
    assert ask(root, "SELECT account, uuid FROM calls ORDER BY uuid") == [
        ("acme", "a"),
        ("acme", "b"),
        ("zenith", "c"),
    ]
    assert ask(root, "SELECT account, calls FROM daily_summary ORDER BY account") == [
        ("acme", 2),
        ("zenith", 1),
    ]


def test_a_root_that_is_a_lake_itself_keeps_its_own_views(store: Store) -> None:
    root = store("acme", "a")
    with claim(Lake(root), LakeIdentity("single.trackdrive.com", "UTC")).replace("calls", CALLS.schema, DAY):
        pass
    with pytest.raises(LakeError, match=r"is the lake of single\.trackdrive\.com"):
        build(root)


def test_the_views_of_an_account_are_in_its_schema(store: Store) -> None:
    store("acme", "a")
    root = store("zenith-east", "c")
    build(root)
    assert ask(root, 'SELECT uuid FROM "zenith-east".calls') == [("c",)]


def test_each_account_has_its_own_time_zone(store: Store) -> None:
    store("acme", "a", time_zone="America/New_York")
    root = store("zenith", "c", day=date(2024, 6, 20))
    build(root)
    assert ask(root, "SELECT account, hour FROM call_facts ORDER BY account") == [
        ("acme", 22),
        ("zenith", 2),
    ]


def test_every_view_and_the_column_of_the_account_have_comments(store: Store) -> None:
    root = store("acme", "a")
    build(root)
    of_main = "schema_name = 'main' AND NOT internal AND comment IS NULL"
    assert ask(root, f"SELECT view_name FROM duckdb_views() WHERE {of_main}") == []
    columns = f"SELECT table_name FROM duckdb_columns() WHERE {of_main} AND column_name = 'account'"
    assert ask(root, columns) == []


def test_an_account_without_days_is_left_out(store: Store) -> None:
    root = store("acme", "a")
    (root / "account=new").mkdir()
    build(root)
    assert ask(root, "SELECT DISTINCT account FROM calls") == [("acme",)]


def test_a_folder_whose_name_cannot_be_a_schema_is_refused(store: Store) -> None:
    root = store("main", "a")
    with pytest.raises(LakeError, match="account=main cannot become a schema"):
        build(root)


def test_a_root_without_accounts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LakeError, match="has no folder account=… with days"):
        build(tmp_path)


def test_a_column_account_does_not_appear_in_the_file_of_one_account(store: Store) -> None:
    root = store("acme", "a")
    build(root)
    names = [name for name, *_ in ask(root, "DESCRIBE acme.calls")]
    assert "account" not in names
