"""Programs that read the Parquet files find the same counts, sums, instants and maps as the views.

`make trial-engines` asks the larger programs (`examples/trial_engines.py`).
"""

from pathlib import Path

import pytest

from trackdrive_assets_tests.support.engine_queries import Values, ask
from trackdrive_assets_tests.support.lakes import expected_sums, kinds_of_columns, two_accounts

Expected = tuple[Path, dict[str, Values]]


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> Expected:
    """The lakes of two accounts, and the sums of their tables."""
    root = tmp_path_factory.mktemp("accounts")
    two_accounts(root)
    return root, expected_sums(root)


def test_every_table_of_both_accounts_has_rows(accounts: Expected) -> None:
    for table, values in accounts[1].items():
        assert {key.partition(" ")[0] for key in values} == {"acme", "zenith"}, table


@pytest.mark.parametrize("table", kinds_of_columns())
@pytest.mark.parametrize("engine", ["duckdb", "polars", "pandas"])
def test_an_engine_finds_the_sums_of_the_views(accounts: Expected, engine: str, table: str) -> None:
    root, expected = accounts
    assert ask(engine, str(root), table, kinds_of_columns()[table]) == expected[table]
