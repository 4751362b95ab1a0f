"""A page of calls as a typed batch of the table `calls`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import accumulate, chain, compress, pairwise

import pyarrow as pa

from trackdrive_assets.tables.columns import CALL_KEYS, CALLS, INSTANT, TEXT, TOKENS, Column
from trackdrive_assets.tables.errors import MalformedRow, UnreadableValue
from trackdrive_assets.tables.exclusion import NO_EXCLUSIONS, REQUIRED_COLUMNS, TOKEN_PREFIX, Exclusion
from trackdrive_assets.tables.values import ABSENT, Values, json_text, parse_column, text

Keys = Mapping[str, Sequence[object]]
"""The values of each key in all calls, as decoded from JSON. `ABSENT` where a call lacks the key."""


def parse_calls(
    keys: Keys, length: int, *, fetched_at: datetime, exclude: Exclusion = NO_EXCLUSIONS
) -> pa.RecordBatch:
    """Parse a page of calls.

    Args:
        keys: The values of each key in all calls.
        length: The number of calls.
        fetched_at: When the calls were fetched. It has a time zone.
        exclude: The columns to leave null, and the tags and undocumented keys to leave out.

    Returns:
        A batch with the schema of `CALLS`, and a row for each call in the same order.

    Raises:
        MalformedRow: A value can't be read, or a call lacks its uuid or created_at.
    """
    kept = {key: values for key, values in keys.items() if not exclude.excludes(key)}
    arrays = [
        pa.nulls(length, column.type)
        if exclude.excludes(column.name)
        else _parse_column(column, keys, kept, length, fetched_at)
        for column in CALLS.columns
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=CALLS.schema)


def _parse_column(column: Column, keys: Keys, kept: Keys, length: int, fetched_at: datetime) -> Values:
    match column.name:
        case "tokens":
            return _tokens({key: kept[key] for key in kept if key.startswith(TOKEN_PREFIX)}, length)
        case "extra":
            undocumented = kept.keys() - CALL_KEYS
            return _extra(
                {key: kept[key] for key in undocumented if not key.startswith(TOKEN_PREFIX)}, length
            )
        case "fetched_at":
            return pa.repeat(pa.scalar(fetched_at, INSTANT), length)
    if column.name not in keys and column.name not in REQUIRED_COLUMNS:
        return pa.nulls(length, column.type)
    values = keys.get(column.name) or [ABSENT] * length
    try:
        if column.name in REQUIRED_COLUMNS:
            _require_values(column, values)
        return parse_column(column, values)
    except UnreadableValue as error:
        raise _malformed_call(keys, column, values, error) from error


def _require_values(column: Column, values: Sequence[object]) -> None:
    for position, value in enumerate(values):
        if value is None or value is ABSENT or value == "":
            raise UnreadableValue(position, f"a value, because every call has a {column.name}")


def _malformed_call(
    keys: Keys, column: Column, values: Sequence[object], error: UnreadableValue
) -> MalformedRow:
    uuid = keys["uuid"][error.position] if "uuid" in keys else None
    is_named = isinstance(uuid, str) and uuid != ""
    return MalformedRow(
        f"Call {uuid}" if is_named else f"Call {error.position + 1} of the page",
        column.name,
        values[error.position],
        error.expected,
        uuid=str(uuid) if is_named else None,
    )


def _tokens(tags: Keys, length: int) -> Values:
    """Return the tags of each call as a map, in order of name. A call without tags has null."""
    if not tags:
        return pa.nulls(length, TOKENS)
    keys = sorted(tags)
    names = [key.removeprefix(TOKEN_PREFIX) for key in keys] * length
    rows = list(zip(*(tags[key] for key in keys), strict=True))
    values = list(chain.from_iterable(rows))
    is_present = [value is not ABSENT for value in values]
    ends = list(accumulate((len(keys) - row.count(ABSENT) for row in rows), initial=0))
    # Arrow represents a null map by a null offset.
    offsets = [None if end == following else end for end, following in pairwise([*ends, -1])]
    present = compress(values, is_present)
    return pa.MapArray.from_arrays(
        pa.array(offsets, pa.int32()),
        pa.array(list(compress(names, is_present)), TEXT),
        pa.array([value if type(value) is str else text(value) for value in present], TEXT),
    )


def _extra(undocumented: Keys, length: int) -> Values:
    """Return the keys without a column as JSON text. A call without such keys has null."""
    if not undocumented:
        return pa.nulls(length, TEXT)
    keys = sorted(undocumented)
    rows = (
        {key: value for key, value in zip(keys, row, strict=True) if value is not ABSENT}
        for row in zip(*(undocumented[key] for key in keys), strict=True)
    )
    return pa.array([json_text(row) if row else None for row in rows], TEXT)
