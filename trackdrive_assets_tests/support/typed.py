"""Calls as the product types them, from rows as the API sends them."""

from collections.abc import Sequence
from datetime import datetime

import pyarrow as pa

from trackdrive_assets.api.rows import Row, Rows
from trackdrive_assets.tables.parse import NOTHING, Exclusion, call_batch


def typed(rows: Sequence[Row], fetched_at: datetime, exclude: Exclusion = NOTHING) -> pa.RecordBatch:
    """A page of calls."""
    return call_batch(Rows.of(rows).columns, len(rows), fetched_at=fetched_at, exclude=exclude)
