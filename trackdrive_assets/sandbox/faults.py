"""The faults that the sandbox can have, and how they are written on the command line.

Not here: what a fault does to rows and cursors (`endpoints.py`), and to responses (`faulty_responses.py`).
"""

import re
from dataclasses import dataclass

KINDS = {
    "429": "429 Too Many Requests, with Retry-After",
    "429-bare": "429 Too Many Requests, without Retry-After",
    "500": "500 with a JSON body",
    "502": "502 with an HTML body, as of a proxy; the body contains the requested URL",
    "drop": "the connection closes in the middle of the body",
    "truncated": "200 with the first half of the JSON",
    "html": "200 with an HTML body, as of a proxy; the body contains the requested URL",
    "empty": "200 without a body",
    "slow": "the response is two seconds late",
    "stall": "the second half of the body is two seconds late",
    "401": "the key is refused, as one that was just revoked",
    "short": "a page with half of its rows, and a cursor that skips the other half",
    "repeat-cursor": "a page whose next_cursor is the cursor of the request",
    "body-422": "200 with status 422 in the body",
}
"""The description of each kind of fault."""


@dataclass
class Fault:
    """A fault of the server.

    Attributes:
        kind: One of `KINDS`.
        times: The number of times that it happens; None for no limit.
        every: The interval in matching requests; 1 for every request.
        path: The path of the requests, without `.json` or `.csv`; None for every path.
        retry_after: The seconds of `429`.
        delay: The seconds of `slow` and `stall`.
    """

    kind: str
    times: int | None = 1
    every: int = 1
    path: str | None = None
    retry_after: int = 1
    delay: float = 2.0
    _request_count: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            kinds = ", ".join(KINDS)
            raise ValueError(f"{self.kind!r} is not a fault of the sandbox. Choose one of: {kinds}.")
        if self.every < 1:
            raise ValueError(f"A fault happens on every request (1) or less often, not every {self.every}.")

    def strikes(self, path: str) -> bool:
        """Return whether the fault happens on this request, and count the request."""
        if self.times == 0 or self.path not in {None, path}:
            return False
        self._request_count += 1
        if self._request_count % self.every:
            return False
        if self.times is not None:
            self.times -= 1
        return True


def parse_fault(text: str) -> Fault:
    """Return the fault of `KIND` or `KIND:every=N`, without a limit. Any other text is a `ValueError`."""
    match = re.fullmatch(r"([^:]+)(?::every=([1-9]\d*))?", text)
    if not match:
        raise ValueError(f"{text!r} is not a fault. Use KIND or KIND:every=N, like 429:every=10.")
    return Fault(match[1], times=None, every=int(match[2] or 1))
