"""The project on a person's own machine: `make demo` and `make dev`.

The sandbox never mixes with an account: it has a lake and a Dagster home of its own, `demo/`. Not here:
anything that a deployment needs.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import click
from dotenv import load_dotenv

from trackdrive_assets.lake.store import Lake
from trackdrive_assets.sandbox import PRIVATE_KEY, PUBLIC_KEY
from trackdrive_assets.settings import PREFIX, Settings, variable

PORT = 3000
SANDBOX_FOLDER = Path("demo")
ACCOUNT_HOME = Path(".dagster")
INSTANCE_FILE = Path("dagster.yaml")

_ACCOUNT_FIELDS = ("subdomain", "base_url", "public_key", "private_key", "auth_token")

_FIRST_QUESTIONS = {
    "How did the days go?": """
        SELECT date, calls, connected, converted, round(conversion_rate, 3) AS conversion_rate,
               revenue::DOUBLE AS revenue, payout::DOUBLE AS payout, profit::DOUBLE AS profit
        FROM daily_summary ORDER BY date
    """,
    "What did each buyer pay?": """
        SELECT buyer, sum(calls)::BIGINT AS calls, sum(converted)::BIGINT AS converted,
               sum(revenue)::DOUBLE AS revenue
        FROM buyer_performance WHERE buyer IS NOT NULL GROUP BY buyer ORDER BY revenue DESC NULLS LAST
    """,
}


def wants_sandbox(environ: Mapping[str, str]) -> bool:
    """Whether an environment names no account at all. Half an account is a mistake, not a wish to try."""
    return not any(environ.get(variable(name), "").strip() for name in _ACCOUNT_FIELDS)


def dagster_home(folder: Path) -> Path:
    """Make a folder fit to be DAGSTER_HOME: it exists, and holds the project's dagster.yaml."""
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / INSTANCE_FILE
    if INSTANCE_FILE.exists() and not link.exists():
        link.symlink_to(INSTANCE_FILE.resolve())
    return folder.resolve()


@contextmanager
def sandbox_environment(folder: Path) -> Iterator[dict[str, str]]:
    """A running sandbox, and the variables that make it the account and `folder` the lake."""
    from trackdrive_assets.sandbox.server import Sandbox  # noqa: PLC0415 (slow to import)

    with Sandbox() as sandbox:
        yield {
            variable("base_url"): sandbox.base_url,
            variable("public_key"): PUBLIC_KEY,
            variable("private_key"): PRIVATE_KEY,
            variable("lake"): str(folder.resolve()),
            # Nobody is disturbed by a fast reader on loopback.
            variable("requests_per_second"): "0",
            "DAGSTER_HOME": str(dagster_home(folder / ".dagster")),
        }


def account_environment(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that Dagster's processes need besides: a home, and a lake that holds from any folder."""
    return {
        variable("lake"): str(Path(settings.lake).expanduser().absolute()),
        "DAGSTER_HOME": environ.get("DAGSTER_HOME") or str(dagster_home(ACCOUNT_HOME)),
    }


def dev(port: int) -> int:
    """Run the Dagster UI and its daemon until Ctrl-C, on the account or else on the sandbox.

    Returns:
        The exit code of `dagster dev`.

    Raises:
        SettingError: Half an account is set, or a variable cannot be understood.
    """
    load_dotenv(Path(".env"))
    if wants_sandbox(os.environ):
        click.echo(
            f"No account is set ({PREFIX}… variables or .env): this is the sandbox, in {SANDBOX_FOLDER}/."
        )
        with sandbox_environment(SANDBOX_FOLDER) as environment:
            return _dagster_dev(port, environment)
    settings = Settings.read(os.environ)
    click.echo(f"This is {settings.address} with {settings.credentials}, in {settings.lake}/.")
    return _dagster_dev(port, account_environment(settings, os.environ))


def _dagster_dev(port: int, environment: Mapping[str, str]) -> int:
    if _is_taken(port):
        raise click.ClickException(f"Port {port} is in use. Stop what listens there, or give another.")
    workspace = Path("workspace.yaml").resolve()
    target = ["-w", str(workspace)] if workspace.exists() else ["-m", "trackdrive_assets.definitions"]
    # Without the notice that the command has a successor.
    dagster = [sys.executable, "-W", "ignore:Function", "-m", "dagster"]
    command = [*dagster, "dev", *target, "--host", "127.0.0.1", "--port", str(port)]
    click.echo(f"Open http://127.0.0.1:{port} in a browser. Ctrl-C ends it.")
    _end_killed_runs(environment["DAGSTER_HOME"])
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    # In its home, where Dagster looks for dagster.yaml; so the lake may not be relative any more. In a
    # session of its own, so that Ctrl-C reaches it once, through us, and it ends its own processes in peace.
    with subprocess.Popen(  # noqa: S603 (our own words)
        command,
        env={**os.environ, **environment},
        cwd=environment["DAGSTER_HOME"],
        start_new_session=True,
    ) as process:
        while process.poll() is None and not ended.wait(timeout=1):
            pass
        if ended.is_set():
            process.send_signal(signal.SIGINT)
    return 0 if ended.is_set() else process.returncode


def _end_killed_runs(home: str) -> None:
    """What died with an earlier session would hold up the queue of this one."""
    import dagster as dg  # noqa: PLC0415 (slow to import)

    from trackdrive_assets.dagster.executor import fail_dead_runs  # noqa: PLC0415 (as above)

    with dg.DagsterInstance.from_config(home) as instance:
        fail_dead_runs(instance)


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def demo(folder: Path, days: int) -> None:
    """Materialize the last days of every asset on the sandbox, and ask the first questions."""
    with sandbox_environment(folder) as environment:
        os.environ.update(environment)
        settings = Settings.read(os.environ)
        today = datetime.now(UTC).astimezone(ZoneInfo(settings.time_zone)).date()
        first = today - timedelta(days=days - 1)
        _materialize(settings, first, today)
    _ask(folder / "trackdrive.duckdb")
    from trackdrive_assets.report.page import write_page  # noqa: PLC0415 (slow to import)

    page = write_page(
        Lake(folder),
        first,
        today,
        folder / "report.html",
        time_zone=settings.time_zone,
        account="the sandbox",
    )
    click.echo(
        f"\nThe Parquet files and trackdrive.duckdb are in {folder}/.\n"
        f"Open {page} in a browser: these days on one page.\n"
        f"Then type `make dev`, or `trackdrive dev`, and open http://127.0.0.1:{PORT}: the Dagster UI on it."
    )


def _materialize(settings: Settings, first: date, today: date) -> None:
    import dagster as dg  # noqa: PLC0415 (slow to import)

    from trackdrive_assets.definitions import build_definitions  # noqa: PLC0415 (as above)

    definitions = build_definitions(settings)
    job = definitions.resolve_implicit_global_asset_job_def()
    families = {
        assets.op.name: assets.keys
        for assets in definitions.assets or ()
        if isinstance(assets, dg.AssetsDefinition)
    }
    with dg.DagsterInstance.get() as instance:
        # Calls come after what their checks compare them with.
        for family in ("reports", "stats", "calls", "views"):
            started = time.monotonic()
            click.echo(f"Materializing {family:8}{first} to {today} … ", nl=False)
            result = job.execute_in_process(
                instance=instance,
                asset_selection=list(families[family]),
                tags={
                    "dagster/asset_partition_range_start": first.isoformat(),
                    "dagster/asset_partition_range_end": today.isoformat(),
                },
                run_config={"loggers": {"console": {"config": {"log_level": "WARNING"}}}},
            )
            assets = len({event.asset_key for event in result.get_asset_materialization_events()})
            noun = "asset " if assets == 1 else "assets"
            click.echo(f"{assets:3} {noun} in {time.monotonic() - started:.1f} s")


def _ask(file: Path) -> None:
    import duckdb  # noqa: PLC0415 (slow to import)

    with duckdb.connect(str(file), read_only=True) as connection:
        for question, sql in _FIRST_QUESTIONS.items():
            click.echo(f"\n{question}")
            connection.sql(sql).show(max_rows=40)
