"""HTTP responses with their complete body. `envelope.py` decodes the bodies."""

from collections.abc import Mapping
from dataclasses import dataclass

import requests

FIRST_ERROR_STATUS = 400


@dataclass(frozen=True)
class Response:
    """A response with its complete body.

    Attributes:
        http: The status and the headers.
        body: The complete body.
        request: The method and the path of the request, for errors.
    """

    http: requests.Response
    body: bytes
    request: str


@dataclass(frozen=True)
class RawResponse:
    """A response of any status, with its unchanged body.

    Attributes:
        status: The HTTP status.
        headers: The headers by name, in any case.
        body: The complete body.
        seconds: The time from the request to the beginning of the response.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float

    @property
    def is_redirect(self) -> bool:
        """Whether it redirects to another address."""
        return "Location" in self.headers and self.status < FIRST_ERROR_STATUS
