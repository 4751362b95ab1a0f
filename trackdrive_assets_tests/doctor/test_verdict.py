"""The end of the output of doctor: whether the account works, and what to type next."""

import pytest

from trackdrive_assets.doctor.finding import Finding, differs, failed, inconclusive, ok
from trackdrive_assets.doctor.verdict import verdict

CALLS_FIRST = "trackdrive materialize --from yesterday --tables calls,views"


@pytest.mark.parametrize(
    ("found", "sentence", "command"),
    [
        ({"host": ok("")}, "The account works.", CALLS_FIRST),
        ({"host": ok(""), "cursor": differs("")}, "Runs cope with what differs (1)", CALLS_FIRST),
        ({"host": ok(""), "stats": inconclusive("")}, "The account works.", CALLS_FIRST),
        ({"host": failed("", transient=True)}, "It may pass by itself", "trackdrive doctor"),
        ({"access": failed("")}, "Failed: access. No run can succeed", "trackdrive doctor"),
        ({"calls": ok(""), "lake": failed("")}, "Failed: lake. No run can succeed", "trackdrive doctor"),
        ({"calls": ok(""), "reports": failed("")}, "Failed: reports. Calls can be fetched", CALLS_FIRST),
    ],
)
def test_the_verdict_names_what_failed_and_the_next_command(
    found: dict[str, Finding], sentence: str, command: str
) -> None:
    result = verdict(found)
    assert sentence in result.sentence
    assert result.command == command
