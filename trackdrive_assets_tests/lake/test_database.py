"""The DuckDB file: its views, comments and format, how it is replaced, and the same views without it."""

import re
import shutil
from collections.abc import Mapping
from datetime import UTC, date, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from trackdrive_assets.lake import database as lake_database
from trackdrive_assets.lake.database import BuildResult, build_database, connect, read_view
from trackdrive_assets.lake.errors import LakeError
from trackdrive_assets.lake.sql_catalog import View, views
from trackdrive_assets.lake.store import ClaimedLake
from trackdrive_assets.tables.columns import CALLS, COLUMN_DESCRIPTIONS, DESCRIPTIONS, schemas
from trackdrive_assets_tests.support.factories import file_of, folder_of, lake_at, set_time_zone, write_day

DAY = date(2024, 6, 19)


def build(
    lake: ClaimedLake, schemas: Mapping[str, pa.Schema] = schemas(), time_zone: str = "UTC"
) -> BuildResult:
    return build_database(
        lake, schemas, time_zone=time_zone, descriptions=DESCRIPTIONS, column_descriptions=COLUMN_DESCRIPTIONS
    )


def write(lake: ClaimedLake, *uuids: str, day: date = DAY, schema: pa.Schema = CALLS.schema) -> None:
    rows = [{"uuid": uuid, "created_at": datetime(2024, 6, 19, tzinfo=UTC)} for uuid in uuids]
    with lake.replace("calls", schema, day) as writer:
        writer.write(pa.RecordBatch.from_pylist(rows, schema=schema))


def ask(path: Path, question: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(path, read_only=True) as connection:
        return connection.execute(question).fetchall()


# Views over files


def test_an_empty_lake_has_all_views_and_columns_and_one_row_about_it(tmp_path: Path) -> None:
    built = build(lake_at(tmp_path))
    assert {"calls", "reports", "stats", "call_changes", "daily_summary"} <= set(built.views)
    assert [column.name for column in built.views["calls"]] == [*CALLS.schema.names, "date"]
    with_rows = {name for name in built.views if ask(Path(built.url), f"FROM {name}")}
    assert with_rows == {"lake_info"}


def test_types_are_the_same_with_and_without_files(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    empty = build(lake).views
    write(lake, "a")
    assert build(lake).views == empty
    types = {column.name: column.type for column in empty["calls"]}
    assert types["created_at"] == "TIMESTAMP WITH TIME ZONE"
    assert types["revenue"] == "DECIMAL(18,6)"
    assert types["tokens"] == "MAP(VARCHAR, VARCHAR)"
    assert types["date"] == "DATE"


def test_days_written_after_the_build_are_visible(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    write(lake, "a")
    built = build(lake)
    write(lake, "b", day=date(2024, 6, 20))
    assert ask(Path(built.url), "SELECT uuid, date FROM calls ORDER BY uuid") == [
        ("a", DAY),
        ("b", date(2024, 6, 20)),
    ]


def test_unfinished_days_are_not_visible(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    write(lake, "a")
    built = build(lake)
    with lake.replace("calls", CALLS.schema, DAY) as writer:
        writer.write(pa.RecordBatch.from_pylist([{"uuid": "b"}], schema=CALLS.schema))
        assert ask(Path(built.url), "SELECT uuid FROM calls") == [("a",)]


def test_copies_of_a_day_are_not_visible(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    write(lake, "a")
    day = file_of(lake, "calls", DAY).parent
    shutil.copytree(day, day.with_name("date=2024-06-19 copy"))
    path = Path(build(lake).url)
    assert ask(path, "SELECT uuid FROM calls") == [("a",)]
    assert ask(path, "SELECT rows FROM fetch_log") == [(1,)]


@pytest.mark.parametrize(
    "folder", ["it's here", "a b", "[x]", "a*b", "{a,b}", 'say "hi"', "per%20cent", "$home ${tally}", "é"]
)
def test_any_folder_name_works(tmp_path: Path, folder: str) -> None:
    lake = lake_at(tmp_path / folder)
    write(lake, "a")
    assert ask(Path(build(lake).url), "SELECT uuid, date FROM calls") == [("a", DAY)]


def test_a_folder_name_with_a_wildcard_matches_only_itself(tmp_path: Path) -> None:
    for folder in ("a*", "ab"):
        write(lake_at(tmp_path / folder), folder)
    assert ask(Path(build(lake_at(tmp_path / "a*")).url), "SELECT uuid FROM calls") == [("a*",)]


def test_a_category_keeps_its_special_characters(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    write_day(lake, "reports", [{"group_value": "x"}], part="a b/c=d")
    assert ask(Path(build(lake).url), "SELECT category, group_value, date FROM reports") == [
        ("a b/c=d", "x", DAY)
    ]


def test_a_column_that_older_days_lack_is_null(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    older = pa.schema([field for field in CALLS.schema if field.name != "hangup_cause"])
    write(lake, "old", schema=older)
    assert ask(Path(build(lake).url), "SELECT uuid, hangup_cause FROM calls") == [("old", None)]
    with lake.replace("calls", CALLS.schema, date(2024, 6, 20)) as writer:
        writer.write(pa.RecordBatch.from_pylist([{"uuid": "new", "hangup_cause": "x"}], schema=CALLS.schema))
    assert ask(Path(build(lake).url), "SELECT uuid, hangup_cause FROM calls ORDER BY uuid") == [
        ("new", "x"),
        ("old", None),
    ]


def test_a_column_of_another_type_in_older_days_is_cast(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    older = pa.schema([pa.field("sub_id", pa.int64()) if f.name == "sub_id" else f for f in CALLS.schema])
    with lake.replace("calls", older, DAY) as writer:
        writer.write(pa.RecordBatch.from_pylist([{"sub_id": 7}], schema=older))
    assert ask(Path(build(lake).url), "SELECT sub_id FROM calls") == [("7",)]


def test_views_and_columns_have_comments(tmp_path: Path) -> None:
    path = Path(build(lake_at(tmp_path)).url)
    assert ask(path, "SELECT comment FROM duckdb_views() WHERE view_name = 'daily_summary'") == [
        (views()["daily_summary"].description,)
    ]
    assert ask(
        path, "SELECT comment FROM duckdb_columns() WHERE table_name = 'calls' AND column_name = 'ended_at'"
    ) == [("When the call ended. Null while it is live.",)]
    assert ask(path, "SELECT comment FROM duckdb_views() WHERE view_name = 'calls'") == [
        (DESCRIPTIONS["calls"],)
    ]
    assert ask(
        path,
        "SELECT comment FROM duckdb_columns() "
        "WHERE table_name = 'daily_summary' AND column_name = 'conversion_rate'",
    ) == [("Share of all calls that the buyer owes for, 0 to 1.",)]


def test_every_column_of_every_view_is_described(tmp_path: Path) -> None:
    built = build(lake_at(tmp_path))
    columns = [(name, column) for name, columns in built.views.items() for column in columns]
    assert not [(name, column) for name, column in columns if not column.description.endswith(".")]


def test_every_description_in_the_sql_belongs_to_a_column(tmp_path: Path) -> None:
    descriptions = described(build(lake_at(tmp_path)))
    everywhere = {column for columns in descriptions.values() for column in columns}
    folder = resources.files("trackdrive_assets.lake") / "sql"
    for file in (folder / "views").iterdir():
        if file.name.endswith(".sql"):
            name, text = file.name.removesuffix(".sql"), file.read_text("utf-8")
            assert View(name, "", text).column_descriptions.items() <= descriptions[name].items()
    # A view may use a part inside a subquery, and show only some of its columns.
    for file in (folder / "parts").iterdir():
        text = file.read_text("utf-8")
        found = View("", "", text).column_descriptions
        assert found.keys() <= everywhere
        assert " ".join(found.values()) == " ".join(re.findall("--: (.+)", text))


def described(built: BuildResult) -> dict[str, dict[str, str]]:
    """Return the description of each column that has one, by view."""
    return {
        name: {column.name: column.description for column in columns if column.description}
        for name, columns in built.views.items()
    }


def inherited(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, **sql: str) -> dict[str, dict[str, str]]:
    """Return the column descriptions of these views over two tables."""
    monkeypatch.setattr(
        lake_database, "views", lambda: {name: View(name, "", text) for name, text in sql.items()}
    )
    descriptions = {
        "calls": {"uuid": "Of calls.", "created_at": "The same."},
        "call_changes": {"uuid": "Of changes.", "created_at": "The same."},
    }
    built = build_database(lake_at(tmp_path), schemas(), time_zone="UTC", column_descriptions=descriptions)
    return {name: described(built)[name] for name in sql}


def test_a_column_inherits_its_description(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = inherited(
        monkeypatch,
        tmp_path,
        first="SELECT uuid, created_at, 1 AS one, --: Always.\n 2 AS two FROM calls",
        second="SELECT uuid, one, created_at --: Otherwise.\n FROM first",
    )
    assert found == {
        "first": {"uuid": "Of calls.", "created_at": "The same.", "one": "Always."},
        "second": {"uuid": "Of calls.", "one": "Always.", "created_at": "Otherwise."},
    }


def test_different_descriptions_are_not_inherited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both = "SELECT calls.uuid, calls.created_at FROM calls JOIN call_changes USING (date)"
    assert inherited(monkeypatch, tmp_path, both=both) == {"both": {"created_at": "The same."}}


def test_a_comment_does_not_reference_a_table() -> None:
    assert View("a", "", "SELECT uuid --: Taken from reports.\nFROM calls").referenced_tables == {"calls"}


# How the file is replaced


def test_a_program_with_the_old_file_open_keeps_it(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    path = Path(build(lake).url)
    with duckdb.connect(path) as analyst:
        analyst.execute("CREATE TABLE notes AS SELECT 1 AS note")
        build(lake)
        assert analyst.execute("SELECT count(*) FROM calls").fetchall() == [(0,)]
        assert analyst.execute("SELECT note FROM notes").fetchall() == [(1,)]
    assert ask(path, "SELECT count(*) FROM calls") == [(0,)]


def test_the_write_ahead_log_of_the_old_file_is_dropped(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    path = Path(build(lake).url)
    with duckdb.connect(path) as analyst:
        analyst.execute("PRAGMA disable_checkpoint_on_shutdown")
        analyst.execute("CREATE TABLE notes AS SELECT 1 AS note")
    log = path.with_name("trackdrive.duckdb.wal")
    assert log.exists()
    build(lake)
    assert not log.exists()
    assert ask(path, "SELECT count(*) FROM duckdb_tables()") == [(0,)]


def test_a_build_leaves_no_other_file(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    (tmp_path / ".trackdrive.duckdb.dead.tmp").mkdir()
    build(lake)
    build(lake)
    assert [path.name for path in tmp_path.iterdir()] == ["trackdrive.duckdb"]


def test_the_error_lists_every_broken_view_and_the_file_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = lake_at(tmp_path)
    before = Path(build(lake).url).read_bytes()
    sql = {"first": "FROM calls SELECT gone", "whole": "FROM calls SELECT uuid", "second": "SELEC 1"}
    monkeypatch.setattr(
        lake_database, "views", lambda: {name: View(name, "", text) for name, text in sql.items()}
    )
    message = (
        r'(?s)2 of 9 views over .* failed.*\nfirst: Binder Error: .*"gone".*\nsecond: Parser Error: .*"SELEC"'
    )
    with pytest.raises(LakeError, match=message):
        build(lake)
    assert (tmp_path / "trackdrive.duckdb").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["trackdrive.duckdb"]


def test_the_error_names_the_file_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "trackdrive.duckdb").mkdir()
    with pytest.raises(LakeError, match=r"trackdrive\.duckdb"):
        build(lake_at(tmp_path))


def test_the_file_has_the_format_of_duckdb_1_0(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    path = Path(build(lake).url)
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{tmp_path / 'oldest.duckdb'}' AS oldest (STORAGE_VERSION 'v1.0.0')")
        connection.execute("DETACH oldest")
    # The number of the format is in the 8 bytes after the magic word.
    header = slice(12, 20)
    assert path.read_bytes()[header] == (tmp_path / "oldest.duckdb").read_bytes()[header]


@pytest.mark.parametrize("view", views().values(), ids=lambda view: view.name)
def test_every_view_has_a_description(view: View) -> None:
    assert re.fullmatch(r"One row per [^.]+\.( [A-Z][^.]+\.){1,2}", view.description)
    assert not view.sql.lstrip().startswith("--")


def test_views_come_after_the_views_that_they_read() -> None:
    seen: set[str] = set()
    for name, view in views().items():
        assert not (view.referenced_tables & views().keys()) - seen
        seen.add(name)


# What a new build shows


def test_a_build_shows_a_changed_time_zone(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    write(lake, "a")
    for time_zone, hour in (("UTC", 0), ("America/New_York", 20)):
        set_time_zone(lake, time_zone)
        path = Path(build(lake, time_zone=time_zone).url)
        assert ask(path, "SELECT hour FROM hourly_volume WHERE calls > 0") == [(hour,)]


def test_a_build_shows_the_first_day_of_a_table(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    build(lake)
    write(lake, "a")
    assert ask(Path(build(lake).url), "SELECT uuid FROM calls") == [("a",)]


def test_a_build_shows_a_new_category(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    for category in ("buyer_id", "offer_id"):
        write_day(lake, "reports", [], part=category)
        path = Path(build(lake).url)
    assert ask(path, "SELECT grouped_by FROM fetch_log ORDER BY ALL") == [("buyer_id",), ("offer_id",)]


def test_a_build_reads_later_days_that_lack_a_column(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    older = pa.schema([field for field in CALLS.schema if field.name != "hangup_cause"])
    write(lake, "new")
    build(lake)
    write(lake, "old", day=date(2024, 6, 20), schema=older)
    question = "SELECT uuid, hangup_cause FROM calls ORDER BY uuid"
    assert ask(Path(build(lake).url), question) == [("new", None), ("old", None)]


def test_files_of_other_programs_are_opened_only_when_needed(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    file = file_of(lake, "calls", DAY)
    file.parent.mkdir(parents=True)
    rows = pa.Table.from_pylist([{"uuid": "a"}], schema=CALLS.schema)
    pq.write_table(rows, file, store_schema=False)
    path = Path(build(lake).url)
    assert ask(path, "SELECT uuid FROM calls") == [("a",)]
    (sql,) = ask(path, "SELECT sql FROM duckdb_views() WHERE view_name = 'calls'")[0]
    assert "union_by_name" not in sql
    pq.write_table(rows.drop_columns(["hangup_cause"]), file)
    (sql,) = ask(Path(build(lake).url), "SELECT sql FROM duckdb_views() WHERE view_name = 'calls'")[0]
    assert "union_by_name" in sql


@pytest.mark.parametrize("damage", ["", "not a database"])
def test_a_build_replaces_a_damaged_file(tmp_path: Path, damage: str) -> None:
    path = Path(build(lake_at(tmp_path)).url)
    path.write_text(damage)
    build(lake_at(tmp_path))
    assert ask(path, "FROM calls") == []


def test_a_build_keeps_what_others_added_in_a_copy(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lake = lake_at(tmp_path)
    build(lake)
    with duckdb.connect(tmp_path / "trackdrive.duckdb") as other:
        other.execute("CREATE TABLE notes AS SELECT 1 AS note")
        other.execute("CREATE MACRO twice(x) AS 2 * x")
    for _ in range(2):
        build(lake)
    (copy,) = tmp_path.glob("trackdrive.before-*.duckdb")
    assert ask(copy, "SELECT twice(note) FROM notes") == [(2,)]
    assert str(copy) in caplog.text
    assert "notes, twice" in caplog.text


def test_a_changed_view_of_ours_is_not_kept(tmp_path: Path) -> None:
    build(lake_at(tmp_path))
    with duckdb.connect(tmp_path / "trackdrive.duckdb") as other:
        other.execute("CREATE OR REPLACE VIEW calls AS SELECT 1 AS uuid")
    build(lake_at(tmp_path))
    assert list(tmp_path.glob("*.before-*")) == []


def test_two_copies_of_one_minute_are_both_kept(tmp_path: Path) -> None:
    for note in (1, 2):
        with duckdb.connect(tmp_path / "trackdrive.duckdb") as other:
            other.execute(f"CREATE TABLE notes AS SELECT {note} AS note")
        build(lake_at(tmp_path))
    assert len(list(tmp_path.glob("trackdrive.before-*.duckdb"))) == 2


@pytest.mark.parametrize(
    "name", ["date=2024-99-99", "date=2024-02-30", "date=2024-06-19.bak", "DATE=2024-06-20"]
)
def test_only_existing_dates_are_days(tmp_path: Path, name: str) -> None:
    lake = lake_at(tmp_path)
    write(lake, "a")
    built = Path(build(lake).url)
    day = file_of(lake, "calls", DAY).parent
    shutil.copytree(day, day.with_name(name))
    for path in (built, Path(build(lake).url)):
        assert ask(path, "SELECT uuid, date FROM calls") == [("a", DAY)]
    (day.with_name(name) / "calls.parquet").write_text("damaged")
    assert ask(Path(build(lake).url), "SELECT rows FROM fetch_log") == [(1,)]
    assert lake.days("calls") == [DAY]


def test_a_folder_with_the_name_of_a_file_is_no_day(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    write(lake, "a")
    file_of(lake, "calls", date(2024, 6, 20)).mkdir(parents=True)
    assert ask(Path(build(lake).url), "SELECT uuid FROM calls") == [("a",)]
    assert lake.days("calls") == [DAY]


def test_a_build_replaces_tables_and_views_of_other_programs(tmp_path: Path) -> None:
    with duckdb.connect(tmp_path / "trackdrive.duckdb") as other:
        other.execute("CREATE VIEW calls AS SELECT 1 AS uuid")
        other.execute("CREATE TABLE notes AS SELECT 1 AS note")
    path = Path(build(lake_at(tmp_path)).url)
    assert ask(path, "SELECT count(*) FROM duckdb_tables()") == [(0,)]
    assert ask(path, "FROM calls") == []


# Views without the file


def test_connect_reads_current_files_and_changes_nothing(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    path = Path(build(lake).url)
    before = path.read_bytes()
    write(lake, "a")
    with connect(lake, schemas(), time_zone="UTC") as connection:
        assert connection.execute("SELECT calls FROM daily_summary").fetchall() == [(1,)]
        connection.execute("CREATE TABLE notes AS SELECT 1 AS note")
    assert path.read_bytes() == before
    assert {file.name for file in tmp_path.iterdir()} == {"trackdrive.duckdb", "calls", "lake.json"}


def test_connect_has_the_views_of_the_file_and_needs_no_file(tmp_path: Path) -> None:
    lake = lake_at(tmp_path / "unwritten")
    with connect(lake, schemas(), time_zone="UTC") as connection:
        names = {row[0] for row in connection.execute("SELECT view_name FROM duckdb_views()").fetchall()}
    assert not folder_of(lake).exists()
    assert build(lake_at(tmp_path)).views.keys() <= names


def test_connect_opens_only_the_selected_days(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    for day in (18, 19, 20):
        write(lake, str(day), day=date(2024, 6, day))
    file_of(lake, "calls", date(2024, 6, 18)).write_bytes(b"not a Parquet file")
    days = [date(2024, 6, 19), date(2024, 6, 20), date(2024, 6, 21)]
    with connect(lake, schemas(), time_zone="UTC", days=days) as connection:
        for table in ("calls", "fetch_log WHERE table_name = 'calls'"):
            assert connection.execute(f"SELECT date FROM {table} ORDER BY date").fetchall() == [
                (date(2024, 6, 19),),
                (date(2024, 6, 20),),
            ]
    with connect(lake, schemas(), time_zone="UTC", days=[]) as connection:
        assert connection.execute("FROM calls").fetchall() == []
        assert connection.execute("FROM fetch_log").fetchall() == []


def test_connect_names_broken_views(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        lake_database, "views", lambda: {"wrong": View("wrong", "", "FROM calls SELECT wrong")}
    )
    with pytest.raises(LakeError, match="wrong: "), connect(lake_at(tmp_path), schemas(), time_zone="UTC"):
        pass


def test_a_view_is_read_while_the_process_has_the_file_open(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    path = Path(build(lake).url)
    with duckdb.connect(str(path), read_only=True):
        assert read_view(lake, "daily_summary").num_rows == 0


def test_a_missing_view_is_an_error_with_advice(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    build(lake)
    with pytest.raises(LakeError, match="Materialize views/weekly_summary first"):
        read_view(lake, "weekly_summary")
