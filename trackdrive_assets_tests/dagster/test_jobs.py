"""The jobs that a person launches: hanging up calls, reading calls or days again."""

import fcntl
from dataclasses import replace
from datetime import UTC, date, timedelta
from pathlib import Path

import dagster as dg
import pytest

from trackdrive_assets.dagster.jobs import PLACEHOLDER, describe_end, launching_automation, loggable_fields
from trackdrive_assets.definitions import build_definitions
from trackdrive_assets.settings import Settings
from trackdrive_assets.tables.columns import CALLS
from trackdrive_assets_tests.conftest import NOW, Pipeline, why

DAY = "2024-11-18"


def live_call(pipeline: Pipeline) -> str:
    """A call that has just begun."""
    return pipeline.sandbox.add_call(NOW - timedelta(seconds=1))


def ended_call(pipeline: Pipeline) -> str:
    return pipeline.sandbox.add_call(NOW - timedelta(days=1))


def hung_up(pipeline: Pipeline) -> list[str]:
    """What the sandbox was asked to hang up."""
    return [asked.path.rpartition("/")[2] for asked in pipeline.sandbox.requests if asked.method == "DELETE"]


def shown(result: dg.ExecuteInProcessResult) -> list[dict[str, object]]:
    """The table of the calls that a run leaves in its metadata, whether it succeeded or not."""
    for event in result.all_events:
        if event.is_step_failure and event.step_failure_data.user_failure_data:
            metadata = event.step_failure_data.user_failure_data.metadata
        elif event.is_successful_output:
            metadata = event.step_output_data.metadata
        else:
            continue
        table = metadata["calls"]
        assert isinstance(table, dg.TableMetadataValue)
        return [dict(record.data) for record in table.records]
    raise AssertionError("The run shows no calls.")


def logged(pipeline: Pipeline, result: dg.ExecuteInProcessResult) -> str:
    return "\n".join(entry.user_message for entry in pipeline.instance.all_logs(result.run_id))


@pytest.mark.parametrize(
    ("call", "ended"),
    [
        (
            {"ended_at": "2024-11-20T14:00:00.000+00:00", "total_duration": 9},
            "at 2024-11-20T14:00:00.000+00:00",
        ),
        ({"ended_at": None, "total_duration": 9}, None),
        ({"total_duration": 9}, "after 9 s"),
        ({"total_duration": None}, None),
        ({"status": "forwarded"}, None),
    ],
)
def test_a_call_has_ended_when_it_says_so(call: dict[str, object], ended: str | None) -> None:
    assert describe_end(call) == ended


def test_nothing_that_tells_who_called_is_shown_of_a_call() -> None:
    answer = {"status": "forwarded", "caller_number": "+17195550100", "token-email": "a@b", "success": True}
    assert loggable_fields({**answer, "name": "Ann", "buyer": None}) == {
        "status": "forwarded",
        "success": True,
    }


def test_a_live_call_is_shown_and_hung_up_and_the_answer_is_recorded(pipeline: Pipeline) -> None:
    uuid = live_call(pipeline)
    result = pipeline.launch("hang_up_calls", {"uuids": [uuid]})
    assert result.success
    assert hung_up(pipeline) == [uuid]
    (row,) = shown(result)
    assert row["uuid"] == uuid
    assert row["outcome"] == "hung_up"
    assert '"ended_at": "2024-11-20T15:00:00' in str(row["details"])
    assert f"Call {uuid}: " in logged(pipeline, result)


def test_a_call_that_has_ended_is_refused_without_asking_to_hang_it_up(pipeline: Pipeline) -> None:
    uuid = ended_call(pipeline)
    result = pipeline.launch("hang_up_calls", {"uuids": [uuid]})
    assert not result.success
    assert hung_up(pipeline) == []
    assert f"{uuid}: The call ended at 2024-11-19T" in why(result)


def test_of_several_calls_those_that_go_on_are_hung_up_and_the_others_named(pipeline: Pipeline) -> None:
    ended, live = ended_call(pipeline), live_call(pipeline)
    unknown = "00000000-0000-4000-8000-000000000000"
    result = pipeline.launch("hang_up_calls", {"uuids": [ended, unknown, live]})
    assert not result.success
    assert hung_up(pipeline) == [live]
    assert [row["outcome"] for row in shown(result)] == ["refused", "failed", "hung_up"]
    assert "2 of 3 calls were not hung up." in why(result)


@pytest.mark.parametrize("job", ["hang_up_calls", "refetch_calls"])
def test_naming_no_call_is_a_mistake_that_says_what_to_do(pipeline: Pipeline, job: str) -> None:
    result = pipeline.launch(job, {"uuids": [" ", PLACEHOLDER]})
    assert "Write at least one into `uuids`" in why(result)


@pytest.mark.parametrize("tag", ["dagster/schedule_name", "dagster/sensor_name"])
def test_only_a_person_can_hang_up(pipeline: Pipeline, tag: str) -> None:
    uuid = live_call(pipeline)
    result = pipeline.launch("hang_up_calls", {"uuids": [uuid]}, tags={tag: "every_minute"})
    assert not result.success
    assert hung_up(pipeline) == []
    assert "every_minute" in why(result)


def test_a_run_that_a_person_launched_was_launched_by_nothing_else() -> None:
    assert launching_automation({"dagster/partition": DAY}) is None


def test_no_schedule_and_no_sensor_launches_the_job_that_hangs_up() -> None:
    definitions = build_definitions(Settings())
    scheduled = {schedule.job_name for schedule in definitions.get_repository_def().schedule_defs}
    assert scheduled
    assert "hang_up_calls" not in scheduled
    assert all(not sensor.targets for sensor in definitions.sensors or ())


def test_a_run_that_died_while_hanging_up_is_not_repeated() -> None:
    assert build_definitions(Settings()).resolve_job_def("hang_up_calls").tags["dagster/max_retries"] == "0"


@pytest.mark.parametrize(("job", "step"), [("hang_up_calls", "hang_up"), ("refetch_calls", "refetch")])
def test_the_launchpad_opens_with_what_is_to_be_filled_in(job: str, step: str) -> None:
    found = build_definitions(Settings()).resolve_job_def(job)
    assert (found.run_config or {})["ops"] == {step: {"config": {"uuids": [PLACEHOLDER]}}}
    assert found.description


def test_a_refetched_call_is_in_the_lake_and_its_day_is_recorded(pipeline: Pipeline) -> None:
    pipeline.materialize("calls", DAY)
    late = pipeline.sandbox.add_call(pipeline.day(DAY).start)
    result = pipeline.launch("refetch_calls", {"uuids": [late]})
    assert result.success
    assert late in pipeline.stored(DAY)
    recorded = pipeline.materialized("calls")[DAY]
    assert recorded["dagster/partition_row_count"] == len(pipeline.truth(DAY))
    assert recorded["refetched_calls"] == 1
    assert pipeline.materialized("call_changes")[DAY]["changes_found"] == recorded["changes_found"] != 0


def test_a_refetch_takes_its_turn_so_that_no_other_run_replaces_the_day_meanwhile(
    pipeline: Pipeline,
) -> None:
    pipeline.materialize("calls", DAY)
    late = pipeline.sandbox.add_call(pipeline.day(DAY).start)
    turn = Path(pipeline.instance.root_directory) / "trackdrive_runs" / "account"
    taken = []

    def look(row: dict[str, object]) -> dict[str, object]:
        with turn.open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                taken.append(True)
        return row

    pipeline.sandbox.rewrite = look
    assert pipeline.launch("refetch_calls", {"uuids": [late]}).success
    assert taken == [True]


def test_a_refetched_call_is_stored_without_what_the_settings_exclude(pipeline: Pipeline) -> None:
    pipeline.settings = replace(pipeline.settings, exclude_columns=("caller_number",))
    pipeline.materialize("calls", DAY)
    late = pipeline.sandbox.add_call(pipeline.day(DAY).start, caller_number="+17195550123")
    pipeline.launch("refetch_calls", {"uuids": [late]})
    stored = pipeline.lake.read("calls", CALLS.schema, [date.fromisoformat(DAY)], ["uuid", "caller_number"])
    assert {"uuid": late, "caller_number": None} in stored.to_pylist()


def test_a_call_that_cannot_be_refetched_is_named_and_the_others_are_stored(pipeline: Pipeline) -> None:
    pipeline.materialize("calls", DAY)
    late = pipeline.sandbox.add_call(pipeline.day(DAY).start)
    other_day = pipeline.sandbox.add_call(pipeline.day("2024-11-10").start)
    result = pipeline.launch("refetch_calls", {"uuids": [other_day, late]})
    assert not result.success
    assert late in pipeline.stored(DAY)
    assert "Materialize calls of 2024-11-10" in why(result)
    assert [row["outcome"] for row in shown(result)] == ["refused", "stored"]


def test_a_refused_key_ends_a_refetch_with_what_to_check(pipeline: Pipeline) -> None:
    pipeline.materialize("calls", DAY)
    pipeline.sandbox.revoked = True
    result = pipeline.launch("refetch_calls", {"uuids": [ended_call(pipeline)]})
    assert "401" in why(result)


def test_refreshing_a_range_reads_all_of_its_tables_in_one_run(pipeline: Pipeline) -> None:
    job = build_definitions(pipeline.settings).resolve_job_def("refresh_range")
    everything = build_definitions(pipeline.settings).resolve_asset_graph().get_all_asset_keys()
    assert job.asset_layer.executable_asset_keys == everything
    assert job.partitions_def is not None
    assert date(2024, 3, 1).isoformat() in job.partitions_def.get_partition_keys(
        current_time=NOW.astimezone(UTC)
    )
