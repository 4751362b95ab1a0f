"""The DuckDB file: it always opens, shows what the days hold, and is swapped without disturbing anybody."""

import re
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
from trackdrive_assets.lake.database import BuildResult, View, connect, rebuild, views
from trackdrive_assets.lake.store import Lake, LakeError
from trackdrive_assets.tables.columns import CALLS, DESCRIPTIONS, MEANINGS, SCHEMAS

DAY = date(2024, 6, 19)


def build(lake: Lake, schemas: Mapping[str, pa.Schema] = SCHEMAS, time_zone: str = "UTC") -> BuildResult:
    return rebuild(lake, schemas, time_zone=time_zone, meanings=MEANINGS, descriptions=DESCRIPTIONS)


def write(lake: Lake, *uuids: str, day: date = DAY, schema: pa.Schema = CALLS.schema) -> None:
    rows = [{"uuid": uuid, "created_at": datetime(2024, 6, 19, tzinfo=UTC)} for uuid in uuids]
    with lake.replace("calls", schema, day) as writer:
        writer.write(pa.RecordBatch.from_pylist(rows, schema=schema))


def ask(path: Path, question: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(path, read_only=True) as connection:
        return connection.execute(question).fetchall()


# What the file shows


def test_an_empty_lake_has_every_view_with_all_columns_and_no_rows(tmp_path: Path) -> None:
    built = build(Lake(tmp_path))
    assert {"calls", "reports", "stats", "call_changes", "daily_summary"} <= set(built.views)
    assert list(built.views["calls"]) == [*CALLS.schema.names, "date"]
    assert all(ask(built.path, f"FROM {name}") == [] for name in built.views)


def test_types_are_the_same_with_and_without_files(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    empty = build(lake).views
    write(lake, "a")
    assert build(lake).views == empty
    assert empty["calls"]["created_at"] == "TIMESTAMP WITH TIME ZONE"
    assert empty["calls"]["revenue"] == "DECIMAL(18,6)"
    assert empty["calls"]["tokens"] == "MAP(VARCHAR, VARCHAR)"
    assert empty["calls"]["date"] == "DATE"


def test_a_day_written_after_the_rebuild_is_seen(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    write(lake, "a")
    built = build(lake)
    write(lake, "b", day=date(2024, 6, 20))
    assert ask(built.path, "SELECT uuid, date FROM calls ORDER BY uuid") == [
        ("a", DAY),
        ("b", date(2024, 6, 20)),
    ]


def test_scratch_files_of_a_writer_are_not_seen(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    write(lake, "a")
    built = build(lake)
    with lake.replace("calls", CALLS.schema, DAY) as writer:
        writer.write(pa.RecordBatch.from_pylist([{"uuid": "b"}], schema=CALLS.schema))
        assert ask(built.path, "SELECT uuid FROM calls") == [("a",)]


@pytest.mark.parametrize(
    "folder", ["it's here", "a b", "[x]", "a*b", "{a,b}", 'say "hi"', "per%20cent", "$home ${tally}", "é"]
)
def test_any_folder_name_works(tmp_path: Path, folder: str) -> None:
    lake = Lake(tmp_path / folder)
    write(lake, "a")
    assert ask(build(lake).path, "SELECT uuid, date FROM calls") == [("a", DAY)]


def test_a_folder_name_that_reads_as_a_pattern_does_not_match_its_neighbours(tmp_path: Path) -> None:
    for folder in ("a*", "ab"):
        write(Lake(tmp_path / folder), folder)
    assert ask(build(Lake(tmp_path / "a*")).path, "SELECT uuid FROM calls") == [("a*",)]


def test_a_category_is_read_back_as_it_was_named(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    with lake.replace("reports", SCHEMAS["reports"], DAY, category="a b/c=d") as writer:
        writer.write(pa.RecordBatch.from_pylist([{"group_value": "x"}], schema=SCHEMAS["reports"]))
    assert ask(build(lake).path, "SELECT category, group_value, date FROM reports") == [("a b/c=d", "x", DAY)]


def test_a_column_that_older_days_lack_is_null_there(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    older = pa.schema([field for field in CALLS.schema if field.name != "hangup_cause"])
    write(lake, "old", schema=older)
    assert ask(build(lake).path, "SELECT uuid, hangup_cause FROM calls") == [("old", None)]
    with lake.replace("calls", CALLS.schema, date(2024, 6, 20)) as writer:
        writer.write(pa.RecordBatch.from_pylist([{"uuid": "new", "hangup_cause": "x"}], schema=CALLS.schema))
    assert ask(build(lake).path, "SELECT uuid, hangup_cause FROM calls ORDER BY uuid") == [
        ("new", "x"),
        ("old", None),
    ]


def test_a_column_of_another_type_in_older_days_is_cast(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    older = pa.schema([pa.field("sub_id", pa.int64()) if f.name == "sub_id" else f for f in CALLS.schema])
    with lake.replace("calls", older, DAY) as writer:
        writer.write(pa.RecordBatch.from_pylist([{"sub_id": 7}], schema=older))
    assert ask(build(lake).path, "SELECT sub_id FROM calls") == [("7",)]


def test_comments_say_what_views_and_columns_mean(tmp_path: Path) -> None:
    path = build(Lake(tmp_path)).path
    assert ask(path, "SELECT comment FROM duckdb_views() WHERE view_name = 'daily_summary'") == [
        (views()["daily_summary"].description,)
    ]
    assert ask(
        path, "SELECT comment FROM duckdb_columns() WHERE table_name = 'calls' AND column_name = 'ended_at'"
    ) == [("When the call ended, null while it is live.",)]
    assert ask(path, "SELECT comment FROM duckdb_views() WHERE view_name = 'calls'") == [
        (DESCRIPTIONS["calls"],)
    ]
    assert ask(
        path,
        "SELECT comment FROM duckdb_columns() "
        "WHERE table_name = 'daily_summary' AND column_name = 'conversion_rate'",
    ) == [("Share of all calls that the buyer owes for, 0 to 1.",)]


def test_every_column_of_every_view_says_what_it_means(tmp_path: Path) -> None:
    built = build(Lake(tmp_path))
    assert {name: list(meanings) for name, meanings in built.meanings.items()} == {
        name: list(columns) for name, columns in built.views.items()
    }
    meanings = [meaning for columns in built.meanings.values() for meaning in columns.values()]
    assert not [meaning for meaning in meanings if not meaning.endswith(".")]


def test_every_meaning_in_the_sql_belongs_to_a_column(tmp_path: Path) -> None:
    built = build(Lake(tmp_path))
    # What a view says itself: a shared part may stand in its middle, and make columns that it doesn't show.
    for file in (resources.files("trackdrive_assets.lake") / "sql" / "views").iterdir():
        if file.name.endswith(".sql"):
            name = file.name.removesuffix(".sql")
            said = View(name, "", file.read_text("utf-8")).meanings
            assert said.keys() <= built.views[name].keys()
            assert said.items() <= built.meanings[name].items()
    everywhere = {column for columns in built.views.values() for column in columns}
    for file in (resources.files("trackdrive_assets.lake") / "sql" / "views" / "parts").iterdir():
        assert View("", "", file.read_text("utf-8")).meanings.keys() <= everywhere
        assert file.read_text("utf-8").count(" --: ") == len(View("", "", file.read_text("utf-8")).meanings)


def passing_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, **sql: str
) -> Mapping[str, Mapping[str, str]]:
    """What the columns of these views mean, over two tables."""
    monkeypatch.setattr(
        lake_database, "views", lambda: {name: View(name, "", text) for name, text in sql.items()}
    )
    meanings = {"calls": {"uuid": "Of calls.", "created_at": "The same."}}
    meanings |= {"call_changes": {"uuid": "Of changes.", "created_at": "The same."}}
    built = rebuild(Lake(tmp_path), SCHEMAS, time_zone="UTC", meanings=meanings)
    return {name: built.meanings[name] for name in sql}


def test_a_column_that_is_passed_on_keeps_its_meaning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = passing_on(
        monkeypatch,
        tmp_path,
        first="SELECT uuid, created_at, 1 AS one, --: Always.\n 2 AS two FROM calls",
        second="SELECT uuid, one, created_at --: Otherwise.\n FROM first",
    )
    assert found == {
        "first": {"uuid": "Of calls.", "created_at": "The same.", "one": "Always."},
        "second": {"uuid": "Of calls.", "one": "Always.", "created_at": "Otherwise."},
    }


def test_a_column_has_no_meaning_where_what_it_may_come_from_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = "SELECT calls.uuid, calls.created_at FROM calls JOIN call_changes USING (date)"
    assert passing_on(monkeypatch, tmp_path, both=both) == {"both": {"created_at": "The same."}}


def test_a_comment_is_no_source() -> None:
    assert View("a", "", "SELECT uuid --: Taken from reports.\nFROM calls").reads == {"calls"}


# How it is swapped


def test_a_reader_of_the_old_file_is_not_disturbed(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    path = build(lake).path
    with duckdb.connect(path) as analyst:
        analyst.execute("CREATE TABLE notes AS SELECT 1 AS note")
        build(lake)
        assert analyst.execute("SELECT count(*) FROM calls").fetchall() == [(0,)]
        assert analyst.execute("SELECT note FROM notes").fetchall() == [(1,)]
    assert ask(path, "SELECT count(*) FROM calls") == [(0,)]


def test_what_an_analyst_left_unmerged_does_not_reach_the_new_file(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    path = build(lake).path
    with duckdb.connect(path) as analyst:
        analyst.execute("PRAGMA disable_checkpoint_on_shutdown")
        analyst.execute("CREATE TABLE notes AS SELECT 1 AS note")
    unmerged = path.with_name("trackdrive.duckdb.wal")
    assert unmerged.exists()
    build(lake)
    assert not unmerged.exists()
    assert ask(path, "SELECT count(*) FROM duckdb_tables()") == [(0,)]


def test_nothing_else_stays_in_the_folder(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    (tmp_path / ".trackdrive.duckdb.dead.tmp").mkdir()
    build(lake)
    build(lake)
    assert [path.name for path in tmp_path.iterdir()] == ["trackdrive.duckdb"]


def test_all_failing_views_are_named_and_the_old_file_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake(tmp_path)
    before = build(lake).path.read_bytes()
    wrong = {name: View(name, "", f"FROM calls SELECT {name}") for name in ("first_wrong", "second_wrong")}
    monkeypatch.setattr(lake_database, "views", lambda: wrong)
    with pytest.raises(LakeError, match=r"(?s)2 of 6 views over .* failed.*first_wrong: .*second_wrong: "):
        build(lake)
    assert (tmp_path / "trackdrive.duckdb").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["trackdrive.duckdb"]


def test_a_lake_that_cannot_be_written_is_explained(tmp_path: Path) -> None:
    (tmp_path / "lake").write_text("a file where a folder should be")
    with pytest.raises(LakeError, match=r"trackdrive\.duckdb"):
        build(Lake(tmp_path / "lake"))


def test_the_file_has_the_oldest_format_that_reads_these_views(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    path = build(lake).path
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{tmp_path / 'oldest.duckdb'}' AS oldest (STORAGE_VERSION 'v1.0.0')")
        connection.execute("DETACH oldest")
    # The format's number stands in the 8 bytes after the magic word.
    header = slice(12, 20)
    assert path.read_bytes()[header] == (tmp_path / "oldest.duckdb").read_bytes()[header]


@pytest.mark.parametrize("view", views().values(), ids=lambda view: view.name)
def test_every_view_says_what_a_row_is_and_what_it_tells(view: View) -> None:
    assert re.fullmatch(r"A row is [^.]+\. It tells [^.]+\.", view.description)
    assert not view.sql.lstrip().startswith("--")


def test_views_come_after_those_they_read() -> None:
    seen: set[str] = set()
    for name, view in views().items():
        assert not (view.reads & views().keys()) - seen
        seen.add(name)


# When it is rebuilt


def identity(path: Path) -> tuple[int, int]:
    return path.stat().st_ino, path.stat().st_mtime_ns


def test_a_file_that_is_up_to_date_is_left_alone_and_described_the_same(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    write(lake, "a")
    first = build(lake)
    before = identity(first.path)
    write(lake, "b", day=date(2024, 6, 20))
    second = build(lake)
    assert (first.swapped, second.swapped) == (True, False)
    assert second.views == first.views
    assert second.meanings == first.meanings
    assert identity(second.path) == before


def test_other_sql_rebuilds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = Lake(tmp_path)
    build(lake)
    more = {**views(), "added": View("added", "What was added?", "SELECT 1 AS one")}
    monkeypatch.setattr(lake_database, "views", lambda: more)
    assert build(lake).swapped
    assert ask(tmp_path / "trackdrive.duckdb", "FROM added") == [(1,)]


def test_other_words_for_a_column_rebuild_it(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    build(lake)
    assert rebuild(lake, SCHEMAS, time_zone="UTC", meanings={"calls": {"uuid": "Other words."}}).swapped


def test_other_words_for_a_table_rebuild_it(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    build(lake)
    words = {**DESCRIPTIONS, "calls": "Other words."}
    assert rebuild(lake, SCHEMAS, time_zone="UTC", meanings=MEANINGS, descriptions=words).swapped


def test_other_words_in_the_sql_rebuild_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for words in ("One.", "Other."):
        view = View("added", "", f"SELECT 1 AS one --: {words}")
        monkeypatch.setattr(lake_database, "views", lambda view=view: {"added": view})
        assert build(Lake(tmp_path)).swapped


def test_another_time_zone_rebuilds_it(tmp_path: Path) -> None:
    build(Lake(tmp_path))
    assert build(Lake(tmp_path), time_zone="America/New_York").swapped


def test_the_first_day_of_a_table_rebuilds_it(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    build(lake)
    write(lake, "a")
    assert build(lake).swapped
    assert ask(tmp_path / "trackdrive.duckdb", "SELECT uuid FROM calls") == [("a",)]


def test_a_new_category_rebuilds_it(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    for category in ("buyer_id", "offer_id"):
        with lake.replace("reports", SCHEMAS["reports"], DAY, category=category):
            pass
        assert build(lake).swapped
    assert ask(tmp_path / "trackdrive.duckdb", "SELECT grouped_by FROM fetch_log ORDER BY ALL") == [
        ("buyer_id",),
        ("offer_id",),
    ]


def test_a_day_that_lacks_a_column_rebuilds_it_wherever_it_lies(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    older = pa.schema([field for field in CALLS.schema if field.name != "hangup_cause"])
    write(lake, "new")
    build(lake)
    write(lake, "old", day=date(2024, 6, 20), schema=older)
    assert build(lake).swapped
    question = "SELECT uuid, hangup_cause FROM calls ORDER BY uuid"
    assert ask(tmp_path / "trackdrive.duckdb", question) == [("new", None), ("old", None)]


def test_a_day_that_another_program_wrote_whole_needs_no_rebuild(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    write(lake, "a")
    build(lake)
    file = lake.file("calls", date(2024, 6, 20))
    file.parent.mkdir(parents=True)
    rows = pa.Table.from_pylist([{"uuid": "b"}], schema=CALLS.schema)
    pq.write_table(rows, file, store_schema=False)
    assert not build(lake).swapped
    assert ask(tmp_path / "trackdrive.duckdb", "SELECT uuid FROM calls ORDER BY uuid") == [("a",), ("b",)]


@pytest.mark.parametrize("damage", ["", "nothing that could be read"])
def test_a_damaged_file_is_rebuilt(tmp_path: Path, damage: str) -> None:
    path = build(Lake(tmp_path)).path
    path.write_text(damage)
    assert build(Lake(tmp_path)).swapped
    assert ask(path, "FROM calls") == []


def test_a_missing_file_is_rebuilt(tmp_path: Path) -> None:
    build(Lake(tmp_path)).path.unlink()
    assert build(Lake(tmp_path)).path.exists()


def test_a_file_to_which_somebody_added_something_is_rebuilt(tmp_path: Path) -> None:
    path = build(Lake(tmp_path)).path
    with duckdb.connect(path) as analyst:
        analyst.execute("CREATE TABLE notes AS SELECT 1 AS note")
    assert build(Lake(tmp_path)).swapped
    assert ask(path, "SELECT count(*) FROM duckdb_tables()") == [(0,)]


def test_a_file_of_the_same_name_that_is_not_ours_is_rebuilt(tmp_path: Path) -> None:
    with duckdb.connect(tmp_path / "trackdrive.duckdb") as other:
        other.execute("CREATE VIEW calls AS SELECT 1 AS uuid")
    assert build(Lake(tmp_path)).swapped


# Asking without it


def test_the_lake_is_asked_as_it_stands(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    path = build(lake).path
    before = path.read_bytes()
    write(lake, "a")
    with connect(lake, SCHEMAS, time_zone="UTC") as connection:
        assert connection.execute("SELECT calls FROM daily_summary").fetchall() == [(1,)]
        connection.execute("CREATE TABLE notes AS SELECT 1 AS note")
    assert path.read_bytes() == before
    assert {file.name for file in tmp_path.iterdir()} == {"trackdrive.duckdb", "calls"}


def test_asking_has_the_views_of_the_file_and_needs_none(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "unwritten")
    with connect(lake, SCHEMAS, time_zone="UTC") as connection:
        names = {row[0] for row in connection.execute("SELECT view_name FROM duckdb_views()").fetchall()}
    assert not lake.root.exists()
    assert build(Lake(tmp_path)).views.keys() <= names


def test_asking_about_a_few_days_opens_no_other(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    for day in (18, 19, 20):
        write(lake, str(day), day=date(2024, 6, day))
    lake.file("calls", date(2024, 6, 18)).write_bytes(b"nothing that could be read")
    days = [date(2024, 6, 19), date(2024, 6, 20), date(2024, 6, 21)]
    with connect(lake, SCHEMAS, time_zone="UTC", days=days) as connection:
        for table in ("calls", "fetch_log WHERE table_name = 'calls'"):
            assert connection.execute(f"SELECT date FROM {table} ORDER BY date").fetchall() == [
                (date(2024, 6, 19),),
                (date(2024, 6, 20),),
            ]
    with connect(lake, SCHEMAS, time_zone="UTC", days=[]) as connection:
        assert connection.execute("FROM calls").fetchall() == []
        assert connection.execute("FROM fetch_log").fetchall() == []


def test_views_that_fail_are_named_to_who_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        lake_database, "views", lambda: {"wrong": View("wrong", "", "FROM calls SELECT wrong")}
    )
    with pytest.raises(LakeError, match="wrong: "), connect(Lake(tmp_path), SCHEMAS, time_zone="UTC"):
        pass
