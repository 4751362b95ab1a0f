"""What can go wrong on the way: which answers are spoiled, and how a fault is written on the command line.

A page's rows and cursor are spoiled in `endpoints.py`, the answer and its connection in `server.py`.
"""

import re
from dataclasses import dataclass

KINDS = {
    "429": "Too many requests, with Retry-After",
    "429-bare": "Too many requests, without Retry-After",
    "500": "500 with a JSON body",
    "502": "502 with an HTML body, as from a proxy; it repeats the URL that was asked",
    "drop": "the connection is closed in the middle of the body",
    "truncated": "200, but the JSON stops half way",
    "html": "200 with a web page for a body, as from a proxy; it repeats the URL that was asked",
    "empty": "200 without a body",
    "slow": "the answer comes two seconds late",
    "stall": "half of the body comes, and the other half two seconds late",
    "401": "the key is refused, as one that was just revoked",
    "short": "a page with half of its rows, and a cursor that skips the others",
    "repeat-cursor": "a page whose next_cursor is the cursor that was asked for",
    "body-422": "200, but the body says status 422",
}
"""Every kind of fault, and what it does."""


@dataclass
class Fault:
    """One thing that goes wrong.

    Attributes:
        kind: One of `KINDS`.
        times: How often it happens before it is over; none: it stays.
        every: It happens on every so-manieth matching request.
        path: Only for this path, written without `.json` or `.csv`; none: for any.
        retry_after: Seconds, for `429`.
        delay: Seconds, for `slow` and `stall`.
    """

    kind: str
    times: int | None = 1
    every: int = 1
    path: str | None = None
    retry_after: int = 1
    delay: float = 2.0
    _asked: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(
                f"{self.kind!r} is no fault that the sandbox knows. It knows: {', '.join(KINDS)}."
            )
        if self.every < 1:
            raise ValueError(
                f"A fault can happen on every request (1) or more seldom, not every {self.every}."
            )

    def strikes(self, path: str) -> bool:
        """Whether it happens on this request. Counts the request."""
        if self.times == 0 or self.path not in {None, path}:
            return False
        self._asked += 1
        if self._asked % self.every:
            return False
        if self.times is not None:
            self.times -= 1
        return True


def parse_fault(text: str) -> Fault:
    """Reads `KIND` or `KIND:every=N`: a fault that stays.

    Raises:
        ValueError: if the kind is unknown, or the rest is not of that form.
    """
    match = re.fullmatch(r"([^:]+)(?::every=([1-9]\d*))?", text)
    if not match:
        raise ValueError(f"{text!r} is no fault. Write KIND or KIND:every=N, like 429:every=10.")
    return Fault(match[1], times=None, every=int(match[2] or 1))
