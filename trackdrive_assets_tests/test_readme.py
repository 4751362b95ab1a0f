"""The README's table of settings is the code's."""

import dataclasses
from pathlib import Path

import pytest

from trackdrive_assets.settings import Settings, variable

README = Path(__file__).parents[1].joinpath("README.md").read_text("utf-8")


@pytest.mark.parametrize("field", dataclasses.fields(Settings), ids=lambda field: field.name)
def test_the_readme_lists_every_variable_with_its_meaning(field: dataclasses.Field[object]) -> None:
    (row,) = [line for line in README.splitlines() if line.startswith(f"| `{variable(field.name)}` |")]
    assert row.endswith(f"| {field.metadata['meaning']} |")
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
