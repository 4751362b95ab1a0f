"""A trial of the wheel: pip installs it from the package index, on each Python, without and with all extras.

`make trial-wheel` runs it. `test_wheel.py` tries more with the wheel, on one Python and without a network.
"""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import click

from trackdrive_assets_tests.support.wheel import Environment, build_wheel, new_environment

PYTHONS = ("python3.11", "python3.12", "python3.13", "python3.14")
MODULES_OF_EXTRAS = ("dagster_webserver", "pandas", "polars", "xlsxwriter", "obstore", "dagster_postgres")
STEPS = (
    ("trackdrive", "--version"),
    ("trackdrive", "demo", "--days", "2"),
    ("dagster", "definitions", "validate", "-m", "trackdrive_assets.definitions"),
)


@click.command()
@click.argument("pythons", nargs=-1)
def trial(pythons: tuple[str, ...]) -> None:
    """Install the wheel on each of PYTHONS, by default on those that are found by name."""
    found = pythons or tuple(python for python in PYTHONS if _is_installed(python))
    with tempfile.TemporaryDirectory() as name:
        wheel = build_wheel(Path(name) / "dist")
        for python in found:
            for extra in ("", "[all]"):
                _try(python, wheel, extra, Path(name) / f"{Path(python).name}{extra}")


def _is_installed(python: str) -> bool:
    """Return whether a Python of this name runs. A shim of pyenv is found by name, and may not run."""
    return shutil.which(python) is not None and not subprocess.run([python, "-c", ""], check=False).returncode


def _try(python: str, wheel: Path, extra: str, folder: Path) -> None:
    """Install the wheel into a new virtual environment, and run its commands in an empty folder."""
    environment = new_environment(python, folder)
    packages = _succeeds(environment, "python", "-m", "pip", "install", f"{wheel}{extra}")
    installed = re.findall(r"^Successfully installed (.*)$", packages, re.MULTILINE)[0].split()
    for step in STEPS:
        _succeeds(environment, *step)
    check = f"from importlib.util import find_spec as f; print(*map(bool, map(f, {MODULES_OF_EXTRAS})))"
    has_extras = set(_succeeds(environment, "python", "-c", check).split())
    assert has_extras == {str(bool(extra))}, has_extras
    if extra:
        with environment.serving_ui(environment.home):
            pass
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file() and not file.is_symlink())
    click.echo(f"{python}, trackdrive-assets{extra}: {len(installed)} packages, {size / 1e6:.0f} MB")


def _succeeds(environment: Environment, *command: str) -> str:
    """Run a program of the environment, and return its output."""
    process = environment.run(*command, cwd=environment.home)
    if process.returncode:
        raise click.ClickException(f"{' '.join(command)}\n{process.stdout}{process.stderr}")
    return process.stdout


if __name__ == "__main__":
    trial()
