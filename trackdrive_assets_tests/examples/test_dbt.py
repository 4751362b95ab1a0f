"""The dbt example is about assets and views that exist. `make trial-examples` builds its models."""

import re
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]  # Dagster brings it, without types

from trackdrive_assets import Settings, build_definitions

EXAMPLE = Path(__file__).parents[2] / "examples" / "dbt"
TABLES = yaml.safe_load(EXAMPLE.joinpath("models", "sources.yml").read_text("utf-8"))["sources"][0]["tables"]


def test_every_source_has_the_key_of_an_asset() -> None:
    keys = build_definitions(Settings()).resolve_all_asset_keys()
    assert {tuple(key.path) for key in keys if key.path[0] == "views"} == {
        tuple(table["config"]["meta"]["dagster"]["asset_key"]) for table in TABLES
    }


@pytest.mark.parametrize("file", sorted(EXAMPLE.rglob("*.sql")), ids=lambda file: file.stem)
def test_a_model_reads_columns_of_its_source(file: Path) -> None:
    (source,) = re.findall(r"source\('trackdrive', '(\w+)'\)", file.read_text("utf-8"))
    (columns,) = [{c["name"] for c in table["columns"]} for table in TABLES if table["name"] == source]
    assert {"revenue", "buyer_key"} <= columns
