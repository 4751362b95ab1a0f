"""files.json: what building the views needs to know of each file of a day, so that only new files are read.

It is a cache beside the days, and it may be deleted. An entry counts only for the version of the file that it
was made of. Not here: which files there are (`layout.py`), and what follows from an entry (`table_sql.py` and
`totals.py`).
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import sha256

import pyarrow as pa
import pyarrow.parquet as pq

from trackdrive_assets.lake.day_file import DayFile
from trackdrive_assets.lake.errors import DamagedFileError
from trackdrive_assets.lake.storage import ListedFile, Storage

FILE = "files.json"

_FETCH_TIME = re.compile(rb"trackdrive\.(?:fetched|patched)_at\x18.([0-9T:.+-]+)", re.DOTALL)


@dataclass(frozen=True)
class FileEntry:
    """What is known of a version of a file.

    Attributes:
        version: The version, as a listing shows it.
        schema: The fingerprint of the schema that the file was compared with.
        has_all_columns: Whether the file has all columns of that schema.
        updated_at: The time of its last fetch, as a whole or in part. None if the file does not show it.
    """

    version: str
    schema: str
    has_all_columns: bool
    updated_at: str | None

    @property
    def instant(self) -> datetime | None:
        """The time of the last fetch."""
        return datetime.fromisoformat(self.updated_at) if self.updated_at else None


class FileIndex:
    """The entries of the files of a lake.

    Args:
        storage: The storage of the lake.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._stored = _read(storage)
        self._used: dict[str, FileEntry] = {}
        self._listed: dict[str, ListedFile] = {}

    @property
    def listed(self) -> Collection[ListedFile]:
        """The files that entries were asked for."""
        return self._listed.values()

    def entries(self, schema: pa.Schema, files: Iterable[ListedFile]) -> dict[str, FileEntry]:
        """Return the entry of each file of a table by its key. Files without a valid entry are read.

        Args:
            schema: The schema of the table.
            files: Files of the table.
        """
        found: dict[str, FileEntry] = {}
        new: list[ListedFile] = []
        for file in files:
            self._listed[file.key] = file
            # The calls and their sums are asked for twice, for their columns and for their times.
            entry = self._used.get(file.key) or self._stored.get(file.key)
            if entry and (entry.version, entry.schema) == (file.version, _fingerprint(schema)):
                found[file.key] = entry
            else:
                new.append(file)
        tails = self._storage.read_tails(new)
        for file, tail in zip(new, tails, strict=True):
            found[file.key] = self._entry(schema, file, tail)
        self._used |= found
        return found

    def _entry(self, schema: pa.Schema, file: ListedFile, tail: bytes) -> FileEntry:
        has_all = _arrow_metadata(schema) in tail or self._has_columns(schema, file.key)
        times = [time.decode() for time in _FETCH_TIME.findall(tail)]
        return FileEntry(
            file.version, _fingerprint(schema), has_all, max(times, key=datetime.fromisoformat, default=None)
        )

    def _has_columns(self, schema: pa.Schema, key: str) -> bool:
        """Return whether one file has all columns of a schema, whichever program wrote it."""
        try:
            with self._storage.open(key) as snapshot:
                if snapshot is None:
                    return False
                with DayFile(snapshot.path, self._storage.url(key)) as file:
                    found = file.schema
        except DamagedFileError:
            return False  # DuckDB opens the file later, and reports what is wrong with it.
        return all(
            field.name in found.names and found.field(field.name).type == field.type for field in schema
        )

    def save(self) -> None:
        """Replace files.json by the entries that were used, if they are others."""
        if self._used == self._stored:
            return
        entries = {
            key: [entry.version, entry.schema, entry.has_all_columns, entry.updated_at]
            for key, entry in sorted(self._used.items())
        }
        with self._storage.staging(FILE) as staging:
            new = staging / FILE
            new.write_text(json.dumps(entries, separators=(",", ":")), "utf-8")
            self._storage.replace(FILE, new)


def _read(storage: Storage) -> Mapping[str, FileEntry]:
    """Return the stored entries. None of a file that is missing, damaged or of another version."""
    with storage.open(FILE) as snapshot:
        try:
            text = snapshot.path.read_text("utf-8") if snapshot else "{}"
            return {key: FileEntry(*entry) for key, entry in json.loads(text).items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}


@cache
def _fingerprint(schema: pa.Schema) -> str:
    return sha256(_arrow_metadata(schema)).hexdigest()[:16]


@cache
def _arrow_metadata(schema: pa.Schema) -> bytes:
    """Return the bytes by which Arrow stores a schema in the metadata of a Parquet file."""
    buffer = pa.BufferOutputStream()
    pq.write_table(schema.empty_table(), buffer)
    return bytes(pq.read_metadata(pa.BufferReader(buffer.getvalue())).metadata[b"ARROW:schema"])
