"""A trial of the examples that need more packages: dbt models through Dagster, and a marimo notebook.

`make trial-examples` runs it on two days of the sandbox. The other examples are tested by `make test`.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import duckdb

from trackdrive_assets.lake.database import FILE
from trackdrive_assets_tests.analyst import ZONE, fill
from trackdrive_assets_tests.support.factories import lake_at

EXAMPLES = Path(__file__).parents[2] / "examples"
DBT_RUN = Path(__file__).parents[1] / "support" / "dbt_run.py"

EXPECTED = """
    SELECT CAST(date_trunc('week', date) AS DATE) AS week, arg_max(buyer, date) AS buyer,
           CAST(sum(calls) AS BIGINT) AS calls, sum(revenue) AS revenue
    FROM buyer_performance WHERE buyer_key IS NOT NULL GROUP BY week, buyer_key ORDER BY ALL
"""


@click.command()
@click.option("--programs", type=Path, required=True, help="The folder with python, dbt and marimo.")
def trial(programs: Path) -> None:
    """Run the examples, and compare the models of dbt with the views."""
    with TemporaryDirectory() as folder:
        lake = Path(folder) / "demo"
        fill(lake_at(lake, ZONE))
        with duckdb.connect(lake / FILE, read_only=True) as connection:
            rows = json.loads(json.dumps(connection.execute(EXPECTED).fetchall(), default=str))
        try_dbt(programs.absolute(), lake, rows)
        try_marimo(programs.absolute(), lake, rows)


def try_dbt(programs: Path, lake: Path, rows: list[list[object]]) -> None:
    """Build the models, run their tests, and compare the rows with those of the views."""
    project = shutil.copytree(EXAMPLES / "dbt", lake.parent / "dbt")
    environment = {
        "TRACKDRIVE_LAKE": str(lake),
        "TRACKDRIVE_TIME_ZONE": ZONE,
        "TRACKDRIVE_SUBDOMAIN": "acme",
        "TRACKDRIVE_PUBLIC_KEY": "unused",
        "TRACKDRIVE_PRIVATE_KEY": "unused",
        "DO_NOT_TRACK": "1",
    }
    run(project, environment, programs / "dbt", "parse")
    run(project, environment, programs / "python", DBT_RUN)
    found = json.loads(project.joinpath("found.json").read_text("utf-8"))
    click.echo(f"dbt: {found['parents']} → buyer_weeks, {len(found['rows'])} rows, {found['checks']}")
    if found["parents"] != ["views/buyer_performance"] or not found["are_ours"]:
        raise SystemExit("The model does not depend on the view.")
    if len(found["checks"]) != 3 or not all(found["checks"].values()):
        raise SystemExit("Not all dbt tests are checks that passed.")
    if found["rows"] != rows:
        raise SystemExit(f"The model has {found['rows']}, and the views have {rows}")


def try_marimo(programs: Path, lake: Path, rows: list[list[object]]) -> None:
    """Run the notebook, and find every buyer in its table."""
    page = lake.parent / "notebook.html"
    notebook = shutil.copy(EXAMPLES / "marimo" / "notebook.py", lake.parent)
    run(lake.parent, {}, programs / "marimo", "export", "html", notebook, "-o", page)
    text = page.read_text("utf-8")
    missing = [buyer for _, buyer, *_ in rows if str(buyer).split(" & ")[0] not in text]
    click.echo(f"marimo: a page of {len(text)} characters")
    if missing:
        raise SystemExit(f"The notebook does not show {missing}")


def run(folder: Path, variables: dict[str, str], program: Path, *arguments: str | Path) -> None:
    """Run a program of the other virtual environment."""
    path = os.pathsep.join([str(program.parent), os.environ["PATH"]])
    done = subprocess.run(
        [program, *arguments],
        cwd=folder,
        env={**os.environ, **variables, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{program.name} failed.\n{done.stdout}\n{done.stderr}")


if __name__ == "__main__":
    trial()
