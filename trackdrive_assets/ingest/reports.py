"""One day of one report: the API's totals by a category."""

from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from trackdrive_assets.api.client import Client
from trackdrive_assets.api.errors import IncompleteAnswer
from trackdrive_assets.api.query import Query
from trackdrive_assets.ingest.days import Day
from trackdrive_assets.ingest.readings import until_whole
from trackdrive_assets.lake.store import Lake, Written
from trackdrive_assets.tables.columns import REPORTS
from trackdrive_assets.tables.parse import report_batch


def ingest_report(client: Client, lake: Lake, day: Day, category: str) -> Written:
    """Replace a day of a report with what the API answers now.

    Totals cannot be filtered afterwards, so the day's bounds are asked for as they are. If the API counts the
    end in, a call created at the very instant of midnight stands in both days; `calls` has it once.

    Raises:
        Rejected: The account refuses the category.
        IncompleteAnswer: Even the last reading brought fewer rows than the API counts.
        UnreadableAnswer: The report has a shape that is not known.
        MalformedRow: A row names no group, or a number cannot be understood.
    """
    return until_whole(lambda _: _read_day(client, lake, day, category), f"the report {category} of {day}")


def _read_day(client: Client, lake: Lake, day: Day, category: str) -> Written:
    read_at = datetime.now(UTC)
    report = client.reports(category, Query(created_at_from=day.start, created_at_to=day.end))
    batch = report_batch(report.rows, category=category)
    if missing := groups_missing(batch, report.total_count):
        raise IncompleteAnswer(
            f"The API counted {report.total_count} rows but sent {batch.num_rows}: {missing} are missing. "
            f"Asking again usually brings them."
        )
    with lake.replace(REPORTS.name, REPORTS.schema, day.date, read_at=read_at, category=category) as writer:
        writer.api_count = report.total_count
        writer.write(batch)
    return writer.written


def groups_missing(batch: pa.RecordBatch, total_count: int | None) -> int:
    """How many groups the API counts that did not come.

    Nothing documents whether a report counts its groups or the calls in them, so a count that is the number
    of calls, or may be, is no shortage.
    """
    calls = pc.sum(batch.column("calls")).as_py()
    if total_count is None or total_count == calls or (calls is None and batch.num_rows):
        return 0
    return max(0, total_count - int(batch.num_rows))
