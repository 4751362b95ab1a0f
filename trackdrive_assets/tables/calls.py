"""A page of calls as a typed batch of the table `calls`."""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import accumulate, chain, compress, pairwise

import msgspec
import pyarrow as pa

from trackdrive_assets.tables.arrow_types import BOOLEAN, INSTANT, TEXT, TOKENS
from trackdrive_assets.tables.columns import CALL_KEYS, CALLS, Column
from trackdrive_assets.tables.errors import MalformedRow, UnreadableValue
from trackdrive_assets.tables.exclusion import NO_EXCLUSIONS, REQUIRED_COLUMNS, TOKEN_PREFIX, Exclusion
from trackdrive_assets.tables.type_parsers import Values, parse_column
from trackdrive_assets.tables.values import ABSENT, is_known_flag, json_text, text

Keys = Mapping[str, Sequence[object]]
"""The values of each key in all calls, as decoded from JSON. `ABSENT` where a call lacks the key."""

_FLAGS = tuple(column.name for column in CALLS.columns if column.arrow_type == BOOLEAN)
# With digits and letters, so that it is neither a name nor a phone number.
_ID = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])[0-9A-Za-z_-]{1,64}")
_TEXT_OR_ABSENT = frozenset({str, type(ABSENT)})


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
        pa.nulls(length, column.arrow_type)
        if exclude.excludes(column.name)
        else _parse_column(column, keys, kept, length, fetched_at)
        for column in CALLS.columns
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=CALLS.schema)


def _parse_column(column: Column, keys: Keys, kept: Keys, length: int, fetched_at: datetime) -> Values:
    match column.name:
        case "tokens":
            return _tokens(keys, {key: kept[key] for key in kept if key.startswith(TOKEN_PREFIX)}, length)
        case "extra":
            undocumented = [key for key in kept.keys() - CALL_KEYS if not key.startswith(TOKEN_PREFIX)]
            return _extra(keys, {**{key: kept[key] for key in undocumented}, **_unknown_words(kept)}, length)
        case "fetched_at":
            return pa.repeat(pa.scalar(fetched_at, INSTANT), length)
    if column.name not in keys and column.name not in REQUIRED_COLUMNS:
        return pa.nulls(length, column.arrow_type)
    values = keys.get(column.name) or [ABSENT] * length
    try:
        if column.name in REQUIRED_COLUMNS:
            _require_values(column, values)
        return parse_column(column, values)
    except UnreadableValue as error:
        raise _malformed_call(
            keys, column.name, error.position, values[error.position], error.expected
        ) from error


def _require_values(column: Column, values: Sequence[object]) -> None:
    for position, value in enumerate(values):
        if value is None or value is ABSENT or value == "":
            raise UnreadableValue(position, f"a value, because every call has a {column.name}")


def _malformed_call(keys: Keys, field: str, position: int, value: object, expected: str) -> MalformedRow:
    uuid = keys["uuid"][position] if "uuid" in keys else None
    # Anything else than an id could be about the caller.
    is_named = isinstance(uuid, str) and bool(_ID.fullmatch(uuid))
    return MalformedRow(
        f"Call {uuid}" if is_named else f"Call {position + 1} of the page",
        field,
        value,
        expected,
        uuid=str(uuid) if is_named else None,
    )


def _unknown_words(kept: Keys) -> Keys:
    """Return the words of the boolean columns that mean neither true nor false, such as `Duplicate`."""
    flags = [name for name in _FLAGS if name in kept and _has_unknown_word(kept[name])]
    return {name: [ABSENT if is_known_flag(value) else value for value in kept[name]] for name in flags}


def _has_unknown_word(values: Sequence[object]) -> bool:
    try:
        # A page has many flags, but few different words.
        return not all(map(is_known_flag, set(values)))
    except TypeError:
        # A list or an object, which no set can have.
        return True


def _tokens(keys: Keys, tags: Keys, length: int) -> Values:
    """Return the tags of each call as a map, in order of name. A call without tags has null."""
    if not tags:
        return pa.nulls(length, TOKENS)
    tag_keys = sorted(tags)
    names = [key.removeprefix(TOKEN_PREFIX) for key in tag_keys] * length
    rows = list(zip(*(_tag_texts(keys, key, tags[key]) for key in tag_keys), strict=True))
    values = list(chain.from_iterable(rows))
    is_present = [value is not ABSENT for value in values]
    ends = list(accumulate((len(tag_keys) - row.count(ABSENT) for row in rows), initial=0))
    # Arrow represents a null map by a null offset.
    offsets = [None if end == following else end for end, following in pairwise([*ends, -1])]
    return pa.MapArray.from_arrays(
        pa.array(offsets, pa.int32()),
        pa.array(list(compress(names, is_present)), TEXT),
        pa.array(list(compress(values, is_present)), TEXT),
    )


def _tag_texts(keys: Keys, key: str, values: Sequence[object]) -> Sequence[object]:
    """Return the values of one tag as texts. `ABSENT` stays."""
    if set(map(type, values)) <= _TEXT_OR_ABSENT:
        return values
    texts: list[object] = []
    for position, value in enumerate(values):
        try:
            texts.append(ABSENT if value is ABSENT else text(value))
        except ValueError as error:
            raise _malformed_call(keys, key, position, value, "a text") from error
    return texts


def _extra(keys: Keys, undocumented: Keys, length: int) -> Values:
    """Return the keys without a column as JSON text. A call without such keys has null."""
    if not undocumented:
        return pa.nulls(length, TEXT)
    names = sorted(undocumented)
    texts: list[str | None] = []
    for position, row in enumerate(zip(*(undocumented[name] for name in names), strict=True)):
        fields = {name: value for name, value in zip(names, row, strict=True) if value is not ABSENT}
        try:
            texts.append(json_text(fields) if fields else None)
        except ValueError as error:
            expected = "values that are not nested so deep"
            raise _malformed_call(keys, "extra", position, fields, expected) from error
    return pa.array(texts, TEXT)


def merge_extra(
    stored: str | None, fetched: str | None, answered: Collection[str], exclude: Exclusion
) -> str | None:
    """Return the column `extra` of a call after a response that may lack some of its keys.

    Args:
        stored: The text in the lake.
        fetched: The text of the response.
        answered: The columns that the response has. A stored word of such a flag is no longer true.
        exclude: The columns, tags and keys that are not stored.
    """
    if exclude.excludes("extra"):
        return None
    old, new = (msgspec.json.decode(text or "{}", type=dict[str, msgspec.Raw]) for text in (stored, fetched))
    kept = {key: value for key, value in old.items() if key not in answered and not exclude.excludes(key)}
    merged = kept | new
    return msgspec.json.encode(merged, order="deterministic").decode() if merged else None
