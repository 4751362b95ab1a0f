"""What is kept out of garbage collection, and for how long."""

import gc

from trackdrive_assets.dagster.garbage import frozen_objects, paused_collection


def test_objects_are_frozen_only_during_the_block() -> None:
    with frozen_objects():
        assert gc.get_freeze_count() > 1000
    assert gc.get_freeze_count() == 0


def test_an_import_collects_nothing_and_its_objects_are_frozen() -> None:
    try:
        with paused_collection():
            assert not gc.isenabled()
        assert gc.isenabled()
        assert gc.get_freeze_count() > 1000
    finally:
        gc.unfreeze()
