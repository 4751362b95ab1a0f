"""The jobs that a person launches: read some days again, read some calls again, hang calls up.

No schedule and no sensor launches them. The jobs of the schedules stand beside these in `schedules.py`.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
from pydantic import Field

from trackdrive_assets.api.client import Client
from trackdrive_assets.api.errors import TrackdriveError
from trackdrive_assets.api.rows import Row
from trackdrive_assets.dagster.assets.calls import calls_metadata, exclusion_of
from trackdrive_assets.dagster.assets.daily import POOL
from trackdrive_assets.dagster.executor import account_lock
from trackdrive_assets.dagster.resources import LakeResource, TrackdriveResource
from trackdrive_assets.ingest.refetch import refetch_calls
from trackdrive_assets.lake.errors import LakeError
from trackdrive_assets.settings import Settings

# By key and not by group, which assets that others merge into these definitions may share with ours.
CALLS_AND_REPORTS = 'key:calls or key:call_changes or key:"reports/*" or key:"views/*"'
EVERYTHING = f'{CALLS_AND_REPORTS} or key:"stats/*"'

SHOWN = (
    "status",
    "created_at",
    "ended_at",
    "total_duration",
    "offer",
    "traffic_source",
    "buyer",
    "hangup_cause",
    "hangup_reason",
)
"""What is shown of a call. Nothing that tells who called: the event log is read by many."""

VERDICT = ("success", "message", "error", "errors")
"""Under which keys a server says whether something went well. What Trackdrive answers is not documented."""

EXAMPLE = "write the uuid of a call here"
"""What the launchpad opens with in the place of a uuid. Left as it is, it names no call."""

LAUNCHED_BY = {"dagster/schedule_name": "schedule", "dagster/sensor_name": "sensor"}
"""Tags of a run that no person launched."""


def build_jobs(settings: Settings) -> list[Any]:
    """The jobs, for a deployment's settings."""
    return [_refresh_range(), _refetch_calls(settings), _hang_up_calls()]


def _refresh_range() -> Any:
    return dg.define_asset_job(
        "refresh_range",
        selection=EVERYTHING,
        description=(
            "Reads all tables of a range of days again and ends in fresh views. Press “Materialize all” and "
            "choose the days in the dialog: the range is one run, and every day is recorded when it is done."
        ),
    )


class CallsToHangUp(dg.Config):
    """Which calls are to be hung up."""

    uuids: list[str] = Field(
        description="The uuids of the calls, as Trackdrive and the view `unfinished_calls` show them. "
        "Every call that is still going on is hung up at once, and that can't be undone."
    )


class CallsToRefetch(dg.Config):
    """Which calls are to be read again."""

    uuids: list[str] = Field(
        description="The uuids of the calls. Each is read again by itself and put into the file of its day, "
        "which must have been read before. What is different goes to `call_changes`."
    )


def end_of(call: Row) -> str | None:
    """When a call ended, in words; None while it goes on."""
    if ended_at := call.get("ended_at"):
        return f"at {ended_at}"
    # An account's key may not see the column; a duration comes only when the call is over.
    if "ended_at" not in call and call.get("total_duration") is not None:
        return f"after {call['total_duration']} s"
    return None


def seen_of(answer: Row) -> dict[str, Any]:
    """What may be shown of an answer: something of the call, and whether it went well."""
    return {key: value for key, value in answer.items() if value is not None and key in {*SHOWN, *VERDICT}}


def launched_by(tags: Mapping[str, str]) -> str | None:
    """What launched a run, where it was no person."""
    return next((f"the {kind} {tags[tag]}" for tag, kind in LAUNCHED_BY.items() if tag in tags), None)


def _hang_up_calls() -> dg.JobDefinition:
    @dg.op(
        description="Shows each call, hangs it up if it is still going on, and records what the server said."
    )
    def hang_up(
        context: dg.OpExecutionContext, config: CallsToHangUp, trackdrive: TrackdriveResource
    ) -> None:
        if launcher := launched_by(context.run.tags):
            raise _final(f"This run was launched by {launcher}. Only a person may hang up calls: in the UI.")
        uuids = _given(config.uuids)
        outcomes: list[dict[str, str]] = []
        with trackdrive.client() as client:
            for uuid in uuids:
                outcome, said = _hang_one_up(client, uuid, context.log)
                outcomes.append({"uuid": uuid, "outcome": outcome, "said": said})
        if any(one["outcome"] != "hung up" for one in outcomes):
            raise _failed("hung up", outcomes)
        context.add_output_metadata({"calls": _table(outcomes)})

    @dg.job(
        name="hang_up_calls",
        description=(
            "Hangs up calls that are going on. Write their uuids into the launchpad. A call that has ended "
            "is refused, the others are hung up. Nothing but a person launches this job."
        ),
        config=dg.RunConfig(ops={"hang_up": CallsToHangUp(uuids=[EXAMPLE])}),
        # Were the process to die, nobody would know how far it had come.
        tags={"dagster/max_retries": "0"},
    )
    def hang_up_calls() -> None:
        hang_up()

    return hang_up_calls


def _hang_one_up(client: Client, uuid: str, log: Any) -> tuple[str, str]:
    """What was done, and what the server said to it."""
    try:
        call = client.call(uuid)
        log.info("Call %s: %s", uuid, _text(seen_of(call)))
        if ended := end_of(call):
            log.warning("Call %s ended %s, so it is not hung up.", uuid, ended)
            return "refused", f"The call ended {ended}."
        answer = client.hang_up(uuid)
    except TrackdriveError as error:
        log.warning("Call %s: %s", uuid, error)
        return "failed", str(error)
    said = _text(seen_of(answer))
    log.info("Call %s is hung up. The server said: %s", uuid, said)
    return "hung up", said


def _refetch_calls(settings: Settings) -> dg.JobDefinition:
    @dg.op(
        description="Reads each call by itself and puts it into its day's file; records what is different.",
        pool=POOL,
    )
    def refetch(
        context: dg.OpExecutionContext,
        config: CallsToRefetch,
        trackdrive: TrackdriveResource,
        lake: LakeResource,
    ) -> None:
        uuids = _given(config.uuids)
        try:
            with account_lock(context.instance, context.log), trackdrive.client() as client:
                done = refetch_calls(
                    client, lake.open(), uuids, ZoneInfo(settings.time_zone), exclude=exclusion_of(settings)
                )
        except (TrackdriveError, LakeError) as error:
            raise _final(str(error)) from None
        for day, (count, ingested) in done.stored.items():
            for key, metadata in calls_metadata(ingested, settings.time_zone).items():
                context.log_event(
                    dg.AssetMaterialization(
                        key, partition=str(day), metadata={**metadata, "refetched_calls": count}
                    )
                )
        if done.refused:
            raise _failed(
                "stored",
                [
                    {"uuid": uuid, "outcome": "refused", "said": done.refused[uuid]}
                    if uuid in done.refused
                    else {"uuid": uuid, "outcome": "stored", "said": ""}
                    for uuid in uuids
                ],
            )

    @dg.job(
        name="refetch_calls",
        description=(
            "Reads single calls again and puts them into the files of their days. Write their uuids into the "
            "launchpad. For whole days take refresh_range, which finds calls that nobody named."
        ),
        config=dg.RunConfig(ops={"refetch": CallsToRefetch(uuids=[EXAMPLE])}),
    )
    def refetch_calls_job() -> None:
        refetch()

    return refetch_calls_job


def _given(uuids: Sequence[str]) -> list[str]:
    """What was typed, each once."""
    named = [uuid for uuid in dict.fromkeys(map(str.strip, uuids)) if uuid not in {"", EXAMPLE}]
    if not named:
        raise _final("No call is named. Write at least one uuid into `uuids` in the launchpad.")
    return named


def _failed(done: str, outcomes: Sequence[Mapping[str, str]]) -> dg.Failure:
    left = [one for one in outcomes if one["outcome"] != done]
    said = [f"{one['uuid']}: {one['said']}" for one in left]
    return dg.Failure(
        "\n".join([f"{len(left)} of {len(outcomes)} calls were not {done}.", *said]),
        metadata={"calls": _table(outcomes)},
        allow_retries=False,
    )


def _final(said: str) -> dg.Failure:
    return dg.Failure(said, allow_retries=False)


def _table(rows: Sequence[Mapping[str, str]]) -> dg.TableMetadataValue:
    return dg.MetadataValue.table([dg.TableRecord(dict(row)) for row in rows])


def _text(said: Mapping[str, Any]) -> str:
    return json.dumps(said, default=str, ensure_ascii=False) if said else "nothing"
