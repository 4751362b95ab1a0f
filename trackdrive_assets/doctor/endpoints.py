"""Probes of the endpoints: whether runs understand what each of them sends.

Not here: the values of the calls (`conversions.py`).
"""

import re

from trackdrive_assets.api import responses
from trackdrive_assets.api.transport import RawResponse
from trackdrive_assets.doctor.access import CHECK_THE_ADDRESS
from trackdrive_assets.doctor.descriptions import failure, no_calls
from trackdrive_assets.doctor.finding import Finding, differs, failed, inconclusive, ok
from trackdrive_assets.doctor.outcomes import Outcomes, envelope_of, rows_of
from trackdrive_assets.doctor.requests import CATEGORY, GROUP_BY, STAT
from trackdrive_assets.tables.columns import CALLS, REPORTS
from trackdrive_assets.tables.errors import MalformedRow
from trackdrive_assets.tables.exclusion import TOKEN_PREFIX
from trackdrive_assets.tables.reports import parse_report

_PLAIN_KEY = re.compile("[a-z_]{1,40}")


def calls(outcomes: Outcomes) -> Finding:
    """Probe the list of calls."""
    rows = rows_of(outcomes.page)
    if rows is None:
        return failure(outcomes.page) if isinstance(outcomes.page, RawResponse) else no_calls(outcomes)
    if not rows and outcomes.total_count is None:
        return failed(
            f"The response has neither calls nor a count, so it may be another API. {CHECK_THE_ADDRESS}"
        )
    count = "An unknown number of" if outcomes.total_count is None else f"{outcomes.total_count:,}"
    description = f"{count} calls in the last {outcomes.days} days"
    if not rows:
        return ok(f"{description}.")
    keys = {key for row in rows for key in row if not key.startswith(TOKEN_PREFIX)}
    undocumented = _describe_undocumented(keys - set(CALLS.schema.names))
    return ok(f"{description}, with {len(keys)} columns.{undocumented}")


def one_call(outcomes: Outcomes) -> Finding:
    """Probe the request for a single call."""
    if outcomes.known is None:
        return no_calls(outcomes)
    envelope = envelope_of(outcomes.call)
    if envelope is None:
        return failure(outcomes.call)
    content = envelope.content
    row = content.get("call", content) if isinstance(content, dict) else None
    if not isinstance(row, dict) or "uuid" not in row:
        return failure(outcomes.call)
    return ok("Understood.")


def reports(outcomes: Outcomes) -> Finding:
    """Probe the shape of reports, which is not documented."""
    envelope = envelope_of(outcomes.report)
    if envelope is None:
        return failure(outcomes.report)
    try:
        rows = responses.report_rows(envelope.content, CATEGORY)
        batch = parse_report(rows, category=CATEGORY)
    except (responses.UnknownShape, MalformedRow):
        return failure(outcomes.report)
    if not rows:
        return inconclusive("the report has no rows. Try a larger --days.")
    measures = [column.name for column in REPORTS.columns if column.sources]
    empty = [name for name in measures if batch.column(name).null_count == len(rows)]
    if empty:
        return differs(f"Understood, without {', '.join(empty)}.")
    return ok("Understood.")


def stats(outcomes: Outcomes) -> Finding:
    """Probe the shape of statistics, which is not documented."""
    envelope = envelope_of(outcomes.stats)
    if envelope is None:
        return failure(outcomes.stats)
    try:
        values = responses.stat_values(envelope.content, STAT, GROUP_BY)
    except responses.UnknownShape:
        return failure(outcomes.stats)
    if not values:
        return inconclusive("the statistics have no groups. Try a larger --days.")
    count = sum(value or 0 for value in values.values())
    if outcomes.total_count is not None and count != outcomes.total_count:
        return differs(
            f"Understood. The statistics count {count:,} calls, the list counts {outcomes.total_count:,}."
        )
    return ok("Understood. The statistics count as many calls as the list.")


def _describe_undocumented(keys: set[str]) -> str:
    # A key that is not a plain word may be a name, so it is only counted.
    named = sorted(key for key in keys if _PLAIN_KEY.fullmatch(key))
    if len(named) < len(keys):
        named.append(f"{len(keys) - len(named)} others")
    return f" Not documented, and stored in `extra`: {', '.join(named)}." if named else ""
