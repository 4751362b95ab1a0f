"""The generated parts of the documentation are current and complete."""

import dataclasses
import re
from pathlib import Path

import pytest

from docs.write import DICTIONARY, ROOT, generated_pages
from trackdrive_assets.cli import COMMANDS
from trackdrive_assets.lake.sql_catalog import views
from trackdrive_assets.settings import Settings, variable
from trackdrive_assets.tables.columns import TABLES, Table

PAGES = generated_pages()


@pytest.mark.parametrize("file", PAGES, ids=lambda file: file.name)
def test_a_generated_page_is_current(file: Path) -> None:
    assert file.read_text("utf-8") == PAGES[file], f"{file.relative_to(ROOT)} is outdated. Run `make docs`."


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_the_dictionary_has_every_table_and_column(table: Table) -> None:
    page = DICTIONARY.read_text("utf-8")
    chapter = page.partition(f"\n### {table.name}\n")[2].partition("\n### ")[0]
    assert table.description in chapter
    for name, meaning in table.column_descriptions.items():
        assert any(
            row.startswith(f"| `{name}` |") and row.endswith(f"| {meaning} |") for row in chapter.splitlines()
        )


def test_every_variable_in_a_text_is_a_setting() -> None:
    files = [ROOT / "README.md", ROOT / "SECURITY.md", ROOT / "Makefile", ROOT / ".env.example"]
    files += [file for folder in ("docs", "deploy") for file in ROOT.joinpath(folder).glob("*.*")]
    names = {
        name
        for file in files
        if file.suffix != ".py"
        for name in re.findall(r"TRACKDRIVE_\w+", file.read_text("utf-8"))
    }
    assert names <= {variable(field.name) for field in dataclasses.fields(Settings)}
    assert "TRACKDRIVE_LAKE" in names


def test_the_page_about_commands_has_every_command_in_its_table() -> None:
    page = ROOT.joinpath("docs", "cli.md").read_text("utf-8")
    assert re.findall(r"^\| `trackdrive ([a-z]+)[A-Za-z_ ]*` \|", page, re.MULTILINE) == list(COMMANDS)


def test_the_dictionary_has_every_view_with_types_and_descriptions() -> None:
    page = DICTIONARY.read_text("utf-8")
    for view in views().values():
        assert f"\n### {view.name}\n\n{view.description}\n" in page
    assert "| `conversion_rate` | DOUBLE | Share of all calls that the buyer owes for, 0 to 1. |" in page
    assert "token-&lt;name>" in page
