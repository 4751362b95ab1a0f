"""The jobs that a person launches: fetch days again, fetch single calls again, hang up calls.

No schedule and no sensor launches them. The jobs of the schedules are in `schedules.py`.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import dagster as dg

from trackdrive_assets.api.errors import TrackdriveError
from trackdrive_assets.cost import describe_year, requests_per_day
from trackdrive_assets.dagster.account import PAGE, VIEWS, DagsterAccount
from trackdrive_assets.dagster.assets.calls import calls_metadata
from trackdrive_assets.dagster.assets.daily import POOL
from trackdrive_assets.dagster.locks import account_lock
from trackdrive_assets.lake.errors import LakeError
from trackdrive_assets.privacy import outline
from trackdrive_assets.settings import FETCHED_TABLES
from trackdrive_assets.tables.columns import CALL_CHANGES, CALLS
from trackdrive_assets.tables.exclusion import NO_EXCLUSIONS, Exclusion

if TYPE_CHECKING:
    from trackdrive_assets.api.client import Client
    from trackdrive_assets.api.rows import Row

CALL_FIELDS = (
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
"""The fields of a call in logs and metadata. None identifies the caller, because many people read the log."""

RESULT_KEYS = ("success", "message", "error", "errors")
"""Possible keys of a result in a response. Trackdrive does not document its response to hanging up."""

PLACEHOLDER = "write the uuid of a call here"
"""The text in place of a uuid when the launchpad opens. It is ignored."""

CONFIRMATION_PLACEHOLDER = "write hang up 1 call here"

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

_AUTOMATIONS = {"dagster/schedule_name": "schedule", "dagster/sensor_name": "sensor"}
"""The tags of runs that an automation launched."""


def build_jobs(account: DagsterAccount) -> list[Any]:
    """Return the three jobs."""
    return [_refresh_range(account), _refetch_calls(account), _hang_up_calls(account)]


def selection_of(account: DagsterAccount, tables: Iterable[str]) -> dg.AssetSelection:
    """Return the selection of the assets of some tables, of all views, and of the page if there is one.

    It is by key and not by group, because assets of other projects can have the same group. A pattern for
    keys would be slow for many accounts.

    Args:
        account: The account of the assets.
        tables: Some of `FETCHED_TABLES`, or `reference`.
    """
    prefixes = [account.key(table).path for table in (*tables, VIEWS) if table != CALLS.name]
    selection: dg.AssetSelection = dg.AssetSelection.key_prefixes(*prefixes)
    if CALLS.name in tables:
        selection |= dg.AssetSelection.assets(account.key(CALLS.name), account.key(CALL_CHANGES.name))
    if account.settings.page_days:
        selection |= dg.AssetSelection.assets(account.key(PAGE))
    return selection


def _refresh_range(account: DagsterAccount) -> Any:
    settings = account.settings
    return dg.define_asset_job(
        account.qualified("refresh_range"),
        selection=selection_of(account, FETCHED_TABLES),
        description=(
            "Fetches all tables of a range of days again, and ends with fresh views. Click “Materialize all” "
            "and select the days in the dialog. The range is one run, which records each finished day. "
            f"{describe_year(settings, requests_per_day(settings))} To have the views of a long range "
            f"sooner, launch {account.qualified('look_back')} first: it fetches calls and reports."
        ),
    )


def describe_end(call: "Row") -> str | None:
    """Return when a call ended, for a sentence. None if it is in progress."""
    if ended_at := call.get("ended_at"):
        return f"at {ended_at}"
    # The key may lack the permission for the column. A call has a duration only when it has ended.
    if "ended_at" not in call and call.get("total_duration") is not None:
        return f"after {call['total_duration']} s"
    return None


def loggable_fields(response: "Row", exclude: Exclusion = NO_EXCLUSIONS) -> dict[str, Any]:
    """Return the fields of a response that may be logged. A message of the server can name a caller."""
    return {
        key: value if key in CALL_FIELDS or isinstance(value, bool) else outline(value)
        for key, value in response.items()
        if value is not None and key in {*CALL_FIELDS, *RESULT_KEYS} and not exclude.excludes(key)
    }


def launching_automation(tags: Mapping[str, str]) -> str | None:
    """Return the schedule or sensor that launched a run. None if a person did."""
    return next((f"the {kind} {tags[tag]}" for tag, kind in _AUTOMATIONS.items() if tag in tags), None)


# The config of both ops is plain text. A `dg.Config` would replace `{env: NAME}` by the variable's value.
def _uuids_field(description: str) -> dg.Field:
    return dg.Field([str], description=f"The uuids of the calls. {description}")


def _hang_up_calls(account: DagsterAccount) -> dg.JobDefinition:
    @dg.op(
        name=account.qualified("hang_up"),
        required_resource_keys={account.qualified("trackdrive")},
        description="Logs each call, hangs it up if it is in progress, and records the server's response.",
        config_schema={
            "uuids": _uuids_field(
                "As in Trackdrive and in the view `unfinished_calls`. Calls in progress are hung up "
                "immediately, which cannot be undone."
            ),
            "confirmation": dg.Field(str, description="“hang up 1 call”, with the number of the calls."),
        },
    )
    def hang_up(context: dg.OpExecutionContext) -> None:
        if automation := launching_automation(context.run.tags):
            raise _permanent_failure(
                f"This run was launched by {automation}. Only a person may hang up calls, in the UI."
            )
        uuids = requested_uuids(context.op_config["uuids"])
        if context.op_config["confirmation"].strip() != (expected := confirmation(len(uuids))):
            raise _permanent_failure(
                f"No call was hung up. Write “{expected}” into `confirmation` in the launchpad to confirm it."
            )
        exclude = account.settings.exclusion
        with account.resource(context, "trackdrive").client() as client:
            outcomes = [_hang_up_one(client, uuid, context.log, exclude) for uuid in uuids]
        if any(outcome["outcome"] != "hung_up" for outcome in outcomes):
            raise _partial_failure("hung_up", outcomes)
        context.add_output_metadata({"calls": _table(outcomes)})

    @dg.job(
        name=account.qualified("hang_up_calls"),
        description=(
            "Hangs up calls in progress. Write their uuids into the launchpad, and confirm the number. A "
            "call that has ended is refused, and the others are hung up. Only a person can launch this job."
        ),
        config=_default_config(
            account.qualified("hang_up"), uuids=[PLACEHOLDER], confirmation=CONFIRMATION_PLACEHOLDER
        ),
        # If the process dies, nothing records which calls it had hung up. So a retry needs a person.
        tags={"dagster/max_retries": "0"},
    )
    def hang_up_calls() -> None:
        hang_up()

    return hang_up_calls


def _hang_up_one(client: "Client", uuid: str, log: Any, exclude: Exclusion) -> dict[str, str]:
    """Hang up a call if it is in progress, and return the outcome."""
    try:
        call = client.call(uuid)
        log.info("Call %s: %s", uuid, _json_text(loggable_fields(call, exclude)))
        if end := describe_end(call):
            log.warning("Call %s ended %s, so it is not hung up.", uuid, end)
            return _outcome(uuid, "refused", f"The call ended {end}.")
        response = client.hang_up(uuid)
    except TrackdriveError as error:
        log.warning("Call %s: %s", uuid, error)
        return _outcome(uuid, "failed", str(error))
    details = _json_text(loggable_fields(response, exclude))
    log.info("Call %s is hung up. Response of the server: %s", uuid, details)
    return _outcome(uuid, "hung_up", details)


def _outcome(uuid: str, outcome: str, details: str = "") -> dict[str, str]:
    return {"uuid": uuid, "outcome": outcome, "details": details}


def _refetch_calls(account: DagsterAccount) -> dg.JobDefinition:
    settings = account.settings

    @dg.op(
        name=account.qualified("refetch"),
        required_resource_keys={account.qualified("trackdrive"), account.qualified("lake")},
        description="Fetches each call by itself, stores it in the file of its day, and records its changes.",
        pool=account.qualified(POOL),
        config_schema={
            "uuids": _uuids_field(
                "Each is fetched by itself and stored in the file of its day, which must exist. Changes are "
                "recorded in `call_changes`."
            )
        },
    )
    def refetch(context: dg.OpExecutionContext) -> None:
        from trackdrive_assets.ingest.refetch import refetch_calls  # noqa: PLC0415  # imports Arrow

        uuids = requested_uuids(context.op_config["uuids"])
        lake = account.resource(context, "lake")
        try:
            with (
                account_lock(context.instance, context.log, settings.host),
                account.resource(context, "trackdrive").client() as client,
            ):
                done = refetch_calls(
                    client, lake.open(), uuids, ZoneInfo(settings.time_zone), exclude=settings.exclusion
                )
        except (TrackdriveError, LakeError) as error:
            raise _permanent_failure(str(error)) from None
        for day, (count, read) in done.stored.items():
            for key, metadata in calls_metadata(account, read).items():
                context.log_event(
                    dg.AssetMaterialization(
                        key, partition=str(day), metadata={**metadata, "refetched_calls": count}
                    )
                )
        if done.refused:
            outcomes = [
                _outcome(uuid, "refused", done.refused[uuid])
                if uuid in done.refused
                else _outcome(uuid, "stored")
                for uuid in uuids
            ]
            raise _partial_failure("stored", outcomes)

    @dg.job(
        name=account.qualified("refetch_calls"),
        description=(
            "Fetches single calls again and stores them in the files of their days. Write their uuids into "
            "the launchpad. Use refresh_range for whole days, because it also finds new calls."
        ),
        config=_default_config(account.qualified("refetch"), uuids=[PLACEHOLDER]),
    )
    def refetch_calls_job() -> None:
        refetch()

    return refetch_calls_job


def requested_uuids(texts: Sequence[str]) -> list[str]:
    """Return the uuids that a person wrote, each once.

    Raises:
        dg.Failure: There is none, or a text is not a uuid. The error does not repeat the text, which can be a
            secret or a phone number.
    """
    written = {
        position: text.strip().lower()
        for position, text in enumerate(texts, start=1)
        if text.strip() not in {"", PLACEHOLDER}
    }
    if not written:
        raise _permanent_failure("The uuids are missing. Write at least one into `uuids` in the launchpad.")
    for position, text in written.items():
        if not _UUID.fullmatch(text):
            raise _permanent_failure(
                f"The {_ordinal(position)} uuid is not a uuid, so nothing was done. Copy it from Trackdrive "
                "or from a view. It has 36 characters, such as 0f8fad5b-d9cb-469f-a165-70867728950e."
            )
    return list(dict.fromkeys(written.values()))


def confirmation(count: int) -> str:
    """Return what a person writes to confirm that calls are hung up."""
    return f"hang up {count} {'call' if count == 1 else 'calls'}"


def _ordinal(number: int) -> str:
    is_teen = number // 10 % 10 == 1
    return f"{number}{'th' if is_teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def _default_config(step: str, **fields: object) -> dict[str, Any]:
    """Return the config with which the launchpad opens."""
    return {"ops": {step: {"config": fields}}}


def _partial_failure(success: str, outcomes: Sequence[Mapping[str, str]]) -> dg.Failure:
    """Return the failure of a job with calls that have another outcome than `success`."""
    others = [outcome for outcome in outcomes if outcome["outcome"] != success]
    lines = [f"{outcome['uuid']}: {outcome['details']}" for outcome in others]
    return dg.Failure(
        "\n".join([f"{len(others)} of {len(outcomes)} calls were not {success.replace('_', ' ')}.", *lines]),
        metadata={"calls": _table(outcomes)},
        allow_retries=False,
    )


def _permanent_failure(message: str) -> dg.Failure:
    return dg.Failure(message, allow_retries=False)


def _table(rows: Sequence[Mapping[str, str]]) -> dg.TableMetadataValue:
    return dg.MetadataValue.table([dg.TableRecord(dict(row)) for row in rows])


def _json_text(fields: Mapping[str, Any]) -> str:
    return json.dumps(fields, default=str, ensure_ascii=False) if fields else "nothing"
