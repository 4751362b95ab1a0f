"""The lake: one Parquet file for each table and day, replaced as a whole, and read back.

`Lake` reads. `ClaimedLake` writes too; `ownership.claim` returns it. The keys of files are in `layout`, the
kinds of storage in `local_storage` and `object_storage`. The writing of a day is in `day_writer`, and the
DuckDB file over all days in `database`.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa

from trackdrive_assets.lake.day_file import DayFile
from trackdrive_assets.lake.day_parts import Part, read_part, replace_parts
from trackdrive_assets.lake.day_writer import DayWriter, WriteResult
from trackdrive_assets.lake.errors import DamagedFileError, LakeError, UnusableLakeError
from trackdrive_assets.lake.identity import LakeClaim, LakeIdentity
from trackdrive_assets.lake.layout import LAYOUT, candidates, day_key, day_of, is_day
from trackdrive_assets.lake.local_storage import LocalStorage
from trackdrive_assets.lake.storage import ListedFile, Storage

_MAX_DAYS_SHOWN = 5


class Lake:
    """The Parquet files, for reading.

    Args:
        root: The folder, or the URL of an object store, like `s3://bucket/prefix`. It may not exist yet.

    Attributes:
        storage: The storage of the files.
        root: The folder or the URL, for people.

    Raises:
        UnusableLakeError: `root` can't be a lake, or what its object store needs is not installed.
    """

    def __init__(self, root: str | Path) -> None:
        self.storage = open_storage(root)
        self.root = self.storage.root
        # DuckDB finds hive keys anywhere in a path, and would mistake this one for the column.
        keys = {"date", *(layout.part_column for layout in LAYOUT.values())}
        parts = self.root.split("/")
        if mistaken := [part for part in parts if part.partition("=")[0] in keys and "=" in part]:
            raise UnusableLakeError(
                f"TRACKDRIVE_LAKE is {self.root}. Choose a folder without {mistaken[0]!r} in its path."
            )

    def days(self, table: str) -> list[date]:
        """Return the days that have a file, in ascending order."""
        found = filter(is_day, candidates(self.storage, table))
        return [day for file in found if (day := day_of(file.key))]

    def files(self) -> Iterator[ListedFile]:
        """Yield the files of all days of all tables."""
        for table in LAYOUT:
            yield from filter(is_day, candidates(self.storage, table))

    @contextmanager
    def open_day(self, table: str, day: date) -> Iterator[DayFile | None]:
        """Open the file of a day. None if it does not exist.

        Raises:
            DamagedFileError: The file is not readable Parquet.
            LakeError: The file can't be opened.
        """
        with self.open_file(day_key(table, day)) as file:
            yield file

    @contextmanager
    def open_file(self, key: str) -> Iterator[DayFile | None]:
        """Open the file of a day by its key. None if it does not exist."""
        with self.storage.open(key) as snapshot:
            if snapshot is None:
                yield None
                return
            with DayFile(snapshot.path, self.storage.url(key)) as file:
                yield file

    def damage_named_in(self, message: str) -> DamagedFileError | None:
        """Return the error of the damaged file that an error of DuckDB names. None if it names none."""
        for file in self.files():
            if file.key in message:
                try:
                    with self.open_file(file.key):
                        pass
                except DamagedFileError as error:
                    return error
        return None

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

    def stored(self, table: str, schema: pa.Schema, day: date, part: str | None = None) -> pa.Table | None:
        """Return the rows of a day, or of a part of it. None if it is not stored."""
        with self.open_day(table, day) as file:
            if file is None or part is None:
                return file and file.read(schema)
            return read_part(file, str(LAYOUT[table].part_column), part, schema)


def open_storage(root: str | Path) -> Storage:
    """Return the storage of a folder or of the URL of an object store.

    Raises:
        UnusableLakeError: It can't have a lake, or what its object store needs is not installed.
    """
    if "://" not in str(root):
        return LocalStorage(root)
    # An extra installs what it imports.
    from trackdrive_assets.lake.object_storage import ObjectStorage  # noqa: PLC0415

    return ObjectStorage(str(root))


class ClaimedLake(Lake):
    """The lake of an account, for reading and writing. Its first day creates `lake.json`.

    Args:
        root: The folder or the URL. A folder is created when the first day is written.
        identity: The account and the time zone of every day that is written.
    """

    def __init__(self, root: str | Path, identity: LakeIdentity) -> None:
        super().__init__(root)
        self.claim = LakeClaim(self.storage, identity)

    def keep_damaged(self, table: str, day: date) -> str:
        """Copy a damaged file out of its table, before it is replaced. Return the path or URL of the copy."""
        key = day_key(table, day)
        _, folder, name = key.split("/")
        copy = f"damaged/{folder}.{datetime.now(UTC):%Y-%m-%dT%H%M%S.%f}.{name}"
        self.storage.copy(key, copy)
        return self.storage.url(copy)

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
        key = day_key(table, day)
        started_at = fetched_at or datetime.now(UTC)
        with self.storage.staging(key) as staging:
            writer = DayWriter(
                self.storage, key, staging, schema, sort_by=sort_by, fetched_at=started_at, claim=self.claim
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
        return replace_parts(
            self.storage, day_key(table, day), schema, column=column, parts=parts, claim=self.claim
        )


def is_superseded(current: DayFile, started_at: datetime) -> bool:
    """Return whether the current file of a day is from a fetch that began after `started_at`."""
    info = current.fetch_info
    return info is not None and info.is_later_than(started_at, datetime.now(UTC))


def is_patched_since(current: DayFile, started_at: datetime) -> bool:
    """Return whether the current file of a day has single rows that were fetched after `started_at`."""
    info = current.fetch_info
    return info is not None and info.was_patched_since(started_at, datetime.now(UTC))
