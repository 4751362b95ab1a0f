"""What the README and the security page name is what the code has."""

import dataclasses
import re
from pathlib import Path

import pytest

from trackdrive_assets.settings import Settings, variable
from trackdrive_assets.tables.columns import CALLS
from trackdrive_assets.tables.exclusion import Exclusion

README = Path(__file__).parents[1].joinpath("README.md").read_text("utf-8")


@pytest.mark.parametrize("field", dataclasses.fields(Settings), ids=lambda field: field.name)
def test_the_readme_lists_every_variable_with_its_meaning(field: dataclasses.Field[object]) -> None:
    (row,) = [line for line in README.splitlines() if line.startswith(f"| `{variable(field.name)}` |")]
    assert row.endswith(f"| {field.metadata['description']} |")
    if isinstance(field.default, str | int | float):
        assert (
            f"| `{field.default:g}` |" in row
            if isinstance(field.default, float)
            else str(field.default) in row
        )


def test_the_readme_names_every_example_variable() -> None:
    example = Path(__file__).parents[1].joinpath(".env.example").read_text("utf-8")
    named = [line.lstrip("# ").split("=")[0] for line in example.splitlines() if "=" in line]
    assert named
    for name in named:
        assert name in {variable(field.name) for field in dataclasses.fields(Settings)}


SECURITY = Path(__file__).parents[1].joinpath("SECURITY.md").read_text("utf-8")


def test_the_security_page_names_columns_that_there_are() -> None:
    stored = SECURITY.partition("## Keeping columns out")[0]
    rows = re.findall(r"^\|[^|]+\| `calls`: ([^.|]*)", stored, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert named
    assert named <= set(CALLS.schema.names)


def test_the_security_page_lists_columns_to_keep_out_that_can_be_kept_out() -> None:
    (example,) = re.findall(r"^TRACKDRIVE_EXCLUDE_COLUMNS=(.*)$", SECURITY, re.MULTILINE)
    exclusion = Exclusion(Settings.read({variable("exclude_columns"): example}).exclude_columns)
    assert exclusion.undocumented == ()
    assert all(exclusion.excludes(name) for name in ("caller_number", "name", "token_values", "token-email"))
