"""The documentation is current and complete where it repeats the code: generated pages, and messages."""

import ast
import dataclasses
import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.write import DICTIONARY, ROOT, generated_pages
from trackdrive_assets.cli import COMMANDS
from trackdrive_assets.lake.sql_catalog import views
from trackdrive_assets.settings import Settings, variable
from trackdrive_assets.tables.columns import TABLES, Table

PAGES = generated_pages()
EXAMPLES = "|".join(
    [
        r"GET \S+|\d{3} [A-Z][\w ]+|the key pair with the public key \w+",
        r"acme[.\w]+|zenith[.\w]+|America/\w+|TRACKDRIVE_\w+|nightly|[a-z]+_[a-z_]+",
        r"[0-9a-f]{8}-|revenue|a text of \d+ characters|an amount below a trillion, like [\d.]+",
        r"1 row|1 day \([\d-]+\)|\d{4}-\d\d-\d\d|\d+(?: times)?|write(?: beside)?",
        *map(os.strerror, (errno.ENOSPC, errno.EROFS, errno.EACCES)),
    ]
)
"""What a quoted message has in the place of a name, a number or a reason."""


def pattern_of(quote: str) -> str:
    """Return a pattern for the text of the source that became a quoted message."""
    words, examples = re.split(EXAMPLES, quote), [*re.findall(EXAMPLES, quote), ""]
    return "".join(
        re.escape(text) + (f"(?:\0+|{re.escape(example)})" if example else "")
        for text, example in zip(words, examples, strict=True)
    )


def messages() -> Iterator[str]:
    """Yield each text of the source. A zero character is in the place of a value."""
    package = ROOT / "trackdrive_assets"
    for node in (
        node for file in package.rglob("*.py") for node in ast.walk(ast.parse(file.read_text("utf-8")))
    ):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "\0" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


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


def test_every_message_of_the_runbook_is_one_of_the_source() -> None:
    page = ROOT.joinpath("docs", "runbook.md").read_text("utf-8")
    chapter = page.partition("\n## A run failed at night\n")[2].partition("\n## Rotate a key\n")[0]
    cells = re.findall(r"^\| ([^|]*`[^|]*) \||^(`No run has .*)", chapter, re.MULTILINE)
    quotes = [quote for cell in cells for quote in re.findall("`([^`]+)`", "".join(cell))]
    sentences = {text.strip() for quote in quotes for text in re.split(r"(?<=[.?]) |…", quote)}
    assert len(sentences) > 40
    patterns = {text: pattern_of(text) for text in sentences}
    texts = list(messages())
    assert [
        quote for quote, words in patterns.items() if not any(re.search(words, text) for text in texts)
    ] == []


def test_the_page_about_commands_has_every_command_in_its_table() -> None:
    page = ROOT.joinpath("docs", "cli.md").read_text("utf-8")
    assert re.findall(r"^\| `trackdrive ([a-z]+)[A-Za-z_ ]*` \|", page, re.MULTILINE) == list(COMMANDS)


def test_the_dictionary_has_every_view_with_types_and_descriptions() -> None:
    page = DICTIONARY.read_text("utf-8")
    for view in views().values():
        assert f"\n### {view.name}\n\n{view.description}\n" in page
    assert "| `conversion_rate` | DOUBLE | Share of all calls that the buyer owes for, 0 to 1. |" in page
    assert "token-&lt;name>" in page
