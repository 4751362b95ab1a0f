"""Telling somebody of a failed run: what is said, to whom, and that nobody is told unasked."""

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
    """A chat service: keeps what it is sent, and answers when it may."""

    answers: list[int]
    heard: list[dict[str, object]] = field(default_factory=list)
    may_answer: Event = field(default_factory=Event)
    url: str = ""

    @contextmanager
    def listening(self) -> Iterator["Webhook"]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                outer.heard.append(json.loads(self.rfile.read(length)))
                outer.may_answer.wait()
                self.send_response(outer.answers.pop(0) if outer.answers else 200)
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
        listening.may_answer.set()
        yield listening


@pytest.fixture(autouse=True)
def no_waiting_between_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensors._post.retry, "wait", lambda _: 0)


def after_a_failed_run(pipeline: Pipeline) -> object:
    """What the sensor gives when it is shown a run that a revoked key has ended."""
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
    (heard,) = webhook.heard
    assert heard["days"] == DAY
    assert "401" in str(heard["error"])
    assert str(heard["text"]).startswith("Trackdrive: A materialization failed for 2024-03-10.")
    assert str(heard["run_id"]) in str(heard["text"])


def test_without_a_webhook_nobody_is_told_and_the_tick_names_the_variable(pipeline: Pipeline) -> None:
    skipped = after_a_failed_run(pipeline)
    assert isinstance(skipped, dg.SkipReason)
    assert "TRACKDRIVE_WEBHOOK_URL" in str(skipped.skip_message)


def test_the_sensor_is_off_until_it_is_turned_on() -> None:
    (sensor,) = build_definitions(Settings()).sensors or ()
    assert isinstance(sensor, dg.SensorDefinition)
    assert sensor.default_status is dg.DefaultSensorStatus.STOPPED


def test_a_range_is_named_by_its_ends() -> None:
    tags = {
        "dagster/asset_partition_range_start": "2024-03-01",
        "dagster/asset_partition_range_end": "2024-03-31",
    }
    said = failure_message("nightly", "r1", tags, [ERROR], "Steps failed")
    assert said["text"] == f"Trackdrive: nightly failed for 2024-03-01...2024-03-31. {ERROR} (run r1)"


def test_a_run_whose_steps_say_nothing_is_told_in_dagsters_words() -> None:
    said = failure_message("nightly", "r1", {}, [None], "The run's process is gone.")
    assert said["text"] == "Trackdrive: nightly failed. The run's process is gone. (run r1)"


def test_a_webhook_that_stumbles_is_tried_again(webhook: Webhook) -> None:
    webhook.answers = [503, 503]
    post(webhook.url, {"text": "hello"})
    assert webhook.heard == [{"text": "hello"}] * 3


def test_a_webhook_that_took_the_notice_and_is_silent_is_not_told_twice(
    webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensors, "TIMEOUT", 0.2)
    webhook.may_answer.clear()
    with pytest.raises(RuntimeError, match="ReadTimeout"):
        post(webhook.url, {"text": "It failed."})
    assert len(webhook.heard) == 1
    webhook.may_answer.set()


def test_a_long_error_is_cut_and_says_where_the_rest_is() -> None:
    told = failure_message("hang_up_calls", "r", {}, ["x" * 100_000], None)
    assert str(told["error"]).startswith("x" * MAX_ERROR_LENGTH + "… ")
    assert "the run's log" in str(told["error"])
    assert len(str(told["text"])) < MAX_ERROR_LENGTH + 200


def test_a_webhook_that_refuses_is_told_without_its_url(webhook: Webhook) -> None:
    webhook.answers = [404] * MAX_ATTEMPTS
    with pytest.raises(RuntimeError, match="it returned 404") as refused:
        post(webhook.url, {"text": "hello"})
    assert "s3cr3t" not in str(refused.value)
    # Nor in what a traceback would print above it.
    assert refused.value.__context__ is None


def test_a_webhook_that_is_not_there_is_told_without_its_url() -> None:
    with pytest.raises(RuntimeError, match="can't be reached") as refused:
        post("http://127.0.0.1:1/services/s3cr3t", {"text": "hello"})
    assert "s3cr3t" not in str(refused.value)
    # Nor in what a traceback would print above it.
    assert refused.value.__context__ is None
