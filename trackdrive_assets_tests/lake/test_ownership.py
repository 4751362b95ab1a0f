"""Whose lake it is: `lake.json`, its reconstruction, and who is refused."""

import json
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from trackdrive_assets.dagster.resources import LakeResource
from trackdrive_assets.lake.database import build_database, read_view
from trackdrive_assets.lake.errors import LakeError
from trackdrive_assets.lake.identity import FILE, LakeIdentity, LakeRecord, is_same_account, read_record
from trackdrive_assets.lake.local_storage import LocalStorage
from trackdrive_assets.lake.ownership import (
    AcceptedZone,
    begin_zone_change,
    check,
    claim,
    days_to_replace,
    end_zone_change,
    record_of,
)
from trackdrive_assets.lake.storage import ListedFile
from trackdrive_assets.lake.store import ClaimedLake, Lake
from trackdrive_assets.report.page import write_page
from trackdrive_assets.tables.columns import schemas
from trackdrive_assets_tests.support.factories import DAY, a_call, file_of, folder_of, write_day

ACME = LakeIdentity("acme.trackdrive.com", "America/New_York")
UTC_IDENTITY = LakeIdentity(ACME.account, "UTC")
NEXT = date(2024, 6, 20)
ALL_GROUPS = {"reports": ["buyer_id"], "stats": ["status"]}


def lake_of(folder: Path, identity: LakeIdentity = ACME) -> ClaimedLake:
    """Return a lake with one day."""
    lake = claim(Lake(folder), identity)
    write_day(lake, "calls", [a_call()])
    return lake


def content(folder: Path) -> object:
    return json.loads((folder / FILE).read_text("utf-8"))


def test_the_first_day_creates_lake_json(tmp_path: Path) -> None:
    lake = claim(Lake(tmp_path), ACME)
    assert list(tmp_path.iterdir()) == []
    write_day(lake, "calls", [])
    assert content(tmp_path) == {
        "layout": 2,
        "account": "acme.trackdrive.com",
        "time_zone": "America/New_York",
    }


def test_every_file_contains_the_account_and_the_zone(tmp_path: Path) -> None:
    lake = lake_of(tmp_path)
    write_day(lake, "reports", [], part="buyer_id")
    for listed in lake.files():
        with lake.open_file(listed.key) as file:
            assert file
            assert file.identity == ACME


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("acme.trackdrive.com", "acme.trackdrive.net", True),
        ("acme.trackdrive.com", "ACME.trackdrive.com.", True),
        ("acme.trackdrive.com", "other.trackdrive.com", False),
        ("acme.example.com", "acme.example.net", False),
        ("trackdrive.com", "trackdrive.net", False),
        ("localhost/Acme", "localhost/Other", False),
        ("localhost/Acme", "localhost", False),
        ("localhost/Acme", "localhost/Acme", True),
    ],
)
def test_an_account_is_its_host_and_its_company(one: str, other: str, *, same: bool) -> None:
    assert is_same_account(one, other) is same
    assert is_same_account(other, one) is same


@pytest.mark.parametrize(
    "other",
    [
        LakeIdentity("other.trackdrive.com", "America/New_York"),
        LakeIdentity("acme.trackdrive.com", "UTC"),
        LakeIdentity("localhost/acme.trackdrive.com", "America/New_York"),
    ],
)
def test_another_account_or_zone_may_not_write(tmp_path: Path, other: LakeIdentity) -> None:
    lake_of(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    with pytest.raises(LakeError, match="Nothing was written") as refused:
        claim(Lake(tmp_path), other)
    names = (ACME.account, other.account) if other.account != ACME.account else ("America/New_York", "UTC")
    assert all(name in str(refused.value) for name in names)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_the_refusal_of_a_zone_names_the_command_that_changes_it(tmp_path: Path) -> None:
    lake_of(tmp_path)
    command = r"trackdrive materialize --from 2024-06-19 --to 2024-06-20 --accept-zone"
    with pytest.raises(LakeError, match=command):
        claim(Lake(tmp_path), LakeIdentity(ACME.account, "UTC"))


def test_a_reader_of_another_account_or_zone_is_refused(tmp_path: Path) -> None:
    lake = lake_of(tmp_path)
    check(lake)
    check(lake, account="acme.trackdrive.net", time_zone="America/New_York")
    with pytest.raises(LakeError, match=r"lake of acme\.trackdrive\.com, but the account is other"):
        check(lake, account="other.trackdrive.com")
    with pytest.raises(LakeError, match="New_York, but TRACKDRIVE_TIME_ZONE is UTC"):
        check(lake, time_zone="UTC")


def test_a_reader_on_loopback_needs_no_company(tmp_path: Path) -> None:
    check(lake_of(tmp_path, LakeIdentity("localhost/Acme", "UTC")), account="localhost")


def test_a_writer_that_was_overtaken_stores_nothing(tmp_path: Path) -> None:
    late = claim(Lake(tmp_path), LakeIdentity("other.trackdrive.com", "UTC"))
    lake_of(tmp_path)
    with pytest.raises(LakeError, match="is now the lake of acme"):
        write_day(late, "calls", [], day=NEXT)
    assert late.days("calls") == [DAY]


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"layout": 2}', "\x00", '"x"'])
def test_a_damaged_lake_json_is_rebuilt_from_the_files(tmp_path: Path, text: str) -> None:
    lake = lake_of(tmp_path)
    (tmp_path / FILE).write_text(text)
    with pytest.raises(LakeError, match="lake of acme"):
        claim(Lake(tmp_path), LakeIdentity("other.trackdrive.com", "America/New_York"))
    assert record_of(lake) == LakeRecord(ACME)
    claim(Lake(tmp_path), ACME)
    assert read_record(LocalStorage(tmp_path)) == LakeRecord(ACME)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", 5, None])
def test_a_lake_json_with_an_unknown_zone_is_damaged(tmp_path: Path, zone: object) -> None:
    lake = lake_of(tmp_path)
    (tmp_path / FILE).write_text(json.dumps({"layout": 2, "account": "x", "time_zone": zone}))
    assert record_of(lake) == LakeRecord(ACME)


def test_a_missing_lake_json_is_rebuilt_without_writing(tmp_path: Path) -> None:
    lake = lake_of(tmp_path)
    (tmp_path / FILE).unlink()
    check(lake, account="acme.trackdrive.com", time_zone="America/New_York")
    with pytest.raises(LakeError, match="lake of acme"):
        check(lake, account="other.trackdrive.com")
    assert not (tmp_path / FILE).exists()


def test_a_newer_layout_is_refused(tmp_path: Path) -> None:
    lake = lake_of(tmp_path)
    (tmp_path / FILE).write_text('{"layout": 3, "owner": "acme"}')
    for use in (check, record_of):
        with pytest.raises(LakeError, match="newer version"):
            use(lake)
    with pytest.raises(LakeError, match="newer version"):
        claim(lake, ACME)


@pytest.mark.parametrize(
    "use",
    [
        check,
        record_of,
        lambda lake: claim(lake, ACME),
        lambda lake: begin_zone_change(lake, UTC_IDENTITY, accepted(DAY)),
        lambda lake: build_database(lake, schemas(), time_zone="America/New_York"),
        lambda lake: read_view(lake, "calls"),
        lambda lake: LakeResource(path=lake.root).open(),
        lambda lake: write_page(lake, DAY, DAY, folder_of(lake) / "page.html", time_zone="America/New_York"),
    ],
    ids=["check", "record_of", "claim", "zone", "build", "view", "dagster", "page"],
)
@pytest.mark.parametrize(
    ("file", "text"),
    [
        (FILE, '{"layout": 1, "account": "acme.trackdrive.com", "time_zone": "America/New_York"}'),
        ("reports/category=buyer_id/date=2024-06-19/report.parquet", ""),
        ("stats/group_by=status/date=2024-06-19/stats.parquet", ""),
    ],
    ids=["lake.json", "reports", "stats"],
)
def test_a_lake_of_layout_1_is_refused_before_anything_is_written(
    tmp_path: Path, file: str, text: str, use: Callable[[Lake], object]
) -> None:
    lake = lake_of(tmp_path)
    (tmp_path / FILE).unlink()
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text(text)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    with pytest.raises(LakeError, match=r"layout 1.* Set TRACKDRIVE_LAKE to a new folder"):
        use(lake)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_a_lake_that_another_day_creates_meanwhile_is_claimed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find, other = LocalStorage.find, claim(Lake(tmp_path), ACME)

    def find_after_another_day(self: LocalStorage, pattern: str) -> list[ListedFile]:
        found = find(self, pattern)
        if pattern.startswith("call_totals/"):
            monkeypatch.setattr(LocalStorage, "find", find)
            write_day(other, "calls", [])
        return found

    monkeypatch.setattr(LocalStorage, "find", find_after_another_day)
    write_day(claim(Lake(tmp_path), ACME), "calls", [], day=NEXT)
    assert Lake(tmp_path).days("calls") == [DAY, NEXT]


def test_days_of_another_program_are_not_claimed(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    file_of(lake, "calls", DAY).parent.mkdir(parents=True)
    pq.write_table(schemas()["calls"].empty_table(), file_of(lake, "calls", DAY))
    check(lake, account="acme.trackdrive.com", time_zone="UTC")
    with pytest.raises(LakeError, match="days of another program"):
        claim(lake, ACME)


def test_a_lake_with_days_of_two_accounts_is_refused(tmp_path: Path) -> None:
    other = lake_of(tmp_path / "other", LakeIdentity("other.trackdrive.com", "UTC"))
    lake = lake_of(tmp_path / "lake")
    shutil.copytree(file_of(other, "calls", DAY).parent, file_of(lake, "calls", NEXT).parent)
    (folder_of(lake) / FILE).unlink()
    with pytest.raises(LakeError, match=r"days of .* and of .*Move the days of the wrong account"):
        check(lake)


# A change of the time zone


def accepted(*days: date, groups: dict[str, list[str]] = ALL_GROUPS) -> AcceptedZone:
    return AcceptedZone(days, first_day=date(2024, 1, 1), parts=groups)


@pytest.mark.parametrize(
    ("zone", "new", "days"),
    [
        ("America/New_York", "UTC", {DAY, NEXT}),
        ("UTC", "America/New_York", {date(2024, 6, 18), DAY}),
        ("UTC", "Etc/UTC", {DAY}),
        ("Pacific/Auckland", "Pacific/Honolulu", {date(2024, 6, 18), DAY}),
    ],
)
def test_a_day_has_calls_of_neighbours_in_another_zone(zone: str, new: str, days: set[date]) -> None:
    assert days_to_replace([DAY], zone, new) == days


def test_a_range_that_leaves_days_is_refused(tmp_path: Path) -> None:
    lake = lake_of(tmp_path)
    for days in ([], [DAY], [NEXT]):
        with pytest.raises(LakeError, match="in both time zones"):
            begin_zone_change(lake, UTC_IDENTITY, accepted(*days))
    assert read_record(LocalStorage(tmp_path)) == LakeRecord(ACME)


def test_a_run_that_does_not_fetch_a_stored_report_is_refused(tmp_path: Path) -> None:
    lake = lake_of(tmp_path)
    write_day(lake, "reports", [], part="offer_id")
    with pytest.raises(LakeError, match="does not fetch reports/offer_id"):
        begin_zone_change(lake, UTC_IDENTITY, accepted(DAY, NEXT))


def test_an_incomplete_change_is_named_with_its_command(tmp_path: Path) -> None:
    lake = lake_of(tmp_path)
    write_day(lake, "calls", [], day=NEXT)
    days = accepted(DAY, NEXT, date(2024, 6, 21))
    write_day(begin_zone_change(lake, UTC_IDENTITY, days), "calls", [])
    for zone in ("UTC", "America/New_York", None):
        with pytest.raises(LakeError, match=r"some are not replaced yet.*--to 2024-06-21 --accept-zone"):
            check(lake, time_zone=zone)
    end_zone_change(lake)
    assert read_record(LocalStorage(tmp_path)) == LakeRecord(UTC_IDENTITY, "America/New_York")
    write_day(begin_zone_change(lake, UTC_IDENTITY, days), "calls", [], day=NEXT)
    end_zone_change(lake)
    assert read_record(LocalStorage(tmp_path)) == LakeRecord(UTC_IDENTITY)
    check(lake, time_zone="UTC")


def test_a_change_that_replaced_nothing_can_be_given_up(tmp_path: Path) -> None:
    lake = lake_of(tmp_path)
    begin_zone_change(lake, UTC_IDENTITY, accepted(DAY, NEXT))
    check(lake, time_zone="America/New_York")
    write_day(claim(lake, ACME), "calls", [a_call()])
    assert read_record(LocalStorage(tmp_path)) == LakeRecord(ACME)


def test_an_incomplete_change_survives_the_loss_of_lake_json(tmp_path: Path) -> None:
    lake = lake_of(tmp_path)
    write_day(lake, "calls", [], day=NEXT, fetched_at=datetime(2024, 6, 21, tzinfo=UTC))
    days = accepted(DAY, NEXT, date(2024, 6, 21))
    write_day(begin_zone_change(lake, UTC_IDENTITY, days), "calls", [])
    (tmp_path / FILE).unlink()
    assert record_of(lake) == LakeRecord(UTC_IDENTITY, "America/New_York")


def test_a_run_of_the_old_zone_stores_nothing_after_the_change_began(tmp_path: Path) -> None:
    late = lake_of(tmp_path)
    begin_zone_change(late, UTC_IDENTITY, accepted(DAY, NEXT))
    with pytest.raises(LakeError, match=r"is now the lake of .* with days of UTC"):
        write_day(late, "calls", [], day=NEXT)
    assert late.days("calls") == [DAY]
