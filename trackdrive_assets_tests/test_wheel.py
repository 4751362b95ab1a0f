"""The wheel works in an empty virtual environment and an empty folder, without the clone."""

from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import duckdb
import pytest

from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets_tests.support.wheel import Environment, build_wheel, create_environment

PROJECT_FILE = """[project]
name = "acme"
version = "1.0"

[tool.dg]
directory_type = "project"

[tool.dg.project]
root_module = "acme"
"""
DEFINITIONS = """from pathlib import Path

from dagster import definitions, load_from_defs_folder


@definitions
def defs():
    return load_from_defs_folder(path_within_project=Path(__file__).parent)
"""
"""What `uvx create-dagster project` writes."""

COMPONENT = """type: trackdrive_assets.TrackdriveAccountComponent
attributes:
  account:
    name: acme
    base_url: {url}
    public_key: "{{{{ env.ACME_PUBLIC_KEY }}}}"
    private_key: "{{{{ env.ACME_PRIVATE_KEY }}}}"
  time_zone: America/New_York
  start_date: "2024-06-01"
  lake: data/account=acme
"""
OWN_ASSET = """import dagster as dg
import pyarrow as pa
from trackdrive_assets import Settings, daily_partitions

days = daily_partitions(Settings(time_zone="America/New_York", start_date="2024-06-01"))


@dg.asset(partitions_def=days, ins={"calls": dg.AssetIn(["acme", "calls"])})
def long_calls(calls: pa.Table) -> dg.MaterializeResult:
    return dg.MaterializeResult(metadata={"calls": calls.num_rows})
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this project."""
    return build_wheel(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Environment:
    """An environment as after `pip install trackdrive-assets`."""
    return create_environment(tmp_path_factory.mktemp("core") / "venv", wheel)


@pytest.fixture(scope="module")
def with_ui(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Environment:
    """An environment as after `pip install 'trackdrive-assets[ui]' dagster-dg-cli`."""
    folder = tmp_path_factory.mktemp("ui") / "venv"
    return create_environment(folder, wheel, "dagster-webserver", "dagster-dg-cli")


def test_the_core_runs_the_demo_with_the_instance_file_of_the_package(
    core: Environment, tmp_path: Path
) -> None:
    process = core.run("trackdrive", "demo", "--days", "2", cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    assert "Install it: pip install 'trackdrive-assets[ui]'\n" in process.stdout
    with duckdb.connect(tmp_path / "demo" / "trackdrive.duckdb", read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM calls").fetchall() > [(0,)]
    instance_file = (tmp_path / "demo" / ".dagster" / "dagster.yaml").resolve()
    assert instance_file.is_relative_to(core.folder)
    assert "telemetry:\n  enabled: false" in instance_file.read_text("utf-8")


def test_the_core_names_its_version_and_validates_its_definitions(core: Environment, tmp_path: Path) -> None:
    version = core.run("trackdrive", "--version", cwd=tmp_path)
    assert core.version in version.stdout
    validate = ["definitions", "validate", "-m", "trackdrive_assets.definitions"]
    process = core.run("dagster", *validate, cwd=tmp_path)
    assert process.returncode == 0, process.stderr


def test_without_its_extra_the_ui_is_a_sentence_with_the_command(core: Environment, tmp_path: Path) -> None:
    process = core.run("trackdrive", "dev", cwd=tmp_path)
    assert process.returncode == 1
    assert "pip install 'trackdrive-assets[ui]'" in process.stderr
    assert list(tmp_path.iterdir()) == []


def test_with_the_extra_the_ui_is_served_from_an_empty_folder(with_ui: Environment, tmp_path: Path) -> None:
    with with_ui.serving_ui(tmp_path) as url, urlopen(url) as page:  # noqa: S310  loopback
        assert "Dagster" in page.read().decode()
    with pytest.raises(URLError):
        urlopen(url)  # noqa: S310  loopback


def test_a_project_runs_a_component_and_an_asset_of_its_own(
    with_ui: Environment, sandbox: Sandbox, tmp_path: Path
) -> None:
    files = {
        "pyproject.toml": PROJECT_FILE,
        ".env": f"ACME_PUBLIC_KEY={sandbox.public_key}\nACME_PRIVATE_KEY={sandbox.private_key}\n",
        "acme/__init__.py": "",
        "acme/definitions.py": DEFINITIONS,
        "acme/defs/account/defs.yaml": COMPONENT.format(url=sandbox.base_url),
        "acme/defs/long_calls.py": OWN_ASSET,
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    process = with_ui.run(
        *("dg", "launch", "--assets", "acme/calls,long_calls", "--partition", "2024-06-03"), cwd=tmp_path
    )
    assert process.returncode == 0, process.stderr
    assert (tmp_path / "data/account=acme/calls/date=2024-06-03/calls.parquet").exists()
    assert "ASSET_MATERIALIZATION - Materialized value long_calls" in process.stderr
