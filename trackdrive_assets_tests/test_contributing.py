"""The diffs of the contributors' page are whole: each applies, brings tests, and makes them pass."""

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
PAGE = PROJECT.joinpath("docs", "contributing.md").read_text("utf-8")
TESTS = "trackdrive_assets_tests"

CLOSEST = {
    "A column of `calls`": (
        "tables/test_columns.py",
        "lake/test_database.py::test_views_and_columns_have_comments",
    ),
    "A view": (
        "lake/test_views.py::test_the_groups_of_a_day_add_up_to_the_day",
        "lake/test_database.py::test_every_column_of_every_view_is_described",
        "test_definitions.py::test_an_asset_says_what_a_row_is_whose_it_is_and_what_it_is_made_of",
    ),
    "A report category": (
        "api/test_catalog.py",
        "test_schedules.py::test_a_schedule_says_what_it_reads_when_and_at_what_cost",
        "test_schedules.py::test_without_a_pace_nothing_is_said_of_time",
    ),
    "A check": (
        "quality/test_checks.py::test_no_violation_shows_a_name_or_a_phone_number",
        "dagster/test_asset_checks.py::test_every_check_is_an_asset_check_with_its_description",
    ),
}
"""By heading, the tests of old that would notice if something were missing from the diff."""

WITHOUT_THE_INSTALLED_PACKAGE = """
import sys
import pytest, trackdrive_assets, trackdrive_assets_tests
copy, *arguments = sys.argv[1:]
for package in (trackdrive_assets, trackdrive_assets_tests):
    assert package.__file__.startswith(copy), package.__file__
sys.exit(pytest.main(["-p", "no:cacheprovider", "-p", "no:xdist", "--tb=short", "-rp", *arguments]))
"""


@dataclass(frozen=True)
class Diff:
    """A block of the page.

    Attributes:
        heading: What it adds.
        text: As `git apply` takes it.
    """

    heading: str
    text: str

    @property
    def added_tests(self) -> list[str]:
        """The tests that it brings, as pytest names them."""
        files = re.findall(r"^\+\+\+ b/(\S+)\n(.*?)(?=^diff --git |\Z)", self.text, re.MULTILINE | re.DOTALL)
        return [
            f"{file}::{name}"
            for file, hunks in files
            if file.startswith(f"{TESTS}/")
            for name in re.findall(r"^\+def (test_\w+)", hunks, re.MULTILINE)
        ]


def diffs(page: str) -> list[Diff]:
    """Every block of the page, under its heading."""
    chapters = re.findall(r"^### (.*?)\n(.*?)(?=^##|\Z)", page, re.MULTILINE | re.DOTALL)
    return [
        Diff(heading, block)
        for heading, chapter in chapters
        for block in re.findall(r"^```diff\n(.*?)^```$", chapter, re.MULTILINE | re.DOTALL)
    ]


SHOWN = diffs(PAGE)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The project as it stands."""
    place = tmp_path / "copy"
    for folder in ("trackdrive_assets", TESTS, "docs"):
        shutil.copytree(PROJECT / folder, place / folder)
    for file in ("pyproject.toml", "README.md"):
        shutil.copy(PROJECT / file, place)
    return place


def apply(diff: Diff, copy: Path, *options: str) -> None:
    # In a repository around the copy, git would look for the files at its root.
    outside = {**os.environ, "GIT_CEILING_DIRECTORIES": str(copy.parent)}
    said = subprocess.run(
        ["git", "apply", *options],
        cwd=copy,
        env=outside,
        input=diff.text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, (
        f"The diff of docs/contributing.md, {diff.heading!r}, no longer applies. Show there what it takes "
        f"today.\n{said.stderr}"
    )


def run(copy: Path, *tests: str) -> subprocess.CompletedProcess[str]:
    """Run tests in the copy."""
    return subprocess.run(
        [sys.executable, "-c", WITHOUT_THE_INSTALLED_PACKAGE, str(copy), *tests],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_chapter_shows_a_diff() -> None:
    assert [diff.heading for diff in SHOWN] == list(CLOSEST)


@pytest.mark.parametrize("diff", SHOWN, ids=lambda diff: diff.heading)
def test_every_diff_brings_a_test(diff: Diff) -> None:
    assert diff.added_tests


def test_a_diff_that_brings_no_test_is_noticed() -> None:
    (diff,) = diffs("### A\n```diff\ndiff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n+def test_x\n```\n")
    assert diff.added_tests == []


@pytest.mark.parametrize("diff", SHOWN, ids=lambda diff: diff.heading)
def test_with_a_diff_its_tests_pass_and_those_beside_them(copy: Path, diff: Diff) -> None:
    apply(diff, copy)
    closest = [f"{TESTS}/{name}" for name in CLOSEST[diff.heading]]
    said = run(copy, *dict.fromkeys([*diff.added_tests, *closest]))
    assert said.returncode == pytest.ExitCode.OK, said.stdout + said.stderr


def test_without_the_rest_of_a_diff_its_tests_fail(copy: Path) -> None:
    for diff in SHOWN:
        apply(diff, copy, f"--include={TESTS}/*")
    said = run(copy, *(test for diff in SHOWN for test in diff.added_tests))
    assert said.returncode == pytest.ExitCode.TESTS_FAILED, said.stdout + said.stderr
    assert "PASSED" not in said.stdout, said.stdout


def test_the_page_lists_the_floors_that_the_contract_holds() -> None:
    contracts = tomllib.loads(PROJECT.joinpath("pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    floors = [
        [name.strip().removeprefix("trackdrive_assets.") for name in layer.split("|")]
        for layer in contracts["contracts"][0]["layers"]
    ]
    chapter = PAGE.partition("## The floors")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]*) \|", chapter, re.MULTILINE)
    assert [re.findall(r"`(\w+)`", row) for row in rows] == floors


def test_the_page_names_commands_that_there_are() -> None:
    makefile = PROJECT.joinpath("Makefile").read_text("utf-8")
    named = set(re.findall(r"`make (\w+)`", PAGE))
    assert "docs" in named
    assert named <= set(re.findall(r"^(\w+):", makefile, re.MULTILINE))
