"""The wheel of this project in virtual environments of its own, without the clone and without a network.

The dependencies are links to the installed ones. An environment has only those that pip would install with
the wheel, so a dependency that the package does not name is missing there.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution
from pathlib import Path
from zipfile import ZipFile

from packaging.requirements import Requirement

from trackdrive_assets_tests.support.ui_driver import free_port, responds

PROJECT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Environment:
    """A virtual environment with the wheel.

    Attributes:
        folder: The folder of the environment.
    """

    folder: Path

    @property
    def home(self) -> Path:
        """The home folder of its commands, which is empty at first."""
        return self.folder / "home"

    @property
    def variables(self) -> dict[str, str]:
        """The variables of a shell in which it is active. Those of pip stay, which name the package index."""
        of_pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        return of_pip | {"PATH": f"{self.folder / 'bin'}:{os.defpath}", "HOME": str(self.home)}

    @property
    def version(self) -> str:
        """The version of the wheel."""
        (packages,) = self.folder.glob("lib/python*/site-packages")
        (installed,) = Distribution.discover(name="trackdrive-assets", path=[str(packages)])
        return installed.version

    @contextmanager
    def serving_ui(self, folder: Path) -> Iterator[str]:
        """Run `trackdrive dev` in a folder until the end of the block, and return the URL of its UI."""
        port = free_port()
        command = [str(self.folder / "bin" / "trackdrive"), "dev", "--port", str(port)]
        log = folder / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(command, cwd=folder, env=self.variables, stdout=output, stderr=output)
        try:
            url = f"http://127.0.0.1:{port}"
            assert responds(f"{url}/server_info", process), log.read_text("utf-8")
            yield url
        finally:
            process.terminate()
            process.wait()

    def run(self, *command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment in a folder."""
        program, *arguments = command
        return subprocess.run(
            [self.folder / "bin" / program, *arguments],
            cwd=cwd,
            env=self.variables,
            capture_output=True,
            text=True,
            check=False,
        )


def build_wheel(folder: Path) -> Path:
    """Build the wheel of this project into a folder."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=PROJECT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def new_environment(python: str, folder: Path, *options: str) -> Environment:
    """Create a virtual environment of a Python, with an empty home folder."""
    subprocess.run([python, "-m", "venv", *options, folder], check=True)
    environment = Environment(folder)
    environment.home.mkdir()
    return environment


def create_environment(folder: Path, wheel: Path, *requirements: str) -> Environment:
    """Install the wheel into a new virtual environment, and link what it and other requirements need.

    Args:
        folder: The folder of the environment.
        wheel: The file of the wheel.
        requirements: What a person would name to pip besides the wheel, such as `dagster-webserver`.
    """
    environment = new_environment(sys.executable, folder, "--without-pip")
    (packages,) = folder.glob("lib/python*/site-packages")
    with ZipFile(wheel) as archive:
        archive.extractall(packages)
    (installed,) = Distribution.discover(name="trackdrive-assets", path=[str(packages)])
    _write_programs(installed, folder)
    for needed in _closure([*(installed.requires or ()), *requirements]):
        for name in {file.parts[0] for file in needed.files or () if file.parts[0] != ".."}:
            link = packages / name
            if not link.exists():
                link.symlink_to(Path(str(needed.locate_file(name))))
        _write_programs(needed, folder)
    return environment


def _closure(requirements: list[str]) -> Iterator[Distribution]:
    """Yield each installed package that these requirements need, directly or not.

    An extra counts only where a requirement names it, as in `uvicorn[standard]`.
    """
    waiting = [(Requirement(text), "") for text in requirements]
    seen: set[tuple[str, str]] = set()
    while waiting:
        requirement, extra = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        needed = distribution(requirement.name)
        for wanted in ("", *requirement.extras):
            if (needed.name, wanted) not in seen:
                seen.add((needed.name, wanted))
                waiting += [(Requirement(text), wanted) for text in needed.requires or ()]
                yield needed


def _write_programs(installed: Distribution, folder: Path) -> None:
    """Write the programs of a package into an environment, as pip does."""
    for entry in installed.entry_points.select(group="console_scripts"):
        program = folder / "bin" / entry.name
        program.write_text(
            f"#!{folder / 'bin' / 'python'}\nfrom {entry.module} import {entry.attr} as main\nmain()\n"
        )
        program.chmod(0o755)
