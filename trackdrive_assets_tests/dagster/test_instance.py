"""The Dagster instance of a new home, which two processes open at the same time."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import dagster as dg
import pytest

from trackdrive_assets.dagster.instance import open_instance
from trackdrive_assets.settings import SettingError


def test_a_new_home_can_be_opened_twice_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    together = Barrier(3)

    def count_runs() -> int:
        together.wait()
        with open_instance() as instance:
            assert instance.get_asset_keys() == []
            return len(instance.get_runs(dg.RunsFilter()))

    with ThreadPoolExecutor(3) as threads:
        assert [future.result() for future in [threads.submit(count_runs) for _ in range(3)]] == [0, 0, 0]


def test_a_home_that_does_not_exist_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "missing"))
    with pytest.raises(SettingError, match=r"missing', which is not a folder\. Create it"):
        open_instance()
