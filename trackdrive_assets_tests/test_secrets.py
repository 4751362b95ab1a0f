"""No credential is logged or stored, neither by a run that succeeds nor by one in which everything fails.

The tests start real processes on a sandbox with unmistakable keys. Then they search the complete Dagster
home, the complete lake and both outputs. `api/test_client.py` tests the texts of single errors.
"""

import base64
import html
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from pathlib import Path
from urllib.parse import quote, quote_plus

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import trackdrive_assets
from trackdrive_assets.cli.dagster_home import INSTANCE_FILE
from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets_tests.conftest import NOW
from trackdrive_assets_tests.support.fault_trial import CALLS, STATS

DAY, NEXT_DAY = "2024-03-10", "2024-03-11"
PROJECT = Path(trackdrive_assets.__file__).parent.parent

# Keys that do not have the form of a Trackdrive key. In a URL they are spelled in another way than in text.
PUBLIC, PRIVATE, TOKEN = "open/the+public=half", "open/the+private=half", "open/the+older&token=so"
BASIC = base64.b64encode(f"{PUBLIC}:{PRIVATE}".encode()).decode()

AUTHORIZATIONS = {
    "key pair": {"TRACKDRIVE_PUBLIC_KEY": PUBLIC, "TRACKDRIVE_PRIVATE_KEY": PRIVATE},
    "token": {"TRACKDRIVE_AUTH_TOKEN": TOKEN},
}
SECRETS = {"key pair": (PUBLIC, PRIVATE, BASIC), "token": (TOKEN,)}


@pytest.fixture
def echoing() -> Iterator[Sandbox]:
    """An account that repeats every secret that it gets in its responses."""
    with Sandbox(
        seed=7,
        calls_per_day=40,
        first_day=date(2024, 3, 1),
        now=lambda: NOW,
        public_key=PUBLIC,
        private_key=PRIVATE,
        auth_token=TOKEN,
        echoes_auth_token=True,
    ) as sandbox:
        yield sandbox


def start(sandbox: Sandbox, folder: Path, name: str, partition: str) -> subprocess.Popen[str]:
    """Start a run of all assets for a day, with a Dagster home and a lake in `folder`."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    shutil.copy(INSTANCE_FILE, home)
    command = ["asset", "materialize", "-m", "trackdrive_assets.definitions", "--select", "*"]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "DAGSTER_HOME": str(home),
        "TRACKDRIVE_BASE_URL": sandbox.base_url,
        "TRACKDRIVE_LAKE": str(folder / "lake"),
        "TRACKDRIVE_REQUESTS_PER_SECOND": "0",
        "TRACKDRIVE_STATS_INTERVAL": "1d",
        "TRACKDRIVE_PER_PAGE": "20",
        **AUTHORIZATIONS[name],
    }
    with (folder / f"{partition}.out").open("w") as out, (folder / f"{partition}.err").open("w") as err:
        return subprocess.Popen(
            [sys.executable, "-m", "dagster", *command, "--partition", partition],
            cwd=PROJECT,
            env=environment,
            stdout=out,
            stderr=err,
            text=True,
        )


def test_a_run_keeps_its_secrets_under_all_faults(echoing: Sandbox, tmp_path: Path) -> None:
    folders = {name: tmp_path / name for name in AUTHORIZATIONS}
    for folder in folders.values():
        folder.mkdir()

    for kind in ("500", "502", "html", "drop", "truncated", "429-bare"):
        echoing.inject(kind, every=5)
    runs = [start(echoing, folder, name, DAY) for name, folder in folders.items()]
    assert [run.wait() for run in runs] == [0, 0]

    echo = ", ".join(spelling for secrets in SECRETS.values() for spelling in spellings(secrets))
    echoing.refused_categories["contact_id"] = f"Not for {echo}."
    echoing.inject("401", times=None, every=4, path=STATS)
    for name, folder in folders.items():
        # One run after another, so that each gets both pages.
        echoing.inject("html", times=2, path=CALLS)
        assert start(echoing, folder, name, NEXT_DAY).wait() != 0

    assert {request.authorization for request in echoing.requests} == {"basic", "auth_token"}
    for name, folder in folders.items():
        log = (folder / f"{NEXT_DAY}.err").read_text()
        for proof in ("HTML or XML of", "{category: text(", "401 Unauthorized"):
            assert proof in log, name
        stored = {path.parent.name for path in (folder / "lake").rglob(f"date={DAY}")}
        assert stored == {"calls", "call_changes", "call_totals", "reports", "stats"}
        assert [len(parts_in(folder / "lake" / table)) for table in ("reports", "stats")] == [16, 3]
        assert (folder / "lake" / "trackdrive.duckdb").exists()
        assert leaks_in(folder, SECRETS[name]) == []


def parts_in(table: Path) -> list[bytes]:
    """Return the metadata that names the parts of the day in the folder of a table."""
    (file,) = table.glob(f"date={DAY}/*.parquet")
    return [key for key in pq.read_metadata(file).metadata if key.startswith(b"trackdrive.fetched_at/")]


def spellings(secrets: Iterable[str]) -> set[str]:
    """Return secrets as they appear in text, in a URL, in JSON and on a web page."""
    encodings: tuple[Callable[[str], str], ...] = (
        str,
        quote,
        quote_plus,
        html.escape,
        lambda text: json.dumps(text)[1:-1],
    )
    return {encode(secret) for secret in secrets for encode in encodings}


def leaks_in(folder: Path, secrets: Iterable[str]) -> list[str]:
    """Return the files that contain a secret, in any spelling."""
    return [
        f"{file.relative_to(folder)} has {spelling}"
        for file in folder.rglob("*")
        if file.is_file()
        for content in contents_of(file)
        for spelling in spellings(secrets)
        if spelling.encode() in content
    ]


def contents_of(file: Path) -> Iterator[bytes]:
    """Yield the bytes of a file and, if they are compressed, its values."""
    yield file.read_bytes()
    if file.suffix == ".parquet":
        table = pq.ParquetFile(file).read()
        yield repr([table.to_pylist(), table.schema.metadata]).encode()
    if file.suffix == ".duckdb":
        with duckdb.connect(str(file), read_only=True) as connection:
            for (view,) in connection.sql(
                "SELECT view_name FROM duckdb_views() WHERE schema_name = 'main' AND NOT internal"
            ).fetchall():
                yield repr(connection.sql(f'FROM "{view}"').fetchall()).encode()
            yield repr(connection.sql("SELECT sql, comment FROM duckdb_views()").fetchall()).encode()


@pytest.mark.parametrize("spelling", sorted(spellings([PRIVATE, BASIC, TOKEN])))
def test_the_search_finds_a_secret_in_every_kind_of_file(tmp_path: Path, spelling: str) -> None:
    (tmp_path / "runs.db").write_bytes(b"\x00\xff" + spelling.encode())
    pq.write_table(pa.table({"text": [spelling] * 2}), tmp_path / "day.parquet", compression="zstd")
    with duckdb.connect(str(tmp_path / "trackdrive.duckdb")) as connection:
        connection.sql("CREATE VIEW texts AS SELECT $$" + spelling + "$$ AS text")
    found = {leak.partition(" ")[0] for leak in leaks_in(tmp_path, [PRIVATE, BASIC, TOKEN])}
    assert found == {"runs.db", "day.parquet", "trackdrive.duckdb"}
