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
    successor = info.successor_of(earlier)
    assert successor.fetched_at >= info.fetched_at
    assert successor.fetched_at > earlier.updated_at
    assert successor.first_fetched_at == earlier.first_fetched_at
    assert successor.api_count == info.api_count


def test_the_first_fetch_has_no_predecessor() -> None:
    info = FetchInfo(NOON, NOON, 3)
    assert info.successor_of(None) == info


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
