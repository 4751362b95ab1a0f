"""The README, the pages of `docs/` and the security page agree with the code and with each other."""

import dataclasses
import re
from pathlib import Path

import click
import pytest

from trackdrive_assets.api.catalog import LEGACY_GROUP_BYS, STATS
from trackdrive_assets.cli import main
from trackdrive_assets.dagster.schedules import NIGHTLY_DAYS
from trackdrive_assets.lake.sql_catalog import views
from trackdrive_assets.settings import STATS_INTERVALS, Settings, variable
from trackdrive_assets.tables.columns import CALLS, schemas

PROJECT = Path(__file__).parents[1]
README = PROJECT / "README.md"
SECURITY = PROJECT / "SECURITY.md"
PAGES = [*sorted(PROJECT.glob("*.md")), *sorted(PROJECT.glob("docs/*.md"))]
VARIABLES = {variable(field.name) for field in dataclasses.fields(Settings)}

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@each_page
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if target.startswith("https://"):
            continue
        file, _, heading = target.partition("#")
        linked = (page.parent / file).resolve() if file else page
        assert linked.is_file(), target
        assert not heading or heading in headings(linked), target


def headings(page: Path) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a page."""
    titles = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@each_page
def test_every_page_names_commands_and_targets_that_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    targets = re.findall(r"^(\w[\w-]*):", PROJECT.joinpath("Makefile").read_text("utf-8"), re.MULTILINE)
    assert set(re.findall(r"`trackdrive ([a-z]+)", text)) <= set(main.list_commands(click.Context(main)))
    assert set(re.findall(r"(?:`|^)make (\w[\w-]*)", text, re.MULTILINE)) <= set(targets)


@each_page
def test_every_page_names_variables_that_exist(page: Path) -> None:
    named = re.findall(r"\bTRACKDRIVE_[A-Z_]*[A-Z]", page.read_text("utf-8"))
    assert set(named) <= VARIABLES


def test_the_readme_lists_every_table_and_view() -> None:
    chapter = README.read_text("utf-8").partition("## What you get")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]*) \|", chapter, re.MULTILINE)
    listed = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(listed) == sorted([*schemas(), *views()])


def test_the_readme_links_to_every_page() -> None:
    linked = set(re.findall(r"\(([\w/-]+\.md)\)", README.read_text("utf-8")))
    assert linked >= {str(page.relative_to(PROJECT)) for page in PAGES if page != README}


def test_the_example_files_name_variables_that_exist() -> None:
    for file in (".env.example", "deploy/trackdrive.env.example"):
        lines = PROJECT.joinpath(file).read_text("utf-8").splitlines()
        named = {line.lstrip("# ").partition("=")[0] for line in lines if "=" in line}
        assert variable("subdomain") in named
        assert named <= VARIABLES | {"DAGSTER_HOME"}


def test_the_security_page_names_columns_that_exist() -> None:
    stored = SECURITY.read_text("utf-8").partition("## Keeping columns out")[0]
    rows = re.findall(r"^\|[^|]+\| `calls`: ([^.|]*)", stored, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert "caller_number" in named
    assert named <= set(CALLS.schema.names)


def test_the_example_of_the_security_page_excludes_what_it_describes() -> None:
    (example,) = re.findall(r"^TRACKDRIVE_EXCLUDE_COLUMNS=(.*)$", SECURITY.read_text("utf-8"), re.MULTILINE)
    exclusion = Settings.read({variable("exclude_columns"): example}).exclusion
    assert all(exclusion.excludes(name) for name in ("caller_number", "name", "token_values", "token-email"))


def test_the_costs_of_a_day_follow_from_the_defaults() -> None:
    page = PROJECT.joinpath("docs", "operations.md").read_text("utf-8")
    intervals = 24 * 60 // STATS_INTERVALS[Settings.stats_interval]
    assert f"| reports | one per category: {len(Settings.report_categories)} |" in page
    assert f": {len(LEGACY_GROUP_BYS) * len(STATS) * intervals} at the default of one hour |" in page
    assert f"| `intraday` | every {Settings.intraday_minutes} minutes |" in page
    assert f"| `nightly` | 03:00 | all tables of the last {NIGHTLY_DAYS} finished days |" in page
    assert f"calls and reports of the last {Settings.lookback_days} finished days" in page


def test_how_it_works_names_functions_of_their_files() -> None:
    page = PROJECT.joinpath("docs", "how-it-works.md").read_text("utf-8")
    rows = re.findall(r"^\| `([\w/]+\.py)` \| `(\w+)` \|", page, re.MULTILINE)
    assert len(rows) > 20
    for file, name in rows:
        code = PROJECT.joinpath("trackdrive_assets", file).read_text("utf-8")
        assert re.search(rf"^(?:def |class )?{name}\b", code, re.MULTILINE), f"{file} has no {name}"
