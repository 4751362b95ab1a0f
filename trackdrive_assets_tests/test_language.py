"""The texts of the project use plain words, and keep to the limits of a line and of a test's name.

The retired words are unclear to readers whose first language is not English, or mean something else in each
place. The page docs/glossary.md has the terms to use.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
FOLDERS = ("trackdrive_assets", "trackdrive_assets_tests", "docs", "deploy", "benchmarks", "examples")
SUFFIXES = {".py", ".sql", ".md", ".yml", ".svg", ".jinja", ".css", ".yaml", ".service", ".example", ""}

BETTER_WORDS = {
    "told": "metadata, message, reported, logged",
    "untold": "inconclusive",
    "says": "the description, the verb of the program: log, report, return, raise",
    "anew": "again",
    "manieth": "the number of the attempt",
    "whoever": "a program that, a person who",
    "nobody": "a sentence with a subject: no program, not documented",
    "somebody": "a person, a program, the caller",
    "aside": "a temporary file, staging",
    "beforehand": "before the commit",
    "thereof": "its, their",
    "swift": "vectorized",
    "crew": "pool",
    "amends": "patch",
    "stands": "is, exists",
    "spoiled": "fault",
    "hurry": "fake clock",
    "tempo": "rate",
    "unasked": "without a request",
    "such that": "so that",
    "the one that": "the name of the thing",
    "that which": "what",
}
"""Retired words, each with what to write in its place."""

MAX_LINE = 110
MAX_TEST_NAME = 70


def texts() -> Iterator[Path]:
    """Return every file that people read, except this one, which lists the words."""
    yield from (PROJECT / name for name in ("Makefile", "pyproject.toml", "mkdocs.yml"))
    yield from sorted(PROJECT.glob("*.md"))
    yield from sorted(PROJECT.glob(".github/**/*.*"))
    yield from (PROJECT / name for name in ("workspace.yaml", ".env.example", ".pre-commit-config.yaml"))
    for folder in FOLDERS:
        for file in sorted(PROJECT.joinpath(folder).rglob("*")):
            parts = file.relative_to(PROJECT).parts
            is_hidden = any(part.startswith((".", "__pycache__")) for part in parts)
            if file.is_file() and file.suffix in SUFFIXES and not is_hidden and file != Path(__file__):
                yield file


def modules(*folders: str) -> list[Path]:
    """Return the Python files of some folders."""
    return [
        file for file in texts() if file.suffix == ".py" and file.relative_to(PROJECT).parts[0] in folders
    ]


def pattern_of(word: str) -> re.Pattern[str]:
    """Return a pattern for a word in texts and names: `is_told`, `ToldError` and `MAX_TOLD`."""
    capital, upper = word.capitalize(), word.upper()
    return re.compile(
        rf"(?<![a-z]){word}(?![a-z])|(?<![A-Z]){capital}(?![a-z])|(?<![A-Za-z]){upper}(?![A-Za-z])"
    )


@pytest.mark.parametrize(
    "text", ["As told.", "Told so", "is_told", "ToldError", "whatTold", "MAX_TOLD", "told_by"]
)
def test_a_retired_word_is_found_in_texts_and_names(text: str) -> None:
    assert pattern_of("told").search(text)


@pytest.mark.parametrize("text", ["untold", "tolder", "Tolds", "TOLDS", "toldo"])
def test_a_retired_word_is_not_found_in_longer_words(text: str) -> None:
    assert not pattern_of("told").search(text)


@pytest.mark.parametrize("word", BETTER_WORDS)
def test_no_text_contains_a_retired_word(word: str) -> None:
    pattern = pattern_of(word)
    found = [
        f"{file.relative_to(PROJECT)}:{number}: {line.strip()}"
        for file in texts()
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1)
        if pattern.search(line)
    ]
    assert not found, f"Instead of “{word}” write: {BETTER_WORDS[word]}.\n" + "\n".join(found)


def test_no_name_of_a_test_is_too_long() -> None:
    long = [
        f"{file.relative_to(PROJECT)}: {node.name}"
        for file in modules("trackdrive_assets_tests")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
        if len(node.name) > MAX_TEST_NAME
    ]
    assert not long, "\n".join(long)


def test_every_module_begins_with_a_docstring() -> None:
    missing = [
        str(file.relative_to(PROJECT))
        for file in modules(*FOLDERS)
        if not ast.get_docstring(ast.parse(file.read_text("utf-8")))
    ]
    assert not missing, "\n".join(missing)


def test_no_line_of_python_or_sql_is_too_long() -> None:
    long = [
        f"{file.relative_to(PROJECT)}:{number}"
        for file in texts()
        if file.suffix in {".py", ".sql"}
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1)
        if len(line) > MAX_LINE
    ]
    assert not long, "\n".join(long)
