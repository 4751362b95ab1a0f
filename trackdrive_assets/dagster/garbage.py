"""Garbage collection beside Dagster, whose objects are many and stay until the process ends.

A collection among them takes long, and finds nothing. So they are kept out of it.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def frozen_objects() -> Iterator[None]:
    """Collect only objects that are younger than the block."""
    gc.freeze()
    try:
        yield
    finally:
        # If types of DuckDB stayed frozen, it would print a list of them when the process ends.
        gc.unfreeze()


@contextmanager
def paused_collection() -> Iterator[None]:
    """Collect nothing in the block, and freeze what it leaves: an import makes only objects that stay."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
