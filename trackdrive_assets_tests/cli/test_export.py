"""`trackdrive export`: the rows of views in files, of some days, and over several accounts."""

import csv
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import openpyxl
import pyarrow.parquet as pq
import pytest

from trackdrive_assets.lake.identity import LakeIdentity
from trackdrive_assets.lake.ownership import claim
from trackdrive_assets.lake.store import ClaimedLake, Lake
from trackdrive_assets_tests.cli.conftest import Trackdrive
from trackdrive_assets_tests.support.factories import DAY, Row, a_call, a_deal, file_of, lake_at, write_day

NEXT = DAY + timedelta(days=1)


@pytest.fixture
def lake(tmp_path: Path) -> ClaimedLake:
    """Write two days of calls into the lake of the sandbox."""
    lake = lake_at(tmp_path / "data", "America/New_York")
    write_day(lake, "calls", [a_deal(uuid="a"), a_call(uuid="b")])
    write_day(lake, "calls", [a_call(uuid="c")], day=NEXT)
    return lake


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.usefixtures("lake")
def test_a_view_is_written_in_the_order_of_its_days(trackdrive: Trackdrive) -> None:
    outcome = trackdrive("export", "daily_summary")
    assert [(row["date"], row["calls"]) for row in rows(outcome.stdout)] == [
        (str(DAY), "2"),
        (str(NEXT), "1"),
    ]


@pytest.mark.usefixtures("lake")
def test_a_name_can_have_dashes(trackdrive: Trackdrive) -> None:
    assert trackdrive("export", "daily-summary").stdout == trackdrive("export", "daily_summary").stdout


@pytest.mark.usefixtures("lake")
def test_only_the_rows_of_the_days_are_written(trackdrive: Trackdrive) -> None:
    for view, found in (("calls", ["c"]), ("call_facts", ["c"])):
        outcome = trackdrive("export", view, "--from", str(NEXT), "--to", str(NEXT))
        assert [row["uuid"] for row in rows(outcome.stdout)] == found
    statements = trackdrive("export", "buyer_statements", "--from", "2024-07-01")
    assert (statements.exit_code, rows(statements.stdout)) == (0, [])
    assert statements.stdout.startswith('"period_start"')
    assert "are compared with its column period_start." in statements.stderr


@pytest.mark.usefixtures("lake")
def test_days_of_a_view_without_a_date_are_wrong_use(trackdrive: Trackdrive) -> None:
    outcome = trackdrive("export", "conversion_lag", "--from", str(DAY))
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert "conversion_lag has no column date. Leave out --from and --to." in outcome.stderr


@pytest.mark.usefixtures("lake")
def test_parquet_has_instants_in_utc_and_excel_on_the_accounts_clock(
    trackdrive: Trackdrive, tmp_path: Path
) -> None:
    for ending in ("parquet", "xlsx"):
        outcome = trackdrive(
            "export", "calls", "--to", str(DAY), "--from", str(DAY), "--output", f"c.{ending}"
        )
        assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (0, "", f"2 rows in c.{ending}.\n")
    table = pq.read_table(tmp_path / "c.parquet")
    assert table["created_at"][0].as_py() == datetime(2024, 6, 19, 15, 30, tzinfo=UTC)
    sheet = openpyxl.load_workbook(tmp_path / "c.xlsx").active
    cells = {head.value: cell.value for head, cell in zip(sheet[1], sheet[2], strict=True)}
    assert (str(cells["created_at"]), cells["revenue"]) == ("2024-06-19 11:30:00", 10)


@pytest.mark.usefixtures("lake")
def test_an_unknown_view_is_an_error_that_names_the_nearest(trackdrive: Trackdrive) -> None:
    assert (
        "'dayly_sumary' is not a view. Did you mean daily_summary?"
        in trackdrive("export", "dayly_sumary").stderr
    )
    outcome = trackdrive("export", "xyz")
    assert outcome.exit_code == 2
    assert "The views are buyer_performance, " in outcome.stderr


def account_at(folder: Path, account: str, time_zone: str, calls: list[Row]) -> None:
    lake = claim(Lake(folder / f"account={account}"), LakeIdentity(f"{account}.trackdrive.com", time_zone))
    write_day(lake, "calls", calls)


def test_a_folder_of_accounts_gives_the_rows_of_all_of_them(trackdrive: Trackdrive, tmp_path: Path) -> None:
    account_at(tmp_path / "lakes", "acme", "America/New_York", [a_call(uuid="a")])
    account_at(tmp_path / "lakes", "zenith", "America/Denver", [a_call(uuid="z"), a_call(uuid="y")])
    found = rows(trackdrive("export", "daily_summary", "lakes").stdout)
    assert [(row["account"], row["date"], row["calls"]) for row in found] == [
        ("acme", str(DAY), "1"),
        ("zenith", str(DAY), "2"),
    ]
    assert trackdrive("export", "calls", "lakes", "--output", "all.xlsx").exit_code == 0
    sheet = openpyxl.load_workbook(tmp_path / "all.xlsx").active
    (created_at,) = (head.column_letter for head in sheet[1] if head.value == "created_at")
    assert [str(cell.value)[11:] for cell in sheet[created_at][1:]] == ["11:30:00", "09:30:00", "09:30:00"]


def test_a_folder_without_days_is_no_lake(trackdrive: Trackdrive) -> None:
    outcome = trackdrive("export", "calls")
    assert (outcome.exit_code, outcome.stdout) == (1, "")
    assert "is no lake, because it has no days" in outcome.stderr


def test_the_lake_of_another_account_is_refused(trackdrive: Trackdrive, tmp_path: Path) -> None:
    lake = claim(Lake(tmp_path / "data"), LakeIdentity("acme.trackdrive.com", "UTC"))
    write_day(lake, "calls", [a_call()])
    outcome = trackdrive("export", "calls")
    assert (outcome.exit_code, outcome.stdout) == (1, "")
    assert "is the lake of acme.trackdrive.com" in outcome.stderr
    assert trackdrive("export", "calls", "data").exit_code == 0


def test_a_damaged_file_is_named_and_nothing_is_written(
    trackdrive: Trackdrive, lake: ClaimedLake, tmp_path: Path
) -> None:
    file_of(lake, "calls", NEXT).write_bytes(b"PAR1 no more")
    assert trackdrive("export", "calls").stdout == ""
    (tmp_path / "calls.csv").write_text("as it was")
    outcome = trackdrive("export", "calls", "--output", "calls.csv")
    assert outcome.exit_code == 1
    assert outcome.stderr.startswith(f"Error: {file_of(lake, 'calls', NEXT)} is damaged: ")
    assert "LINE" not in outcome.stderr
    assert (tmp_path / "calls.csv").read_text() == "as it was"
