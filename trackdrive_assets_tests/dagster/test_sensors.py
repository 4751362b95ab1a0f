"""The sensor that posts failed runs to a webhook: its message, its retries, and when it posts nothing."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import dagster as dg
import pytest

from trackdrive_assets.dagster import sensors
from trackdrive_assets.dagster.sensors import MAX_ATTEMPTS, MAX_ERROR_LENGTH, failure_message, post
from trackdrive_assets.definitions import build_definitions
from trackdrive_assets.settings import Settings
from trackdrive_assets_tests.conftest import Pipeline

DAY = "2024-03-10"
ERROR = "calls of 2024-03-10: the key is refused."


@dataclass
class Webhook:
    """A chat service that records messages, and responds when the test lets it."""

    statuses: list[int]
    messages: list[dict[str, object]] = field(default_factory=list)
    may_respond: Event = field(default_factory=Event)
    url: str = ""

    @contextmanager
    def listening(self) -> Iterator["Webhook"]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                outer.messages.append(json.loads(self.rfile.read(length)))
                outer.may_respond.wait()
                self.send_response(outer.statuses.pop(0) if outer.statuses else 200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
            self.url = f"http://127.0.0.1:{server.server_port}/services/s3cr3t"
            yield self
            server.shutdown()


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with Webhook([]).listening() as listening:
        listening.may_respond.set()
        yield listening


@pytest.fixture(autouse=True)
def no_waiting_between_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensors._post.retry, "wait", lambda _: 0)


def after_a_failed_run(pipeline: Pipeline) -> object:
    """Return the result of the sensor for a run that failed because its key was revoked."""
    pipeline.sandbox.revoked = True
    result = pipeline.materialize("calls", DAY, fails=True)
    (sensor,) = build_definitions(pipeline.settings).sensors or ()
    assert isinstance(sensor, dg.SensorDefinition)
    (failed,) = [event for event in result.all_events if event.event_type_value == "PIPELINE_FAILURE"]
    context = dg.build_run_status_sensor_context(
        sensor_name=sensor.name,
        dagster_event=failed,
        dagster_instance=pipeline.instance,
        dagster_run=result.dagster_run,
    ).for_run_failure()
    return sensor(context)


def test_a_failed_run_is_posted_with_its_days_and_its_reason(pipeline: Pipeline, webhook: Webhook) -> None:
    pipeline.settings = replace(pipeline.settings, webhook_url=webhook.url)
    after_a_failed_run(pipeline)
    (message,) = webhook.messages
    assert message["days"] == DAY
    assert "401" in str(message["error"])
    assert str(message["text"]).startswith("Trackdrive: A materialization failed for 2024-03-10.")
    assert str(message["run_id"]) in str(message["text"])


def test_without_a_webhook_the_tick_names_the_missing_variable(pipeline: Pipeline) -> None:
    skipped = after_a_failed_run(pipeline)
    assert isinstance(skipped, dg.SkipReason)
    assert "TRACKDRIVE_WEBHOOK_URL" in str(skipped.skip_message)


def test_the_sensor_is_off_until_it_is_turned_on() -> None:
    (sensor,) = build_definitions(Settings()).sensors or ()
    assert isinstance(sensor, dg.SensorDefinition)
    assert sensor.default_status is dg.DefaultSensorStatus.STOPPED


def test_the_message_names_the_ends_of_a_range() -> None:
    tags = {
        "dagster/asset_partition_range_start": "2024-03-01",
        "dagster/asset_partition_range_end": "2024-03-31",
    }
    message = failure_message("nightly", "r1", tags, [ERROR], "Steps failed")
    assert message["text"] == f"Trackdrive: nightly failed for 2024-03-01...2024-03-31. {ERROR} (run r1)"


def test_without_step_errors_the_message_has_dagsters_error() -> None:
    message = failure_message("nightly", "r1", {}, [None], "The run's process is gone.")
    assert message["text"] == "Trackdrive: nightly failed. The run's process is gone. (run r1)"


def test_a_webhook_with_a_temporary_failure_gets_a_retry(webhook: Webhook) -> None:
    webhook.statuses = [503, 503]
    post(webhook.url, {"text": "hello"})
    assert webhook.messages == [{"text": "hello"}] * 3


def test_a_webhook_that_does_not_respond_gets_the_message_once(
    webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensors, "TIMEOUT", 0.2)
    webhook.may_respond.clear()
    with pytest.raises(RuntimeError, match="ReadTimeout"):
        post(webhook.url, {"text": "It failed."})
    assert len(webhook.messages) == 1
    webhook.may_respond.set()


def test_a_long_error_is_cut_and_names_the_log_of_the_run() -> None:
    message = failure_message("hang_up_calls", "r", {}, ["x" * 100_000], None)
    assert str(message["error"]).startswith("x" * MAX_ERROR_LENGTH + "… ")
    assert "The run's log" in str(message["error"])
    assert len(str(message["text"])) < MAX_ERROR_LENGTH + 200


def test_the_error_of_a_refused_message_has_no_url(webhook: Webhook) -> None:
    webhook.statuses = [404] * MAX_ATTEMPTS
    with pytest.raises(RuntimeError, match="it returned 404") as refused:
        post(webhook.url, {"text": "hello"})
    assert "s3cr3t" not in str(refused.value)
    # A traceback would print the context too.
    assert refused.value.__context__ is None


def test_the_error_of_an_unreachable_webhook_has_no_url() -> None:
    with pytest.raises(RuntimeError, match="can't be reached") as refused:
        post("http://127.0.0.1:1/services/s3cr3t", {"text": "hello"})
    assert "s3cr3t" not in str(refused.value)
    # A traceback would print the context too.
    assert refused.value.__context__ is None
