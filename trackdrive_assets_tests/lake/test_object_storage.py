"""The lake in a bucket: what a run asks of the store, what a race leaves, and how errors are worded."""

import json
import logging
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import obstore
import pytest
from obstore.store import from_url

from trackdrive_assets.days import exact_day
from trackdrive_assets.ingest.calls import store_calls
from trackdrive_assets.lake import object_filesystem, object_storage
from trackdrive_assets.lake.accounts import build_accounts_database
from trackdrive_assets.lake.database import FILE, build_database, connect, read_view
from trackdrive_assets.lake.errors import LakeError, UnusableLakeError
from trackdrive_assets.lake.file_index import FILE as FILES
from trackdrive_assets.lake.file_index import FileIndex
from trackdrive_assets.lake.layout import day_key
from trackdrive_assets.lake.storage import REPLACED, ChangedMeanwhileError
from trackdrive_assets.lake.store import ClaimedLake, Lake
from trackdrive_assets.quality.sql_checks import run_sql_checks
from trackdrive_assets.settings import Settings
from trackdrive_assets.tables.columns import CALLS, schemas
from trackdrive_assets.tables.exclusion import NO_EXCLUSIONS
from trackdrive_assets_tests.support.api_calls import batch_of
from trackdrive_assets_tests.support.factories import a_call, lake_at, query, write_day
from trackdrive_assets_tests.support.object_store import CountedServer, Refusal, counting, serving_moto

DAY = date(2024, 6, 19)
LATER = datetime(2024, 7, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def running() -> Iterator[CountedServer]:
    with serving_moto() as address, counting(address) as counted:
        counted.bucket("lake")
        yield counted


@pytest.fixture
def server(running: CountedServer, monkeypatch: pytest.MonkeyPatch) -> CountedServer:
    """A server with a bucket, in the variables of the environment. No request was counted yet."""
    for name, value in running.variables().items():
        monkeypatch.setenv(name, value)
    running.requests.clear()
    return running


@pytest.fixture
def root(server: CountedServer, request: pytest.FixtureRequest) -> str:  # noqa: ARG001  it sets the variables
    return f"s3://lake/{re.sub('[^a-z_]+', '-', request.node.name)}"


@pytest.fixture
def lake(root: str) -> ClaimedLake:
    return lake_at(root)


def fetch(lake: ClaimedLake, day: date, at: datetime, *, revenue: int = 1) -> None:
    """Store a day with one call, as a run does that fetched it."""
    rows = [{"uuid": "a", "created_at": f"{day}T12:00:00Z", "revenue": str(revenue)}]
    with lake.stage("calls", CALLS.schema, day, sort_by="created_at", fetched_at=at) as writer:
        writer.write(batch_of(rows, fetched_at=at))
        store_calls(lake, exact_day(day, ZoneInfo("UTC")), writer, NO_EXCLUSIONS)


def replicate(root: str, table: str, days: int) -> None:
    """Store copies of the file of `DAY` as later days."""
    store = from_url(root, client_options={"allow_http": True})
    content = bytes(obstore.get(store, day_key(table, DAY)).bytes())
    for number in range(1, days):
        obstore.put(store, day_key(table, DAY + timedelta(days=number)), content)


def build(lake: Lake) -> None:
    build_database(lake, schemas(), time_zone="UTC")


def test_a_day_is_stored_and_read_as_in_a_folder(lake: ClaimedLake) -> None:
    write_day(lake, "calls", [a_call(uuid="a")])
    write_day(lake, "reports", [{"group_value": "1"}], part="buyer_id")
    assert lake.days("calls") == [DAY]
    assert lake.read("calls", CALLS.schema, [DAY])["uuid"].to_pylist() == ["a"]
    assert query(lake, "SELECT uuid FROM calls") == [{"uuid": "a"}]
    assert query(lake, "SELECT group_value FROM reports") == [{"group_value": "1"}]


def test_the_views_are_built_and_read_in_the_bucket(lake: ClaimedLake) -> None:
    fetch(lake, DAY, LATER)
    build(lake)
    assert read_view(lake, "daily_summary")["calls"].to_pylist() == [1]


def test_the_database_contains_no_credential(lake: ClaimedLake, root: str) -> None:
    write_day(lake, "calls", [a_call()])
    build(lake)
    store = from_url(root, client_options={"allow_http": True})
    content = bytes(obstore.get(store, FILE).bytes())
    assert b"s3://lake/" in content
    assert b"testing" not in content
    assert os.environ["AWS_ENDPOINT_URL"].encode() not in content


def test_a_day_of_calls_is_three_writes_and_asks_for_no_other_day(
    lake: ClaimedLake, root: str, server: CountedServer
) -> None:
    fetch(lake, DAY, LATER)
    server.requests.clear()
    fetch(lake, DAY, LATER + timedelta(days=1))
    alone = list(server.requests)
    assert server.counts["PUT"] == 3
    for table in ("calls", "call_changes", "call_totals"):
        replicate(root, table, 10)
    server.requests.clear()
    fetch(lake, DAY, LATER + timedelta(days=2))
    assert server.requests == alone


def test_a_part_of_a_day_is_one_write(lake: ClaimedLake, server: CountedServer) -> None:
    write_day(lake, "reports", [{"group_value": "1"}], part="buyer_id")
    server.requests.clear()
    write_day(lake, "reports", [{"group_value": "2"}], part="offer_id")
    assert server.counts["PUT"] == 1


def test_a_build_reads_only_the_files_that_are_new(
    lake: ClaimedLake, root: str, server: CountedServer
) -> None:
    fetch(lake, DAY, LATER)
    build(lake)
    server.requests.clear()
    build(lake)
    few = server.counts
    for table in ("calls", "call_changes", "call_totals"):
        replicate(root, table, 10)
    build(lake)
    server.requests.clear()
    build(lake)
    assert server.counts == few


def test_a_view_of_sums_reads_each_file_once(lake: ClaimedLake, root: str, server: CountedServer) -> None:
    fetch(lake, DAY, LATER)
    for table in ("calls", "call_totals"):
        replicate(root, table, 10)
    build(lake)
    server.requests.clear()
    assert len(read_view(lake, "daily_summary")) == 10
    # And lake.json, the database and the listing.
    assert server.counts == {"GET": 10 + 3}


def test_a_writer_that_compared_with_an_older_day_is_refused(lake: ClaimedLake, root: str) -> None:
    write_day(lake, "calls", [a_call(uuid="old")])
    with (
        lake.stage("calls", CALLS.schema, DAY) as writer,
        writer.locked() as current,
        writer.save(current),
    ):
        write_day(lake_at(root), "calls", [a_call(uuid="new")])
        with pytest.raises(ChangedMeanwhileError, match=r"calls\.parquet was replaced by another program"):
            writer.commit()
    assert query(lake, "SELECT uuid FROM calls") == [{"uuid": "new"}]


def test_two_writers_of_a_new_day_do_not_overwrite_each_other(lake: ClaimedLake, root: str) -> None:
    with (
        lake.stage("calls", CALLS.schema, DAY) as writer,
        writer.locked() as current,
        writer.save(current),
    ):
        write_day(lake_at(root), "calls", [a_call(uuid="new")])
        with pytest.raises(ChangedMeanwhileError):
            writer.commit()
    assert query(lake, "SELECT uuid FROM calls") == [{"uuid": "new"}]


@pytest.mark.parametrize("table", ["call_changes", "calls"])
def test_a_day_that_is_replaced_during_a_run_fails_it_and_loses_nothing(
    lake: ClaimedLake, root: str, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch(lake, DAY, LATER)
    replace, other = object_storage.ObjectStorage.replace, lake_at(root)

    def replace_after_another(
        self: object_storage.ObjectStorage, key: str, new: Path, seen: str | None = None
    ) -> None:
        if key == day_key(table, DAY):
            monkeypatch.setattr(object_storage.ObjectStorage, "replace", replace)
            fetch(other, DAY, LATER + timedelta(days=2), revenue=3)
        replace(self, key, new, seen)

    monkeypatch.setattr(object_storage.ObjectStorage, "replace", replace_after_another)
    with pytest.raises(ChangedMeanwhileError):
        fetch(lake, DAY, LATER + timedelta(days=1), revenue=2)
    assert lake.read("calls", CALLS.schema, [DAY])["revenue"].to_pylist() == [3]


def test_a_repeated_request_that_meets_its_own_object_succeeds(
    lake: ClaimedLake, server: CountedServer
) -> None:
    write_day(lake, "reports", [{"group_value": "1"}], part="buyer_id")
    with lake.stage("calls", CALLS.schema, DAY) as writer, writer.locked() as current, writer.save(current):
        lake.claim.confirm()
        server.refuse(Refusal(500, "InternalError", is_carried_out=True))
        lake.storage.replace(day_key("calls", DAY), writer._new, "")
    assert lake.days("calls") == [DAY]


def test_what_a_killed_run_left_of_another_day_is_removed(
    lake: ClaimedLake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with lake.storage.staging("calls/date=2024-06-01/calls.parquet") as living:
        left = living.parent / ".file.dead.tmp"
        left.mkdir()
        (left / "spool").write_text("a call")
        write_day(lake, "calls", [a_call()])
        assert (living.exists(), left.exists()) == (True, False)
    (left.parent / ".file.dead.tmp").mkdir(parents=True)
    write_day(lake, "calls", [a_call()])
    assert [path.name for path in tmp_path.rglob("*")] == [f"trackdrive-assets-{os.getuid()}"]


def test_a_busy_store_is_asked_again(lake: ClaimedLake, server: CountedServer) -> None:
    server.refuse(Refusal(503, "SlowDown", times=2))
    write_day(lake, "calls", [a_call()])
    assert lake.days("calls") == [DAY]


def test_a_file_is_read_as_it_is_when_a_query_opens_it_first(lake: ClaimedLake) -> None:
    later = DAY + timedelta(days=1)
    for day in (DAY, later):
        write_day(lake, "calls", [a_call(uuid="old")], day=day)
    with connect(lake, schemas(), time_zone="UTC", names={"calls"}) as connection:
        # Creating the view listed both files, and opened the first.
        for day in (DAY, later):
            write_day(lake, "calls", [a_call(uuid="new"), a_call(uuid="newer")], day=day)
        found = connection.execute("SELECT uuid FROM calls ORDER BY date, uuid").fetchall()
        assert found == [("old",), ("new",), ("newer",)]


@pytest.mark.parametrize("limit", ["_LARGEST_WHOLE_FILE", "_KEPT_BYTES"])
def test_a_file_that_is_replaced_between_two_reads_is_an_error(
    lake: ClaimedLake, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_filesystem, limit, 0)
    write_day(lake, "calls", [a_call(uuid="old")])
    write_day(lake, "reports", [], part="buyer_id")
    assert isinstance(lake.storage, object_storage.ObjectStorage)
    files = object_filesystem.ObjectFilesystem(lake.storage, [])
    url, other = (lake.storage.url(day_key(table, DAY)) for table in ("calls", "reports"))
    files.open(url)
    files.open(other)
    write_day(lake, "calls", [a_call(uuid="new")])
    with pytest.raises(ChangedMeanwhileError, match="replaced while it was being read"):
        files.open(url).read()


def test_checks_are_run_again_if_a_file_is_replaced_meanwhile(
    lake: ClaimedLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_day(lake, "calls", [a_call(uuid="old")])
    content, tries = object_filesystem.ObjectFilesystem.open, list[str]()

    def open_after_a_replacement(self: object_filesystem.ObjectFilesystem, path: str, *args: Any) -> Any:
        tries.append(path)
        if len(tries) == 1:
            raise ChangedMeanwhileError(f"{path} {REPLACED}.")
        return content(self, path, *args)

    monkeypatch.setattr(object_filesystem.ObjectFilesystem, "open", open_after_a_replacement)
    ((_, result),) = run_sql_checks(["uuid_unique"], lake, Settings(), [DAY])
    assert len(result.rows) == 0
    assert len(tries) > 1


def test_the_database_of_another_build_is_not_overwritten(
    lake: ClaimedLake, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_day(lake, "calls", [a_call(uuid="a")])
    replace, builds = object_storage.ObjectStorage.replace, list[str]()

    def replace_after_another(
        self: object_storage.ObjectStorage, key: str, new: Path, seen: str | None = None
    ) -> None:
        if key == FILE and not builds:
            builds.append(key)
            build(Lake(root))
        replace(self, key, new, seen)

    monkeypatch.setattr(object_storage.ObjectStorage, "replace", replace_after_another)
    build(lake)
    assert builds
    assert read_view(lake, "calls")["uuid"].to_pylist() == ["a"]


def test_a_table_of_another_program_is_kept_in_a_copy(
    lake: ClaimedLake, root: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_day(lake, "calls", [a_call()])
    with duckdb.connect(str(tmp_path / FILE)) as connection:
        connection.execute("CREATE TABLE notes (text VARCHAR)")
    store = from_url(root, client_options={"allow_http": True})
    obstore.put(store, FILE, tmp_path / FILE)
    with caplog.at_level(logging.WARNING):
        build(lake)
    assert "notes" in caplog.text
    names = [meta["path"] for batch in obstore.list(store) for meta in batch]
    assert len([name for name in names if name.startswith("trackdrive.before-")]) == 1


def test_a_damaged_index_is_made_again(lake: ClaimedLake, root: str) -> None:
    write_day(lake, "calls", [a_call()])
    store, key = from_url(root, client_options={"allow_http": True}), day_key("calls", DAY)
    for content in (b"no JSON", b'{"x": 1}', b"[]"):
        obstore.put(store, FILES, content)
        index = FileIndex(lake.storage)
        assert index.entries(CALLS.schema, lake.files())[key].has_all_columns
        index.save()
        assert list(json.loads(bytes(obstore.get(store, FILES).bytes()))) == [key]


def test_a_file_that_is_asked_for_twice_is_read_once(lake: ClaimedLake, server: CountedServer) -> None:
    write_day(lake, "calls", [a_call()])
    index, files = FileIndex(lake.storage), list(lake.files())
    server.requests.clear()
    assert index.entries(CALLS.schema, files) == index.entries(CALLS.schema, files)
    assert server.counts == {"GET": 1}


def test_one_database_over_all_accounts_of_a_bucket(root: str) -> None:
    for name in ("acme", "zenith"):
        write_day(lake_at(f"{root}/account={name}"), "calls", [a_call(uuid=name)])
    built = build_accounts_database(root, schemas())
    assert built.url == f"{root}/{FILE}"
    assert read_view(Lake(root), "calls").select(["account", "uuid"]).to_pylist() == [
        {"account": "acme", "uuid": "acme"},
        {"account": "zenith", "uuid": "zenith"},
    ]


@pytest.mark.parametrize(
    ("refusal", "advice"),
    [
        (Refusal(403, "AccessDenied"), "lack the permission"),
        (Refusal(403, "InvalidAccessKeyId"), "does not accept the credentials"),
        (Refusal(403, "SignatureDoesNotMatch"), "does not accept the credentials"),
        (Refusal(403, "RequestTimeTooSkewed"), "clock of this machine"),
        (Refusal(400, "ExpiredToken"), "have expired"),
        (Refusal(404, "NoSuchBucket"), "bucket does not exist"),
        (Refusal(301, "PermanentRedirect"), "another region"),
        (Refusal(418, "Teapot"), "The store answered Teapot"),
    ],
    ids=lambda value: value.code if isinstance(value, Refusal) else "",
)
def test_an_error_of_the_store_is_a_sentence_with_advice(
    lake: ClaimedLake, server: CountedServer, refusal: Refusal, advice: str
) -> None:
    server.refuse(refusal)
    with pytest.raises(LakeError, match=rf"Can't read s3://lake/.*{advice}") as caught:
        write_day(lake, "calls", [])
    assert "http" not in str(caught.value)


def test_a_store_that_stays_busy_is_an_error(
    server: CountedServer, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_storage, "RETRY_SECONDS", 0)
    server.refuse(Refusal(503, "SlowDown"))
    with pytest.raises(LakeError, match="busy or broken"):
        Lake(root).days("calls")


def test_a_store_that_is_not_reached_stops_only_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setattr(object_storage, "RETRY_SECONDS", 0)
    lake = Lake("s3://bucket/lake")
    with pytest.raises(LakeError, match="can't be reached"):
        lake.days("calls")


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("ftp://bucket/lake", "Use s3://, gs:// or az://"),
        ("s3://", "without a valid bucket"),
        ("s3:///lake", "without a valid bucket"),
        ("s3://key:secret@bucket/lake", "more than a bucket"),
        ("s3://bucket/lake?token=secret", "more than a bucket"),
        ("s3://bucket/lake#secret", "more than a bucket"),
        ("s3://bucket/a*/lake", "other characters"),
        ("s3://bucket/../lake", "other characters"),
        ("s3://bucket/date=2024/lake", "without 'date=2024'"),
    ],
)
def test_a_url_that_is_no_lake_is_refused_without_its_secrets(url: str, fault: str) -> None:
    with pytest.raises(UnusableLakeError, match="TRACKDRIVE_LAKE") as caught:
        Lake(url)
    assert fault in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "variables", "advice"),
    [
        ("s3://bucket", {"AWS_SECRET_ACCESS_KEY": "secret"}, "There are no credentials"),
        ("az://box/lake", {}, "Set AZURE_STORAGE_ACCOUNT_NAME"),
    ],
)
def test_missing_variables_of_the_cloud_are_an_error(
    url: str, variables: dict[str, str], advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith(("AWS_", "AZURE_"))]:
        monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UnusableLakeError, match=advice) as caught:
        Lake(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["s3://bucket/", "s3://bucket//lake/", "gs://bucket/lake", "az://box/lake"])
def test_a_url_is_a_lake_without_a_request(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "acme")
    assert not Lake(url).root.endswith("/")
    assert "//" not in Lake(url).root.partition("://")[2]


def test_http_is_refused_for_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://store.example.com")
    with pytest.raises(UnusableLakeError, match="AWS_ENDPOINT_URL begins with http"):
        Lake("s3://bucket/lake")


@pytest.mark.parametrize("scheme", ["s3", "gs", "az"])
@pytest.mark.parametrize("package", ["obstore.store", "fsspec"])
def test_a_missing_extra_is_named(scheme: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    extra = {"s3": "s3", "gs": "gcs", "az": "azure"}[scheme]
    with pytest.raises(UnusableLakeError, match=rf"pip install 'trackdrive-assets\[{extra}\]'"):
        Lake(f"{scheme}://bucket/lake")
