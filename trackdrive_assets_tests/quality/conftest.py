"""An empty lake for each test of the checks."""

from pathlib import Path

import pytest

from trackdrive_assets.lake.store import Lake


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Return an empty lake."""
    return Lake(tmp_path)
