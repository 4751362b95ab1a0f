"""The output of commands: a table, CSV, JSON lines, Parquet or Excel, on stdout or in a file; a progress bar.

All but a table are written batch by batch. A table is written at the end, because the widths of its columns
depend on all rows. Not here: the cells of Excel (`excel.py`).
"""

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import datetime
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

import click
import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import csv
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from trackdrive_assets.cost import count_of
from trackdrive_assets.lake.atomic import open_replacement

_FORMULA = r"\A([=+\-@\t\r\n\x{ff1d}\x{ff0b}\x{ff0d}\x{ff20}])"
FORMATS = ("table", "csv", "jsonl", "parquet", "xlsx")
ENDINGS = {f".{name}": name for name in FORMATS if name != "table"}

_BINARY = {"parquet": "Parquet", "xlsx": "an Excel file"}


class Writer(ABC):
    """A writer of batches with the same schema."""

    @abstractmethod
    def write(self, batch: pa.RecordBatch) -> None:
        """Write a batch."""

    @abstractmethod
    def close(self) -> None:
        """Write what is left."""


def choose_format(requested: str | None, output: Path | None, *, is_terminal: bool) -> str:
    """Return the requested format, or that of the file's name, or a table in a terminal and CSV in a pipe.

    Raises:
        click.UsageError: The ending of the file names no format, a terminal can't show the format, or the
            package that writes it is not installed.
    """
    chosen = requested or _format_of(output) or ("table" if is_terminal and output is None else "csv")
    if chosen in _BINARY and output is None and is_terminal:
        raise click.UsageError(f"A terminal can't show {_BINARY[chosen]}. Use --output FILE or a pipe.")
    if chosen == "xlsx" and find_spec("xlsxwriter") is None:
        raise click.UsageError(
            "Excel files need xlsxwriter, which is not installed: pip install 'trackdrive-assets[excel]'. "
            "Excel opens .csv too."
        )
    return chosen


def _format_of(output: Path | None) -> str | None:
    """Return the format that the ending of a file names. A device, such as /dev/null, has no ending."""
    ending = output.suffix.lower() if output else ""
    if ending and ending not in ENDINGS:
        *others, last = ENDINGS
        raise click.BadParameter(
            f"no format has the ending {ending!r}. Use {', '.join(others)} or {last}, or name the format "
            "with --format.",
            param_hint="--output",
        )
    return ENDINGS.get(ending)


@contextmanager
def open_writer(format_: str, output: Path | None, schema: pa.Schema, *, time_zone: str) -> Iterator[Writer]:
    """Open a writer. If the block raises, the file is unchanged.

    Args:
        format_: One of `FORMATS`.
        output: The file. None means stdout.
        schema: The schema of every batch.
        time_zone: The IANA name of the time zone of an Excel file. The other formats have instants in UTC.

    Raises:
        LakeError: The file cannot be written.
    """
    with nullcontext(sys.stdout.buffer) if output is None else open_replacement(output) as stream:
        with _writer(format_, stream, schema, time_zone) as writer:
            yield writer
            writer.close()
        stream.flush()


@contextmanager
def _writer(format_: str, stream: BinaryIO, schema: pa.Schema, time_zone: str) -> Iterator[Writer]:
    match format_:
        case "csv":
            yield _CsvWriter(stream, schema)
        case "jsonl":
            yield _JsonLinesWriter(stream)
        case "parquet":
            yield _ParquetWriter(stream, schema)
        case "xlsx":
            # It imports xlsxwriter, which is an extra of the package.
            from trackdrive_assets.cli.excel import open_excel_writer  # noqa: PLC0415

            with open_excel_writer(stream, schema, time_zone) as writer:
                yield writer
        case _:
            yield _TableWriter(stream, schema)


def on_clock(batch: pa.RecordBatch, time_zone: str) -> pa.RecordBatch:
    """Return a batch whose instants are times on the clock of a time zone, without an offset."""
    columns = [
        _local_times(column, time_zone) if pa.types.is_timestamp(column.type) and column.type.tz else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _local_times(instants: pa.Array, time_zone: str) -> pa.Array:
    """Return local times. In the first and the last year they stay in UTC, where all of them exist."""
    times = instants.cast(pa.timestamp("us"))
    local = pc.local_timestamp(instants.cast(pa.timestamp("us", time_zone)))
    has_local = pc.and_(pc.greater(pc.year(times), 1), pc.less(pc.year(times), 9999))
    return pc.if_else(has_local, local, times)


class _CsvWriter(Writer):
    def __init__(self, stream: BinaryIO, schema: pa.Schema) -> None:
        self._schema = pa.schema(
            [field.with_type(pa.string()) if pa.types.is_nested(field.type) else field for field in schema]
        )
        self._writer = csv.CSVWriter(stream, self._schema)

    def write(self, batch: pa.RecordBatch) -> None:
        columns = [_csv_column(column) for column in batch.columns]
        self._writer.write(pa.RecordBatch.from_arrays(columns, schema=self._schema))

    def close(self) -> None:
        self._writer.close()


def _csv_column(column: pa.Array) -> pa.Array:
    """Return a column of CSV. A map or a list is JSON, and a text that a spreadsheet would run is escaped.

    Spreadsheets run a cell that begins with one of some characters as a formula. A quote in front of it makes
    it text. A phone number is no formula, and a column of numbers has no text.
    """
    if pa.types.is_nested(column.type):
        return pa.array(map(json_text, column.to_pylist(maps_as_pydicts="strict")), pa.string())
    if not pa.types.is_string(column.type):
        return column
    is_phone_number = pc.match_substring_regex(column, r"^\+[0-9]{5,15}$")
    return pc.if_else(is_phone_number, column, pc.replace_substring_regex(column, _FORMULA, r"'\1"))


class _JsonLinesWriter(Writer):
    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        # Money as numbers with all their digits.
        self._encoder = msgspec.json.Encoder(decimal_format="number")

    def write(self, batch: pa.RecordBatch) -> None:
        self._stream.write(self._encoder.encode_lines(batch.to_pylist(maps_as_pydicts="strict")))

    def close(self) -> None:
        """Every line is already complete."""


class _ParquetWriter(Writer):
    def __init__(self, stream: BinaryIO, schema: pa.Schema) -> None:
        self._writer = pq.ParquetWriter(stream, schema, compression="zstd")

    def write(self, batch: pa.RecordBatch) -> None:
        self._writer.write_batch(batch)

    def close(self) -> None:
        self._writer.close()


class _TableWriter(Writer):
    def __init__(self, stream: BinaryIO, schema: pa.Schema) -> None:
        self._stream = stream
        self._names = schema.names
        self._rows: list[list[str]] = []

    def write(self, batch: pa.RecordBatch) -> None:
        rows = batch.to_pylist(maps_as_pydicts="strict")
        self._rows += [[cell_text(row[name]) for name in self._names] for row in rows]

    def close(self) -> None:
        self._stream.write(f"{table_text(self._names, self._rows)}\n".encode())


def describe_written(count: int, noun: str, output: Path) -> str:
    """Return the sentence about a file that was written, like `4,020 calls in june.parquet`."""
    return f"{count_of(count, noun)} in {click.format_filename(output)}."


def table_text(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of plain text, with a line for each row and spaces between the columns."""
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
    lines = [names, ["-" * width for width in widths], *rows]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def cell_text(value: object) -> str:
    """Return the text of a value in a cell of a table."""
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
    # A row is one line, and contains no control characters that a terminal would interpret.
    return "".join(character if character.isprintable() else " " for character in str(value))


def json_text(value: object) -> str | None:
    """Return a value as JSON. None stays None."""
    return None if value is None else msgspec.json.encode(value).decode()


@contextmanager
def progress_bar(noun: str, *, is_hidden: bool) -> Iterator[Callable[[int, int | None], None]]:
    """Show a progress bar on stderr during the block, if stderr is a terminal.

    Returns:
        A function that shows how many are done, and how many are expected.
    """
    with Progress(
        TextColumn(noun),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=is_hidden or not sys.stderr.isatty(),
    ) as progress:
        task = progress.add_task(noun, total=None)
        yield lambda done, expected: progress.update(task, completed=done, total=expected)
