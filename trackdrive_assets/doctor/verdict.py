"""What a person should do after the findings: one sentence, and a command to type."""

from collections.abc import Mapping
from typing import NamedTuple

from trackdrive_assets.doctor.finding import Finding, Result, is_transient_failure

_FIRST_DAYS = "trackdrive materialize --from yesterday --tables calls,views"
_AGAIN = "trackdrive doctor"
_NEEDED = ("host", "access", "calls", "lake")
"""The probes without which no table can be fetched."""


class Verdict(NamedTuple):
    """The conclusion of all findings, and the next command."""

    sentence: str
    command: str


def verdict(found: Mapping[str, Finding]) -> Verdict:
    """Return the verdict about the findings of an account."""
    failed = [code for code, finding in found.items() if finding.result is Result.FAILED]
    if not failed:
        differing = sum(finding.result is Result.DIFFERS for finding in found.values())
        also = f" Runs cope with what differs ({differing})." if differing else ""
        return Verdict(f"The account works.{also} Fetch a day of calls first:", _FIRST_DAYS)
    names = ", ".join(failed)
    if is_transient_failure(found.values()):
        return Verdict(f"Failed: {names}. It may pass by itself. Try again in some minutes:", _AGAIN)
    if set(failed).isdisjoint(_NEEDED):
        return Verdict(f"Failed: {names}. Calls can be fetched:", _FIRST_DAYS)
    return Verdict(f"Failed: {names}. No run can succeed before it is corrected. Then:", _AGAIN)
