"""The dbt example through Dagster, in a virtual environment that has dbt.

`make trial-examples` runs it in a copy of the example. It imports nothing of the tests. It writes what the
models depend on, the checks with their results, and the rows of the model, to `found.json`.
"""

import json
import os
import sys
from importlib import import_module
from pathlib import Path

import dagster as dg
import duckdb


def main() -> None:
    """Materialize the model, and write what was found."""
    sys.path.insert(0, os.curdir)
    definitions: dg.Definitions = import_module("definitions").defs
    model = dg.AssetKey("buyer_weeks")
    graph = definitions.resolve_asset_graph()
    parents = graph.get(model).parent_keys
    job = definitions.resolve_implicit_global_asset_job_def().get_subset(asset_selection={model})
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    result = job.execute_in_process(run_config=quiet)
    with duckdb.connect("analytics.duckdb", read_only=True) as connection:
        query = "SELECT week, buyer, calls, revenue FROM buyer_weeks ORDER BY ALL"
        rows = connection.execute(query).fetchall()
    found = {
        "parents": [key.to_user_string() for key in parents],
        "are_ours": parents <= set(graph.materializable_asset_keys),
        "checks": {check.check_name: check.passed for check in result.get_asset_check_evaluations()},
        "rows": rows,
    }
    Path("found.json").write_text(json.dumps(found, default=str), "utf-8")


if __name__ == "__main__":
    main()
