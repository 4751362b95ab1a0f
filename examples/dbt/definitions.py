"""The account of the TRACKDRIVE_* variables, and dbt models on its views.

`dagster dev -f definitions.py` shows both in one graph.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DbtCliResource, DbtProject, dbt_assets

from trackdrive_assets import Settings, build_definitions

project = DbtProject(project_dir=Path(__file__).parent)
project.prepare_if_dev()


@dbt_assets(manifest=project.manifest_path)
def models(context: dg.AssetExecutionContext, dbt: DbtCliResource) -> Iterator[Any]:
    """Build the models, and run their tests."""
    yield from dbt.cli(["build"], context=context).stream()


defs = dg.Definitions.merge(
    build_definitions(Settings.read(os.environ)),
    dg.Definitions(assets=[models], resources={"dbt": DbtCliResource(project_dir=project)}),
)
