"""A file is replaced whole: what readers, errors, kills and full disks leave behind."""

from pathlib import Path

import pytest

from trackdrive_assets.lake.atomic import atomic_replace, staging_dir
from trackdrive_assets.lake.errors import LakeError


def test_the_scratch_folder_is_hidden_and_beside_its_place(tmp_path: Path) -> None:
    place = tmp_path / "day" / "calls.parquet"
    with staging_dir(place) as folder:
        assert folder.parent == place.parent
        assert folder.name.startswith(".calls.parquet.")
        assert folder.suffix == ".tmp"


def test_nothing_stays_when_nothing_was_written(tmp_path: Path) -> None:
    with staging_dir(tmp_path / "day" / "calls.parquet"):
        pass
    assert list(tmp_path.iterdir()) == []


def write_half_and_fail(place: Path) -> None:
    with staging_dir(place) as folder:
        (folder / "half").write_text("x")
        raise ZeroDivisionError


def test_nothing_stays_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        write_half_and_fail(tmp_path / "day" / "calls.parquet")
    assert list(tmp_path.iterdir()) == []


def test_a_new_file_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    place = tmp_path / "day" / "calls.parquet"
    for text in ("old", "new"):
        with staging_dir(place) as folder:
            (folder / "day").write_text(text)
            atomic_replace(folder / "day", place)
    assert place.read_text() == "new"
    assert list(place.parent.iterdir()) == [place]


def test_a_reader_of_the_old_file_is_not_disturbed(tmp_path: Path) -> None:
    place = tmp_path / "day" / "calls.parquet"
    place.parent.mkdir()
    place.write_text("old")
    with place.open() as reader, staging_dir(place) as folder:
        (folder / "day").write_text("new")
        atomic_replace(folder / "day", place)
        assert reader.read() == "old"


def test_what_a_dead_writer_left_is_cleared_away(tmp_path: Path) -> None:
    place = tmp_path / "calls.parquet"
    abandoned = tmp_path / ".calls.parquet.dead.tmp"
    abandoned.mkdir()
    (abandoned / "spool").write_text("x")
    with staging_dir(place):
        assert not abandoned.exists()


def test_what_a_living_writer_holds_is_left_alone(tmp_path: Path) -> None:
    place = tmp_path / "calls.parquet"
    with staging_dir(place) as first, staging_dir(place) as second:
        assert first.exists()
        assert first != second


def test_a_place_that_cannot_be_written_is_explained(tmp_path: Path) -> None:
    (tmp_path / "day").write_text("a file where a folder should be")
    with pytest.raises(LakeError, match=r"calls\.parquet: .*unchanged\. Check that the folder"):
        staging_dir(tmp_path / "day" / "calls.parquet").__enter__()


def test_no_descriptor_stays_open(tmp_path: Path) -> None:
    # The system hands out the lowest free number, so the next one tells whether any was kept.
    def next_descriptor() -> int:
        with (tmp_path / "probe").open("w") as probe:
            return probe.fileno()

    before = next_descriptor()
    for _ in range(3):
        with staging_dir(tmp_path / "calls.parquet"):
            pass
    assert next_descriptor() == before
