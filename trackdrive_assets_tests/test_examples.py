"""The examples of the README and of `docs/` run on the demo, as they are printed.

Blocks marked `sh`, `python` and `sql` are run. The other blocks are not: they install something, start a
server, or show an output.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import dagster as dg
import duckdb
import pytest

from trackdrive_assets.cli.demo import sandbox_environment

PROJECT = Path(__file__).parents[1]
README = PROJECT / "README.md"
PAGES = [README, *sorted(PROJECT.glob("docs/*.md"))]
BIN = Path(sys.executable).parent
OPTIONAL_PACKAGES = ("matplotlib", "polars", "pyspark", "chdb", "datafusion")
PYTHON_PAGES = [page for page in PAGES if "```python" in page.read_text("utf-8")]


class Block(NamedTuple):
    """A block of code in a page."""

    page: Path
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def blocks(language: str) -> list[Block]:
    """Return the blocks of a language in all pages."""
    return [
        Block(page, text[: match.start()].count("\n") + 1, match[1])
        for page in PAGES
        if (text := page.read_text("utf-8"))
        for match in re.finditer(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    ]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, str]]]:
    """A folder with a demo in it, as after `make demo`, and the environment of its sandbox."""
    path = tmp_path_factory.mktemp("examples")
    command = [str(BIN / "trackdrive"), "demo", "--days", "9"]
    subprocess.run(command, cwd=path, check=True, stdout=subprocess.DEVNULL)
    with sandbox_environment(path / "demo") as environment:
        yield path, environment


@pytest.fixture
def folder(demo: tuple[Path, dict[str, str]], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the demo as the current folder, with the sandbox as the account."""
    path, environment = demo
    monkeypatch.chdir(path)
    monkeypatch.setenv("PATH", str(BIN), prepend=":")
    for name, value in environment.items():
        # A reader's shell has no Dagster home, to which a relative lake would belong.
        if name != "DAGSTER_HOME":
            monkeypatch.setenv(name, value)
    return path


@pytest.mark.parametrize("block", blocks("sh"), ids=str)
def test_a_shell_example_succeeds(block: Block, folder: Path) -> None:
    shell = ["bash", "-euo", "pipefail", "-c", block.text]
    result = subprocess.run(shell, cwd=folder, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout + result.stderr


@pytest.mark.parametrize("block", blocks("sql"), ids=str)
def test_a_query_returns_rows(block: Block, folder: Path) -> None:
    # A block that attaches the file is for a file of the reader's own.
    is_attaching = block.text.startswith("ATTACH")
    file = folder / ("mine.duckdb" if is_attaching else "demo/trackdrive.duckdb")
    with duckdb.connect(file, read_only=not is_attaching) as connection:
        for statement in connection.extract_statements(block.text):
            result = connection.execute(statement)
            # Few calls change between two fetches of the same hour.
            assert (
                result.fetchall() or is_attaching or re.search(r"FROM (call_changes|change_log)", block.text)
            )


@pytest.mark.parametrize(
    "page", sorted({block.page for block in blocks("python")}), ids=lambda page: page.name
)
def test_the_python_examples_of_a_page_run_in_order(page: Path, folder: Path) -> None:
    names: dict[str, Any] = {}
    for block in blocks("python"):
        if block.page != page or any(
            package in block.text and find_spec(package) is None for package in OPTIONAL_PACKAGES
        ):
            continue
        names.pop("defs", None)
        exec(compile(block.text, str(block), "exec"), names)  # noqa: S102  the example itself
        if "defs" in names:
            materialize_own_assets(names["defs"])
    assert names
    assert folder.is_dir()


def materialize_own_assets(definitions: dg.Definitions) -> None:
    """Materialize the assets that an example adds to ours, for the first day of the demo."""
    ours = {"calls", "call_changes", "reports", "stats", "views"}
    own = [key for key in definitions.resolve_all_asset_keys() if ours.isdisjoint(key.path)]
    if not own:
        return
    days = sorted(Path("demo/calls").iterdir())
    job = definitions.resolve_implicit_global_asset_job_def()
    partition = days[0].name.removeprefix("date=") if job.partitions_def else None
    result = job.execute_in_process(asset_selection=own, partition_key=partition)
    assert [event.asset_key for event in result.get_asset_materialization_events()] == own


def test_the_readme_shows_the_result_of_its_first_query(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    query, shown = (
        next(block.text for block in blocks(language) if block.page == README)
        for language in ("python", "text")
    )
    exec(compile(query, "README.md", "exec"), {})  # noqa: S102  the example itself
    # The numbers depend on today. The columns, their types and the names of the buyers do not.
    assert without_numbers(capfd.readouterr().out) == without_numbers(shown)
    assert folder.is_dir()


def without_numbers(table: str) -> list[str]:
    """Return the words of a table."""
    return [word for line in table.splitlines() for word in re.findall(r"[^\W\d]\w*(?: [\w&]+)*", line)]


def test_the_demo_has_every_file_that_the_pages_name(folder: Path) -> None:
    named = {name for page in PAGES for name in re.findall(r"`(demo/[\w./]+\.\w+)`", page.read_text("utf-8"))}
    assert "demo/trackdrive.duckdb" in named
    assert [name for name in sorted(named) if not (folder / name).exists()] == []


def test_every_language_has_examples() -> None:
    assert min(len(blocks(language)) for language in ("sh", "python", "sql")) > 3


def test_examples_import_only_public_names() -> None:
    for block in blocks("python"):
        assert "trackdrive_assets." not in block.text, block
