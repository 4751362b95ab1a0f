"""Two accounts, a bucket and Postgres on this machine: `make demo-scale`.

Two sandboxes are the accounts, SeaweedFS is the store. A project with a `defs.yaml` for each account is
written, both are backfilled, and one DuckDB file in the bucket is asked about both. Then the UI runs until
Ctrl-C. Nothing stays but the project. Not here: what must be true (the tests).
"""

import os
import subprocess
import sys
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from trackdrive_assets.cli.output import table_text
from trackdrive_assets.lake.database import read_view
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets_tests.support.object_store import bucket_of, serving_seaweedfs
from trackdrive_assets_tests.support.postgres import INSTANCE_FILE, serving_postgres

ACCOUNTS = {"acme": "America/New_York", "zenith": "UTC"}
ASSETS = "key:{name}/calls or key:{name}/reports/buyer_id or key:{name}/views/*"
COLUMNS = ["account", "date", "calls", "converted", "revenue"]

PROJECT = """[project]
name = "accounts"
version = "0.1.0"

[tool.dg]
directory_type = "project"

[tool.dg.project]
root_module = "accounts"
"""
ACCOUNT = """type: trackdrive_assets.TrackdriveAccountComponent
attributes:
  account:
    name: {name}
    base_url: {url}
    public_key: "{{{{ env.{variable}_PUBLIC_KEY }}}}"
    private_key: "{{{{ env.{variable}_PRIVATE_KEY }}}}"
  time_zone: {time_zone}
  start_date: "{start}"
  lake: {bucket}/account={name}
"""
ALL_ACCOUNTS = """type: trackdrive_assets.TrackdriveAccountsComponent
attributes:
  lake: {bucket}
  accounts: [acme, zenith]
"""
DEFINITIONS = """from pathlib import Path

from dagster import definitions, load_from_defs_folder


@definitions
def defs():
    return load_from_defs_folder(path_within_project=Path(__file__).parent)
"""


@click.command()
@click.option("--programs", type=Path, required=True, help="The folder with weed.")
@click.option("--folder", type=Path, default=Path("demo-scale"), help="The folder of the project.")
@click.option("--days", type=click.IntRange(1, 90), default=7, help="The days that are backfilled.")
@click.option("--port", default=3000, help="The port of the UI.")
@click.option("--no-ui", is_flag=True, help="End after the question.")
def demo(*, programs: Path, folder: Path, days: int, port: int, no_ui: bool) -> None:
    """Backfill two accounts into a bucket, ask one file about both, and show the UI."""
    with ExitStack() as stack:
        click.echo("Starting Postgres, SeaweedFS and two accounts.")
        postgres = stack.enter_context(serving_postgres())
        postgres.execute("CREATE DATABASE dagster")
        os.environ.update(postgres.variables("dagster"))
        bucket = stack.enter_context(bucket_of(stack.enter_context(serving_seaweedfs(programs / "weed"))))
        today = datetime.now(UTC).date()
        first, last = today - timedelta(days=days), today - timedelta(days=1)
        write(folder / "pyproject.toml", PROJECT)
        write(folder / "accounts/__init__.py", "")
        write(folder / "accounts/definitions.py", DEFINITIONS)
        write(folder / "accounts/defs/all_accounts/defs.yaml", ALL_ACCOUNTS.format(bucket=bucket))
        write(folder / ".dagster/dagster.yaml", INSTANCE_FILE.read_text("utf-8"))
        for seed, (name, time_zone) in enumerate(ACCOUNTS.items(), start=1):
            sandbox = stack.enter_context(Sandbox(company=name.title(), seed=seed))
            variable = name.upper()
            os.environ[f"{variable}_PUBLIC_KEY"] = sandbox.public_key
            os.environ[f"{variable}_PRIVATE_KEY"] = sandbox.private_key
            values = {"url": sandbox.base_url, "time_zone": time_zone, "start": first, "bucket": bucket}
            text = ACCOUNT.format(name=name, variable=variable, **values)
            write(folder / f"accounts/defs/{name}/defs.yaml", text)
        os.environ["DAGSTER_HOME"] = str((folder / ".dagster").absolute())
        os.environ["PYTHONPATH"] = os.pathsep.join([str(folder.absolute()), *sys.path[:1]])
        dagster(folder, "definitions", "validate", "-m", "accounts.definitions")
        for name in ACCOUNTS:
            click.echo(f"Backfilling {name}: {first} to {last}.")
            span = ("--partition-range", f"{first}...{last}")
            materialize(folder, ASSETS.format(name=name), *span)
        materialize(folder, "key:all_accounts/views")
        click.echo(summary_of(bucket))
        click.echo(f"{bucket}/trackdrive.duckdb has both accounts. For DuckDB 1.5 with httpfs:")
        click.echo(f"  AWS_ENDPOINT_URL={os.environ['AWS_ENDPOINT_URL']}, key and secret: testing")
        if not no_ui:
            click.echo(f"The UI is at http://127.0.0.1:{port}. Ctrl-C ends everything.")
            dagster(folder, "dev", "-m", "accounts.definitions", "--port", str(port), check=False)


def summary_of(bucket: str) -> str:
    """Return the last days of both accounts, from the one DuckDB file."""
    rows = read_view(Lake(bucket), "daily_summary").select(COLUMNS)
    newest = rows.sort_by([("date", "descending"), ("account", "ascending")]).slice(0, 8)
    return table_text(COLUMNS, [[str(value) for value in row.values()] for row in newest.to_pylist()])


def materialize(folder: Path, selection: str, *span: str) -> None:
    """Materialize assets in a process of their own, as a run that the UI shows."""
    dagster(folder, "asset", "materialize", "-m", "accounts.definitions", "--select", selection, *span)


def dagster(folder: Path, *words: str, check: bool = True) -> None:
    """Run Dagster in the project. Its log goes into a file."""
    with (folder / "dagster.log").open("ab") as log:
        command = [sys.executable, "-W", "ignore", "-m", "dagster", *words]
        done = subprocess.run(command, cwd=folder, stdout=log, stderr=log, check=False)
    if check and done.returncode:
        raise SystemExit(f"{' '.join(words[:2])} failed. {folder / 'dagster.log'} has the reason.")


def write(file: Path, text: str) -> None:
    """Write a file of the project, and create its folder."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")


if __name__ == "__main__":
    demo()
