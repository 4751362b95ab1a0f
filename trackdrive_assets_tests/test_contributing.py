"""The diffs of CONTRIBUTING.md apply, bring tests, and make them pass."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
PAGE = PROJECT.joinpath("CONTRIBUTING.md").read_text("utf-8")
TESTS = "trackdrive_assets_tests"

RELATED_TESTS = {
    "A column of `calls`": (
        "tables/test_columns.py",
        "lake/test_database.py::test_views_and_columns_have_comments",
    ),
    "A view": (
        "lake/test_views.py::test_the_groups_of_a_day_add_up_to_the_day",
        "lake/test_database.py::test_every_column_of_every_view_is_described",
    ),
}
"""By heading, the existing tests that fail if something is missing from the diff."""

RUN_TESTS_OF_THE_COPY = """
import sys
import pytest, trackdrive_assets, trackdrive_assets_tests
copy, *arguments = sys.argv[1:]
for package in (trackdrive_assets, trackdrive_assets_tests):
    assert package.__file__.startswith(copy), package.__file__
sys.exit(pytest.main(["-p", "no:cacheprovider", "-p", "no:xdist", "--tb=short", "-rp", *arguments]))
"""


@dataclass(frozen=True)
class Diff:
    """A diff of the page.

    Attributes:
        heading: The heading above it.
        text: The text for `git apply`.
    """

    heading: str
    text: str

    @property
    def added_tests(self) -> list[str]:
        """The tests that it adds, as pytest names them."""
        files = re.findall(r"^\+\+\+ b/(\S+)\n(.*?)(?=^diff --git |\Z)", self.text, re.MULTILINE | re.DOTALL)
        return [
            f"{file}::{name}"
            for file, hunks in files
            if file.startswith(f"{TESTS}/")
            for name in re.findall(r"^\+def (test_\w+)", hunks, re.MULTILINE)
        ]


def diffs(page: str) -> list[Diff]:
    """Return every diff of the page, with its heading."""
    chapters = re.findall(r"^### (.*?)\n(.*?)(?=^##|\Z)", page, re.MULTILINE | re.DOTALL)
    return [
        Diff(heading, block)
        for heading, chapter in chapters
        for block in re.findall(r"^```diff\n(.*?)^```$", chapter, re.MULTILINE | re.DOTALL)
    ]


DIFFS = diffs(PAGE)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the project."""
    folder = tmp_path / "copy"
    for name in ("trackdrive_assets", TESTS, "docs"):
        shutil.copytree(PROJECT / name, folder / name)
    for name in ("pyproject.toml", "README.md", "CONTRIBUTING.md"):
        shutil.copy(PROJECT / name, folder)
    return folder


def apply(diff: Diff, copy: Path, *options: str) -> None:
    """Apply a diff to the copy."""
    # In a repository around the copy, git would look for the files at its root.
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(copy.parent)}
    result = subprocess.run(
        ["git", "apply", *options],
        cwd=copy,
        env=environment,
        input=diff.text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, (
        f"The diff of CONTRIBUTING.md, {diff.heading!r}, no longer applies. Write a new one.\n{result.stderr}"
    )


def run(copy: Path, *tests: str) -> subprocess.CompletedProcess[str]:
    """Run tests in the copy."""
    return subprocess.run(
        [sys.executable, "-c", RUN_TESTS_OF_THE_COPY, str(copy), *tests],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_page_shows_a_diff_for_each_change() -> None:
    assert [diff.heading for diff in DIFFS] == list(RELATED_TESTS)


@pytest.mark.parametrize("diff", DIFFS, ids=lambda diff: diff.heading)
def test_every_diff_adds_a_test(diff: Diff) -> None:
    assert diff.added_tests


def test_a_diff_without_a_test_is_recognized() -> None:
    (diff,) = diffs("### A\n```diff\ndiff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n+def test_x\n```\n")
    assert diff.added_tests == []


@pytest.mark.parametrize("diff", DIFFS, ids=lambda diff: diff.heading)
def test_a_diff_applies_alone(copy: Path, diff: Diff) -> None:
    apply(diff, copy, "--check")


def test_with_the_diffs_their_tests_and_related_ones_pass(copy: Path) -> None:
    for diff in DIFFS:
        apply(diff, copy)
    added = [test for diff in DIFFS for test in diff.added_tests]
    related = [f"{TESTS}/{name}" for diff in DIFFS for name in RELATED_TESTS[diff.heading]]
    result = run(copy, *added, *related)
    assert result.returncode == pytest.ExitCode.OK, result.stdout + result.stderr


def test_without_the_rest_of_a_diff_its_tests_fail(copy: Path) -> None:
    for diff in DIFFS:
        apply(diff, copy, f"--include={TESTS}/*")
    result = run(copy, *(test for diff in DIFFS for test in diff.added_tests))
    assert result.returncode == pytest.ExitCode.TESTS_FAILED, result.stdout + result.stderr
    assert "PASSED" not in result.stdout, result.stdout


def test_the_page_lists_the_layers_of_the_contract() -> None:
    contracts = tomllib.loads(PROJECT.joinpath("pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    layers = [
        [name.strip().removeprefix("trackdrive_assets.") for name in layer.split("|")]
        for layer in contracts["contracts"][0]["layers"]
    ]
    chapter = PAGE.partition("## The layers")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]*) \|", chapter, re.MULTILINE)
    assert [re.findall(r"`(\w+)`", row) for row in rows] == layers
