"""A Postgres server of Debian's packages for tests, and the variables of a Dagster instance on it."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

PROGRAMS = max(Path("/usr/lib/postgresql").glob("*/bin"), default=Path("/usr/lib/postgresql/bin"))
_USER = "postgres"
"""The user of the database. If root runs the tests, the server runs as this user."""


INSTANCE_FILE = Path(__file__).parents[2] / "deploy" / "dagster-postgres.yaml"


@dataclass(frozen=True)
class Postgres:
    """A running server on loopback.

    Attributes:
        folder: The folder of the data and of a Unix socket.
        port: The port.
    """

    folder: Path
    port: int

    def variables(self, database: str) -> dict[str, str]:
        """Return the variables of `deploy/dagster-postgres.yaml` for a database."""
        return {
            "DAGSTER_POSTGRES_HOST": "127.0.0.1",
            "DAGSTER_POSTGRES_PORT": str(self.port),
            "DAGSTER_POSTGRES_USER": _USER,
            "DAGSTER_POSTGRES_PASSWORD": "unused",
            "DAGSTER_POSTGRES_DB": database,
        }

    def execute(self, statement: str, database: str = "postgres") -> str:
        """Execute a statement, and return its rows as lines."""
        command = [str(PROGRAMS / "psql"), "-h", str(self.folder), "-p", str(self.port), "-U", _USER]
        done = subprocess.run(
            [*command, "-d", database, "-Atc", statement], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def control(self, action: str, *options: str) -> None:
        """Start, stop or restart the server."""
        command = [PROGRAMS / "pg_ctl", action, "-D", self.folder / "data", "-w", "-s", *options]
        _run(command, self.folder)


@contextmanager
def serving_postgres(address: str = "127.0.0.1") -> Iterator[Postgres]:
    """Run a server, whose data are removed at the end. Skip the test if Postgres is not installed.

    Args:
        address: The address on which it listens.
    """
    if not (PROGRAMS / "initdb").exists():
        pytest.skip("Postgres is not installed here (apt-get install postgresql).")
    # The path of a Unix socket is limited to about 100 characters.
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    if os.getuid() == 0:
        shutil.chown(folder, _USER)
    server = Postgres(folder, _free_port(address))
    try:
        _run(
            [
                *(PROGRAMS / "initdb", "-D", folder / "data", "-U", _USER, "-A", "trust"),
                *("--no-sync", "--no-instructions", "--locale=C", "--encoding=UTF8"),
            ],
            folder,
        )
        with (folder / "data" / "pg_hba.conf").open("a") as access:
            access.write("host all all samenet trust\nhost all all 10.77.0.0/16 trust\n")
        settings = f"-c fsync=off -c unix_socket_directories={folder} -c listen_addresses={address}"
        server.control("start", "-o", f"{settings} -p {server.port}", "-l", str(folder / "log"))
        try:
            yield server
        finally:
            server.control("stop", "-m", "immediate")
    finally:
        shutil.rmtree(folder)


def _free_port(address: str) -> int:
    with socket.create_server((address, 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def _run(command: Sequence[object], folder: Path) -> None:
    user = _USER if os.getuid() == 0 else None
    subprocess.run(
        [str(word) for word in command], check=True, stdout=subprocess.DEVNULL, user=user, cwd=folder
    )
