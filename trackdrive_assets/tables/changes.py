"""What changed in a day of calls between two fetches: which field of which call, from what to what.

Pure comparison of two tables. Where changes are stored, and how each is recorded once, is in `ingest`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeAlias

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from trackdrive_assets.tables.arrow_types import INSTANT, TEXT
from trackdrive_assets.tables.columns import CALL_CHANGES, CALLS
from trackdrive_assets.tables.exclusion import TOKEN_PREFIX, Exclusion
from trackdrive_assets.tables.type_parsers import Values

ReadColumn: TypeAlias = "Callable[[str], pa.ChunkedArray[Any]]"
"""A function that returns one column of a day of calls. Its rows always have the same order."""

IGNORED_FIELDS = frozenset({"updated_at", "outgoing_webhooks_count", "fetched_at"})
"""Fields that change although nothing happened to the call."""

SIGNED_URLS = frozenset({"recording_url"})
"""URLs that may have a new signature after the `?` in every response. The comparison ignores it."""

# Columns whose values contain several fields of the API.
_NESTED_COLUMNS = frozenset({"tokens", "extra"})

# Control characters that no tag contains, so that different sets of tags have different texts.
_NULL, _RECORD_SEPARATOR, _UNIT_SEPARATOR = "\0", "\x1e", "\x1f"


def call_changes(
    old: ReadColumn,
    new: ReadColumn,
    columns: Sequence[str],
    *,
    old_fetched_at: datetime,
    detected_at: datetime,
    exclude: Exclusion,
) -> pa.Table:
    """Compare two fetches of one day.

    A call that disappeared lost all its values, `uuid` included. A call that appeared gained them. A call
    that was created after the earlier fetch began is new and has not changed.

    Args:
        old: The calls of the earlier fetch.
        new: The calls of the later fetch.
        columns: The columns that both have.
        old_fetched_at: The start of the earlier fetch.
        detected_at: The start of the later fetch.
        exclude: The columns, tags and keys that are not stored.

    Returns:
        A row for each call and field that differ, with the schema of `CALL_CHANGES`. Values are texts that
        DuckDB casts back: instants in UTC, money with its decimals.
    """
    pairs = _Pairs(old("uuid"), new("uuid"), new("created_at"), old_fetched_at)
    uuids = pc.coalesce(*pairs.aligned(old("uuid"), new("uuid")))
    created_at = pc.coalesce(*pairs.aligned(old("created_at"), new("created_at")))
    changes = [CALL_CHANGES.schema.empty_table()]
    for name in columns:
        if name in IGNORED_FIELDS or exclude.excludes(name):
            continue
        old_column, new_column = old(name), new(name)
        if pairs.are_identical and old_column.equals(new_column):
            continue
        old_values, new_values = pairs.aligned(old_column, new_column)
        rows, fields, old_texts, new_texts = (
            _nested_changes(name, old_values, new_values, exclude)
            if name in _NESTED_COLUMNS
            else _changes(name, old_values, new_values)
        )
        detected = pa.repeat(pa.scalar(detected_at, INSTANT), len(rows))
        arrays = [uuids.take(rows), created_at.take(rows), fields, old_texts, new_texts, detected]
        changes.append(pa.Table.from_arrays(arrays, schema=CALL_CHANGES.schema))
    return pa.concat_tables(changes).sort_by([("created_at", "ascending"), ("uuid", "ascending")])


class _Pairs:
    """The rows of two fetches that are the same call. A call that one of them lacks has a null row there.

    Attributes:
        are_identical: Whether both fetches have the same calls in the same order, as is usual.
    """

    def __init__(
        self,
        old_uuids: pa.ChunkedArray[Any],
        new_uuids: pa.ChunkedArray[Any],
        new_created_at: pa.ChunkedArray[Any],
        old_fetched_at: datetime,
    ) -> None:
        appeared = pc.and_(
            pc.is_null(pc.index_in(new_uuids, value_set=old_uuids)),
            pc.less(new_created_at, pa.scalar(old_fetched_at, INSTANT)),
        )
        appeared_rows = pc.indices_nonzero(appeared)
        new_rows_of_old = pc.index_in(old_uuids, value_set=new_uuids)
        self._old_rows = _concat(pa.arange(0, len(old_uuids)), pa.nulls(len(appeared_rows), pa.int64()))
        self._new_rows = _concat(new_rows_of_old, appeared_rows)
        has_same_length = len(old_uuids) == len(new_uuids)
        self.are_identical = has_same_length and self._new_rows.equals(pa.arange(0, len(new_uuids)))

    def aligned(self, old: pa.ChunkedArray[Any], new: pa.ChunkedArray[Any]) -> tuple[Values, Values]:
        """Return the old and the new values of one column, so that equal positions are the same call."""
        return old.take(self._old_rows).combine_chunks(), new.take(self._new_rows).combine_chunks()


def _concat(*rows: pa.ChunkedArray[Any] | Values) -> Values:
    chunks = [chunk.cast(pa.int64()) for part in rows for chunk in getattr(part, "chunks", [part])]
    return pa.chunked_array(chunks, pa.int64()).combine_chunks()


def _differing_rows(old: Values, new: Values) -> Values:
    """Return the positions at which two columns differ. Null equals null and nothing else."""
    one_is_null = pc.xor(pc.is_null(old), pc.is_null(new))
    return pc.indices_nonzero(pc.coalesce(pc.not_equal(old, new), one_is_null))


def _changes(name: str, old: Values, new: Values) -> tuple[Values, Values, Values, Values]:
    """Return the positions at which a column differs, its name, and the values as texts."""
    if name in SIGNED_URLS:
        old, new = (pc.replace_substring_regex(values, r"\?.*", "") for values in (old, new))
    rows = _differing_rows(old, new)
    return rows, pa.repeat(name, len(rows)), old.take(rows).cast(TEXT), new.take(rows).cast(TEXT)


def _nested_texts(name: str, values: Values) -> Values:
    """Return a text for each value of a nested column. Texts differ if the fields in them differ."""
    if name == "extra":
        return values
    # A call without tags and a call with an empty map of tags both have an empty text.
    tags = pc.binary_join_element_wise(values.keys, pc.fill_null(values.items, _NULL), _UNIT_SEPARATOR)
    return pc.binary_join(pa.ListArray.from_arrays(values.offsets, tags), _RECORD_SEPARATOR)


def _nested_fields(name: str, value: Any) -> dict[str, str | None]:
    """Return the fields in a value of a nested column. Strings stay as they are, other values become JSON."""
    if name == "tokens":
        return {TOKEN_PREFIX + tag: text for tag, text in value or ()}
    raw_fields = msgspec.json.decode(value, type=dict[str, msgspec.Raw]) if value else {}
    texts = {field: bytes(raw).decode() for field, raw in raw_fields.items()}
    return {
        field: msgspec.json.decode(text) if text.startswith('"') else None if text == "null" else text
        for field, text in texts.items()
        # An older version may have stored keys here that have a column now.
        if field not in CALLS.schema.names
    }


def _nested_changes(
    name: str, old: Values, new: Values, exclude: Exclusion
) -> tuple[Values, Values, Values, Values]:
    """Return the same as `_changes` for each field inside of a nested column."""
    rows = _differing_rows(_nested_texts(name, old), _nested_texts(name, new))
    found = []
    columns = [part.to_pylist() for part in (rows, old.take(rows), new.take(rows))]
    for row, old_value, new_value in zip(*columns, strict=True):
        before, after = _nested_fields(name, old_value), _nested_fields(name, new_value)
        found += [
            (row, field, before.get(field), after.get(field))
            for field in sorted(before.keys() | after.keys())
            if before.get(field) != after.get(field) and not exclude.excludes(field)
        ]
    positions, fields, old_texts, new_texts = (
        pa.array([change[n] for change in found], type_)
        for n, type_ in enumerate((pa.int64(), TEXT, TEXT, TEXT))
    )
    return positions, fields, old_texts, new_texts
