"""The calls that have come of a day while it is fetched, and their comparison with the count of the API."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from trackdrive_assets.api.errors import IncompleteResponse
from trackdrive_assets.api.page_decisions import missing_count
from trackdrive_assets.days import Window
from trackdrive_assets.ingest.doubts import Fetched
from trackdrive_assets.ingest.fetcher import Progress


@dataclass(frozen=True)
class FetchedPage:
    """The calls of one page, cut to a window and typed.

    Attributes:
        window: The window.
        calls: The calls of the window.
        hashes: The hashes of their names. A million uuids would take a hundred megabytes.
        outside: The names of calls outside the day, but inside the range that was requested.
        total_count: The number of calls that the API counts; None if it does not count.
    """

    window: Window
    calls: pa.RecordBatch
    hashes: Sequence[int]
    outside: Sequence[object]
    total_count: int | None


class ReceivedCalls:
    """The calls that have come of a day, to compare them with the count of the API.

    If two calls ever had the same hash, the day would be fetched again, undivided.
    """

    def __init__(self) -> None:
        self._expected: int | None = None
        self._hashes = array("q")
        self._windows: set[Window] = set()
        self._outside: set[object] = set()

    @property
    def progress(self) -> Progress:
        """The number of calls, with those outside the day: the API counts these too."""
        return Progress(len(self._hashes) + len(self._outside), self._expected)

    @property
    def fetched(self) -> Fetched:
        """The calls of the day, and their count.

        The API counts the calls of the range that was requested, which is a second wider than the day. Those
        that came from around the day are in both numbers.
        """
        counted = None if self._expected is None else self._expected - len(self._outside)
        return Fetched(len(self._hashes), counted, sum(self._hashes))

    def add(self, page: FetchedPage) -> None:
        """Count the calls of a page. The first page has the count of the API for the day."""
        if not self._windows:
            self._expected = page.total_count
        self._windows.add(page.window)
        self._hashes.extend(page.hashes)
        self._outside.update(page.outside)

    def check_complete(self) -> None:
        """Compare the calls with the count of the API.

        Raises:
            IncompleteResponse: Calls are missing, or came in two windows.
        """
        # Within one window, each call comes once.
        if len(self._windows) > 1 and (repeated := _repeated_count(self._hashes)):
            raise IncompleteResponse(f"The API sent {repeated} calls in two windows of the day.")
        done = self.progress.done
        if missing := missing_count(self._expected, done):
            raise IncompleteResponse(
                f"The API counted {self._expected} calls but sent {done} in windows: {missing} are missing."
            )


def _repeated_count(hashes: "array[int]") -> int:
    """Return how many hashes were there before. Of a million, a hash table would take a hundred megabytes."""
    ordered = pa.Array.from_buffers(pa.int64(), len(hashes), [None, pa.py_buffer(hashes)]).sort()
    repeated = pc.sum(pc.equal(ordered[:-1], ordered[1:]))
    return int(repeated.as_py() or 0)
