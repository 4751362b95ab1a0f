"""The files around the code name what exists: workflows, hooks, templates, the site, the license."""

import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import click
import pytest
import yaml  # type: ignore[import-untyped]  # Dagster brings it, without types

from trackdrive_assets.cli import main
from trackdrive_assets_tests.wheel_trial import PYTHONS

PROJECT = Path(__file__).parents[1]
GITHUB = PROJECT / ".github"
WORKFLOWS = sorted(GITHUB.glob("workflows/*.yml"))
FORMS = sorted(GITHUB.glob("ISSUE_TEMPLATE/*.yml"))
METADATA = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
MAKEFILE = (PROJECT / "Makefile").read_text("utf-8")
SECTIONS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
"""The sections of Keep a Changelog."""


def parsed(file: Path) -> Any:
    """Return the content of a YAML file. A tag, such as that of a function in mkdocs.yml, is null."""

    class Loader(yaml.SafeLoader):  # type: ignore[misc]  # yaml has no types
        pass

    Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda *_: None)
    return yaml.load(file.read_text("utf-8"), Loader)  # noqa: S506  a safe loader


def commands(workflow: Path) -> Iterator[str]:
    """Return every line of shell of a workflow."""
    for job in parsed(workflow)["jobs"].values():
        for step in job["steps"]:
            yield from step.get("run", "").splitlines()


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda file: file.stem)
def test_a_workflow_calls_targets_and_files_that_exist(workflow: Path) -> None:
    lines = list(commands(workflow))
    assert lines
    for line in lines:
        for target in re.findall(r"^make (\S+)", line):
            assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE), target
        for script in re.findall(r"^bash (\S+)", line):
            assert (PROJECT / script).is_file(), script


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda file: file.stem)
def test_a_workflow_names_its_permissions_and_the_version_of_each_action(workflow: Path) -> None:
    content = parsed(workflow)
    assert content["permissions"]
    used = [step["uses"] for job in content["jobs"].values() for step in job["steps"] if "uses" in step]
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@v\d+", action) for action in used)


def test_every_python_of_the_package_is_tested_by_a_workflow() -> None:
    named = [text.rpartition(" ")[2] for text in METADATA["classifiers"] if "Python :: 3." in text]
    tests = parsed(GITHUB / "workflows" / "test.yml")["jobs"]["test"]
    assert tests["strategy"]["matrix"]["python"] == named
    assert [f"python{version}" for version in named] == list(PYTHONS)
    first, last = named[0], int(named[-1].partition(".")[2])
    assert METADATA["requires-python"] == f">={first},<3.{last + 1}"
    assert f"({first.replace('.', ', ')}) <= sys.version_info[:2] <= (3, {last})" in MAKEFILE


def test_ci_runs_all_tests() -> None:
    assert (PROJECT / ".ci" / "run").read_text("utf-8").rstrip().endswith("\nmake test")
    assert "bash .ci/run" in commands(GITHUB / "workflows" / "test.yml")


def test_every_hook_runs_a_locked_program_or_a_target() -> None:
    (repository,) = parsed(PROJECT / ".pre-commit-config.yaml")["repos"]
    assert repository["repo"] == "local"
    programs = {entry.name for entry in entry_points(group="console_scripts")}
    for hook in repository["hooks"]:
        if hook["language"] == "system":
            program = hook["entry"].split()[0]
            assert program == "make" or program.removeprefix(".venv/bin/") in programs


@pytest.mark.parametrize("form", FORMS, ids=lambda file: file.stem)
def test_every_field_of_a_form_has_a_label(form: Path) -> None:
    content = parsed(form)
    fields = [field for field in content.get("body", ()) if field["type"] != "markdown"]
    assert all(field["id"] and field["attributes"]["label"] for field in fields)
    assert fields or form.stem == "config"


def test_a_bug_asks_for_the_findings_of_doctor() -> None:
    form = (GITHUB / "ISSUE_TEMPLATE" / "bug.yml").read_text("utf-8")
    asked = re.findall(r"`trackdrive (\w+) (--\w+)`", form)
    assert ("doctor", "--json") in asked
    for name, option in asked:
        command = main.get_command(click.Context(main), name)
        assert command
        assert any(option in parameter.opts for parameter in command.params)


def test_the_site_has_every_page_of_the_documentation() -> None:
    pages = [*PROJECT.glob("*.md"), *PROJECT.glob("docs/*.md"), PROJECT / "benchmarks" / "README.md"]
    named = set(re.findall(r"[\w/-]+\.md", str(parsed(PROJECT / "mkdocs.yml")["nav"])))
    assert named == {str(page.relative_to(PROJECT)) for page in pages}, "Complete nav in mkdocs.yml."


def test_the_changelog_has_the_sections_of_keep_a_changelog() -> None:
    text = (PROJECT / "CHANGELOG.md").read_text("utf-8")
    versions = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert versions[0] == "Unreleased"
    assert all(re.fullmatch(r"\d+\.\d+\.\d+ - \d{4}-\d\d-\d\d", version) for version in versions[1:])
    assert set(re.findall(r"^### (.*)$", text, re.MULTILINE)) <= SECTIONS


def test_the_license_is_named_by_its_identifier() -> None:
    text = (PROJECT / "LICENSE").read_text("utf-8")
    assert f"SPDX-License-Identifier: {METADATA['license']}\n" in text
    (author,) = METADATA["authors"]
    assert f"SPDX-FileCopyrightText: 2026 {author['name']}\n" in text


def test_the_extra_all_has_every_extra() -> None:
    extras = METADATA["optional-dependencies"]
    (everything,) = extras["all"]
    assert everything == f"{METADATA['name']}[{','.join(name for name in extras if name != 'all')}]"


def test_the_readme_lists_every_extra() -> None:
    chapter = (PROJECT / "README.md").read_text("utf-8").partition("| extra |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (`.*?) \|", chapter, re.MULTILINE)
    assert re.findall(r"`(\w+)`", " ".join(rows)) == list(METADATA["optional-dependencies"])
