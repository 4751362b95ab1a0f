"""The fetch of a day in the metadata of its file, and the errors of opening a file."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackdrive_assets.lake.day_file import DayFile, FetchInfo
from trackdrive_assets.lake.errors import DamagedFileError, LakeError

NOON = datetime(2024, 6, 19, 12, tzinfo=UTC)
EARLIER, LATER = datetime(2015, 1, 1, tzinfo=UTC), datetime(2035, 1, 1, tzinfo=UTC)

times = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
infos = st.builds(FetchInfo, times, times, st.none() | st.integers(0, 10**9), patched_at=st.none() | times)


def encoded(info: FetchInfo) -> dict[bytes, bytes]:
    return {key.encode(): value.encode() for key, value in info.to_metadata().items()}


@given(infos)
def test_metadata_contains_the_whole_fetch(info: FetchInfo) -> None:
    assert FetchInfo.from_metadata(encoded(info)) == info


def test_metadata_of_another_program_contains_no_fetch() -> None:
    assert FetchInfo.from_metadata({b"pandas": b"{}"}) is None


@given(infos, infos)
def test_a_successor_is_later_and_keeps_the_first_fetch(info: FetchInfo, earlier: FetchInfo) -> None:
    successor = info.successor_of(earlier, now=LATER)
    assert successor.fetched_at >= info.fetched_at
    assert successor.fetched_at > earlier.updated_at
    assert successor.first_fetched_at == min(successor.fetched_at, earlier.first_fetched_at)
    assert successor.api_count == info.api_count


@given(infos, infos)
def test_a_successor_of_a_fetch_in_the_future_keeps_its_own_time(info: FetchInfo, wrong: FetchInfo) -> None:
    successor = info.successor_of(wrong, now=EARLIER)
    assert successor.fetched_at == info.fetched_at
    assert successor.first_fetched_at == min(info.fetched_at, wrong.first_fetched_at)


@pytest.mark.parametrize(("seconds", "is_later"), [(-1, False), (0, False), (1, True)])
def test_a_later_fetch_began_later(seconds: int, *, is_later: bool) -> None:
    info = FetchInfo(NOON + timedelta(seconds=seconds), NOON)
    assert info.is_later_than(NOON, now=LATER) is is_later


def test_clocks_of_two_machines_may_differ_by_a_minute() -> None:
    info = FetchInfo(NOON + timedelta(seconds=60), NOON)
    assert not info.is_in_future(NOON)
    assert info.is_in_future(NOON - timedelta(seconds=1))


def test_a_fetch_in_the_future_is_not_later() -> None:
    info = FetchInfo(LATER, LATER, patched_at=LATER)
    assert not info.is_later_than(NOON, now=NOON)
    assert not info.was_patched_since(NOON, now=NOON)


def test_a_patch_in_the_future_hides_no_later_fetch() -> None:
    info = FetchInfo(NOON, NOON, patched_at=LATER)
    assert not info.was_patched_since(NOON, now=NOON)
    assert info.is_in_future(NOON)


@pytest.mark.parametrize(("patched_at", "is_patched"), [(None, False), (NOON, False), (LATER, True)])
def test_a_patch_counts_if_it_is_later(patched_at: datetime | None, *, is_patched: bool) -> None:
    info = FetchInfo(NOON, NOON, patched_at=patched_at)
    assert info.was_patched_since(NOON, now=LATER) is is_patched


def test_the_first_fetch_has_no_predecessor() -> None:
    info = FetchInfo(NOON, NOON, 3)
    assert info.successor_of(None, now=LATER) == info


@given(infos, times, st.integers(0, 1000))
def test_a_patch_is_later_and_keeps_the_fetch(info: FetchInfo, at: datetime, added: int) -> None:
    patched = info.patched(at, added=added)
    assert patched.updated_at == patched.patched_at
    assert patched.updated_at >= at
    assert patched.updated_at > info.updated_at
    expected = None if info.api_count is None else info.api_count + added
    assert patched == replace(info, patched_at=patched.patched_at, api_count=expected)


def test_a_patch_with_the_clock_set_back_is_still_later() -> None:
    patched = FetchInfo(NOON, NOON).patched(NOON - timedelta(days=1), added=0)
    assert patched.patched_at == NOON + timedelta(microseconds=1)


@pytest.mark.parametrize("content", [b"", b"not a Parquet file"])
def test_a_damaged_file_is_named_with_what_to_do(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "calls.parquet"
    file.write_bytes(content)
    with pytest.raises(DamagedFileError, match=r"calls\.parquet is damaged: .*[^.]\. Run its partition"):
        DayFile(file)


def test_a_file_that_cannot_be_opened_is_not_damaged(tmp_path: Path) -> None:
    with pytest.raises(LakeError, match="Can't read") as error:
        DayFile(tmp_path / "missing.parquet")
    assert not isinstance(error.value, DamagedFileError)
