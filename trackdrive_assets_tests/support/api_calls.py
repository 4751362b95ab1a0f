"""Calls as the API sends them, and as the table `calls` has them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from trackdrive_assets.api.rows import Row, Rows
from trackdrive_assets.tables.calls import parse_calls
from trackdrive_assets.tables.exclusion import NO_EXCLUSIONS, Exclusion

UUID = "5cc8897c-ad0f-44cb-8ea7-8f7736ae76f1"
NOW = datetime(2024, 6, 30, 12, tzinfo=UTC)


def api_call(**fields: object) -> Row:
    """Return the smallest call of the API, with the fields that matter to the test."""
    return {"uuid": UUID, "created_at": "2024-06-28T21:41:35.977+00:00", **fields}


def parsed(*rows: Row, exclude: Exclusion = NO_EXCLUSIONS) -> list[dict[str, Any]]:
    """Return calls of the API as rows of the table `calls`."""
    rows_of_table: list[dict[str, Any]] = batch_of(rows, NOW, exclude).to_pylist()
    return rows_of_table


def parsed_field(name: str, value: object) -> Any:
    """Return one value of the API as the table `calls` has it."""
    return parsed(api_call(**{name: value}))[0][name]


def batch_of(rows: Sequence[Row], fetched_at: datetime, exclude: Exclusion = NO_EXCLUSIONS) -> pa.RecordBatch:
    """Return calls of the API as a typed batch."""
    return parse_calls(Rows.of(rows).columns, len(rows), fetched_at=fetched_at, exclude=exclude)
