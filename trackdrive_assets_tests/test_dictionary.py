"""The data dictionary says what the code says."""

from pathlib import Path

import pytest

from trackdrive_assets.dictionary import dictionary
from trackdrive_assets.lake.duckdb import views
from trackdrive_assets.tables.columns import TABLES, Table

PAGE = Path(__file__).parents[1] / "docs" / "dictionary.md"


def test_the_committed_page_is_up_to_date() -> None:
    assert PAGE.read_text("utf-8") == dictionary(), "docs/dictionary.md is stale: `make docs` writes it anew."


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_table_is_told_with_its_columns(table: Table) -> None:
    page = PAGE.read_text("utf-8")
    chapter = page.partition(f"\n### {table.name}\n")[2].partition("\n### ")[0]
    assert table.description in chapter
    for name, meaning in table.meanings.items():
        assert any(
            row.startswith(f"| `{name}` |") and row.endswith(f"| {meaning} |") for row in chapter.splitlines()
        )


def test_every_view_is_told_with_types_and_meanings() -> None:
    page = PAGE.read_text("utf-8")
    for view in views().values():
        assert f"\n### {view.name}\n\n{view.answers}\n" in page
    assert "| `conversion_rate` | DOUBLE | Share of all calls that the buyer owes for, 0 to 1. |" in page
    assert "token-&lt;name>" in page
