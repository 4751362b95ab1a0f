"""Send requests: the session, the rate limit, the retries, and the error for each bad response.

Only this module opens connections. `client.py` has the endpoints. `retry.py` decides about retries, and
`rate_limit.py` about the rate.
"""

import logging
import random
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, NoReturn, TypeVar

import msgspec
import requests
import tenacity

from trackdrive_assets.addresses import address_fault
from trackdrive_assets.api import retry
from trackdrive_assets.api.auth import Credentials
from trackdrive_assets.api.connections import FAILURES, BoundedAdapter, read_body
from trackdrive_assets.api.decoding import NotAnAnswer, NotJson, UnreadableBody, any_value, processing_lock
from trackdrive_assets.api.envelope import Envelope, open_envelope
from trackdrive_assets.api.errors import (
    AddressError,
    RequestFailed,
    TrackdriveError,
    Unavailable,
    UnreadableResponse,
    error_for,
    is_transient,
    redact,
)
from trackdrive_assets.api.failures import Failure, failure_of_csv, is_accepted
from trackdrive_assets.api.http_responses import RawResponse, Response
from trackdrive_assets.api.network_errors import no_response, proxy_of
from trackdrive_assets.api.options import ClientOptions
from trackdrive_assets.api.rate_limit import Clock, shared_rate_limiter
from trackdrive_assets.api.usage import RequestGroup, Usage
from trackdrive_assets.privacy import excerpt

ROOT = "/api/v1/"

_LOGS_OF_URLS = ("urllib3.connection", "urllib3.connectionpool")
_log = logging.getLogger(__name__)
Read = TypeVar("Read")


class Transport:
    """The sender of the requests to one account. `Client` describes its arguments."""

    def __init__(
        self,
        base_url: str,
        credentials: Credentials,
        options: ClientOptions,
        clock: Clock | None = None,
    ) -> None:
        if fault := address_fault(base_url):
            shown = re.sub(r"//[^/]*@", "//[redacted]@", base_url)
            raise AddressError(f"{shown!r} cannot be the address of an account: {fault}.")
        self.base_url = base_url.rstrip("/")
        self.credentials = credentials
        self._total = RequestGroup()
        self._options = options
        self._clock = clock or Clock()
        self._is_closed = False
        self._limiter = shared_rate_limiter(
            self.base_url, options.requests_per_second, options.max_concurrency
        )
        self._session = requests.Session()
        self._session.auth = partial(_authorize, authorization=credentials.authorization)
        self._session.headers["User-Agent"] = f"trackdrive-assets/{version('trackdrive-assets')}"
        self._session.headers["Accept"] = "application/json"
        for name in _LOGS_OF_URLS:
            # Always the same function, so that a logger has it only once.
            logging.getLogger(name).addFilter(_without_token)
        # requests may spell the host in another way, so the adapter is for all hosts.
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, BoundedAdapter(pool_maxsize=options.max_concurrency))

    def close(self) -> None:
        """Close the connections. Requests of other threads fail from now on."""
        self._is_closed = True
        self._clock.wake()
        self._session.close()

    @property
    def usage(self) -> Usage:
        """The requests of all groups so far."""
        return self._total.usage

    def json(
        self,
        method: str,
        path: str,
        parameters: dict[str, str],
        read: Callable[[msgspec.Raw | bytes], Any] = any_value,
        group: RequestGroup | None = None,
    ) -> Envelope:
        """Request JSON, and open its envelope. `read` decodes the content."""
        return self._send(method, path, parameters, partial(self._decoded, read=read), group)

    def text(self, path: str, parameters: dict[str, str]) -> str:
        """Request CSV."""
        return self._send("GET", path, parameters, self._csv)

    def raw_get(self, path: str, parameters: dict[str, str]) -> RawResponse:
        """Send a GET request, and return its response, also with an error status. Retry temporary ones."""
        return self._send("GET", path, parameters, self._raw)

    def redacted(self, text: str) -> str:
        """Return a text without the secrets of the account."""
        return redact(text, self.credentials.secrets)

    def _send(
        self,
        method: str,
        path: str,
        parameters: dict[str, str],
        read: Callable[[Response], Read],
        group: RequestGroup | None = None,
    ) -> Read:
        """Send a request, and retry it as long as that is allowed and can help."""
        group = group or RequestGroup()
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(lambda error: retry.may_retry(method, error)),
            wait=lambda state: retry.pause_before(state.attempt_number, _error_of(state), random.random),
            stop=lambda state: (
                not retry.fits_budget(
                    max(state.seconds_since_start or 0, state.idle_for),
                    state.upcoming_sleep,
                    self._options.retry_budget,
                )
            ),
            sleep=self._clock.sleep,
            before_sleep=partial(self._log_retry, group),
            retry_error_callback=self._give_up,
        )
        # The variable has the type, which the call of tenacity loses.
        result: Read = retrying(self._send_once, method, path, parameters, read, group)
        return result

    def _send_once(
        self,
        method: str,
        path: str,
        parameters: dict[str, str],
        read: Callable[[Response], Read],
        group: RequestGroup,
    ) -> Read:
        request = f"{method} {ROOT}{path}"
        failure: Exception | None = None
        with self._limiter.acquire(self._clock, group.priority) as sent_at:
            if self._is_closed:
                raise RequestFailed(f"{request} was not sent: the client is closed.", request=request)
            if group.is_cancelled:
                raise RequestFailed(f"{request} was not sent: its day was cancelled.", request=request)
            self._count(group, Usage(requests=1))
            try:
                response = self._session.request(
                    method,
                    f"{self.base_url}{ROOT}{path}",
                    params=parameters | self.credentials.parameters,
                    timeout=(self._options.connect_timeout, self._options.response_timeout),
                    allow_redirects=False,
                    stream=True,
                )
                body = read_body(response)
            except FAILURES as error:
                failure = error
        # The new error has no context, because the text of the original contains the URL with the token.
        if failure is not None:
            raise no_response(failure, request, self.base_url, self._options)
        try:
            return read(Response(response, body, request))
        except Unavailable as error:
            # If the server demands a longer pause than the retry budget, other threads do not wait. Their own
            # requests fail.
            is_refused = error.status == HTTPStatus.TOO_MANY_REQUESTS
            if is_refused and (error.retry_after or 0) <= self._options.retry_budget:
                self._limiter.record_refusal(sent_at, error.retry_after, self._clock.now())
            raise

    def _checked(self, response: Response) -> bytes:
        """Return the body of a response whose HTTP status promises a full answer."""
        status = response.http.status_code
        if response.http.is_redirect:
            message = "it redirects, so the account probably has another address"
            raise self._error(response, status, message)
        if not is_accepted(str(response.http.request.method), status):
            raise self._error(response, status, self._server_message(response.body))
        return response.body

    def _csv(self, response: Response) -> str:
        text = self._checked(response).decode("utf-8-sig", "replace")
        if failure := failure_of_csv(text):
            raise self._stated(response, failure, self._server_message(response.body))
        return text

    def _raw(self, response: Response) -> RawResponse:
        status = response.http.status_code
        if is_transient(status):
            raise self._error(response, status, self._server_message(response.body))
        seconds = response.http.elapsed.total_seconds()
        return RawResponse(status, response.http.headers, response.body, seconds)

    def _error(self, response: Response, status: int, server_message: str) -> RequestFailed:
        return error_for(
            request=response.request,
            status=status,
            server_message=server_message,
            credentials=str(self.credentials),
            retry_after=retry.parse_retry_after(response.http.headers.get("Retry-After"), datetime.now(UTC)),
            proxy=proxy_of(self.base_url),
        )

    def _stated(self, response: Response, failure: Failure, statement: str) -> RequestFailed:
        """Return the error for a body that states a failure. Without a status, a retry may help."""
        if failure.status is not None:
            return self._error(response, failure.status, statement)
        status = response.http.status_code
        return Unavailable(
            f"{response.request} returned {status}, but its body states a failure: {statement}.",
            request=response.request,
            status=status,
        )

    def _decoded(self, response: Response, read: Callable[[msgspec.Raw | bytes], Any]) -> Envelope:
        body, method = self._checked(response), str(response.http.request.method)
        if not body.strip() and method == "DELETE":
            # A DELETE may have an empty response. For a GET, an empty body is a broken response.
            body = b"{}"
        try:
            with processing_lock:
                envelope = open_envelope(body, read, method=method)
        except NotAnAnswer as error:
            raise UnreadableResponse(
                f"The response to {response.request} is not an answer of this API: {error}."
            ) from None
        except NotJson as error:
            reason = str(error)
        else:
            if envelope.failure:
                raise self._stated(response, envelope.failure, self.redacted(envelope.failure.statement))
            return envelope
        raise Unavailable(
            f"The response to {response.request} is not JSON ({reason}). "
            f"It is {self.redacted(excerpt(body))}. If it happens again, {self.base_url} may be another "
            f"server than Trackdrive.",
            request=response.request,
            status=response.http.status_code,
        )

    def _server_message(self, body: bytes) -> str:
        """Return the structure of an error body: of its own statement, or else of the whole body."""
        try:
            failure = open_envelope(body).failure
        except UnreadableBody:
            failure = None
        return self.redacted(failure.statement if failure else excerpt(body))

    def _log_retry(self, group: RequestGroup, state: tenacity.RetryCallState) -> None:
        self._count(group, Usage(retries=1))
        _log.warning("Retrying in %.1f s: %s", state.upcoming_sleep, _error_of(state))

    def _give_up(self, state: tenacity.RetryCallState) -> NoReturn:
        error = _error_of(state)
        if isinstance(error, Unavailable) and self._options.retry_budget:
            attempts = "once" if state.attempt_number == 1 else f"{state.attempt_number} times"
            raise Unavailable(
                f"{error} Sent {attempts}. Another pause of {state.upcoming_sleep:.0f} s would exceed the "
                f"retry budget of {self._options.retry_budget:.0f} s for one request. Try again later.",
                request=error.request,
                status=error.status,
                retry_after=error.retry_after,
            )
        raise error

    def _count(self, group: RequestGroup, more: Usage) -> None:
        self._total.count(more)
        group.count(more)


def _authorize(request: requests.PreparedRequest, authorization: str | None) -> requests.PreparedRequest:
    """Set the Authorization header. Without a function that does, requests would read a .netrc file."""
    if authorization is not None:
        request.headers["Authorization"] = authorization
    return request


def _without_token(record: logging.LogRecord) -> bool:
    """Remove the token from a URL in a log record. A logging filter returns true to keep the record."""
    if isinstance(record.args, tuple):
        record.args = tuple(redact(part, ()) if isinstance(part, str) else part for part in record.args)
    return True


def _error_of(state: tenacity.RetryCallState) -> TrackdriveError:
    error = state.outcome.exception() if state.outcome else None
    if not isinstance(error, TrackdriveError):
        raise TypeError("only errors of this package are retried")
    return error
