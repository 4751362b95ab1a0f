"""The page of `examples/evidence`: its queries run, and its charts name columns that they have.

Evidence itself is not run: while it builds a page, it downloads a part of DuckDB.
"""

import json
import re
from pathlib import Path

import duckdb
import pytest
import yaml  # type: ignore[import-untyped]  # Dagster brings it, without types

from trackdrive_assets.lake.database import FILE, connect
from trackdrive_assets.tables.columns import schemas
from trackdrive_assets_tests.support.factories import a_deal, lake_at, write_day

EXAMPLE = Path(__file__).parents[2] / "examples" / "evidence"
PAGE = EXAMPLE.joinpath("pages", "index.md").read_text("utf-8")
SOURCE = EXAMPLE / "sources" / "trackdrive"


def queries_of_the_page() -> dict[str, str]:
    """Return the queries of the page by name."""
    return dict(re.findall(r"^```sql (\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, object]]:
    """The first row of each query of the page, as Evidence would have it."""
    lake = lake_at(tmp_path_factory.mktemp("lake"))
    write_day(lake, "calls", [a_deal(), a_deal()])
    with connect(lake, schemas(), time_zone="UTC") as connection:
        connection.execute("CREATE SCHEMA trackdrive")
        for file in SOURCE.glob("*.sql"):
            connection.execute(f"CREATE TABLE trackdrive.{file.stem} AS {file.read_text('utf-8')}")
        return {name: _first_row(connection, sql) for name, sql in queries_of_the_page().items()}


def _first_row(connection: duckdb.DuckDBPyConnection, sql: str) -> dict[str, object]:
    result = connection.execute(sql)
    columns = [column[0] for column in result.description or ()]
    return dict(zip(columns, result.fetchall()[0], strict=True))


def test_the_totals_of_the_page_are_those_of_the_calls(results: dict[str, dict[str, object]]) -> None:
    assert results["total"] == {"calls": 2, "conversion_rate": 1.0, "revenue": 20.0}


def test_every_component_names_columns_of_its_query(results: dict[str, dict[str, object]]) -> None:
    components = re.findall(r"<\w+ data=\{(\w+)\}(.*?)/?>(?=\n\n|\n<|\n  )", f"{PAGE}\n\n", re.DOTALL)
    assert len(components) == PAGE.count("data={")
    for query, attributes in components:
        named = re.findall(r"\b(?:x|y|value)=(\w+)", attributes) + re.findall(r'"(\w+)"', attributes)
        assert set(named) - {"Dollars", "Calls"} <= results[query].keys()


def test_the_source_is_the_file_of_the_demo() -> None:
    connection = yaml.safe_load(SOURCE.joinpath("connection.yaml").read_text("utf-8"))
    file = (SOURCE / connection["options"]["filename"]).resolve()
    assert file == EXAMPLE.parents[1] / "demo" / FILE


def test_the_configuration_names_the_packages_that_are_installed() -> None:
    installed = json.loads(EXAMPLE.joinpath("package.json").read_text("utf-8"))["dependencies"]
    plugins = yaml.safe_load(EXAMPLE.joinpath("evidence.config.yaml").read_text("utf-8"))["plugins"]
    assert {*plugins["components"], *plugins["datasources"]} <= installed.keys()
