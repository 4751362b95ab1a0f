"""Which parts of a day are still requested after the error of one."""

from collections.abc import Sequence

import pytest

from trackdrive_assets.api.auth import KeyPair
from trackdrive_assets.api.client import Client
from trackdrive_assets.api.errors import AccessDenied, IncompleteResponse, Rejected, Unavailable
from trackdrive_assets.api.usage import RequestGroup, Usage
from trackdrive_assets.ingest.fetcher import ConcurrentDays, Fetcher
from trackdrive_assets.ingest.parts import FetchedParts
from trackdrive_assets.lake.day_parts import Part

DOWN = Unavailable("down", request="GET /calls/reports")
REFUSED = Rejected("no such report", request="GET /calls/reports")
DENIED = AccessDenied("paused", request="GET /calls/reports")


def requested(errors: Sequence[Exception], days: int = 1) -> list[str]:
    """Return the parts that are requested if the first ones fail with these errors, on each day."""
    names: list[str] = []
    shared = ConcurrentDays(1)
    pair = KeyPair("tdpub-of-the-test", "tdprv-of-the-test")
    with Client("http://localhost:9", pair) as client:
        for day in range(days):
            fetched = FetchedParts(Fetcher(client, shared, day))
            for position, name in enumerate(("a", "b", "c")):

                def fetch_part(_: RequestGroup, name: str = name, position: int = position) -> Part:
                    names.append(name)
                    raise errors[min(position, len(errors) - 1)]

                fetched.add(name, fetch_part)
    return names


@pytest.mark.parametrize(
    ("errors", "names"),
    [
        ([IncompleteResponse("short")], ["a", "b", "c"]),
        ([DOWN, IncompleteResponse("short")], ["a", "b", "c"]),
        ([DOWN, DOWN], ["a", "b"]),
        ([DENIED], ["a"]),
    ],
    ids=["incomplete", "one without an answer", "two without an answer", "denied"],
)
def test_an_error_ends_only_what_would_fail_like_it(errors: Sequence[Exception], names: list[str]) -> None:
    assert requested(errors) == names


def test_a_refused_part_is_requested_on_no_other_day() -> None:
    assert requested([REFUSED, IncompleteResponse("short")], days=2) == ["a", "b", "c", "b", "c"]


def test_the_requests_of_a_part_count_for_its_day_too() -> None:
    day = RequestGroup()
    part = RequestGroup(whole=day)
    part.count(Usage(requests=2))
    day.count(Usage(requests=1))
    day.cancel()
    assert (part.usage, day.usage, part.is_cancelled) == (Usage(2), Usage(3), True)
