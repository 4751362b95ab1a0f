"""The messages for the webhook, and how one is delivered once. It needs no Dagster.

A message names the account, the run and one sentence. It names no caller, because a chat service stores it.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Thread
from urllib.parse import urlsplit

from trackdrive_assets.privacy import mask_phone_numbers
from trackdrive_assets.settings import Settings, variable

MAX_BYTES = 2000
"""The size of a message. Chat services refuse long messages."""

CONNECT_TIMEOUT, READ_TIMEOUT = 5.0, 10.0
DEADLINE = 20.0
"""Seconds until a delivery is given up, however slowly the receiver responds."""

_DATE = r"(?<![\d-])20\d\d-[01]\d-[0-3]\d(?![\d-])"
_UUID = r"(?<![\w-])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![\w-])"
_NOT_A_NUMBER = re.compile(f"({_DATE}|{_UUID})")
_REFUSED, _BUSY = 300, {429, 503}


Message = Mapping[str, str | None]
"""What is posted: the keys are `text`, `account`, `run_id`, `run_url` and `days`."""


@dataclass(frozen=True)
class Delivery:
    """What came back for a message that was sent."""

    is_accepted: bool
    description: str


NO_RESPONSE = Delivery(is_accepted=False, description="The receiver has the message, and did not respond.")


class WebhookUnreachable(RuntimeError):
    """The receiver has not got the message, so that it can be sent again.

    The error has no URL, which may contain a secret.
    """


def message(
    settings: Settings, sentence: str, *, run_id: str | None = None, days: str | None = None
) -> Message:
    """Return a message of at most `MAX_BYTES` bytes.

    Args:
        settings: The settings of the deployment.
        sentence: What happened. It is shortened if necessary, and numbers of callers are masked.
        run_id: The id of the run, for a link to it.
        days: The days that the sentence is about.
    """
    account = urlsplit(settings.address).netloc
    link = f"{settings.ui_url}/runs/{run_id}" if run_id and settings.ui_url else None
    sentence = _masked(" ".join(sentence.split()))
    while True:
        text = f"Trackdrive {account}: {sentence}"
        text += f" {link}" if link else f" (run {run_id})" if run_id else ""
        made = {"text": text, "account": account, "run_id": run_id, "run_url": link, "days": days}
        if len(body(made)) <= MAX_BYTES or not sentence:
            return made
        sentence = f"{sentence[: len(sentence) * 3 // 4]}…" if len(sentence) > len("…") * 2 else ""


def _masked(sentence: str) -> str:
    """Return a sentence without numbers of callers, and with its dates and uuids, which look like numbers."""
    parts = _NOT_A_NUMBER.split(sentence)
    return "".join(part if _NOT_A_NUMBER.fullmatch(part) else mask_phone_numbers(part) for part in parts)


def body(made: Message) -> bytes:
    """Return the body of the request with a message."""
    return json.dumps(made, ensure_ascii=False).encode("utf-8", "replace")


def deliver(url: str, made: Message) -> Delivery:
    """Post a message once, and return what came back.

    A receiver that got the message and does not respond gets no second one.

    Raises:
        WebhookUnreachable: It cannot be connected to, or is busy. It has not got the message.
    """
    outcome: list[Delivery | WebhookUnreachable] = []
    # A response that comes byte by byte passes every timeout of the connection.
    thread = Thread(target=lambda: outcome.append(_post(url, made)), daemon=True)
    thread.start()
    thread.join(DEADLINE)
    result = outcome[0] if outcome else NO_RESPONSE
    if isinstance(result, WebhookUnreachable):
        raise result
    return result


def _post(url: str, made: Message) -> Delivery | WebhookUnreachable:
    import requests  # noqa: PLC0415  # slow to import, and the sensors are definitions, which load fast
    from urllib3.exceptions import ProtocolError  # noqa: PLC0415

    try:
        with requests.post(
            url,
            data=body(made),
            headers={"Content-Type": "application/json"},
            timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
            # A redirect would turn the request into a GET, or send the message to another host.
            allow_redirects=False,
            stream=True,
        ) as response:
            status = response.status_code
    except requests.ReadTimeout:
        return NO_RESPONSE
    except requests.RequestException as error:
        # The connection was closed after the request was sent.
        is_sent = any(isinstance(cause, ProtocolError) for cause in error.args)
        return NO_RESPONSE if is_sent else _unreachable(f"it can't be reached ({type(error).__name__})")
    if status in _BUSY:
        return _unreachable(f"it returned {status}")
    if status >= _REFUSED:
        return Delivery(is_accepted=False, description=_advice(f"it returned {status}"))
    return Delivery(is_accepted=True, description=f"The message was accepted ({status}).")


def _unreachable(reason: str) -> WebhookUnreachable:
    return WebhookUnreachable(_advice(reason))


def _advice(reason: str) -> str:
    return (
        f"The webhook of {variable('webhook_url')} did not accept the message: {reason}. "
        "Check the URL, and that it accepts JSON by POST."
    )
