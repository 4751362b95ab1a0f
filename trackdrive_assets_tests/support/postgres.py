"""A Postgres server of Debian's packages for tests, with a Dagster instance on it."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

PROGRAMS = max(Path("/usr/lib/postgresql").glob("*/bin"), default=Path("/usr/lib/postgresql/bin"))
_USER = "nobody"
"""The user who runs the server if the tests are run by root, whom Postgres refuses."""


@dataclass(frozen=True)
class Postgres:
    """A running server that listens on a Unix socket and, if it has one, on an address.

    Attributes:
        folder: The folder of the data and of the socket.
    """

    folder: Path

    def url(self, database: str) -> str:
        """Return the URL of a database, for SQLAlchemy."""
        return f"postgresql+psycopg2://{_USER}@/{database}?host={self.folder}"

    def create_database(self, name: str) -> None:
        """Create a database."""
        self.execute(f"CREATE DATABASE {name}")

    def execute(self, statement: str, database: str = "postgres") -> str:
        """Execute a statement, and return its rows as lines."""
        command = [PROGRAMS / "psql", "-h", self.folder, "-U", _USER, "-d", database, "-Atc", statement]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def write_instance_file(self, home: Path, database: str) -> None:
        """Write the `dagster.yaml` of an instance in a database."""
        home.mkdir(parents=True, exist_ok=True)
        (home / "dagster.yaml").write_text(
            f"telemetry: {{enabled: false}}\nstorage: {{postgres: {{postgres_url: '{self.url(database)}'}}}}\n"
        )

    def control(self, action: str, *options: str) -> None:
        """Start, stop or restart the server."""
        command = [PROGRAMS / "pg_ctl", action, "-D", self.folder / "data", "-w", "-s", *options]
        _run(command, self.folder)


@contextmanager
def serving_postgres(options: str = "-c listen_addresses=") -> Iterator[Postgres]:
    """Run a server, whose data are removed at the end.

    Args:
        options: The options of the server, besides the Unix socket.
    """
    if not (PROGRAMS / "initdb").exists():
        pytest.skip("Postgres is not installed here (apt-get install postgresql).")
    # The path of a Unix socket is limited to about 100 characters.
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    if os.getuid() == 0:
        shutil.chown(folder, _USER)
    server = Postgres(folder)
    try:
        _run(
            [
                *(PROGRAMS / "initdb", "-D", folder / "data", "-U", _USER, "-A", "trust"),
                *("--no-sync", "--no-instructions", "--locale=C", "--encoding=UTF8"),
            ],
            folder,
        )
        settings = f"-c fsync=off -c unix_socket_directories={folder} {options}"
        server.control("start", "-o", settings, "-l", str(folder / "log"))
        try:
            yield server
        finally:
            server.control("stop", "-m", "immediate")
    finally:
        shutil.rmtree(folder)


def _run(command: list[object], folder: Path) -> None:
    user = _USER if os.getuid() == 0 else None
    subprocess.run(
        [str(word) for word in command], check=True, stdout=subprocess.DEVNULL, user=user, cwd=folder
    )
