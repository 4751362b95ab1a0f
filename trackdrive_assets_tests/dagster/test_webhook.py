"""The messages for the webhook, and their delivery to receivers that are slow, broken or absent."""

from collections.abc import Iterator

import pytest

from trackdrive_assets.dagster import webhook
from trackdrive_assets.dagster.webhook import MAX_BYTES, NO_RESPONSE, WebhookUnreachable, deliver, message
from trackdrive_assets.settings import Settings
from trackdrive_assets_tests.support.webhook_receiver import Receiver

ACCOUNT = Settings(subdomain="acme", ui_url="https://dagster.example.com/td/")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver().listening() as listening:
        yield listening


def test_a_message_names_the_account_and_the_run() -> None:
    assert message(ACCOUNT, "nightly failed.", run_id="r1", days="2024-03-10") == {
        "text": "Trackdrive acme.trackdrive.com: nightly failed. https://dagster.example.com/td/runs/r1",
        "account": "acme.trackdrive.com",
        "run_id": "r1",
        "run_url": "https://dagster.example.com/td/runs/r1",
        "days": "2024-03-10",
    }


def test_without_the_url_of_the_ui_a_message_names_the_run() -> None:
    made = message(Settings(subdomain="acme"), "nightly failed.", run_id="r1")
    assert made["text"] == "Trackdrive acme.trackdrive.com: nightly failed. (run r1)"
    assert made["run_url"] is None


@pytest.mark.parametrize("character", ["x", '"', "\\", "\x00", "é", "€", "😀", "\ud800", "a b\n"])
def test_a_message_has_at_most_two_kilobytes(character: str) -> None:
    made = message(ACCOUNT, character * 100_000, run_id="r" * 36, days="2024-03-01...2024-03-31")
    assert len(webhook.body(made)) <= MAX_BYTES
    assert str(made["text"]).endswith("https://dagster.example.com/td/runs/" + "r" * 36)


@pytest.mark.parametrize("number", ["+17195550123", "(719) 555-0123", "1 719 555 0123", "719.555.0123"])
def test_a_message_names_no_caller(number: str) -> None:
    assert "0123" not in str(message(ACCOUNT, f"The caller {number} is not valid.")["text"])


@pytest.mark.parametrize(
    "word", ["2024-11-12", "2024-11-12...2024-11-14", "e0d16385-4b04-4f0a-a97b-a0f172837465"]
)
def test_a_message_keeps_its_days_and_the_uuids_of_calls(word: str) -> None:
    assert f"Call {word}: odd" in str(message(ACCOUNT, f"Call {word}: odd, of +17195550123")["text"])


def test_a_message_is_one_line() -> None:
    assert "\n" not in str(message(ACCOUNT, "It failed.\n  File x, line 1\n\tValueError")["text"])


def test_an_accepted_message_is_delivered_once(receiver: Receiver) -> None:
    assert deliver(receiver.url, {"text": "ä"}).description == "The message was accepted (200)."
    assert receiver.messages == [{"text": "ä"}]


def test_a_receiver_that_does_not_respond_gets_one_message(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "READ_TIMEOUT", 0.1)
    receiver.may_respond.clear()
    assert deliver(receiver.url, {"text": "x"}) == NO_RESPONSE
    assert len(receiver.messages) == 1


def test_a_receiver_that_never_ends_its_response_is_left_alone(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "DEADLINE", 0.1)
    receiver.may_respond.clear()
    assert deliver(receiver.url, {"text": "x"}) == NO_RESPONSE


def test_a_receiver_that_closes_the_connection_gets_one_message(receiver: Receiver) -> None:
    receiver.reply = None
    assert deliver(receiver.url, {"text": "x"}) == NO_RESPONSE
    assert len(receiver.messages) == 1


@pytest.mark.parametrize("status", [301, 307, 400, 404, 410, 500, 502])
def test_a_receiver_that_refuses_a_message_gets_no_second_one(receiver: Receiver, status: int) -> None:
    receiver.reply, receiver.headers = status, [("Location", f"{receiver.url}/elsewhere")]
    assert (
        f"did not accept the message: it returned {status}."
        in deliver(receiver.url, {"text": "x"}).description
    )
    assert len(receiver.messages) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_receiver_gets_the_message_later(receiver: Receiver, status: int) -> None:
    receiver.reply = status
    with pytest.raises(WebhookUnreachable, match=f"it returned {status}"):
        deliver(receiver.url, {"text": "x"})


def test_the_error_of_an_absent_receiver_has_no_url() -> None:
    with pytest.raises(WebhookUnreachable, match=r"it can't be reached \(ConnectionError\)") as refused:
        deliver("http://127.0.0.1:1/services/s3cr3t", {"text": "x"})
    assert "s3cr3t" not in str(refused.value)
    # A traceback would print the context too.
    assert refused.value.__context__ is None
