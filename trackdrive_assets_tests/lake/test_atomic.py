"""Atomic replacement of a file: what readers see, and what errors and dead writers leave."""

import os
import secrets
import stat
import threading
from pathlib import Path

import pytest

from trackdrive_assets.lake import atomic
from trackdrive_assets.lake.atomic import atomic_replace, directory_lock, open_replacement, staging_dir
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


def test_a_lock_that_is_held_for_too_long_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atomic, "LONGEST_WAIT", 0.0)
    with (
        directory_lock(tmp_path),
        pytest.raises(LakeError, match="If it hangs, end it"),
        directory_lock(tmp_path),
    ):
        pass
    with directory_lock(tmp_path):
        pass


def test_a_thread_that_waits_for_a_lock_gets_it(tmp_path: Path) -> None:
    taken = threading.Event()

    def take() -> None:
        with directory_lock(tmp_path):
            taken.set()

    thread = threading.Thread(target=take)
    with directory_lock(tmp_path):
        thread.start()
        assert not taken.is_set()
    thread.join()
    assert taken.is_set()


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


def replace_by(path: Path, content: bytes) -> None:
    with open_replacement(path) as stream:
        stream.write(content)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
def test_a_replaced_file_keeps_its_mode(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "calls.csv"
    path.write_text("old")
    path.chmod(mode)
    replace_by(path, b"new")
    assert (path.read_text(), mode_of(path)) == ("new", mode)


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_a_new_file_has_the_mode_of_the_umask(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        replace_by(tmp_path / "calls.csv", b"new")
    finally:
        os.umask(before)
    assert mode_of(tmp_path / "calls.csv") == 0o666 & ~mask


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_stays_and_its_target_is_replaced(tmp_path: Path, *, exists: bool) -> None:
    target, link = tmp_path / "there" / "target.csv", tmp_path / "link.csv"
    target.parent.mkdir()
    link.symlink_to(target)
    if exists:
        target.write_text("old")
        target.chmod(0o600)
    replace_by(link, b"new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert not exists or mode_of(target) == 0o600
    assert {path.name for path in tmp_path.rglob("*")} == {"there", "target.csv", "link.csv"}


def test_a_link_laid_beside_a_file_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    victim, path = tmp_path / "victim", tmp_path / "calls.csv"
    victim.write_text("precious")
    monkeypatch.setattr(secrets, "token_hex", lambda _: "guessed")
    path.with_name(".calls.csv.guessed.tmp").symlink_to(victim)
    with pytest.raises(LakeError, match="File exists"):
        replace_by(path, b"new")
    assert victim.read_text() == "precious"
    assert not path.exists()


def test_an_error_keeps_the_replaced_file(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    path.write_text("old")
    with pytest.raises(TypeError):
        replace_by(path, "half")  # type: ignore[arg-type]  # what fails
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_with_the_longest_name_can_be_replaced(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 255)
    replace_by(path, b"new")
    assert path.read_text() == "new"


def test_a_folder_behind_a_link_that_leads_nowhere_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "data").symlink_to(tmp_path / "unmounted" / "data")
    with pytest.raises(LakeError, match="No such file or directory"), staging_dir(tmp_path / "data" / "day"):
        pytest.fail("The folder cannot exist.")


def test_a_folder_that_is_removed_during_its_creation_is_created_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mkdir = Path.mkdir

    def mkdir_before_a_removal(self: Path, *_: object, **__: object) -> None:
        monkeypatch.setattr(Path, "mkdir", mkdir)
        raise FileExistsError(self)

    monkeypatch.setattr(Path, "mkdir", mkdir_before_a_removal)
    with staging_dir(tmp_path / "day" / "calls.parquet") as folder:
        assert folder.is_dir()
