"""A page that is decoded and typed in the fast way equals one that is typed value by value."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from trackdrive_assets.api.decoding import UnreadableBody, any_value
from trackdrive_assets.api.envelope import open_envelope
from trackdrive_assets.api.responses import call_rows
from trackdrive_assets.api.rows import RowDecoder
from trackdrive_assets.tables import type_parsers
from trackdrive_assets.tables.calls import parse_calls
from trackdrive_assets.tables.errors import MalformedRow
from trackdrive_assets_tests.support.odd_pages import pages

NOW = datetime(2024, 6, 30, 12, tzinfo=UTC)


def typed(body: bytes, decode: Callable[[Any], Any]) -> pa.RecordBatch | str:
    """Return the calls of a body, or the error."""
    try:
        rows = call_rows(open_envelope(body, decode).content)
        return parse_calls(rows.columns, len(rows), fetched_at=NOW)
    except (MalformedRow, UnreadableBody) as error:
        return f"{type(error).__name__}: {error}"


def typed_by_value(body: bytes) -> pa.RecordBatch | str:
    """Return the calls of a body, or the error, without any decoder or parser of whole columns."""
    with pytest.MonkeyPatch.context() as patch:
        for parser in type_parsers.TypeParser.__subclasses__():
            patch.setattr(parser, "vectorized", lambda *_: None)
        return typed(body, any_value)


@pytest.mark.parametrize("seed", range(40))
def test_pages_are_the_same_in_the_fast_way_as_value_by_value(seed: int) -> None:
    decoder = RowDecoder()
    for body in pages(seed, 20):
        fast, exact = typed(body, decoder.decode), typed_by_value(body)
        assert fast == exact if isinstance(fast, str) or isinstance(exact, str) else fast.equals(exact), body
