"""An empty lake for each test of the checks."""

from pathlib import Path

import pytest

from trackdrive_assets.lake.store import ClaimedLake
from trackdrive_assets_tests.support.factories import lake_at


@pytest.fixture
def lake(tmp_path: Path) -> ClaimedLake:
    """Return an empty lake."""
    return lake_at(tmp_path, "America/New_York")
