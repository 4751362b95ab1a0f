"""Ingest the parts of a day, like the categories of its reports. Each fails alone, all are stored together.

Not here: how a part is fetched (`reports.py`, `stats.py`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from trackdrive_assets.api.client import Client
from trackdrive_assets.api.errors import Unavailable
from trackdrive_assets.api.usage import RequestGroup, Usage
from trackdrive_assets.days import Day
from trackdrive_assets.ingest.claims import claim_lake
from trackdrive_assets.ingest.errors import EXPLAINED, concerns_one_day, is_refusal
from trackdrive_assets.ingest.fetcher import Cancelled, Fetcher
from trackdrive_assets.lake.day_parts import Part
from trackdrive_assets.lake.day_writer import WriteResult
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.tables.columns import Table

_MOST_UNANSWERED = 2
"""The parts without an answer, one after another, after which no more of a day are fetched."""


@dataclass(frozen=True)
class IngestedPart:
    """A part of a day that was stored.

    Attributes:
        written: The result of writing it.
        usage: The requests of the part.
    """

    written: WriteResult
    usage: Usage


class PartsFailed(Exception):
    """An error of some parts of a day. The other parts are stored.

    Attributes:
        stored: The parts that were stored, by name.
        errors: The error of each part that failed. Parts that were not tried any more are missing.
    """

    def __init__(self, stored: Mapping[str, IngestedPart], errors: Mapping[str, Exception]) -> None:
        super().__init__("\n".join(f"{name}: {error}" for name, error in errors.items()))
        self.stored = stored
        self.errors = errors


class FetchedParts:
    """The parts of a day that were fetched so far, and the errors of others. Several threads may add parts.

    Args:
        fetcher: The fetcher of the day.
    """

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher
        self._parts: dict[str, Part] = {}
        self._groups: dict[str, RequestGroup] = {}
        self._errors: dict[str, Exception] = {}
        self._unanswered_count = 0
        self._is_stopped = False

    def add(self, name: str, fetch_part: Callable[[RequestGroup], Part]) -> None:
        """Fetch a part, unless its requests would fail like those of others. Its error is for `store`.

        Args:
            name: The name of the part.
            fetch_part: Fetches the part. All its requests belong to the group that it gets.
        """
        if self._is_stopped or self._fetcher.is_refused(name):
            return
        group = RequestGroup(self._fetcher.group.priority, whole=self._fetcher.group)
        try:
            part = fetch_part(group)
        except EXPLAINED as error:
            self._fail(name, error)
        else:
            self._parts[name], self._groups[name] = part, group
            self._unanswered_count = 0

    def store(self, client: Client, lake: Lake, day: Day, table: Table) -> Mapping[str, IngestedPart]:
        """Write the parts that were fetched, and return the result of each.

        Raises:
            PartsFailed: A part has an error. The others are stored.
            Cancelled: No part was requested, because all of them were refused on other days.
            LakeError: The parts can't be written.
        """
        self._fetcher.finish()
        if not self._parts and not self._errors:
            raise Cancelled
        stored: dict[str, IngestedPart] = {}
        if self._parts:
            claimed = claim_lake(client, lake, day)
            written = claimed.replace_parts(table.name, table.schema, day.date, self._parts)
            stored = {name: IngestedPart(written[name], self._groups[name].usage) for name in self._parts}
        if self._errors:
            raise PartsFailed(stored, self._errors)
        return stored

    def _fail(self, name: str, error: Exception) -> None:
        self._errors[name] = error
        if isinstance(error, Unavailable):
            # A server can fail for one report again and again. If it is down, the second part shows that.
            self._unanswered_count += 1
            self._is_stopped = self._unanswered_count >= _MOST_UNANSWERED
        elif is_refusal(error):
            self._fetcher.refuse(name)
        elif not concerns_one_day(error):
            self._fetcher.refuse(None)
