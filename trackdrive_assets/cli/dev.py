"""`trackdrive dev`: the Dagster UI with its daemon, on the configured account or on the sandbox.

For a person's own machine. Deployments start both processes by themselves, see `deploy/`.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

import click

from trackdrive_assets.cli.code_location import workspace_options
from trackdrive_assets.cli.dagster_home import account_environment
from trackdrive_assets.cli.demo import (
    INSTALL_UI,
    SANDBOX_FOLDER,
    UI_PORT,
    is_ui_installed,
    sandbox_environment,
)
from trackdrive_assets.cli.env_file import load_env_file
from trackdrive_assets.cli.errors import CliError, ExitCode
from trackdrive_assets.cli.signals import EndedBySignal
from trackdrive_assets.dagster.instance import open_instance
from trackdrive_assets.dagster.locks import fail_dead_runs
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.settings import PREFIX, Settings, variable

_SECONDS_TO_STOP = 10
_ACCOUNT_FIELDS = ("subdomain", "base_url", "public_key", "private_key", "auth_token")

_EPILOG = """
\b
EXAMPLES
  trackdrive dev
  trackdrive dev --port 3001

The TRACKDRIVE_… variables and the file .env in this folder name the account.
"""


@click.command(epilog=_EPILOG)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=UI_PORT,
    show_default=True,
    help="Port of the UI on 127.0.0.1.",
)
@click.pass_context
def dev(context: click.Context, *, port: int) -> None:
    """Run the Dagster UI on your account, or on the sandbox if none is configured."""
    if not is_ui_installed():
        raise CliError(f"The Dagster UI is not installed. Install it: {INSTALL_UI}.", ExitCode.REFUSED)
    load_env_file()
    settings = Settings.read(os.environ)
    Lake(settings.lake)
    if is_account_missing(os.environ):
        click.echo(
            f"No account is configured ({PREFIX}… variables or .env). "
            f"This is the sandbox, in {SANDBOX_FOLDER}/."
        )
        with sandbox_environment(SANDBOX_FOLDER) as environment:
            context.exit(_run_dagster(port, environment))
    click.echo(f"This is {settings.address} with {settings.credentials}, in {settings.lake}/.")
    context.exit(_run_dagster(port, account_environment(settings, os.environ)))


def is_account_missing(environ: Mapping[str, str]) -> bool:
    """Return whether no variable of an account is set. With some of them set, the others are an error."""
    return not any(environ.get(variable(name), "").strip() for name in _ACCOUNT_FIELDS)


def _run_dagster(port: int, environment: Mapping[str, str]) -> int:
    """Run the UI and the daemon until Ctrl-C, and return the exit code.

    Not with `dagster dev`, whose UI has no guard.
    """
    if _is_port_in_use(port):
        raise CliError(
            f"Port {port} is in use. Stop the program that uses it, or use another --port.", ExitCode.REFUSED
        )
    # The runs log what they do. The programs around them log each look at a schedule, a sensor or a backfill.
    target = [*workspace_options(), "--code-server-log-level", "error"]
    ui = [sys.executable, "-m", "trackdrive_assets.dagster.ui", *target, "--dagster-log-level", "error"]
    daemon = [str(Path(sys.executable).with_name("dagster-daemon")), "run", *target, "--log-level", "error"]
    url = f"http://127.0.0.1:{port}"
    click.echo(f"Open {url} in a browser. Ctrl-C stops it.")
    # Also the variable of this process, because the event log is in the folder that it names.
    os.environ["DAGSTER_HOME"] = environment["DAGSTER_HOME"]
    with open_instance() as instance:
        # Runs that died with an earlier session would block the queue.
        fail_dead_runs(instance)
    # Warnings of Python are for developers, such as those of Dagster about its own parts.
    environment = {variable("ui_url"): url, "PYTHONWARNINGS": "ignore", **os.environ, **environment}
    with (
        suppress(EndedBySignal),
        _service([*ui, "--host", "127.0.0.1", "--port", str(port)], environment) as ui_process,
        _service(daemon, environment) as daemon_process,
    ):
        wait_for_end({"UI": ui_process, "daemon": daemon_process})
    return ExitCode.SUCCESS


def wait_for_end(processes: Mapping[str, subprocess.Popen[bytes]]) -> NoReturn:
    """Wait until one of the processes ends, which none does by itself.

    Raises:
        CliError: It names the process and its exit code.
    """
    while True:
        for name, process in processes.items():
            if (code := process.poll()) is not None:
                end = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
                raise CliError(
                    f"The {name} {end}, so everything is stopped. If it printed an error above, correct it. "
                    "Then run `trackdrive dev` again.",
                    ExitCode.REFUSED,
                )
        time.sleep(1)


@contextmanager
def _service(command: list[str], environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process of Dagster during the block, and end it and all processes that it started.

    Dagster looks for dagster.yaml in the current folder, so it runs in its home. It has its own session, so
    that it gets Ctrl-C only once, from here, and has time to stop its own processes.
    """
    with subprocess.Popen(  # noqa: S603  a fixed command
        command, env=environment, cwd=environment["DAGSTER_HOME"], start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=_SECONDS_TO_STOP)
            # A run that does not end by itself is marked as failed by the next start.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _is_port_in_use(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
