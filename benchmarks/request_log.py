"""The log of a server, and its summary: how many requests, how many at once, how many were refused."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

TOO_MANY_REQUESTS = 429


@dataclass(frozen=True)
class TimedRequest:
    """A request with a response. Times are seconds of one clock.

    Attributes:
        arrived: The time at which the request was read.
        departed: The time at which the last byte of the response was sent.
        in_flight: The number of requests without a response on arrival, this one included.
        status: The status of the response.
    """

    arrived: float
    departed: float
    in_flight: int
    status: int


@dataclass(frozen=True)
class Traffic:
    """The summary of a log.

    Attributes:
        requests: The number of requests.
        refused: The number of 429 responses.
        most_in_flight: The most concurrent requests.
        most_in_a_second: The most arrivals within any second.
        seconds: The seconds from the first arrival to the last departure.
    """

    requests: int
    refused: int
    most_in_flight: int
    most_in_a_second: int
    seconds: float


def summarize(log: Sequence[TimedRequest]) -> Traffic:
    """Return the summary of a log."""
    arrivals = sorted(request.arrived for request in log)
    return Traffic(
        requests=len(log),
        refused=sum(request.status == TOO_MANY_REQUESTS for request in log),
        most_in_flight=max((request.in_flight for request in log), default=0),
        most_in_a_second=max(
            (bisect_left(arrivals, since + 1) - index for index, since in enumerate(arrivals)), default=0
        ),
        seconds=max((request.departed for request in log), default=0) - min(arrivals, default=0),
    )
