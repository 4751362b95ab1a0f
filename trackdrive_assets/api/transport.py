"""How a request is sent: session, pace, retries, and the error that a bad answer becomes.

The one place that opens connections. Not here: what the endpoints are (`client.py`), whether to ask again
(`retry.py`), and how fast (`pace.py`).
"""

import logging
import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, NoReturn, TypeVar

import msgspec
import requests
import tenacity

from trackdrive_assets.api import retry
from trackdrive_assets.api.auth import Credentials
from trackdrive_assets.api.envelope import Envelope, NotJson, any_value, encode, open_envelope
from trackdrive_assets.api.errors import (
    RequestFailed,
    TrackdriveError,
    Unavailable,
    error_for,
    excerpt,
    is_transient,
    redact,
)
from trackdrive_assets.api.options import ClientOptions
from trackdrive_assets.api.rate_limit import Clock, shared_rate_limiter

ROOT = "/api/v1/"

_FIRST_ERROR_STATUS = 400
_LOGS_OF_URLS = ("urllib3.connection", "urllib3.connectionpool")
_log = logging.getLogger(__name__)
Read = TypeVar("Read")

# Python decodes one body at a time anyway. Threads that take turns don't spend their time on fighting for it.
_DECODING = threading.Lock()

# Bytes read at once. Ten kilobytes, as requests takes, are hundreds of steps for a page of calls.
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Usage:
    """What has been sent so far.

    Attributes:
        requests: Requests sent, the retried ones included.
        retries: How many of them asked again what had failed.
    """

    requests: int = 0
    retries: int = 0

    def __add__(self, more: "Usage") -> "Usage":
        return Usage(self.requests + more.requests, self.retries + more.retries)

    def __sub__(self, earlier: "Usage") -> "Usage":
        return Usage(self.requests - earlier.requests, self.retries - earlier.retries)


class RequestGroup:
    """Requests that belong together, like all those of one day.

    Args:
        priority: Where requests have to wait for a free slot, the lowest number goes first.

    Attributes:
        usage: What was sent for the group so far.
        is_cancelled: Whether nothing more is sent for it.
    """

    def __init__(self, priority: int = 0) -> None:
        self.priority = priority
        self.usage = Usage()
        self.is_cancelled = False
        self._counting = threading.Lock()

    def count(self, more: Usage) -> None:
        """Add to the usage."""
        with self._counting:
            self.usage += more

    def cancel(self) -> None:
        """Send nothing more. Requests in flight are not interrupted."""
        self.is_cancelled = True


@dataclass(frozen=True)
class Response:
    """What came back.

    Attributes:
        response: Status and headers.
        body: All of it.
        asked: What was asked, for people.
    """

    response: requests.Response
    body: bytes
    asked: str


@dataclass(frozen=True)
class RawResponse:
    """An answer as it came, whatever it says.

    Attributes:
        status: Of HTTP.
        headers: By name, in any case.
        body: All of it.
        seconds: From the request to the first of the answer.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float

    @property
    def is_redirect(self) -> bool:
        """Whether it only says where to ask instead."""
        return "Location" in self.headers and self.status < _FIRST_ERROR_STATUS


class Transport:
    """Sends requests to one account. Its arguments are described at `Client`."""

    def __init__(
        self,
        base_url: str,
        credentials: Credentials,
        options: ClientOptions,
        clock: Clock | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.credentials = credentials
        self._all = RequestGroup()
        self._timeout = (options.connect_timeout, options.read_timeout)
        self._retry_budget = options.retry_budget
        self._clock = clock or Clock()
        self._closed = False
        self._limiter = shared_rate_limiter(
            self.base_url, options.requests_per_second, options.max_concurrency
        )
        self._session = requests.Session()
        self._session.auth = credentials.auth
        self._session.headers["User-Agent"] = f"trackdrive-assets/{version('trackdrive-assets')}"
        self._session.headers["Accept"] = "application/json"
        for name in _LOGS_OF_URLS:
            # The same function each time, so that it is there once.
            logging.getLogger(name).addFilter(_without_token)
        self._session.mount(
            self.base_url, requests.adapters.HTTPAdapter(pool_maxsize=options.max_concurrency)
        )

    def close(self) -> None:
        """Close the connections. Whoever still asks, in another thread, gets an error."""
        self._closed = True
        self._clock.wake()
        self._session.close()

    @property
    def usage(self) -> Usage:
        """What was sent so far, for all groups together."""
        return self._all.usage

    def json(
        self,
        method: str,
        path: str,
        parameters: dict[str, str],
        read: Callable[[msgspec.Raw | bytes], Any] = any_value,
        group: RequestGroup | None = None,
    ) -> Envelope:
        """Ask for JSON, and open its envelope; `read` decodes the content."""
        return self._send(method, path, parameters, partial(self._decoded, read=read), group)

    def text(self, path: str, parameters: dict[str, str]) -> str:
        """Ask for text, such as CSV."""
        return self._send("GET", path, parameters, self._checked).decode("utf-8-sig")

    def look(self, path: str, parameters: dict[str, str]) -> RawResponse:
        """Ask, and give back what comes, errors too; only what passes by itself is asked for again."""
        return self._send("GET", path, parameters, self._seen)

    def redacted(self, text: str) -> str:
        """`text` without this account's secrets."""
        return redact(text, self.credentials.secrets)

    def excerpt(self, body: bytes) -> str:
        """The beginning of a body, without this account's secrets."""
        return excerpt(body, self.credentials.secrets)

    def _send(
        self,
        method: str,
        path: str,
        parameters: dict[str, str],
        read: Callable[[Response], Read],
        group: RequestGroup | None = None,
    ) -> Read:
        """Ask, and ask again for as long as that is allowed and can help."""
        group = group or RequestGroup()
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(lambda error: retry.may_retry(method, error)),
            wait=lambda state: retry.pause_before(state.attempt_number, _error_of(state), random.random),
            stop=lambda state: (
                not retry.fits_budget(
                    max(state.seconds_since_start or 0, state.idle_for),
                    state.upcoming_sleep,
                    self._retry_budget,
                )
            ),
            sleep=self._clock.sleep,
            before_sleep=partial(self._note_retry, group),
            retry_error_callback=self._give_up,
        )
        # Bound here, because tenacity's own call loses the type.
        answer: Read = retrying(self._ask, method, path, parameters, read, group)
        return answer

    def _ask(
        self,
        method: str,
        path: str,
        parameters: dict[str, str],
        read: Callable[[Response], Read],
        group: RequestGroup,
    ) -> Read:
        asked = f"{method} {ROOT}{path}"
        lost: requests.RequestException | None = None
        with self._limiter.acquire(self._clock, group.priority) as sent_at:
            if self._closed:
                raise RequestFailed(f"{asked} was not sent: the client is closed.", request=asked)
            if group.is_cancelled:
                raise RequestFailed(f"{asked} was not sent: what it belongs to was cancelled.", request=asked)
            self._count(group, Usage(requests=1))
            try:
                response = self._session.request(
                    method,
                    f"{self.base_url}{ROOT}{path}",
                    params=parameters | self.credentials.parameters,
                    timeout=self._timeout,
                    allow_redirects=False,
                    stream=True,
                )
                body = b"".join(response.iter_content(_CHUNK))
            except requests.RequestException as error:
                lost = error
        # Raised out here: the original names the URL, and with it the token, wherever its text is shown.
        if isinstance(lost, ValueError):
            raise RequestFailed(
                f"{asked} was not sent: {self.base_url!r} is no address ({type(lost).__name__}). "
                f"base_url is one like https://acme.trackdrive.com.",
                request=asked,
            )
        if lost is not None:
            raise Unavailable(
                f"{asked} was not answered: {self._redacted_cause(lost)}. "
                f"Check the network, and that {self.base_url} is the account's address.",
                request=asked,
            )
        try:
            return read(Response(response, body, asked))
        except Unavailable as refused:
            # Nobody waits for longer than the budget, and whoever asks next finds out for himself.
            too_many = refused.status == HTTPStatus.TOO_MANY_REQUESTS
            if too_many and (refused.retry_after or 0) <= self._retry_budget:
                self._limiter.record_refusal(sent_at, refused.retry_after, self._clock.now())
            raise

    def _checked(self, answered: Response) -> bytes:
        """The body of an answer whose HTTP status is good."""
        response = answered.response
        if response.is_redirect:
            words = "it redirects, as an account does that is not at this address"
            raise self._failure(answered, response.status_code, words)
        if response.status_code >= _FIRST_ERROR_STATUS:
            raise self._failure(answered, response.status_code, self._words(answered.body))
        return answered.body

    def _seen(self, answered: Response) -> RawResponse:
        response = answered.response
        if is_transient(response.status_code):
            raise self._failure(answered, response.status_code, self._words(answered.body))
        seconds = response.elapsed.total_seconds()
        return RawResponse(response.status_code, response.headers, answered.body, seconds)

    def _failure(self, answered: Response, status: int, words: str) -> RequestFailed:
        return error_for(
            request=answered.asked,
            status=status,
            server_message=words,
            credentials=str(self.credentials),
            retry_after=retry.parse_retry_after(
                answered.response.headers.get("Retry-After"), datetime.now(UTC)
            ),
        )

    def _decoded(self, answered: Response, read: Callable[[msgspec.Raw | bytes], Any]) -> Envelope:
        body = self._checked(answered)
        if not body.strip() and answered.response.request.method == "DELETE":
            # To hang up there is nothing to say; to a question an empty body is a broken answer.
            body = b"{}"
        try:
            with _DECODING:
                envelope = open_envelope(body, read)
        except NotJson as broken:
            why = str(broken)
        else:
            if envelope.status is not None and envelope.status >= _FIRST_ERROR_STATUS:
                raise self._failure(answered, envelope.status, self._words(body))
            return envelope
        raise Unavailable(
            f"{answered.asked} was answered with something that is not JSON ({why}). "
            f"It begins: {self.excerpt(body)}",
            request=answered.asked,
            status=answered.response.status_code,
        )

    def _words(self, body: bytes) -> str:
        """What the server says is wrong: its `errors`, else the beginning of the body."""
        try:
            errors = open_envelope(body).errors
        except NotJson:
            errors = None
        return self.excerpt(encode(errors) if errors else body)

    def _redacted_cause(self, error: requests.RequestException) -> str:
        kind = type(error).__name__
        if isinstance(error, requests.exceptions.SSLError):
            return f"no safe connection: certificate or protocol is not as https wants it ({kind})"
        if isinstance(error, requests.ConnectTimeout):
            return f"no connection within {self._timeout[0]:g} s ({kind})"
        if isinstance(error, requests.Timeout):
            return f"nothing was sent for {self._timeout[1]:g} s ({kind})"
        return f"the connection failed ({kind})"

    def _note_retry(self, group: RequestGroup, state: tenacity.RetryCallState) -> None:
        self._count(group, Usage(retries=1))
        _log.warning("Asking again in %.1f s: %s", state.upcoming_sleep, _error_of(state))

    def _give_up(self, state: tenacity.RetryCallState) -> NoReturn:
        error = _error_of(state)
        if isinstance(error, Unavailable):
            tries = "once" if state.attempt_number == 1 else f"{state.attempt_number} times"
            raise Unavailable(
                f"{error} Asked {tries}; to wait another {state.upcoming_sleep:.0f} s would be over the "
                f"budget of {self._retry_budget:.0f} s for one request. Try again later.",
                request=error.request,
                status=error.status,
                retry_after=error.retry_after,
            )
        raise error

    def _count(self, group: RequestGroup, more: Usage) -> None:
        self._all.count(more)
        group.count(more)


def _without_token(record: logging.LogRecord) -> bool:
    """Takes the token out of a URL that is about to be logged."""
    if isinstance(record.args, tuple):
        record.args = tuple(redact(part, ()) if isinstance(part, str) else part for part in record.args)
    return True


def _error_of(state: tenacity.RetryCallState) -> TrackdriveError:
    error = state.outcome.exception() if state.outcome else None
    if not isinstance(error, TrackdriveError):
        raise TypeError("only errors of this package are retried")
    return error
