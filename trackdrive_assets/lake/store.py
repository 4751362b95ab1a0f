"""The lake: one Parquet file for each table and day, replaced as a whole, and read back.

`Lake` reads. `ClaimedLake` writes too; `ownership.claim` returns it. The paths of files are in `layout`, the
writing of a day is in `day_writer`, and the DuckDB file over all days is in `database`.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from trackdrive_assets.lake.atomic import staging_dir
from trackdrive_assets.lake.day_file import DayFile, conform, existing_columns
from trackdrive_assets.lake.day_parts import Part, read_part, replace_parts
from trackdrive_assets.lake.day_writer import DayWriter, WriteResult
from trackdrive_assets.lake.errors import (
    LakeError,
    UnusableLakeError,
    translate_os_errors,
    translate_read_errors,
)
from trackdrive_assets.lake.identity import LakeClaim, LakeIdentity
from trackdrive_assets.lake.layout import LAYOUT, candidates, day_of, day_path, is_day

_MAX_DAYS_SHOWN = 5


class Lake:
    """The folder of Parquet files, for reading.

    Args:
        root: The folder. It may not exist yet.

    Raises:
        UnusableLakeError: `root` is the URL of an object store, or has a name that DuckDB can't handle.
    """

    def __init__(self, root: str | Path) -> None:
        if "://" in str(root):
            raise UnusableLakeError(
                # The rest of the URL can contain a secret.
                f"TRACKDRIVE_LAKE is a URL with {str(root).partition('://')[0]}://. Object stores are not "
                "supported yet. Set it to a folder."
            )
        self.root = Path(root).expanduser().absolute()
        if "?" in str(self.root):
            raise UnusableLakeError(
                f"TRACKDRIVE_LAKE is {str(root)!r}. DuckDB can't write below a folder with a ? in its name. "
                "Choose another folder."
            )
        # Unlike `Path.is_file`, it is False for a folder that may not be read.
        is_file = os.path.isfile
        if files := [part for part in (self.root, *self.root.parents) if is_file(part)]:
            raise UnusableLakeError(
                f"TRACKDRIVE_LAKE is {str(root)!r}, and {files[0]} is a file. Set it to a folder."
            )
        # DuckDB finds hive keys anywhere in a path, and would mistake this one for the column.
        keys = {"date", *(layout.part_column for layout in LAYOUT.values())}
        if parts := [part for part in self.root.parts if part.partition("=")[0] in keys and "=" in part]:
            raise UnusableLakeError(
                f"TRACKDRIVE_LAKE is {self.root}. Choose a folder without {parts[0]!r} in its path."
            )

    def file(self, table: str, day: date) -> Path:
        """Return the path of a day's file. The file may not exist. `table` is a name in `LAYOUT`."""
        return self.root / day_path(table, day)

    def days(self, table: str) -> list[date]:
        """Return the days that have a file, in ascending order."""
        found = candidates(self.root, table)
        return [day for path in found if is_day(path) and (day := day_of(path))]

    def files(self) -> Iterator[Path]:
        """Yield the files of all days of all tables."""
        for table in LAYOUT:
            yield from filter(is_day, candidates(self.root, table))

    def read(
        self,
        table: str,
        schema: pa.Schema,
        days: Sequence[date],
        columns: Sequence[str] | None = None,
        part: str | None = None,
    ) -> pa.Table:
        """Read days in the given order.

        Args:
            table: A name in `LAYOUT`.
            schema: The schema of the result. A column that an older file lacks is null.
            days: The dates of the partitions.
            columns: A selection of the schema's columns. The default is all of them.
            part: The only part to read of each day, like `buyer_id` of the reports. The default is all.

        Raises:
            LakeError: A day has no file or lacks the part, or its file can't be read.
        """
        wanted = schema if columns is None else pa.schema([schema.field(name) for name in columns])
        tables = {day: self.stored(table, wanted, day, part) for day in days}
        if missing := [day.isoformat() for day, rows in tables.items() if rows is None]:
            name = table if part is None else f"{table}/{part}"
            dates = ", ".join(missing[:_MAX_DAYS_SHOWN]) + (" …" if len(missing) > _MAX_DAYS_SHOWN else "")
            raise LakeError(
                f"{name} is missing for {len(missing)} of the {len(tables)} requested days: {dates}. "
                f"Materialize these partitions of the asset {name} first (lake: {self.root})."
            )
        return pa.concat_tables(
            [wanted.empty_table(), *(rows for rows in tables.values() if rows is not None)]
        )

    def batches(self, table: str, schema: pa.Schema, day: date) -> Iterator[pa.RecordBatch]:
        """Read a day batch by batch, so that it is never complete in memory.

        A column of the schema that an older file lacks is null.

        Raises:
            LakeError: The file can't be read.
        """
        file = self.file(table, day)
        with translate_read_errors(file), pq.ParquetFile(file) as parquet:
            for batch in parquet.iter_batches(columns=existing_columns(parquet.schema_arrow, schema)):
                yield from conform(pa.Table.from_batches([batch]), schema).to_batches()

    def stored(self, table: str, schema: pa.Schema, day: date, part: str | None = None) -> pa.Table | None:
        """Return the rows of a day, or of a part of it. None if it is not stored."""
        path = self.file(table, day)
        if not path.exists():
            return None
        with DayFile(path) as file:
            if part is None:
                return file.read(schema)
            return read_part(file, str(LAYOUT[table].part_column), part, schema)


class ClaimedLake(Lake):
    """The lake of an account, for reading and writing. Its first day creates `lake.json`.

    Args:
        root: The folder. It is created when the first day is written.
        identity: The account and the time zone of every day that is written.
    """

    def __init__(self, root: Path, identity: LakeIdentity) -> None:
        super().__init__(root)
        self.claim = LakeClaim(self.root, identity)

    def set_apart(self, file: Path) -> Path:
        """Move a damaged file out of its table, where no program reads it, and return its new path."""
        moment = f"{datetime.now(UTC):%Y-%m-%dT%H%M%S.%f}"
        path = self.root / "damaged" / f"{file.parent.name}.{moment}.{file.name}"
        with translate_os_errors("move", file):
            path.parent.mkdir(exist_ok=True)
            return file.replace(path)

    @contextmanager
    def replace(
        self,
        table: str,
        schema: pa.Schema,
        day: date,
        *,
        sort_by: str | None = None,
        fetched_at: datetime | None = None,
    ) -> Iterator[DayWriter]:
        """Replace a day as a whole at the end of the block. If the block raises, nothing changes.

        A day that was fetched after `fetched_at` stays, and the rows of this writer are dropped. `stage`
        describes the arguments and the errors.
        """
        with self.stage(table, schema, day, sort_by=sort_by, fetched_at=fetched_at) as writer:
            yield writer
            with writer.locked() as current:
                if current and is_superseded(current, writer.fetched_at):
                    writer.keep(current)
                    return
                with writer.save(current):
                    writer.commit()

    @contextmanager
    def stage(
        self,
        table: str,
        schema: pa.Schema,
        day: date,
        *,
        sort_by: str | None = None,
        fetched_at: datetime | None = None,
    ) -> Iterator[DayWriter]:
        """Open a writer of a day, which replaces nothing until its `commit`. Its temporary files are removed.

        Args:
            table: A name in `LAYOUT`.
            schema: The schema of every batch and of the file.
            day: The partition.
            sort_by: The column by which the file is sorted. None keeps the order of writing.
            fetched_at: The start of the fetch. The default is now.

        Raises:
            LakeError: The file can't be written, or the lake became that of another account or time zone. The
                current file is unchanged.
        """
        path = self.file(table, day)
        started_at = fetched_at or datetime.now(UTC)
        with staging_dir(path) as staging:
            writer = DayWriter(
                path, staging, schema, sort_by=sort_by, fetched_at=started_at, claim=self.claim
            )
            try:
                yield writer
            finally:
                writer.close()

    def replace_parts(
        self, table: str, schema: pa.Schema, day: date, parts: Mapping[str, Part]
    ) -> Mapping[str, WriteResult]:
        """Replace parts of a day, and keep its other parts.

        A part that was fetched after the new one stays.

        Args:
            table: A table in `LAYOUT` whose days have parts.
            schema: The schema of the file and of the rows of every part.
            day: The partition.
            parts: The new parts by name.

        Returns:
            The result of each part.

        Raises:
            LakeError: The file can't be written, or the lake became that of another account or time zone. The
                current file is unchanged.
        """
        column = str(LAYOUT[table].part_column)
        return replace_parts(self.file(table, day), schema, column, parts, self.claim)


def is_superseded(current: DayFile, started_at: datetime) -> bool:
    """Return whether the current file of a day is from a fetch that began after `started_at`."""
    info = current.fetch_info
    return info is not None and info.is_later_than(started_at, datetime.now(UTC))


def is_patched_since(current: DayFile, started_at: datetime) -> bool:
    """Return whether the current file of a day has single rows that were fetched after `started_at`."""
    info = current.fetch_info
    return info is not None and info.was_patched_since(started_at, datetime.now(UTC))
