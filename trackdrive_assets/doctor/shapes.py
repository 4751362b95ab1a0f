"""Probes of the endpoints: whether runs understand what each of them sends.

Not here: the values of the calls (`conversions.py`).
"""

import re

from trackdrive_assets.api import responses
from trackdrive_assets.api.errors import Unavailable
from trackdrive_assets.api.http_responses import RawResponse
from trackdrive_assets.doctor.access import CHECK_THE_ADDRESS
from trackdrive_assets.doctor.descriptions import failure, no_calls
from trackdrive_assets.doctor.finding import Finding, differs, failed, inconclusive, ok
from trackdrive_assets.doctor.replies import Replies, envelope_of, rows_of
from trackdrive_assets.doctor.requests import CATEGORY, GROUP_BY, STAT
from trackdrive_assets.settings import describe_undocumented
from trackdrive_assets.tables.columns import CALLS, REPORTS
from trackdrive_assets.tables.errors import MalformedRow
from trackdrive_assets.tables.exclusion import TOKEN_PREFIX
from trackdrive_assets.tables.reports import parse_report

_PLAIN_KEY = re.compile("[a-z_]{1,40}")


def calls(replies: Replies) -> Finding:
    """Probe the list of calls."""
    rows = rows_of(replies.page)
    if rows is None:
        return failure(replies.page) if isinstance(replies.page, RawResponse) else no_calls(replies)
    if not rows and replies.total_count is None:
        return failed(
            f"The response has neither calls nor a count, so it may be another API. {CHECK_THE_ADDRESS}"
        )
    count = "An unknown number of" if replies.total_count is None else f"{replies.total_count:,}"
    description = f"{count} calls in the last {replies.days} days"
    if not rows:
        return ok(f"{description}.")
    keys = {key for row in rows for key in row if not key.startswith(TOKEN_PREFIX)}
    undocumented = _describe_undocumented(keys - set(CALLS.schema.names))
    return ok(f"{description}, with {len(keys)} columns.{undocumented}")


def one_call(replies: Replies) -> Finding:
    """Probe the request for a single call."""
    if replies.known is None:
        return no_calls(replies)
    envelope = envelope_of(replies.call)
    if envelope is None:
        return failure(replies.call)
    content = envelope.content
    row = content.get("call", content) if isinstance(content, dict) else None
    if not isinstance(row, dict) or "uuid" not in row:
        return failure(replies.call)
    return ok("Understood.")


def reports(replies: Replies) -> Finding:
    """Probe the shape of reports, which is not documented."""
    envelope = envelope_of(replies.report)
    if envelope is None:
        return failure(replies.report)
    try:
        rows = responses.report_rows(envelope.content, CATEGORY)
        batch = parse_report(rows, category=CATEGORY)
    except (responses.UnknownShape, MalformedRow):
        return failure(replies.report)
    if not rows:
        return inconclusive("the report has no rows. Try a larger --days.")
    measures = [column.name for column in REPORTS.columns if column.sources]
    empty = [name for name in measures if batch.column(name).null_count == len(rows)]
    if empty:
        return differs(f"Understood, without {', '.join(empty)}.")
    return ok("Understood.")


def report_categories(replies: Replies) -> Finding:
    """Probe whether the API knows the configured categories that are not documented."""
    envelopes = {category: envelope_of(reply) for category, reply in replies.categories.items()}
    refused = [category for category, envelope in envelopes.items() if envelope is None]
    empty = [category for category, envelope in envelopes.items() if envelope and not envelope.content]
    slips = " ".join(describe_undocumented(category) for category in [*refused, *empty])
    if refused:
        transient = all(isinstance(replies.categories[category], Unavailable) for category in refused)
        return failed(f"Refused: {', '.join(refused)}. {slips}", transient=transient)
    if empty:
        return differs(f"Without rows: {', '.join(empty)}. {slips}")
    if replies.categories:
        return ok(f"Not documented, and known to the API: {', '.join(replies.categories)}.")
    return ok("All categories are documented.")


def stats(replies: Replies) -> Finding:
    """Probe the shape of statistics, which is not documented."""
    envelope = envelope_of(replies.stats)
    if envelope is None:
        return failure(replies.stats)
    try:
        values = responses.stat_values(envelope.content, STAT, GROUP_BY)
    except responses.UnknownShape:
        return failure(replies.stats)
    if not values:
        return inconclusive("the statistics have no groups. Try a larger --days.")
    count = sum(value or 0 for value in values.values())
    if replies.total_count is not None and count != replies.total_count:
        return differs(
            f"Understood. The statistics count {count:,} calls, the list counts {replies.total_count:,}."
        )
    return ok("Understood. The statistics count as many calls as the list.")


def _describe_undocumented(keys: set[str]) -> str:
    # A key that is not a plain word may be a name, so it is only counted.
    named = sorted(key for key in keys if _PLAIN_KEY.fullmatch(key))
    if len(named) < len(keys):
        named.append(f"{len(keys) - len(named)} others")
    return f" Not documented, and stored in `extra`: {', '.join(named)}." if named else ""
