"""What changed in a day of calls between two readings: which field of which call, from what to what.

A decision on two tables. Where they are stored, and that a change is recorded once, is the ingest's affair.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from trackdrive_assets.tables.columns import CALL_CHANGES, CALLS, INSTANT, TEXT
from trackdrive_assets.tables.parse import TOKEN, Exclusion

Values: TypeAlias = "pa.Array[Any]"

ReadColumn = Callable[[str], "pa.ChunkedArray[Any]"]
"""Gives one column of a day of calls, whole, every time with the rows in the same order."""

ALWAYS_MOVING = frozenset({"updated_at", "outgoing_webhooks_count", "fetched_at"})
"""Fields that move without anything having happened to the call. They are left out."""

SIGNED = frozenset({"recording_url"})
"""Addresses that may carry a signature behind a `?`, anew in every answer. It is cut off on both sides."""


def call_changes(
    before: ReadColumn,
    after: ReadColumn,
    columns: Sequence[str],
    *,
    read_before: datetime,
    detected_at: datetime,
    exclude: Exclusion,
) -> pa.Table:
    """Compare two readings of one day.

    A call that vanished lost all its values, `uuid` among them; one that appeared gained them. A call that
    started after the earlier reading is new and has not changed.

    Args:
        before: The day as it was stored.
        after: The day as it is now.
        columns: Names of columns that both have.
        read_before: When the earlier reading began.
        detected_at: When the later reading began.
        exclude: What is not to be stored.

    Returns:
        A row per call and field that differ, with the schema of `CALL_CHANGES`. Values are texts that DuckDB
        casts back: instants in UTC, money with its decimals.
    """
    pairs = _Pairs(before("uuid"), after("uuid"), after("created_at"), read_before)
    uuids = pc.coalesce(*pairs.beside(before("uuid"), after("uuid")))
    created_at = pc.coalesce(*pairs.beside(before("created_at"), after("created_at")))

    def table(rows: Values, fields: Values, old: Values, new: Values) -> pa.Table:
        seen = pa.repeat(pa.scalar(detected_at, INSTANT), len(rows))
        arrays = [uuids.take(rows), created_at.take(rows), fields, old, new, seen]
        return pa.Table.from_arrays(arrays, schema=CALL_CHANGES.schema)

    found = [CALL_CHANGES.schema.empty_table()]
    for name in columns:
        if name in ALWAYS_MOVING or exclude.excludes(name):
            continue
        was, now = before(name), after(name)
        if pairs.are_rows and was.equals(now):
            continue
        old, new = pairs.beside(was, now)
        if name in _BAGS:
            found.append(table(*_changes_inside(_BAGS[name], old, new, exclude)))
        else:
            found.append(table(*_changes(name, old, new)))
    return pa.concat_tables(found).sort_by([("created_at", "ascending"), ("uuid", "ascending")])


class _Pairs:
    """Which rows of two readings are one call. Null stands for the row of a call that one of them lacks."""

    def __init__(
        self,
        old_uuids: pa.ChunkedArray[Any],
        new_uuids: pa.ChunkedArray[Any],
        new_created_at: pa.ChunkedArray[Any],
        read_before: datetime,
    ) -> None:
        appeared = pc.and_(
            pc.is_null(pc.index_in(new_uuids, value_set=old_uuids)),
            pc.less(new_created_at, pa.scalar(read_before, INSTANT)),
        )
        late = pc.indices_nonzero(appeared)
        still_there = pc.index_in(old_uuids, value_set=new_uuids)
        self._old = _end_to_end(pa.arange(0, len(old_uuids)), pa.nulls(len(late), pa.int64()))
        self._new = _end_to_end(still_there, late)
        # Usually both readings have the same calls in the same order, and most columns are the same as well.
        self.are_rows = self._new.equals(pa.arange(0, len(new_uuids))) and len(old_uuids) == len(new_uuids)

    def beside(self, old: pa.ChunkedArray[Any], new: pa.ChunkedArray[Any]) -> tuple[Values, Values]:
        """The values of one column, pair by pair."""
        return old.take(self._old).combine_chunks(), new.take(self._new).combine_chunks()


def _end_to_end(*rows: pa.ChunkedArray[Any] | Values) -> Values:
    joined = pa.chunked_array(
        [chunk.cast(pa.int64()) for part in rows for chunk in getattr(part, "chunks", [part])], pa.int64()
    )
    return joined.combine_chunks()


def _differing(old: Values, new: Values) -> Values:
    """Positions at which two columns differ. Null equals null, and nothing else."""
    one_is_null = pc.xor(pc.is_null(old), pc.is_null(new))
    return pc.indices_nonzero(pc.coalesce(pc.not_equal(old, new), one_is_null))


def _changes(name: str, old: Values, new: Values) -> tuple[Values, Values, Values, Values]:
    """Positions, the field, and the values as texts, where a column differs."""
    if name in SIGNED:
        old, new = (pc.replace_substring_regex(values, r"\?.*", "") for values in (old, new))
    rows = _differing(old, new)
    return rows, pa.repeat(name, len(rows)), old.take(rows).cast(TEXT), new.take(rows).cast(TEXT)


@dataclass(frozen=True)
class _Bag:
    """How a column that holds several of the API's fields is taken apart.

    Attributes:
        text: All values as texts that differ where what is inside does.
        fields: What is inside of one value, by the API's name of each field.
    """

    text: Callable[[Values], Values]
    fields: Callable[[Any], Mapping[str, str | None]]


def _changes_inside(
    bag: _Bag, old: Values, new: Values, exclude: Exclusion
) -> tuple[Values, Values, Values, Values]:
    """As `_changes`, field by field."""
    rows = _differing(bag.text(old), bag.text(new))
    found = [
        (row, field, was.get(field), now.get(field))
        for row, was, now in zip(
            rows.to_pylist(),
            map(bag.fields, old.take(rows).to_pylist()),
            map(bag.fields, new.take(rows).to_pylist()),
            strict=True,
        )
        for field in sorted(was.keys() | now.keys())
        if was.get(field) != now.get(field) and not exclude.excludes(field)
    ]
    kinds = (pa.int64(), TEXT, TEXT, TEXT)
    positions, fields, were, are = (
        pa.array([change[n] for change in found], kind) for n, kind in enumerate(kinds)
    )
    return positions, fields, were, are


def _tags_text(tokens: Values) -> Values:
    """The tags of each call as one text. No tags are the same as an empty map."""
    tags = pc.binary_join_element_wise(tokens.keys, pc.fill_null(tokens.items, _NULL), _UNIT)
    return pc.binary_join(pa.ListArray.from_arrays(tokens.offsets, tags), _RECORD)


# Control characters that no tag has, so that no two sets of tags have one text.
_NULL, _RECORD, _UNIT = "\0", "\x1e", "\x1f"


def _tags(tokens: list[tuple[str, str | None]] | None) -> dict[str, str | None]:
    return {TOKEN + name: value for name, value in tokens or ()}


def _unlisted(extra: str | None) -> dict[str, str | None]:
    """The fields that have no column: strings as they are, everything else as JSON."""
    fields = msgspec.json.decode(extra, type=dict[str, msgspec.Raw]) if extra else {}
    texts = {name: bytes(raw).decode() for name, raw in fields.items()}
    return {
        name: msgspec.json.decode(text) if text.startswith('"') else None if text == "null" else text
        for name, text in texts.items()
        # An older version may have kept here what has a column now.
        if name not in CALLS.schema.names
    }


def _as_it_is(extra: Values) -> Values:
    return extra


_BAGS = {"tokens": _Bag(_tags_text, _tags), "extra": _Bag(_as_it_is, _unlisted)}
