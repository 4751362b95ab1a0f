"""A trial of other programs on the same files: Spark, ClickHouse and DataFusion read every table.

`make trial-engines` runs it. It also runs the examples of docs/engines.md. Not here: the queries
(`support/engine_queries.py`), which run in another virtual environment.
"""

import json
import re
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from trackdrive_assets_tests.support import engine_queries
from trackdrive_assets_tests.support.lakes import expected_sums, kinds_of_columns, two_accounts

PAGE = Path(__file__).parents[2] / "docs" / "engines.md"


@click.command()
@click.option("--python", type=Path, required=True, help="The python of the virtual environment.")
def trial(python: Path) -> None:
    """Compare the sums of every table, and run the examples of the page."""
    with TemporaryDirectory() as folder:
        root = Path(folder)
        two_accounts(root)
        expected = expected_sums(root)
        for engine in engine_queries.ENGINES:
            found = run(python, root, engine_queries.__file__, engine, folder)
            answer = json.loads(found)
            click.echo(f"{engine} {answer['version']}: {len(answer['sums'])} tables")
            if answer["sums"] != expected:
                raise SystemExit(f"{engine} finds {answer['sums']}, and the views have {expected}")
        # The page has the paths of an analyst.
        (root / "demo").symlink_to(root / "account=acme")
        (root / "data").symlink_to(root)
        for title, block in examples():
            click.echo(f"{title}: {run(python, root, '-c', block).strip()}")


def run(python: Path, folder: Path, *arguments: str) -> str:
    """Run a program in the other virtual environment, and return its output."""
    done = subprocess.run(
        [python.absolute(), *arguments],
        cwd=folder,
        input=json.dumps(kinds_of_columns()),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout


def examples() -> list[tuple[str, str]]:
    """Return the examples of the page, each with its heading."""
    chapters = re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return [
        (title, block)
        for title, chapter in chapters
        for block in re.findall(r"^```py(?:thon)?\n(.*?)^```$", chapter, re.MULTILINE | re.DOTALL)
    ]


if __name__ == "__main__":
    trial()
