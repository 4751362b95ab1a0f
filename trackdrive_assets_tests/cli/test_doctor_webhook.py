"""`trackdrive doctor --webhook`: what it sends, and what it prints."""

import pytest

from trackdrive_assets.sandbox.server import Sandbox
from trackdrive_assets_tests.cli.conftest import Trackdrive
from trackdrive_assets_tests.support.webhook_receiver import Receiver


def test_the_test_message_is_sent_once_and_its_response_is_printed(
    trackdrive: Trackdrive, sandbox: Sandbox
) -> None:
    with Receiver().listening() as receiver:
        outcome = trackdrive("doctor", "--webhook", TRACKDRIVE_WEBHOOK_URL=receiver.url)
    assert outcome.exit_code == 0
    assert outcome.stdout == "The message was accepted (200).\n"
    (message,) = receiver.messages
    account = sandbox.base_url.removeprefix("http://")
    assert message["text"] == f"Trackdrive {account}: This is a test. Nothing failed."
    assert sandbox.requests == []


@pytest.mark.parametrize(("status", "exit_code"), [(404, 1), (503, 3)])
def test_a_refused_test_message_is_an_error(trackdrive: Trackdrive, status: int, exit_code: int) -> None:
    with Receiver(status).listening() as receiver:
        outcome = trackdrive("doctor", "--webhook", TRACKDRIVE_WEBHOOK_URL=receiver.url)
    assert outcome.exit_code == exit_code
    assert f"it returned {status}" in outcome.stderr
    assert "s3cr3t" not in outcome.output


def test_a_missing_webhook_names_its_variable(trackdrive: Trackdrive) -> None:
    outcome = trackdrive("doctor", "--webhook")
    assert outcome.exit_code == 2
    assert "TRACKDRIVE_WEBHOOK_URL is not set" in outcome.stderr
