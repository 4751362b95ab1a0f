"""Probes of the way to the account: the host, the credentials, and the clock of this machine."""

from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from trackdrive_assets.api.errors import Unavailable
from trackdrive_assets.api.http_responses import RawResponse
from trackdrive_assets.doctor.descriptions import describe_body, no_calls
from trackdrive_assets.doctor.finding import Finding, differs, failed, inconclusive, ok
from trackdrive_assets.doctor.replies import Replies, is_error, is_json, may_be_trackdrive, rows_of, status_of
from trackdrive_assets.privacy import mask_phone_numbers

CHECK_THE_ADDRESS = "Check TRACKDRIVE_SUBDOMAIN or TRACKDRIVE_BASE_URL."

_CLOCK_TOLERANCE = 30.0


def host(replies: Replies) -> Finding:
    """Probe whether the host is a Trackdrive account."""
    page = replies.page
    if not isinstance(page, RawResponse):
        return failed(mask_phone_numbers(str(page)), transient=isinstance(page, Unavailable))
    if page.is_redirect:
        return failed(f"The host redirects, so it may not have this account. {CHECK_THE_ADDRESS}")
    status = status_of(page)
    if status == HTTPStatus.NOT_FOUND:
        return failed(f"This address has no calls API ({status}). {CHECK_THE_ADDRESS}")
    if not is_error(status) and not may_be_trackdrive(page):
        return failed(
            f"The host sends {describe_body(page)}, so it may be another server than Trackdrive. "
            f"{CHECK_THE_ADDRESS}",
            transient=not is_json(page),
        )
    return ok(f"The first response took {page.seconds:.1f} s.")


def access(replies: Replies) -> Finding:
    """Probe whether the credentials are accepted."""
    page = replies.page
    if not isinstance(page, RawResponse) or page.is_redirect:
        return no_calls(replies)
    status = status_of(page)
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return failed(
            f"Refused: {status}. Check in the Trackdrive profile that the key is active and not paused, "
            f"that it may be used from this machine's IP address, and that it may read calls."
        )
    if not rows_of(page) and replies.total_count is None:
        return no_calls(replies)
    return ok("The credentials are accepted.")


def clock(replies: Replies) -> Finding:
    """Probe whether this machine's clock is right, because it decides which day is today."""
    page = replies.page
    try:
        server = parsedate_to_datetime(page.headers["Date"]) if isinstance(page, RawResponse) else None
    except (KeyError, ValueError):
        server = None
    if server is None:
        return inconclusive("no response contains the server's time.")
    offset = (replies.received_at - server.replace(tzinfo=server.tzinfo or UTC)).total_seconds()
    if abs(offset) > _CLOCK_TOLERANCE:
        direction = "ahead of" if offset > 0 else "behind"
        return differs(
            f"This machine's clock is {abs(offset):.0f} s {direction} the server. "
            "Correct it: it decides which day is today."
        )
    return ok("The clocks of this machine and the server differ by less than 30 s.")
