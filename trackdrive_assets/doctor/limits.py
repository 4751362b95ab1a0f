"""Probes of paging, of the end of a range, of the rate limit, and what a day's run costs in requests."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from trackdrive_assets.cost import describe_year, requests_per_day
from trackdrive_assets.doctor.descriptions import no_calls
from trackdrive_assets.doctor.finding import Finding, differs, inconclusive, ok
from trackdrive_assets.doctor.replies import KnownCall, Replies, metadata_of, rows_of
from trackdrive_assets.doctor.requests import LARGE_PAGE
from trackdrive_assets.numbers import parse_number
from trackdrive_assets.privacy import mask_phone_numbers
from trackdrive_assets.settings import Settings, variable

_CURSOR_UNITS = 100_000
"""Units of the current API's cursor in a second."""

_LARGEST_ID = 10**12
_LIMIT_HEADER = re.compile(r"rate-?limit|retry-after|x-limit|quota", re.IGNORECASE)
_HEADER_LENGTH = 60


def page_size(replies: Replies) -> Finding:
    """Probe how many rows a page may have."""
    metadata, large = metadata_of(replies.page), metadata_of(replies.large_page)
    if metadata is None or metadata.per_page is None:
        return inconclusive("no response contains its page size.")
    limit = f" A request for {LARGE_PAGE} rows gets {large.per_page}." if large and large.per_page else ""
    if metadata.per_page < replies.per_page:
        return differs(f"Runs request {replies.per_page} rows per page and get {metadata.per_page}.{limit}")
    return ok(f"{metadata.per_page} rows per page, as requested.{limit}")


def cursor(replies: Replies) -> Finding:
    """Probe what a cursor is made of."""
    rows, metadata = rows_of(replies.page), metadata_of(replies.page)
    if not rows or metadata is None:
        return no_calls(replies)
    token = metadata.next_cursor
    try:
        number = parse_number(token or "")
    except ValueError:
        actual = "missing" if token in {None, "", "null"} else "a text"
        return differs(f"The cursor is {actual}, and not a number.")
    if number == 0:
        return inconclusive("the first page is the last one. Try a larger --days.")
    last = KnownCall.from_row(rows[-1])
    if last and _is_instant(number, last.created_at):
        return ok("The current API's: created_at of the last call in units of 10 microseconds.")
    if number == number.to_integral_value() and number < _LARGEST_ID:
        return differs("The legacy API's: the id of a call. Runs send it back unchanged.")
    return differs("An unknown kind of number. Runs send it back unchanged.")


def created_at_to(replies: Replies) -> Finding:
    """Probe whether the end of a range is inclusive, and whether it can have fractions of a second."""
    if replies.known is None:
        return no_calls(replies)
    at_end = replies.contains_known(replies.until_known)
    at_neighbor = replies.contains_known(replies.until_neighbor)
    if at_end is None or at_neighbor is None:
        return inconclusive("the requests that end at a known call failed.")
    if not replies.known.created_at.microsecond:
        return inconclusive("no call of the first page has a fraction of a second. Try a larger --days.")
    return _end_of_range(at_end=at_end, at_neighbor=at_neighbor)


def _end_of_range(*, at_end: bool, at_neighbor: bool) -> Finding:
    match at_end, at_neighbor:
        case True, False:
            return ok("Inclusive, to the millisecond. Reports end one microsecond before midnight.")
        case False, True:
            return differs("Exclusive, to the millisecond. Reports end one microsecond before midnight.")
        case True, True:
            return differs(
                "The API ignores fractions of a second and includes later calls of that second. Runs remove "
                "such calls, and reports end with the last second of a day."
            )
    return differs(
        "The API ignores fractions of a second and omits the last calls. Runs request calls of a wider "
        f"range. Reports and statistics need {variable('date_precision')}=second, and then end at the whole "
        "second."
    )


def rate_limit(replies: Replies) -> Finding:
    """Probe whether the API names its rate limit in a header."""
    headers = dict(header for response in replies.responses for header in response.headers.items())
    limits = sorted((name, value) for name, value in headers.items() if _LIMIT_HEADER.search(name))
    if not limits:
        return inconclusive(f"none of {len(replies.responses)} responses has a rate limit header.")
    return ok("; ".join(f"{name}: {mask_phone_numbers(value)[:_HEADER_LENGTH]}" for name, value in limits))


def cost_of_a_day(replies: Replies, settings: Settings) -> Finding:
    """Estimate how many requests the run of one day sends, and how long those of a year take at least."""
    metadata = metadata_of(replies.page)
    if metadata is None or metadata.total_count is None or not metadata.per_page:
        return inconclusive("no response contains the number of calls.")
    calls = round(metadata.total_count / replies.days)
    requests = requests_per_day(replace(settings, per_page=metadata.per_page), calls=calls)
    return ok(
        f"About {calls:,} calls and {sum(requests.values()):,} requests ({requests['calls']:,} for calls, "
        f"{requests['reports']} for reports, {requests['stats']} for statistics). "
        f"{describe_year(settings, requests)}"
    )


def _is_instant(cursor: Decimal, created_at: datetime) -> bool:
    try:
        instant = datetime.fromtimestamp(float(cursor) / _CURSOR_UNITS, UTC)
    except (ValueError, OverflowError, OSError):
        return False
    return abs(instant - created_at) < timedelta(seconds=1)
