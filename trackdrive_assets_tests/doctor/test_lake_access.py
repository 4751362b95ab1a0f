"""What doctor finds about the lake of an account."""

from pathlib import Path

from trackdrive_assets.doctor.lake_access import lake
from trackdrive_assets.settings import Settings
from trackdrive_assets_tests.doctor.conftest import FAILED, OK
from trackdrive_assets_tests.support.factories import a_call, lake_at, write_day

SETTINGS = Settings(subdomain="acme", time_zone="America/New_York")


def test_a_lake_that_can_be_created_is_ok_and_leaves_no_trace(tmp_path: Path) -> None:
    found = lake(str(tmp_path / "lakes" / "acme"), SETTINGS)
    assert (found.result, found.description) == (OK, "It can be written, and has 0 days of calls.")
    assert list(tmp_path.iterdir()) == []


def test_a_lake_behind_a_file_fails(tmp_path: Path) -> None:
    (tmp_path / "lakes").write_text("")
    found = lake(str(tmp_path / "lakes" / "acme"), SETTINGS)
    assert found.result is FAILED
    assert f"{tmp_path / 'lakes'} is a file" in found.description


def test_a_lake_that_cannot_be_written_fails(tmp_path: Path) -> None:
    # A link that leads nowhere stops every person, and root too.
    (tmp_path / "lake").symlink_to(tmp_path / "missing" / "mount")
    found = lake(str(tmp_path / "lake"), SETTINGS)
    assert found.result is FAILED
    assert "Check that the folder exists, is writable and has free space" in found.description


def test_the_lake_of_another_account_fails(tmp_path: Path) -> None:
    write_day(lake_at(tmp_path), "calls", [a_call()])
    found = lake(str(tmp_path), SETTINGS)
    assert found.result is FAILED
    assert "acme.trackdrive.com" in found.description
