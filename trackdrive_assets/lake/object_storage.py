"""The lake in a bucket of S3, Google Cloud Storage or Azure, by obstore.

A file is written by one conditional request, so a reader never sees a part of it, and a writer that compared
with an older file is refused. It is read by one request, whose result is a snapshot. Two files are not
replaced together: the lock of the account (in `dagster/locks.py`) keeps other writers away. The credentials
come from the variables of the cloud, and are stored nowhere. Not here: the words of errors
(`object_errors.py`), and how DuckDB reads (`object_filesystem.py`).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import timedelta
from fnmatch import translate
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from trackdrive_assets.addresses import is_loopback
from trackdrive_assets.lake.atomic import remove_stale_staging, staging_dir
from trackdrive_assets.lake.errors import LakeError, UnusableLakeError, translate_os_errors
from trackdrive_assets.lake.object_errors import is_missing_bucket, translated
from trackdrive_assets.lake.storage import (
    MISSING,
    REPLACED,
    TAIL_BYTES,
    ChangedMeanwhileError,
    ListedFile,
    Snapshot,
    Storage,
)

if TYPE_CHECKING:
    import duckdb
    from obstore.store import ObjectStore

RETRY_SECONDS = 60
"""The time for which a request is repeated while the store is busy or not reachable."""

_TIMEOUT = timedelta(seconds=60)
_CONCURRENT_READS = 16
_LISTED_AT_ONCE = 1000
_CHUNK = 8 * 1024 * 1024
_STAGED = "file"


class _Kind(NamedTuple):
    """A kind of object store.

    Attributes:
        extra: The extra of this package that installs it.
        store: The class of obstore.
        conditions: What identifies a version of an object in a condition.
    """

    extra: str
    store: str
    conditions: tuple[str, ...] = ("e_tag",)


_KINDS = {
    "s3": _Kind("s3", "S3Store"),
    "gs": _Kind("gcs", "GCSStore", ("e_tag", "version")),
    "az": _Kind("azure", "AzureStore"),
}


class ObjectStorage(Storage):
    """A bucket, or a prefix in it.

    Args:
        url: The URL, like `s3://bucket/prefix`. No request is sent.

    Raises:
        UnusableLakeError: The URL is not one of an object store, or what it needs is not installed.
    """

    def __init__(self, url: str) -> None:
        scheme, bucket, prefix = parse_url(url)
        self._kind = _KINDS[scheme]
        self.root = "/".join(filter(None, (f"{scheme}://{bucket}", prefix)))
        store_class = _store_class(self._kind)
        client = {"timeout": _TIMEOUT, "allow_http": _allows_http(os.environ)}
        retries = {"retry_timeout": timedelta(seconds=RETRY_SECONDS)}
        with translated("use", self.root, UnusableLakeError):
            self._store: ObjectStore = store_class(
                bucket, prefix=prefix or None, client_options=client, retry_config=retries
            )

    def find(self, pattern: str) -> list[ListedFile]:
        """Return the objects that match a pattern, in the order of their keys."""
        matches = re.compile(translate(pattern)).match
        folder = re.split(r"[*?\[]", pattern)[0].rpartition("/")[0]
        return [
            file
            for file in self._list(folder)
            if matches(file.key) and file.key.count("/") == pattern.count("/")
        ]

    def find_keys(self, keys: Sequence[str]) -> list[ListedFile]:
        """Return those of the keys that exist, by one listing of what is between the first and the last."""
        if len(keys) <= 1:
            return [file for key in keys if (file := self._head(key))]
        wanted, last = set(keys), max(keys)
        found = []
        # The offset is what comes before the first key.
        for file in self._list(last.partition("/")[0], min(keys)[:-1]):
            if file.key > last:
                break
            if file.key in wanted:
                found.append(file)
        return found

    def find_next(self, key: str) -> list[ListedFile]:
        """Return a file, if it exists, and files that come after it. It is one request."""
        return list(islice(self._list(key.rpartition("/")[0].rpartition("/")[0], key[:-1]), _LISTED_AT_ONCE))

    def _head(self, key: str) -> ListedFile | None:
        import obstore  # noqa: PLC0415

        with translated("read", self.url(key)):
            try:
                return _listed(obstore.head(self._store, key))
            except FileNotFoundError:
                return None

    def _list(self, folder: str, offset: str | None = None) -> Iterator[ListedFile]:
        import obstore  # noqa: PLC0415

        with translated("list", self.url(folder)):
            for batch in obstore.list(self._store, folder, offset=offset, chunk_size=_LISTED_AT_ONCE):
                yield from map(_listed, batch)

    def folders(self, prefix: str) -> list[str]:
        """Return the names of the prefixes that begin with a text."""
        import obstore  # noqa: PLC0415

        with translated("list", self.root):
            found = obstore.list_with_delimiter(self._store)["common_prefixes"]
        return sorted(name for name in found if name.startswith(prefix))

    @contextmanager
    def open(self, key: str) -> Iterator[Snapshot | None]:
        """Download the current object."""
        with self.staging(key) as folder:
            yield self._download(key, folder / "current")

    def _download(self, key: str, path: Path) -> Snapshot | None:
        import obstore  # noqa: PLC0415

        with translated("read", self.url(key)):
            try:
                found = obstore.get(self._store, key)
            except FileNotFoundError as error:
                if is_missing_bucket(error):
                    raise
                return None
            with translate_os_errors("write", path), path.open("wb") as file:
                for chunk in found.stream(min_chunk_size=_CHUNK):
                    file.write(chunk)
        return Snapshot(path, self._version(found.meta))

    def _version(self, meta: Mapping[str, Any]) -> str:
        return json.dumps({name: meta[name] for name in self._kind.conditions if meta[name] is not None})

    def read_tails(self, files: Sequence[ListedFile]) -> Iterator[bytes]:
        """Yield the end of each object. Several are read at the same time."""
        with ThreadPoolExecutor(_CONCURRENT_READS, thread_name_prefix="tails") as threads:
            yield from threads.map(self._read_tail, files)

    def _read_tail(self, file: ListedFile) -> bytes:
        # Not every store can count from the end.
        return self.read_range(file, max(0, file.size - TAIL_BYTES), file.size)

    def read_whole(self, key: str) -> tuple[ListedFile, bytes]:
        """Return an object as it is now."""
        import obstore  # noqa: PLC0415

        with translated("read", self.url(key)):
            found = obstore.get(self._store, key)
            return _listed(found.meta), bytes(found.bytes())

    def read_range(self, file: ListedFile, start: int, end: int) -> bytes:
        """Return a part of an object that was listed.

        Raises:
            ChangedMeanwhileError: It is another object now.
        """
        import obstore  # noqa: PLC0415

        url = self.url(file.key)
        with translated("read", url):
            if not file.size:
                return b""
            found = obstore.get(self._store, file.key, options={"range": (start, end)})
            if _listed(found.meta) != file:
                raise ChangedMeanwhileError(f"{url} {REPLACED}. Ask again.")
            return bytes(found.bytes())

    def staging(self, key: str) -> AbstractContextManager[Path]:
        """Create a folder in the temporary folder of this machine."""
        scratch = _scratch_folder()
        # A killed run leaves calls there, and perhaps no later run writes the same day on this machine.
        for folder in scratch.iterdir():
            with suppress(OSError):
                remove_stale_staging(folder / _STAGED)
                folder.rmdir()
        return staging_dir(scratch / hashlib.sha256(self.url(key).encode()).hexdigest() / _STAGED)

    def lock(self, key: str) -> AbstractContextManager[None]:  # noqa: ARG002  an object has no lock
        """Do nothing: the condition of `replace` takes the place of a lock."""
        return nullcontext()

    def replace(self, key: str, new: Path, seen: str | None = None) -> None:
        """Replace an object by one request, if it has the version that was seen."""
        import obstore  # noqa: PLC0415
        from obstore.exceptions import AlreadyExistsError, PreconditionError  # noqa: PLC0415

        mode: Any = "overwrite" if seen is None else "create" if seen == MISSING else json.loads(seen)
        with translated("write", self.url(key)):
            try:
                obstore.put(self._store, key, new, mode=mode, use_multipart=False)
            except (AlreadyExistsError, PreconditionError) as error:
                # A request whose response was lost is repeated, and then meets its own object.
                if not self._has_content(key, new):
                    raise ChangedMeanwhileError(
                        f"{self.url(key)} was replaced by another program after this one read it. Nothing "
                        "was written over it. Let only one program at a time write a lake, then run again."
                    ) from error

    def _has_content(self, key: str, path: Path) -> bool:
        with self.open(key) as current:
            return current is not None and current.path.read_bytes() == path.read_bytes()

    def copy(self, key: str, to: str) -> None:
        """Copy an object in the store."""
        import obstore  # noqa: PLC0415

        with translated("copy", self.url(key)):
            obstore.copy(self._store, key, to)

    def delete(self, key: str) -> None:
        """Delete an object, if it exists."""
        import obstore  # noqa: PLC0415

        with translated("delete", self.url(key)):
            obstore.delete(self._store, key)

    def let_read(self, connection: duckdb.DuckDBPyConnection, listed: Iterable[ListedFile] = ()) -> None:
        """Register a file system, because DuckDB's own is an extension that would be downloaded."""
        from trackdrive_assets.lake.object_filesystem import ObjectFilesystem  # noqa: PLC0415

        connection.register_filesystem(ObjectFilesystem(self, listed))


def _listed(meta: Mapping[str, Any]) -> ListedFile:
    # Some stores quote it only in some responses.
    return ListedFile(meta["path"], (meta["e_tag"] or "").strip('"'), meta["size"])


def parse_url(url: str) -> tuple[str, str, str]:
    """Return the scheme, the bucket and the prefix of the URL of a lake.

    Raises:
        UnusableLakeError: It is no such URL. The message does not contain it, because it may have a secret.
    """
    parts = urlsplit(url)
    if parts.scheme not in _KINDS:
        raise UnusableLakeError(
            f"TRACKDRIVE_LAKE is a URL with {url.partition('://')[0]}://. Use s3://, gs:// or az://, then a "
            "bucket and a prefix, such as s3://acme-lake/trackdrive. Or set it to a folder."
        )
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise UnusableLakeError(
            f"TRACKDRIVE_LAKE is a URL with {parts.scheme}:// that has more than a bucket and a prefix. "
            "Remove what is before @ and after ? or #. Credentials belong into the variables of the cloud."
        )
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", parts.netloc):
        raise UnusableLakeError(
            f"TRACKDRIVE_LAKE is a URL with {parts.scheme}:// without a valid bucket. Set it to a bucket and "
            f"a prefix, such as {parts.scheme}://acme-lake/trackdrive."
        )
    names = [name for name in parts.path.split("/") if name]
    if not all(re.fullmatch(r"[A-Za-z0-9._=@+-]+", name) and name.strip(".") for name in names):
        raise UnusableLakeError(
            f"TRACKDRIVE_LAKE is a URL with {parts.scheme}:// whose prefix has other characters than "
            "letters, digits, and . _ = @ + - in each of its names. Choose another prefix."
        )
    return parts.scheme, parts.netloc, "/".join(names)


def _allows_http(environ: Mapping[str, str]) -> bool:
    """Return whether requests may be sent by http, which is only so on this machine.

    Raises:
        UnusableLakeError: The endpoint is another machine, and its address begins with http.
    """
    names = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT")
    endpoints = {name: environ[name] for name in names if environ.get(name, "").lower().startswith("http:")}
    for name, endpoint in endpoints.items():
        if not is_loopback(endpoint):
            raise UnusableLakeError(
                f"{name} begins with http://. Use https://, because every computer on the way can read what "
                "http sends. Only an address of this machine may have http."
            )
    return bool(endpoints)


def _store_class(kind: _Kind) -> Callable[..., Any]:
    """Return the class of a kind of store.

    Raises:
        UnusableLakeError: It is not installed.
    """
    try:
        import fsspec  # noqa: F401, PLC0415
        import obstore.store  # noqa: PLC0415
    except ImportError as error:
        raise UnusableLakeError(
            f"TRACKDRIVE_LAKE is in an object store, for which {error.name} is missing. Install it: pip "
            f"install 'trackdrive-assets[{kind.extra}]'."
        ) from error
    found: Callable[..., Any] = getattr(obstore.store, kind.store)
    return found


def _scratch_folder() -> Path:
    """Return the folder for copies of objects. Only its owner can read it."""
    folder = Path(tempfile.gettempdir(), f"trackdrive-assets-{os.getuid()}")
    with translate_os_errors("create", folder):
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.stat().st_uid != os.getuid():
            raise LakeError(f"{folder} belongs to another user. Set TMPDIR to a folder of your own.")
    return folder
