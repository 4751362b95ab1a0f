"""Locks in files of the Dagster home, for an instance whose runs are all on one machine.

The operating system releases them when their process ends, however it ends. What the locks are for is in
`locks.py`.
"""

import fcntl
import os
from pathlib import Path

import dagster as dg

_LIVENESS_SUFFIX = ".alive"


class FileLocks:
    """The locks that are taken together, and released together at the latest.

    Args:
        instance: The instance whose home contains the files.

    Attributes:
        is_lost: Whether this process has lost locks while it held them. Files are not lost.
    """

    is_lost = False

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._folder = Path(instance.root_directory) / "trackdrive_runs"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._descriptors: dict[str, int] = {}

    def acquire(self, name: str) -> None:
        """Take a lock. Wait until no other process has it."""
        fcntl.flock(self._open(name), fcntl.LOCK_EX)

    def try_acquire(self, name: str) -> bool:
        """Take a lock. Return whether it was free."""
        try:
            fcntl.flock(self._open(name), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def release(self, name: str) -> None:
        """Release a lock."""
        os.close(self._descriptors.pop(name))

    def close(self) -> None:
        """Release all locks."""
        for name in list(self._descriptors):
            self.release(name)

    def watch(self) -> None:
        """Do nothing, because these locks are not lost."""

    def acquire_liveness(self, run_id: str) -> None:
        """Take the liveness lock of a run, and leave a file that shows it."""
        self.acquire(run_id + _LIVENESS_SUFFIX)

    def try_acquire_liveness(self, run_id: str) -> bool:
        """Take the liveness lock of a run. Return whether it was free."""
        return self.try_acquire(run_id + _LIVENESS_SUFFIX)

    def runs_with_liveness(self) -> set[str]:
        """Return the runs that took their liveness lock, whether their processes live or not."""
        return {path.stem for path in self._folder.glob(f"*{_LIVENESS_SUFFIX}")}

    def release_liveness(self, run_id: str) -> None:
        """Release the liveness lock of a run that has ended, and remove its file."""
        (self._folder / f"{run_id}{_LIVENESS_SUFFIX}").unlink()
        self.release(run_id + _LIVENESS_SUFFIX)

    def _open(self, name: str) -> int:
        if name not in self._descriptors:
            self._descriptors[name] = os.open(self._folder / name, os.O_CREAT | os.O_WRONLY)
        return self._descriptors[name]
