"""The sensors: which failures make a message, which make none, and what a failed run leaves visible."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest
from dagster._core.events import DagsterEvent

from trackdrive_assets.dagster import sensors, webhook
from trackdrive_assets.dagster.account import DagsterAccount
from trackdrive_assets.dagster.build import build_definitions
from trackdrive_assets.dagster.locks import PROCESS_GONE
from trackdrive_assets.dagster.runs import is_ours
from trackdrive_assets.dagster.sensors import Cursor, next_message
from trackdrive_assets.quality import file_checks
from trackdrive_assets.settings import Settings
from trackdrive_assets.tables.columns import CALLS
from trackdrive_assets_tests.conftest import Pipeline
from trackdrive_assets_tests.support.factories import folder_of

DAY = "2024-11-12"
EARLY = Cursor(datetime(2024, 1, 1, tzinfo=UTC))


@pytest.fixture(autouse=True)
def yesterday_is_loaded(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the missing day, except in its own tests."""
    if "missing" not in request.node.name:
        monkeypatch.setattr(sensors, "missing_day", lambda _: ("2024-11-19", None))


def sensor(settings: Settings, name: str) -> dg.SensorDefinition:
    found = build_definitions(settings).get_repository_def().get_sensor_def(name)
    assert isinstance(found, dg.SensorDefinition)
    return found


def evaluate(
    pipeline: Pipeline, name: str = "report_failures", cursor: str | None = None
) -> tuple[str, str | None]:
    """Evaluate a sensor, and return its sentence and its new cursor."""
    context = dg.build_sensor_context(instance=pipeline.instance, cursor=cursor)
    result = sensor(pipeline.settings, name)(context)
    assert isinstance(result, dg.SkipReason)
    return str(result.skip_message), context.cursor


def fail(pipeline: Pipeline) -> dg.ExecuteInProcessResult:
    """Run a day with a revoked key, as a nightly run."""
    pipeline.sandbox.revoked = True
    result = pipeline.materialize("calls", DAY, fails=True)
    pipeline.sandbox.revoked = False
    return result


def messages(pipeline: Pipeline) -> list[webhook.Message]:
    """Return all messages that were not posted since the beginning."""
    found: list[webhook.Message] = []
    cursor = EARLY
    while True:
        message, cursor = next_message(pipeline.instance, DagsterAccount(pipeline.settings), cursor)
        if message is None:
            return found
        found.append(message)


@pytest.fixture
def ours(pipeline: Pipeline) -> Pipeline:
    """A pipeline with the name of an account."""
    pipeline.settings = replace(pipeline.settings, subdomain="acme")
    return pipeline


@pytest.fixture
def checked(pipeline: Pipeline) -> Pipeline:
    """A pipeline on the account of its lake, so that its checks may read the lake."""
    pipeline.settings = replace(pipeline.settings, base_url=pipeline.sandbox.base_url)
    return pipeline


def test_a_failed_run_is_one_message_with_its_days_and_its_reason(ours: Pipeline) -> None:
    result = fail(ours)
    (message,) = messages(ours)
    assert str(message["text"]).startswith(
        "Trackdrive acme.trackdrive.com: A materialization failed for 2024-11-12. calls of 2024-11-12: "
    )
    assert message["run_id"] == result.run_id
    assert message["days"] == DAY


def test_a_run_that_succeeds_makes_no_message(ours: Pipeline) -> None:
    ours.materialize("calls", DAY)
    assert messages(ours) == []


def test_several_failures_are_one_message_for_each_evaluation(
    ours: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    posted: list[object] = []

    def accept(_: str, message: object) -> webhook.Delivery:
        posted.append(message)
        return webhook.NO_RESPONSE

    monkeypatch.setattr(webhook, "deliver", accept)
    ours.settings = replace(ours.settings, webhook_url="https://hooks.example.com/s3cr3t")
    _, cursor = evaluate(ours)
    fail(ours)
    fail(ours)
    for count in (1, 2, 2):
        _, cursor = evaluate(ours, cursor=cursor)
        assert len(posted) == count


def test_a_message_that_was_not_got_is_sent_again(ours: Pipeline) -> None:
    ours.settings = replace(ours.settings, webhook_url="http://127.0.0.1:1/s3cr3t")
    fail(ours)
    context = dg.build_sensor_context(instance=ours.instance, cursor=str(EARLY))
    with pytest.raises(webhook.WebhookUnreachable):
        sensor(ours.settings, "report_failures")(context)
    assert len(messages(ours)) == 1


def test_the_first_evaluation_begins_now(ours: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "deliver", lambda *_: pytest.fail("posted"))
    fail(ours)
    ours.settings = replace(ours.settings, webhook_url="https://hooks.example.com/s3cr3t")
    assert evaluate(ours)[0] == "Nothing failed."


def test_without_a_webhook_the_tick_names_the_missing_variable(pipeline: Pipeline) -> None:
    assert "TRACKDRIVE_WEBHOOK_URL is not set" in evaluate(pipeline)[0]


def test_a_check_that_begins_to_fail_is_one_message(checked: Pipeline) -> None:
    result = checked.materialize("calls", DAY, checked=True)
    failed = {check.check_name for check in result.get_asset_check_evaluations() if not check.passed}
    # A missing yesterday has a message of its own.
    assert (failed, messages(checked)) == ({"yesterday_loaded"}, [])
    checked.sandbox.add_call(datetime(2024, 11, 12, 17, tzinfo=UTC), total_duration=-5)
    checked.materialize("calls", DAY, checked=True)
    found = messages(checked)
    assert len(found) == 1
    assert "The check durations_not_negative failed. A duration is negative. 1 row" in str(found[-1]["text"])
    # The same violation on the same day is no news.
    checked.materialize("calls", DAY, checked=True)
    assert len(messages(checked)) == 1
    # Another day is.
    checked.sandbox.add_call(datetime(2024, 11, 13, 17, tzinfo=UTC), total_duration=-5)
    checked.materialize("calls", DAY, "2024-11-13", checked=True)
    assert len(messages(checked)) == 2


def test_a_failed_run_names_the_checks_that_begin_to_fail(checked: Pipeline) -> None:
    checked.sandbox.add_call(datetime(2024, 11, 12, 17, tzinfo=UTC), total_duration=-5)
    for day in (13, 14):
        checked.sandbox.add_call(datetime(2024, 11, day, 17, tzinfo=UTC), revenue="odd")
    checked.materialize("calls", DAY, "2024-11-14", checked=True, fails=True)
    (text,) = [str(message["text"]) for message in messages(checked)]
    assert "A materialization failed for 2024-11-12...2024-11-14. 2 failed." in text
    assert "is stored. calls of 2024-11-1" in text
    assert "The check durations_not_negative failed. A duration is negative." in text


def test_a_missing_yesterday_is_one_message(ours: Pipeline) -> None:
    day, sentence = sensors.missing_day(ours.settings)
    assert sentence
    assert f"No run has loaded the calls of {day} by 06:00." in sentence
    message, cursor = next_message(ours.instance, DagsterAccount(ours.settings), EARLY)
    assert message
    assert message["days"] == day == cursor.day
    assert (
        next_message(ours.instance, DagsterAccount(ours.settings), Cursor.read(str(cursor), EARLY.since))[0]
        is None
    )


def test_a_yesterday_that_is_loaded_is_not_missing(ours: Pipeline) -> None:
    now = datetime.now(UTC)
    day = file_checks.last_due(now)
    ours.settings = replace(ours.settings, time_zone="UTC")
    with ours.lake.replace("calls", CALLS.schema, day) as writer:
        writer.write(pa.RecordBatch.from_pylist([], schema=CALLS.schema))
    assert sensors.missing_day(ours.settings)[1] is None


def test_a_missing_day_is_searched_in_the_lake_of_the_runs(
    ours: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = file_checks.last_due(datetime.now(UTC))
    monkeypatch.setenv("DAGSTER_HOME", str(folder_of(ours.lake).parent / ".dagster"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    ours.settings = replace(ours.settings, time_zone="UTC", lake=folder_of(ours.lake).name)
    assert sensors.missing_day(ours.settings)[1]
    with ours.lake.replace("calls", CALLS.schema, day):
        pass
    assert sensors.missing_day(ours.settings)[1] is None


def test_a_silent_run_is_one_message(ours: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    @dg.job(name="nightly")
    def nightly() -> None:
        pass

    run = ours.instance.create_run_for_job(nightly, status=dg.DagsterRunStatus.STARTED)
    ours.instance.report_engine_event("Started.", run)
    assert messages(ours) == []
    monkeypatch.setattr(sensors, "SILENCE", timedelta(0))
    message, cursor = next_message(ours.instance, DagsterAccount(ours.settings), EARLY)
    assert message
    assert "nightly has logged nothing for" in str(message["text"])
    assert next_message(ours.instance, DagsterAccount(ours.settings), cursor)[0] is None
    ours.instance.report_engine_event("Another run uses the API. This run starts when …", run)


def test_a_refused_key_keeps_the_results_of_the_checks(checked: Pipeline) -> None:
    checked.materialize("calls", DAY, checked=True)
    checked.sandbox.revoked = True
    failed = checked.materialize("calls", DAY, checked=True, fails=True)
    _, cursor = evaluate(checked, "watch_runs", cursor=str(EARLY))
    key = dg.AssetCheckKey(dg.AssetKey("calls"), "uuid_unique")
    (record,) = checked.instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
    assert record.run_id != failed.run_id
    assert record.status.value == "SUCCEEDED"
    # A run is looked at once.
    evaluate(checked, "watch_runs", cursor=cursor)
    (again,) = checked.instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
    assert again.id == record.id


def test_a_dead_run_is_found_without_another_run(ours: Pipeline) -> None:
    @dg.job(name="nightly")
    def nightly() -> None:
        pass

    run = ours.instance.create_run_for_job(nightly, status=dg.DagsterRunStatus.STARTED)
    folder = Path(ours.instance.root_directory) / "trackdrive_runs"
    folder.mkdir(exist_ok=True)
    (folder / f"{run.run_id}.alive").touch()
    assert evaluate(ours, "watch_runs")[0] == "Dead runs that were marked as failed: 1."
    (message,) = messages(ours)
    assert "The run's process is gone." in str(message["text"])


@pytest.mark.parametrize(
    ("has_started", "will_retry", "reason"),
    [
        (True, "true", f"{PROCESS_GONE} Dagster runs it again."),
        (True, "false", PROCESS_GONE),
        (False, "false", "Dagster could not start it. Its log in the UI has the reason."),
    ],
)
def test_a_run_that_dagster_marks_as_failed_has_our_reason(
    ours: Pipeline, *, has_started: bool, will_retry: str, reason: str
) -> None:
    @dg.job(name="nightly")
    def nightly() -> None:
        pass

    run = ours.instance.create_run_for_job(nightly, tags={"dagster/will_retry": will_retry})
    if has_started:
        started = DagsterEvent(dg.DagsterEventType.RUN_START.value, run.job_name)
        ours.instance.report_dagster_event(started, run.run_id)
    ours.instance.report_run_failed(run)
    (message,) = messages(ours)
    assert str(message["text"]).endswith(f"nightly failed. {reason} (run {run.run_id})")


def test_the_webhook_is_served_if_its_url_is_set() -> None:
    status = {
        url: sensor(Settings(webhook_url=url), "report_failures").default_status
        for url in (None, "https://x.y")
    }
    assert status == {None: dg.DefaultSensorStatus.STOPPED, "https://x.y": dg.DefaultSensorStatus.RUNNING}
    assert sensor(Settings(), "watch_runs").default_status is dg.DefaultSensorStatus.RUNNING


def test_a_cursor_survives_its_text() -> None:
    cursor = Cursor(datetime(2024, 3, 10, 1, 2, 3, 456789, tzinfo=UTC), str(date(2024, 3, 9)), "r1")
    assert Cursor.read(str(cursor), EARLY.since) == cursor
    assert json.dumps(str(cursor))


@pytest.mark.parametrize(
    ("job", "keys", "checked", "expected"),
    [
        ("nightly", None, None, True),
        ("__ASSET_JOB", ["calls", "views/daily_summary"], None, True),
        ("__ASSET_JOB", None, ["calls"], True),
        ("__ASSET_JOB", ["calls", "orders"], None, False),
        ("__ASSET_JOB", ["orders"], ["orders"], False),
        ("__ASSET_JOB", None, None, False),
        ("etl", None, None, False),
    ],
)
def test_only_our_runs_are_looked_at(
    pipeline: Pipeline, job: str, keys: list[str] | None, checked: list[str] | None, *, expected: bool
) -> None:
    run = dg.DagsterRun(
        job_name=job,
        asset_selection=frozenset(map(dg.AssetKey.from_user_string, keys or [])),
        asset_check_selection=frozenset(dg.AssetCheckKey(dg.AssetKey(key), "x") for key in checked or []),
    )
    assert is_ours(pipeline.instance, run) is expected
