"""Atomic replacement of a file: what readers see, and what errors and dead writers leave."""

from pathlib import Path

import pytest

from trackdrive_assets.lake.atomic import atomic_replace, staging_dir
from trackdrive_assets.lake.errors import LakeError


def test_the_staging_folder_is_hidden_and_next_to_the_file(tmp_path: Path) -> None:
    path = tmp_path / "day" / "calls.parquet"
    with staging_dir(path) as folder:
        assert folder.parent == path.parent
        assert folder.name.startswith(".calls.parquet.")
        assert folder.suffix == ".tmp"


def test_a_block_that_writes_nothing_leaves_nothing(tmp_path: Path) -> None:
    with staging_dir(tmp_path / "day" / "calls.parquet"):
        pass
    assert list(tmp_path.iterdir()) == []


def write_half_and_fail(path: Path) -> None:
    with staging_dir(path) as folder:
        (folder / "half").write_text("x")
        raise ZeroDivisionError


def test_an_error_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        write_half_and_fail(tmp_path / "day" / "calls.parquet")
    assert list(tmp_path.iterdir()) == []


def test_the_new_file_replaces_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "day" / "calls.parquet"
    for text in ("old", "new"):
        with staging_dir(path) as folder:
            (folder / "day").write_text(text)
            atomic_replace(folder / "day", path)
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


def test_a_reader_of_the_old_file_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "day" / "calls.parquet"
    path.parent.mkdir()
    path.write_text("old")
    with path.open() as reader, staging_dir(path) as folder:
        (folder / "day").write_text("new")
        atomic_replace(folder / "day", path)
        assert reader.read() == "old"


def test_the_folder_of_a_dead_writer_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "calls.parquet"
    stale = tmp_path / ".calls.parquet.dead.tmp"
    stale.mkdir()
    (stale / "spool").write_text("x")
    with staging_dir(path):
        assert not stale.exists()


def test_the_folder_of_a_living_writer_stays(tmp_path: Path) -> None:
    path = tmp_path / "calls.parquet"
    with staging_dir(path) as first, staging_dir(path) as second:
        assert first.exists()
        assert first != second


def test_the_error_names_the_file_and_what_to_check(tmp_path: Path) -> None:
    (tmp_path / "day").write_text("a file where a folder should be")
    with pytest.raises(LakeError, match=r"calls\.parquet: .*unchanged\. Check that the folder"):
        staging_dir(tmp_path / "day" / "calls.parquet").__enter__()


def test_no_file_descriptor_stays_open(tmp_path: Path) -> None:
    # The operating system returns the lowest free number, so an open descriptor would raise it.
    def next_descriptor() -> int:
        with (tmp_path / "probe").open("w") as probe:
            return probe.fileno()

    before = next_descriptor()
    for _ in range(3):
        with staging_dir(tmp_path / "calls.parquet"):
            pass
    assert next_descriptor() == before
