"""Answers as a table, CSV, JSON lines or Parquet, on stdout or in a file, batch by batch.

CSV, JSON lines and Parquet are written as the batches come and hold none of them back. Not here: what the
batches are (`questions.py`).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

import click

if TYPE_CHECKING:
    import pyarrow as pa

FORMATS = ("table", "csv", "jsonl", "parquet")


class Writer(Protocol):
    """Takes batches of one schema."""

    def write(self, batch: pa.RecordBatch) -> None:
        """The next."""

    def close(self) -> None:
        """There are no more."""


def chosen_format(asked: str | None, place: Path | None, *, terminal: bool) -> str:
    """What was asked for, else by the name of the file, else a table for a person and CSV for a pipe."""
    if asked is None and place is not None:
        ending = place.suffix.removeprefix(".").lower()
        asked = ending if ending in FORMATS else "csv"
    if asked is None:
        asked = "table" if terminal else "csv"
    if asked == "parquet" and place is None and terminal:
        raise click.UsageError("Parquet is not for a terminal. Give --output FILE, or send it to a pipe.")
    return asked


@contextmanager
def opened(form: str, place: Path | None, schema: pa.Schema) -> Iterator[Writer]:
    """A writer of a format. A file is replaced whole when all is written, or not at all.

    Raises:
        LakeError: The file cannot be written.
    """
    with nullcontext(sys.stdout.buffer) if place is None else _replaced(place) as stream:
        writer = _WRITERS[form](stream, schema)
        yield writer
        writer.close()
        stream.flush()


@contextmanager
def _replaced(place: Path) -> Iterator[BinaryIO]:
    from trackdrive_assets.lake.atomic import atomic_replace  # noqa: PLC0415  # only for files
    from trackdrive_assets.lake.errors import write_error  # noqa: PLC0415  # only for files

    # A device or a named pipe cannot be replaced, only written to.
    aside = place.is_file() or not place.exists()
    new = place.absolute().with_name(f".{place.name}.{os.getpid()}.tmp") if aside else place
    try:
        with new.open("wb") as stream:
            yield stream
    except OSError as error:
        raise write_error("write", place, error.strerror or str(error)) from error
    else:
        if aside:
            atomic_replace(new, place.absolute())
    finally:
        if aside:
            new.unlink(missing_ok=True)


class _Csv:
    def __init__(self, stream: BinaryIO, schema: pa.Schema) -> None:
        import pyarrow as pa  # noqa: PLC0415  # slow to import
        from pyarrow import csv  # noqa: PLC0415  # as above

        self._flat = pa.schema(
            [field.with_type(pa.string()) if pa.types.is_map(field.type) else field for field in schema]
        )
        self._writer = csv.CSVWriter(stream, self._flat)

    def write(self, batch: pa.RecordBatch) -> None:
        import pyarrow as pa  # noqa: PLC0415  # imported by now

        columns = [
            pa.array(map(_json_text, column.to_pylist(maps_as_pydicts="strict")), pa.string())
            if pa.types.is_map(column.type)
            else column
            for column in batch.columns
        ]
        self._writer.write(pa.RecordBatch.from_arrays(columns, schema=self._flat))

    def close(self) -> None:
        self._writer.close()


class _JsonLines:
    def __init__(self, stream: BinaryIO, _: pa.Schema) -> None:
        self._stream = stream

    def write(self, batch: pa.RecordBatch) -> None:
        import msgspec  # noqa: PLC0415  # imported by now

        # Amounts as numbers, with all their digits.
        encoder = msgspec.json.Encoder(decimal_format="number")
        self._stream.write(encoder.encode_lines(batch.to_pylist(maps_as_pydicts="strict")))

    def close(self) -> None:
        """Each line is whole."""


class _Parquet:
    def __init__(self, stream: BinaryIO, schema: pa.Schema) -> None:
        import pyarrow.parquet as pq  # noqa: PLC0415  # slow to import

        self._writer = pq.ParquetWriter(stream, schema, compression="zstd")

    def write(self, batch: pa.RecordBatch) -> None:
        self._writer.write_batch(batch)

    def close(self) -> None:
        self._writer.close()


class _Table:
    """Holds all rows back: how wide a column is shows only at the end."""

    def __init__(self, stream: BinaryIO, schema: pa.Schema) -> None:
        self._stream = stream
        self._names = schema.names
        self._rows: list[list[str]] = []

    def write(self, batch: pa.RecordBatch) -> None:
        self._rows += [
            [shown(row[name]) for name in self._names] for row in batch.to_pylist(maps_as_pydicts="strict")
        ]

    def close(self) -> None:
        self._stream.write(f"{table_text(self._names, self._rows)}\n".encode())


_WRITERS: dict[str, Any] = {"table": _Table, "csv": _Csv, "jsonl": _JsonLines, "parquet": _Parquet}


def table_text(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table that stays one in a mail or a ticket: columns by spaces, one line a row, under a ruled head."""
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
    lines = [names, ["-" * width for width in widths], *rows]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def shown(value: object) -> str:
    """A value in a cell of a table."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return f"{value:.2f}" if value == value.quantize(Decimal("0.01")) else f"{value.normalize():f}"
    if isinstance(value, dict):
        return ", ".join(f"{name}={text}" for name, text in value.items())
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    # One line a row, and nothing that a terminal would obey.
    return "".join(letter if letter.isprintable() else " " for letter in str(value))


def _json_text(value: object) -> str | None:
    import msgspec  # noqa: PLC0415  # imported by now

    return None if value is None else msgspec.json.encode(value).decode()
