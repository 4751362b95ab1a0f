"""What a probe found. Not here: the probes themselves (`probes.py` lists them)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Result(StrEnum):
    """The result of a probe.

    Attributes:
        OK: The API does what this package expects.
        DIFFERS: The API does something else, or is limited, and runs cope with it.
        INCONCLUSIVE: The responses do not settle it.
        FAILED: Runs cannot read what depends on it.
        NOT_ASKED: The first request failed in a way in which every other request would fail too.
    """

    OK = "ok"
    DIFFERS = "differs"
    INCONCLUSIVE = "inconclusive"
    FAILED = "failed"
    NOT_ASKED = "not_asked"


@dataclass(frozen=True)
class Finding:
    """The finding of one probe, which is safe to show to anyone.

    It contains names of columns, counts and JSON types, but no secret, phone number or name, and no value of
    a call.

    Attributes:
        result: The result.
        description: What was found, and what to do about it.
        transient: Whether a failure may pass by itself.
    """

    result: Result
    description: str
    transient: bool = False


def ok(description: str) -> Finding:
    """Return a finding that is as expected."""
    return Finding(Result.OK, description)


def differs(description: str) -> Finding:
    """Return a finding that runs cope with."""
    return Finding(Result.DIFFERS, description)


def inconclusive(reason: str) -> Finding:
    """Return a finding that the responses do not settle, and why not."""
    return Finding(Result.INCONCLUSIVE, f"Inconclusive: {reason}")


def failed(description: str, *, transient: bool = False) -> Finding:
    """Return a finding that makes runs fail."""
    return Finding(Result.FAILED, description, transient)


def mark_not_asked(found: Mapping[str, Finding]) -> dict[str, Finding]:
    """Return the findings of a first request that failed. What it does not settle was not asked."""
    first = next((code for code, finding in found.items() if finding.result is Result.FAILED), None)
    settled = {Result.OK, Result.DIFFERS}
    not_asked = Finding(Result.NOT_ASKED, "Not asked, because the first request failed.")
    return {
        code: finding if code == first or finding.result in settled else not_asked
        for code, finding in found.items()
    }


def overall(findings: Iterable[Finding]) -> Result:
    """Return `failed` if any finding failed, else `ok`."""
    return Result.FAILED if any(finding.result is Result.FAILED for finding in findings) else Result.OK


def is_transient_failure(findings: Iterable[Finding]) -> bool:
    """Return whether every failure may pass by itself."""
    return all(finding.transient for finding in findings if finding.result is Result.FAILED)
