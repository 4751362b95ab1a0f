"""One day of one report: the API's totals by a category."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from trackdrive_assets.api.client import Client, Report
from trackdrive_assets.api.errors import IncompleteResponse
from trackdrive_assets.api.query import Query
from trackdrive_assets.days import Day
from trackdrive_assets.ingest.concurrency import Amount, Question, Task, alone
from trackdrive_assets.lake.day_writer import WriteResult
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.tables.columns import REPORTS
from trackdrive_assets.tables.reports import parse_report


def ingest_report(client: Client, lake: Lake, day: Day, category: str) -> WriteResult:
    """Replace a day of a report with what the API answers now.

    Totals cannot be filtered afterwards, so the day's bounds are asked for as they are. If the API counts the
    end in, a call created at the very instant of midnight stands in both days; `calls` has it once.

    Raises:
        Rejected: The account refuses the category.
        IncompleteResponse: Even the last reading brought fewer rows than the API counts.
        UnreadableResponse: The report has a shape that is not known.
        MalformedRow: A row names no group, or a number cannot be understood.
    """
    return alone(client, report_task(client, lake, day, category))


def report_task(
    client: Client, lake: Lake, day: Day, category: str, subject: object = None
) -> Task[WriteResult]:
    """The reading of a day of a report, for `side_by_side`."""
    return Task(
        subject,
        f"the report {category} of {day}",
        lambda _: ReportReading(client, lake, day, category),
    )


class ReportReading:
    """A day of a report while it is read."""

    def __init__(self, client: Client, lake: Lake, day: Day, category: str) -> None:
        self._client = client
        self._lake = lake
        self._day = day
        self._category = category
        self._read_at: datetime | None = None
        self._reports: list[Report] = []

    @property
    def amount(self) -> Amount:
        """One answer."""
        return Amount(len(self._reports), 1)

    @property
    def ready(self) -> int:
        """It is one question."""
        return int(self._read_at is None)

    def questions(self, places: int) -> Sequence[Question]:  # noqa: ARG002  one place is enough
        """The report, once: where it has pages, one leads to the next."""
        if self._read_at is not None:
            return []
        self._read_at = datetime.now(UTC)
        asked = Query(created_at_from=self._day.start, created_at_to=self._day.end)
        return [Question(partial(self._client.reports, self._category, asked), self._reports.append)]

    def store(self) -> WriteResult:
        """See that the report is whole, and put it into the lake."""
        (report,) = self._reports
        batch = parse_report(report.rows, category=self._category)
        if missing := groups_missing(batch, report.total_count):
            raise IncompleteResponse(
                f"The API counted {report.total_count} rows but sent {batch.num_rows}: {missing} are "
                f"missing. Asking again usually brings them."
            )
        with self._lake.replace(
            REPORTS.name, REPORTS.schema, self._day.date, fetched_at=self._read_at, category=self._category
        ) as writer:
            writer.api_count = report.total_count
            writer.write(batch)
        return writer.result

    def abandon(self) -> None:
        """Forget it. Nothing of it is in the lake."""


def groups_missing(batch: pa.RecordBatch, total_count: int | None) -> int:
    """How many groups the API counts that did not come.

    Nothing documents whether a report counts its groups or the calls in them, so a count that is the number
    of calls, or may be, is no shortage.
    """
    calls = pc.sum(batch.column("calls")).as_py()
    if total_count is None or total_count == calls or (calls is None and batch.num_rows):
        return 0
    return max(0, total_count - int(batch.num_rows))
