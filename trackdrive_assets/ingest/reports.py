"""One day of one report: the API's totals by a category."""

from trackdrive_assets.api.client import Client
from trackdrive_assets.api.query import Query
from trackdrive_assets.ingest.days import Day
from trackdrive_assets.lake.store import Lake, Written
from trackdrive_assets.tables.columns import REPORTS
from trackdrive_assets.tables.parse import report_batch


def ingest_report(client: Client, lake: Lake, day: Day, category: str) -> tuple[Written, int | None]:
    """Replace a day of a report with what the API answers now.

    Totals cannot be filtered afterwards, so the day's bounds are asked for as they are. If the API counts the
    end in, a call created at the very instant of midnight stands in both days; `calls` has it once.

    Returns:
        The file, and how many rows the API counts (None when it does not count).

    Raises:
        Rejected: The account refuses the category.
        UnreadableAnswer: The report has a shape that is not known.
        MalformedRow: A row names no group, or a number cannot be understood.
    """
    report = client.reports(category, Query(created_at_from=day.start, created_at_to=day.end))
    batch = report_batch(report.rows, category=category)
    with lake.replace(REPORTS.name, REPORTS.schema, day.date, category=category) as writer:
        writer.write(batch)
    return writer.written, report.total_count
