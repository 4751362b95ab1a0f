"""The batches of a day: in memory while there is room, then in a file, and always in order."""

import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from trackdrive_assets.lake.spool import MemoryBudget, Span, Spool, group_overlapping

SCHEMA = pa.schema([("moment", pa.int64()), ("uuid", pa.string())])
LARGE = 1_000_000


def batch_of(*moments: int) -> pa.RecordBatch:
    return pa.record_batch({"moment": moments, "uuid": [f"call-{moment}" for moment in moments]}, SCHEMA)


def moments_in(spool: Spool) -> list[int]:
    return [moment for table in spool.sorted_tables() for moment in table["moment"].to_pylist()]


def test_batches_stay_in_memory_while_there_is_room(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", SCHEMA, "moment", MemoryBudget(LARGE))
    spool.write(batch_of(2))
    spool.write(batch_of(1))
    assert list(tmp_path.iterdir()) == []
    assert moments_in(spool) == [1, 2]


def test_batches_without_room_in_memory_go_to_the_file(tmp_path: Path) -> None:
    budget = MemoryBudget(batch_of(1).nbytes)
    spool = Spool(tmp_path / "spool", SCHEMA, "moment", budget)
    for moment in (3, 2, 1):
        spool.write(batch_of(moment))
    assert (tmp_path / "spool").exists()
    assert moments_in(spool) == [1, 2, 3]


def test_a_closed_spool_frees_its_memory_for_another(tmp_path: Path) -> None:
    budget = MemoryBudget(batch_of(1).nbytes)
    for name in ("first", "second"):
        spool = Spool(tmp_path / name, SCHEMA, "moment", budget)
        spool.write(batch_of(1))
        spool.close()
    assert list(tmp_path.iterdir()) == []


def test_a_column_of_nulls_takes_as_much_memory_as_others(tmp_path: Path) -> None:
    count = 1000
    budget = MemoryBudget(16 * count)
    spool = Spool(tmp_path / "spool", SCHEMA, None, budget)
    spool.write(pa.RecordBatch.from_arrays([pa.nulls(count, type_) for type_ in SCHEMA.types], schema=SCHEMA))
    assert not budget.take(4 * count)


def test_a_batch_in_order_is_not_copied(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", SCHEMA, "moment", MemoryBudget(LARGE))
    batch = batch_of(1, 2, 2, 3)
    spool.write(batch)
    (table,) = spool.sorted_tables()
    assert table["moment"].chunk(0).buffers()[1].address == batch["moment"].buffers()[1].address


@given(st.lists(st.lists(st.integers(0, 1000), max_size=4), max_size=8), st.sampled_from([0, 100, LARGE]))
def test_any_order_of_batches_becomes_sorted(batches: list[list[int]], memory: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        spool = Spool(Path(folder) / "spool", SCHEMA, "moment", MemoryBudget(memory))
        for moments in batches:
            spool.write(batch_of(*moments))
        assert moments_in(spool) == sorted(moment for moments in batches for moment in moments)
        spool.close()


# Spans of batches

spans = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 20)).map(lambda p: (p[0], p[0] + p[1])))


@given(spans)
def test_every_span_is_in_exactly_one_group(found: Sequence[Span]) -> None:
    assert sorted(n for group in group_overlapping(found) for n in group) == list(range(len(found)))


@given(spans)
def test_every_group_ends_before_the_next_begins(found: Sequence[Span]) -> None:
    groups = group_overlapping(found)
    for earlier, later in pairwise(groups):
        assert max(found[n][1] for n in earlier) <= min(found[n][0] for n in later)


@given(spans)
def test_groups_are_as_small_as_possible(found: Sequence[Span]) -> None:
    for group in group_overlapping(found):
        for split in range(1, len(group)):
            before, after = group[:split], group[split:]
            assert max(found[n][1] for n in before) > min(found[n][0] for n in after)
