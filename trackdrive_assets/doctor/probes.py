"""The list of probes: what `trackdrive doctor` shows, the most important first.

A probe is a pure function from the replies to all requests to one finding. The function's name is the public
code of the probe. A probe is here only if its finding changes what a user does.
"""

from trackdrive_assets.doctor.access import access, clock, host
from trackdrive_assets.doctor.conversions import money, not_converted, profit
from trackdrive_assets.doctor.finding import Finding, mark_not_asked
from trackdrive_assets.doctor.limits import cost_of_a_day, created_at_to, cursor, page_size, rate_limit
from trackdrive_assets.doctor.replies import Replies
from trackdrive_assets.doctor.shapes import calls, one_call, report_categories, reports, stats
from trackdrive_assets.settings import Settings

PROBES = (
    host, access, calls, one_call, reports, report_categories, stats, money, not_converted, profit, clock,
    page_size, cursor, created_at_to, rate_limit,
)  # fmt: skip


def findings(replies: Replies, settings: Settings) -> dict[str, Finding]:
    """Return the finding of every probe by its code, and the cost of a day with these settings."""
    found = {probe.__name__: probe(replies) for probe in PROBES}
    found[cost_of_a_day.__name__] = cost_of_a_day(replies, settings)
    # Without a second request, the first has failed.
    return mark_not_asked(found) if replies.report is None else found
