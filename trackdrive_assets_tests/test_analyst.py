"""The analyst's page runs as it is written."""

import re
from datetime import UTC, date, datetime
from importlib.util import find_spec
from pathlib import Path

import duckdb
import pytest

from trackdrive_assets.lake.database import FILE, build_database
from trackdrive_assets.lake.sql_catalog import views
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.tables.columns import COLUMN_DESCRIPTIONS, DESCRIPTIONS, SCHEMAS
from trackdrive_assets_tests.support.factories import a_call, a_sale, write_day

PAGE = Path(__file__).parents[1].joinpath("docs", "analyst.md").read_text("utf-8")
QUESTIONS = re.findall(r"^```sql\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
PACKAGES = re.findall(r"^## (pandas|polars)\n(.*?)(?=^## )", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lake of two days where the page looks for it."""
    lake = Lake(tmp_path / "demo")
    for day in (19, 20):
        parties = {"traffic_source": "Radio Row", "offer": "Home Repair", "tokens": {"state": "CO"}}
        calls = [a_sale("10", "4", buyer="Harbor", **parties), a_call(**parties)]
        moment = {"created_at": datetime(2024, 6, day, 15, 30, tzinfo=UTC)}
        write_day(lake, "calls", [call | moment for call in calls], day=date(2024, 6, day))
    build_database(
        lake, SCHEMAS, time_zone="UTC", descriptions=DESCRIPTIONS, column_descriptions=COLUMN_DESCRIPTIONS
    )
    monkeypatch.chdir(tmp_path)
    return lake.root


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_question_has_an_answer(demo: Path, question: str) -> None:
    with duckdb.connect(demo / FILE, read_only=True) as connection:
        assert connection.sql(question).fetchall()


@pytest.mark.parametrize(("package", "chapter"), PACKAGES, ids=lambda text: text[:6])
def test_every_block_of_python_runs_after_the_one_before(demo: Path, package: str, chapter: str) -> None:
    pytest.importorskip(package)
    names: dict[str, object] = {}
    for block in re.findall(r"^```python\n(.*?)^```$", chapter, re.MULTILINE | re.DOTALL):
        if "matplotlib" in block and find_spec("matplotlib") is None:
            continue
        exec(compile(block, f"docs/analyst.md, {package}", "exec"), names)  # noqa: S102  the page's own words
    assert names
    assert demo.is_dir()


def test_the_page_has_blocks_to_run() -> None:
    assert len(QUESTIONS) > 3
    assert [package for package, _ in PACKAGES] == ["pandas", "polars"]


def test_the_page_asks_views_that_there_are() -> None:
    asked = set(re.findall(r"FROM (\w+)", "".join(QUESTIONS) + PAGE))
    assert asked - {"duckdb_views", "duckdb_columns"} <= set(views())
