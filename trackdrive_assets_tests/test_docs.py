"""What is written from the code says what the code says."""

from pathlib import Path

import pytest

from docs.write import DICTIONARY, ROOT, written
from trackdrive_assets.lake.database import views
from trackdrive_assets.lake.view_columns import view_columns
from trackdrive_assets.tables.columns import TABLES, Table

WRITTEN = written()


@pytest.mark.parametrize("file", WRITTEN, ids=lambda file: file.name)
def test_what_is_committed_is_up_to_date(file: Path) -> None:
    assert file.read_text("utf-8") == WRITTEN[file], f"{file.relative_to(ROOT)} is stale: type `make docs`."


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_table_is_told_with_its_columns(table: Table) -> None:
    page = DICTIONARY.read_text("utf-8")
    chapter = page.partition(f"\n### {table.name}\n")[2].partition("\n### ")[0]
    assert table.description in chapter
    for name, meaning in table.meanings.items():
        assert any(
            row.startswith(f"| `{name}` |") and row.endswith(f"| {meaning} |") for row in chapter.splitlines()
        )


def test_every_view_is_told_with_types_and_meanings() -> None:
    page = DICTIONARY.read_text("utf-8")
    for view in views().values():
        assert f"\n### {view.name}\n\n{view.description}\n" in page
    assert "| `conversion_rate` | DOUBLE | Share of all calls that the buyer owes for, 0 to 1. |" in page
    assert "token-&lt;name>" in page


def sources(view: str, column: str) -> set[str]:
    (found,) = [told for told in view_columns()[view] if told.name == column]
    return {f"{table}.{of}" for table, of in found.sources}


def test_a_column_of_a_view_leads_to_the_columns_that_it_is_made_of() -> None:
    assert sources("unfinished_calls", "status") == {"calls.status"}
    assert sources("daily_summary", "conversion_rate") == {"calls.buyer_converted"}
    assert sources("buyer_statements", "calls") == {"buyer_performance.calls"}


def test_nearly_every_column_of_a_view_is_made_of_something() -> None:
    """Numbers of rows are not, nor what comes from queries that cannot be followed."""
    columns = [column for told in view_columns().values() for column in told]
    assert sum(bool(column.sources) for column in columns) > 0.8 * len(columns)
