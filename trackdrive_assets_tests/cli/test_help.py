"""The help, the version and the spelling of options, alike for all commands."""

import click
import pytest
from click.testing import CliRunner, Result

from trackdrive_assets.api import catalog
from trackdrive_assets.cli import COMMANDS, main
from trackdrive_assets_tests.cli.conftest import command_named

LAKE = command_named("lake")
assert isinstance(LAKE, click.Group)
NAMES = [[], *([name] for name in COMMANDS), *(["lake", name] for name in LAKE.commands)]


def shown(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "80"}).invoke(main, arguments)


@pytest.mark.parametrize("names", NAMES, ids=" ".join)
def test_every_command_has_a_short_option_for_its_help(names: list[str]) -> None:
    outcome = shown(*names, "-h")
    assert outcome.exit_code == 0
    assert outcome.stdout == shown(*names, "--help").stdout


@pytest.mark.parametrize("names", [[], ["lake"]], ids=" ".join)
def test_no_summary_of_a_command_is_cut(names: list[str]) -> None:
    assert "..." not in shown(*names, "--help").stdout.partition("Commands:")[2]


def test_the_version_is_that_of_the_package() -> None:
    assert shown("--version").stdout.startswith("trackdrive-assets ")


@pytest.mark.parametrize(
    "arguments",
    [["materialize", "--dry_run"], ["sandbox", "--calls_per_day", "9"], ["calls", "--buyer_id", "1"]],
    ids=" ".join,
)
def test_options_can_have_underscores(arguments: list[str]) -> None:
    assert shown(*arguments, "--help").exit_code == 0


@pytest.mark.parametrize(
    ("option", "values"),
    [
        ("--serializer [call|call_grid]", catalog.SERIALIZERS),
        ("--order-dir [desc|asc]", catalog.ORDER_DIRECTIONS),
        ("ORDER", catalog.ORDER_FIELDS),
        ("COLUMNS", catalog.KNOWN_CALL_COLUMNS),
        ("STATUSES", catalog.STATUSES),
    ],
)
def test_the_help_lists_the_values_of_an_option(option: str, values: list[str]) -> None:
    _, found, after = shown("calls", "--help").stdout.partition(f"  {option}")
    listed = option + after
    assert found
    assert all(value in listed for value in values)
