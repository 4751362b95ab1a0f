"""`trackdrive lake`: whether yesterday is loaded; every day in another place, compared, and continued."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from trackdrive_assets.lake.database import read_view
from trackdrive_assets.lake.layout import day_key
from trackdrive_assets.lake.local_storage import LocalStorage
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.quality.file_checks import last_due
from trackdrive_assets_tests.cli.conftest import Trackdrive
from trackdrive_assets_tests.support.factories import DAY, a_call, file_of, lake_at, write_day
from trackdrive_assets_tests.support.object_store import bucket_of, serving_moto

NEXT = date(2024, 6, 20)
EARLIER, LATER = datetime(2024, 7, 1, tzinfo=UTC), datetime(2024, 7, 2, tzinfo=UTC)


@pytest.fixture
def bucket() -> Iterator[str]:
    with serving_moto() as address, bucket_of(address) as url:
        yield url


@pytest.fixture
def lake(trackdrive: Trackdrive, tmp_path: Path) -> Lake:  # noqa: ARG001  its folder is the current one
    """A lake in the folder `data`."""
    lake = lake_at(tmp_path / "data")
    write_day(lake, "calls", [a_call(uuid="a")], fetched_at=EARLIER)
    write_day(lake, "calls", [a_call(uuid="b")], day=NEXT, fetched_at=EARLIER)
    write_day(lake, "reports", [{"group_value": "1"}], part="buyer_id")
    return lake


def test_the_status_of_a_lake_is_its_yesterday(trackdrive: Trackdrive, tmp_path: Path) -> None:
    day = last_due(datetime.now(UTC))
    write_day(lake_at(tmp_path / "data"), "calls", [])
    missing = trackdrive("lake", "status")
    assert (missing.exit_code, missing.stdout) == (1, "")
    assert f"No run has loaded the calls of {day} by 06:00." in missing.stderr
    write_day(lake_at(tmp_path / "data"), "calls", [], day=day)
    loaded = trackdrive("lake", "status")
    assert (loaded.exit_code, loaded.output) == (
        0,
        f"{tmp_path}/data: The calls of {day} are loaded. The next day is due at 06:00.\n",
    )


def test_the_status_of_a_damaged_yesterday_names_its_file(trackdrive: Trackdrive, tmp_path: Path) -> None:
    lake, day = lake_at(tmp_path / "data"), last_due(datetime.now(UTC))
    write_day(lake, "calls", [], day=day)
    file_of(lake, "calls", day).write_bytes(b"no Parquet")
    status = trackdrive("lake", "status")
    assert status.exit_code == 1
    assert status.stderr.startswith(f"{lake.root}: {file_of(lake, 'calls', day)} is damaged: ")
    assert status.stderr.endswith(". Run its partition again, which replaces it.\n")


def test_the_status_of_a_place_without_a_lake_is_1(trackdrive: Trackdrive, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    of_variables, named = trackdrive("lake", "status"), trackdrive("lake", "status", "other")
    assert (of_variables.exit_code, named.exit_code) == (1, 1)
    assert of_variables.stderr == (
        f"Error: {tmp_path}/data is no lake, because it has no days. Check TRACKDRIVE_LAKE, and that its "
        "disk is mounted. If it is new, materialize calls first.\n"
    )
    assert f"{tmp_path}/other is no lake, because it has no days. Name the folder" in named.stderr


def test_the_status_of_a_lake_that_begins_after_yesterday_is_0(
    trackdrive: Trackdrive, tmp_path: Path
) -> None:
    write_day(lake_at(tmp_path / "data"), "calls", [], day=last_due(datetime.now(UTC)) + timedelta(days=1))
    status = trackdrive("lake", "status")
    assert (status.exit_code, status.output) == (0, f"{tmp_path}/data: No day is due yet.\n")


def test_a_copy_is_named_without_the_way_to_it(
    trackdrive: Trackdrive, lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(lake.root)
    copied = trackdrive("lake", "copy", ".", "../copy")
    assert copied.stdout.startswith(f"3 files copied to {tmp_path}/copy. {tmp_path}/copy/trackdrive.duckdb")


def test_the_status_of_several_lakes_names_those_without_yesterday(
    trackdrive: Trackdrive, lake: Lake, tmp_path: Path
) -> None:
    kiritimati = lake_at(tmp_path / "lakes" / "account=one", "Pacific/Kiritimati")
    day = last_due(datetime.now(ZoneInfo("Pacific/Kiritimati")))
    write_day(kiritimati, "calls", [], day=day)
    write_day(lake_at(tmp_path / "lakes" / "account=two"), "calls", [])
    all_lakes = trackdrive("lake", "status", "lakes", lake.root)
    assert all_lakes.exit_code == 1
    assert (
        all_lakes.stdout
        == f"{tmp_path}/lakes/account=one: The calls of {day} are loaded. The next day is due at 06:00.\n"
    )
    missing = [line.partition(": No run has loaded")[0] for line in all_lakes.stderr.splitlines()]
    assert missing == [f"{tmp_path}/lakes/account=two", lake.root]


def test_a_lake_moves_into_a_bucket_and_back(
    trackdrive: Trackdrive, lake: Lake, bucket: str, tmp_path: Path
) -> None:
    there = trackdrive("lake", "copy", "data", f"{bucket}/acme")
    assert there.stdout.startswith(f"3 files copied to {bucket}/acme.")
    assert read_view(Lake(f"{bucket}/acme"), "calls")["uuid"].to_pylist() == ["a", "b"]
    assert trackdrive("lake", "copy", f"{bucket}/acme", "back").exit_code == 0
    for file in lake.files():
        assert (tmp_path / "back" / file.key).read_bytes() == (tmp_path / "data" / file.key).read_bytes()
    assert (tmp_path / "back" / "lake.json").read_bytes() == (tmp_path / "data" / "lake.json").read_bytes()


def test_a_lake_is_copied_into_its_folder_of_an_account_and_back(
    trackdrive: Trackdrive, lake: Lake, tmp_path: Path
) -> None:
    assert trackdrive("lake", "copy", "data", "data/account=acme").exit_code == 0
    assert Lake("data/account=acme").days("calls") == lake.days("calls")
    (tmp_path / "lakes").mkdir()
    (tmp_path / "data" / "account=acme").rename(tmp_path / "lakes" / "account=acme")
    assert trackdrive("lake", "copy", "lakes/account=acme", "lakes").exit_code == 0
    assert Lake("lakes").days("calls") == lake.days("calls")


def test_a_copy_that_was_stopped_continues(
    trackdrive: Trackdrive, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = LocalStorage.replace

    def replace_until_stopped(self: LocalStorage, key: str, new: Path, seen: str | None = None) -> None:
        if key == day_key("calls", NEXT):
            raise KeyboardInterrupt
        replace(self, key, new, seen)

    with monkeypatch.context() as patched:
        patched.setattr(LocalStorage, "replace", replace_until_stopped)
        assert trackdrive("lake", "copy", "data", "copy").exit_code != 0
    assert Lake("copy").days("calls") == [DAY]
    assert trackdrive("lake", "copy", "data", "copy").stdout.startswith("2 files copied")
    assert Lake("copy").days("calls") == lake.days("calls")


def test_a_copy_is_brought_up_to_date(trackdrive: Trackdrive, lake: Lake) -> None:
    trackdrive("lake", "copy", "data", "copy")
    write_day(lake_at(lake.root), "calls", [a_call(uuid="new")], fetched_at=LATER)
    assert trackdrive("lake", "copy", "data", "copy").stdout.startswith("1 file copied")
    assert file_of(Lake("copy"), "calls", DAY).read_bytes() == file_of(lake, "calls", DAY).read_bytes()


def test_a_day_that_was_fetched_later_in_the_copy_is_kept(trackdrive: Trackdrive, lake: Lake) -> None:
    write_day(lake_at("copy"), "calls", [a_call(uuid="newer")], fetched_at=LATER)
    newer = file_of(Lake("copy"), "calls", DAY).read_bytes()
    result = trackdrive("lake", "copy", "data", "copy")
    assert result.exit_code == 1
    assert "calls.parquet was fetched later" in result.stderr
    assert file_of(Lake("copy"), "calls", DAY).read_bytes() == newer
    assert Lake("copy").days("calls") == lake.days("calls")


def test_a_file_that_was_not_written_as_it_is_ends_the_copy(
    trackdrive: Trackdrive, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = LocalStorage.replace

    def replace_by_less(self: LocalStorage, key: str, new: Path, seen: str | None = None) -> None:
        if key.startswith("calls/"):
            new.write_bytes(new.read_bytes()[:-1])
        replace(self, key, new, seen)

    monkeypatch.setattr(LocalStorage, "replace", replace_by_less)
    result = trackdrive("lake", "copy", lake.root, "copy")
    assert (result.exit_code, "is not what was written" in result.stderr) == (1, True)


def test_a_day_that_a_run_replaces_meanwhile_is_copied_again(
    trackdrive: Trackdrive, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace, written = LocalStorage.replace, lake_at(lake.root)
    started = list[str]()

    def replace_during_a_run(self: LocalStorage, key: str, new: Path, seen: str | None = None) -> None:
        replace(self, key, new, seen)
        if key.startswith("reports/") and not started:
            started.append(key)
            write_day(written, "calls", [a_call(uuid="new")], fetched_at=LATER)

    monkeypatch.setattr(LocalStorage, "replace", replace_during_a_run)
    assert trackdrive("lake", "copy", "data", "copy").exit_code == 0
    assert started
    assert file_of(Lake("copy"), "calls", DAY).read_bytes() == file_of(lake, "calls", DAY).read_bytes()


@pytest.mark.parametrize(
    ("source", "target", "reason"),
    [
        ("nothing", "copy", "does not exist"),
        ("empty", "copy", "is no lake, because it has no days"),
        ("data", "data", "are the same place"),
        ("data", "data/sub", "data/sub is inside "),
        ("data", "data/sub/account=acme", "data/sub/account=acme is inside "),
        ("data", ".", "data is inside "),
        ("data", "other", "are those of America/New_York"),
        ("data", "ftp://copy", "Use s3://"),
    ],
)
def test_what_can_not_be_copied_is_refused(
    trackdrive: Trackdrive, lake: Lake, tmp_path: Path, *, source: str, target: str, reason: str
) -> None:
    (tmp_path / "empty").mkdir()
    write_day(lake_at(tmp_path / "other", "America/New_York"), "calls", [])
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    result = trackdrive("lake", "copy", source, target)
    assert result.exit_code in {1, 2}
    assert reason in result.stderr
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == before
    assert lake.days("calls") == [DAY, NEXT]


def test_a_damaged_file_ends_the_copy_with_its_name(trackdrive: Trackdrive, lake: Lake) -> None:
    file_of(lake, "calls", NEXT).write_bytes(b"no Parquet")
    result = trackdrive("lake", "copy", "data", "copy")
    assert result.exit_code == 1
    assert "date=2024-06-20/calls.parquet is damaged" in result.stderr
