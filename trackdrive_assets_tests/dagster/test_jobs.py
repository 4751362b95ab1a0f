"""The jobs that a person launches: hang up calls, fetch calls or days again."""

import fcntl
import re
from dataclasses import replace
from datetime import UTC, date, timedelta
from pathlib import Path

import dagster as dg
import pytest

from trackdrive_assets.cost import describe_year, requests_per_day
from trackdrive_assets.dagster.build import build_definitions
from trackdrive_assets.dagster.jobs import (
    CONFIRMATION_PLACEHOLDER,
    PLACEHOLDER,
    confirmation,
    describe_end,
    launching_automation,
    loggable_fields,
    requested_uuids,
)
from trackdrive_assets.settings import Settings
from trackdrive_assets.tables.columns import CALLS
from trackdrive_assets.tables.exclusion import Exclusion
from trackdrive_assets_tests.conftest import NOW, Pipeline, why

DAY = "2024-11-18"


def live_call(pipeline: Pipeline) -> str:
    """Add a call that has just begun."""
    return pipeline.sandbox.add_call(NOW - timedelta(seconds=1))


def ended_call(pipeline: Pipeline) -> str:
    return pipeline.sandbox.add_call(NOW - timedelta(days=1))


def hang_up(pipeline: Pipeline, *uuids: str, **tags: str) -> dg.ExecuteInProcessResult:
    """Launch `hang_up_calls` with the confirmation that it asks for."""
    config = {"uuids": list(uuids), "confirmation": confirmation(len(uuids))}
    return pipeline.launch("hang_up_calls", config, tags=tags)


def hung_up(pipeline: Pipeline) -> list[str]:
    """Return the calls for which the sandbox got a request to hang up."""
    requests = pipeline.sandbox.requests
    return [request.path.rpartition("/")[2] for request in requests if request.method == "DELETE"]


def shown(result: dg.ExecuteInProcessResult) -> list[dict[str, object]]:
    """Return the table of calls in the metadata of a run, also if it failed."""
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
def test_a_call_has_ended_if_it_has_an_end_or_a_duration(call: dict[str, object], ended: str | None) -> None:
    assert describe_end(call) == ended


def test_a_call_is_shown_without_personal_data() -> None:
    answer = {"status": "forwarded", "caller_number": "+17195550100", "token-email": "a@b", "success": True}
    assert loggable_fields({**answer, "name": "Ann", "buyer": None}) == {
        "status": "forwarded",
        "success": True,
    }


def test_excluded_columns_and_messages_about_callers_are_not_shown() -> None:
    answer = {"status": "forwarded", "buyer": "Ann", "message": "Hung up on Ann Lee, +17195550100"}
    shown_fields = loggable_fields(answer, Exclusion.of("Buyer"))
    assert shown_fields["status"] == "forwarded"
    assert "buyer" not in shown_fields
    assert not {"Ann", "Lee", "5550100"} & set(re.findall(r"\w+", str(shown_fields["message"])))


def test_a_live_call_is_hung_up_and_the_response_is_recorded(pipeline: Pipeline) -> None:
    uuid = live_call(pipeline)
    result = hang_up(pipeline, uuid)
    assert result.success
    assert hung_up(pipeline) == [uuid]
    (row,) = shown(result)
    assert row["uuid"] == uuid
    assert row["outcome"] == "hung_up"
    assert '"ended_at": "2024-11-20T15:00:00' in str(row["details"])
    assert f"Call {uuid}: " in logged(pipeline, result)


def test_a_call_that_has_ended_is_refused_without_a_request(pipeline: Pipeline) -> None:
    uuid = ended_call(pipeline)
    result = hang_up(pipeline, uuid)
    assert not result.success
    assert hung_up(pipeline) == []
    assert f"{uuid}: The call ended at 2024-11-19T" in why(result)


def test_live_calls_are_hung_up_and_the_others_are_named(pipeline: Pipeline) -> None:
    ended, live = ended_call(pipeline), live_call(pipeline)
    unknown = "00000000-0000-4000-8000-000000000000"
    result = hang_up(pipeline, ended, unknown, live)
    assert not result.success
    assert hung_up(pipeline) == [live]
    assert [row["outcome"] for row in shown(result)] == ["refused", "failed", "hung_up"]
    assert "2 of 3 calls were not hung up." in why(result)


def test_a_job_without_calls_fails_and_names_the_field(pipeline: Pipeline) -> None:
    assert "Write at least one into `uuids`" in why(hang_up(pipeline, " ", PLACEHOLDER))
    assert "Write at least one into `uuids`" in why(pipeline.launch("refetch_calls", {"uuids": []}))


UUID, OTHER = "0f8fad5b-d9cb-469f-a165-70867728950e", "7c9e6679-7425-40de-944b-e07fc1f90ae7"


def test_each_requested_uuid_is_used_once_in_its_usual_spelling() -> None:
    assert requested_uuids([PLACEHOLDER, f" {UUID.upper()} ", OTHER, UUID]) == [UUID, OTHER]


@pytest.mark.parametrize(
    "text",
    [
        "tdprv-s3cr3t",
        "+1 719 555 0100",
        "1234567890",  # the number of a call
        UUID.replace("-", ""),
        f"{{{UUID}}}",
        f"{UUID}/../../reports",
        f"{UUID}?auth_token=x",
        f"{UUID}\n",
        UUID.replace("0", "\uff10"),  # digits that are not ASCII
        "{'env': 'TRACKDRIVE_PRIVATE_KEY'}",
    ],
)
def test_a_text_that_is_no_uuid_is_named_by_its_position_and_not_repeated(text: str) -> None:
    if text.strip() == UUID:
        assert requested_uuids([text]) == [UUID]
        return
    with pytest.raises(dg.Failure, match="The 2nd uuid is not a uuid") as refused:
        requested_uuids([UUID, text])
    assert text not in str(refused.value.description)


@pytest.mark.parametrize(
    ("position", "ordinal"),
    [(1, "1st"), (3, "3rd"), (11, "11th"), (13, "13th"), (22, "22nd"), (111, "111th")],
)
def test_a_position_is_an_ordinal_number(position: int, ordinal: str) -> None:
    with pytest.raises(dg.Failure, match=f"The {ordinal} uuid"):
        requested_uuids([UUID] * (position - 1) + ["x"])


@pytest.mark.parametrize("job", ["hang_up_calls", "refetch_calls"])
def test_a_text_that_is_no_uuid_reaches_no_log_and_no_server(pipeline: Pipeline, job: str) -> None:
    config: dict[str, object] = {"uuids": [live_call(pipeline), "tdprv-s3cr3t"]}
    if job == "hang_up_calls":
        config["confirmation"] = confirmation(2)
    result = pipeline.launch(job, config)
    assert "The 2nd uuid is not a uuid" in why(result)
    assert pipeline.sandbox.requests == []
    assert "s3cr3t" not in why(result) + logged(pipeline, result)


def test_the_number_of_a_call_does_not_hang_it_up(pipeline: Pipeline) -> None:
    assert "is not a uuid" in why(hang_up(pipeline, "1234567890"))
    assert pipeline.sandbox.requests == []


@pytest.mark.parametrize(
    "written", ["", CONFIRMATION_PLACEHOLDER, "yes", "hang up 1 call", "hang up 2 call", "Hang up 2 calls"]
)
def test_hanging_up_needs_the_number_of_calls_in_words(pipeline: Pipeline, written: str) -> None:
    config = {"uuids": [live_call(pipeline), OTHER], "confirmation": written}
    result = pipeline.launch("hang_up_calls", config)
    assert "No call was hung up. Write “hang up 2 calls” into `confirmation`" in why(result)
    assert pipeline.sandbox.requests == []


def test_a_uuid_that_is_written_twice_is_one_call_to_confirm(pipeline: Pipeline) -> None:
    uuid = live_call(pipeline)
    config = {"uuids": [uuid, uuid], "confirmation": "hang up 1 call"}
    assert pipeline.launch("hang_up_calls", config).success
    assert hung_up(pipeline) == [uuid]


@pytest.mark.parametrize("tag", ["dagster/schedule_name", "dagster/sensor_name"])
def test_only_a_person_can_hang_up(pipeline: Pipeline, tag: str) -> None:
    uuid = live_call(pipeline)
    result = hang_up(pipeline, uuid, **{tag: "every_minute"})
    assert not result.success
    assert hung_up(pipeline) == []
    assert "every_minute" in why(result)


def test_a_run_of_a_person_has_no_launching_automation() -> None:
    assert launching_automation({"dagster/partition": DAY}) is None


def test_no_schedule_and_no_sensor_launches_hang_up_calls() -> None:
    definitions = build_definitions(Settings())
    scheduled = {schedule.job_name for schedule in definitions.get_repository_def().schedule_defs}
    assert scheduled
    assert "hang_up_calls" not in scheduled
    assert all(not sensor.targets for sensor in definitions.sensors or ())


def test_a_dead_run_of_hang_up_calls_is_not_retried() -> None:
    assert build_definitions(Settings()).resolve_job_def("hang_up_calls").tags["dagster/max_retries"] == "0"


@pytest.mark.parametrize(
    ("job", "step", "fields"),
    [
        ("hang_up_calls", "hang_up", {"uuids": [PLACEHOLDER], "confirmation": CONFIRMATION_PLACEHOLDER}),
        ("refetch_calls", "refetch", {"uuids": [PLACEHOLDER]}),
    ],
)
def test_the_launchpad_opens_with_a_placeholder(job: str, step: str, fields: dict[str, object]) -> None:
    found = build_definitions(Settings()).resolve_job_def(job)
    assert (found.run_config or {})["ops"] == {step: {"config": fields}}
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


def test_a_refetch_holds_the_account_lock_while_it_fetches(
    pipeline: Pipeline,
) -> None:
    pipeline.materialize("calls", DAY)
    late = pipeline.sandbox.add_call(pipeline.day(DAY).start)
    lock_file = Path(pipeline.instance.root_directory) / "trackdrive_runs" / "account"
    was_locked = []

    def try_lock(row: dict[str, object]) -> dict[str, object]:
        with lock_file.open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                was_locked.append(True)
        return row

    pipeline.sandbox.rewrite = try_lock
    assert pipeline.launch("refetch_calls", {"uuids": [late]}).success
    assert was_locked == [True]


def test_a_refetched_call_is_stored_without_excluded_columns(pipeline: Pipeline) -> None:
    pipeline.settings = replace(pipeline.settings, exclude_columns=("caller_number",))
    pipeline.materialize("calls", DAY)
    late = pipeline.sandbox.add_call(pipeline.day(DAY).start, caller_number="+17195550123")
    pipeline.launch("refetch_calls", {"uuids": [late]})
    stored = pipeline.lake.read("calls", CALLS.schema, [date.fromisoformat(DAY)], ["uuid", "caller_number"])
    assert {"uuid": late, "caller_number": None} in stored.to_pylist()


def test_a_call_that_cannot_be_refetched_does_not_stop_the_others(pipeline: Pipeline) -> None:
    pipeline.materialize("calls", DAY)
    late = pipeline.sandbox.add_call(pipeline.day(DAY).start)
    other_day = pipeline.sandbox.add_call(pipeline.day("2024-11-10").start)
    result = pipeline.launch("refetch_calls", {"uuids": [other_day, late]})
    assert not result.success
    assert late in pipeline.stored(DAY)
    assert "Materialize calls of 2024-11-10" in why(result)
    assert [row["outcome"] for row in shown(result)] == ["refused", "stored"]


def test_a_refused_key_fails_a_refetch(pipeline: Pipeline) -> None:
    pipeline.materialize("calls", DAY)
    pipeline.sandbox.revoked = True
    result = pipeline.launch("refetch_calls", {"uuids": [ended_call(pipeline)]})
    assert "401" in why(result)


def test_refresh_range_selects_every_asset_for_a_range(pipeline: Pipeline) -> None:
    job = build_definitions(pipeline.settings).resolve_job_def("refresh_range")
    everything = build_definitions(pipeline.settings).resolve_asset_graph().get_all_asset_keys()
    assert job.asset_layer.executable_asset_keys == everything
    assert job.partitions_def is not None
    assert date(2024, 3, 1).isoformat() in job.partitions_def.get_partition_keys(
        current_time=NOW.astimezone(UTC)
    )


@pytest.mark.parametrize(
    "settings", [Settings(), Settings(requests_per_second=0), Settings(stats_interval="1d")]
)
def test_refresh_range_advises_a_shorter_run_whatever_it_costs(settings: Settings) -> None:
    description = build_definitions(settings).resolve_job_def("refresh_range").description
    assert description is not None
    assert description.endswith(
        f"{describe_year(settings, requests_per_day(settings))} To have the views of a long range sooner, "
        "launch look_back first: it fetches calls and reports."
    )
