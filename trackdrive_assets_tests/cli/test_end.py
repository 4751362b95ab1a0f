"""How the process of a command ends."""

import subprocess
import sys

PROCESS = """
import atexit, sys
from trackdrive_assets import cli

class Garbage:
    def __del__(self):
        print("collected")

garbage = Garbage()
garbage.itself = garbage

def command():
    atexit.register(print, "closed")
    {end}

cli.main = command
cli.run()
"""


def end(statement: str) -> subprocess.CompletedProcess[str]:
    """Run a process whose command ends with a statement."""
    command = [sys.executable, "-c", PROCESS.format(end=statement)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_command_ends_with_its_code_and_collects_nothing() -> None:
    ended = end("sys.stderr.write('an error'); sys.exit(3)")
    assert (ended.returncode, ended.stdout, ended.stderr) == (3, "closed\n", "an error")


def test_a_bug_ends_with_its_traceback_and_1() -> None:
    ended = end("raise RuntimeError('a bug')")
    assert ended.returncode == 1
    assert "RuntimeError: a bug" in ended.stderr
    assert ended.stdout == "closed\ncollected\n"
