"""Show the last results of checks and views again after a run that fetched nothing.

Dagster plans every check and view of a run, and shows each as failed if the run ends before it. So one
refused key would hide all results, although the lake is as it was. A run that recorded a day is left as it
is: its checks did not see that day.
"""

from collections.abc import Iterator

import dagster as dg

from trackdrive_assets.dagster.runs import last_evaluation

_EVENTS = {
    dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED,
    dg.DagsterEventType.ASSET_CHECK_EVALUATION,
    dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
    dg.DagsterEventType.ASSET_MATERIALIZATION,
}


def keep_last_results(instance: dg.DagsterInstance, run_id: str) -> None:
    """Report the last results of the planned checks and views of a run that recorded no asset."""
    events = [
        entry.dagster_event for entry in instance.all_logs(run_id, of_type=_EVENTS) if entry.dagster_event
    ]
    if any(event.event_type is dg.DagsterEventType.ASSET_MATERIALIZATION for event in events):
        return
    for evaluation in _last_evaluations(instance, events):
        instance.report_runless_asset_event(evaluation)
    for materialization in _last_views(instance, events):
        instance.report_runless_asset_event(materialization)


def _last_evaluations(
    instance: dg.DagsterInstance, events: list[dg.DagsterEvent]
) -> Iterator[dg.AssetCheckEvaluation]:
    planned = {
        event.asset_check_planned_data.asset_check_key
        for event in events
        if event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED
    }
    evaluated = {
        event.asset_check_evaluation_data.asset_check_key
        for event in events
        if event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION
    }
    for key in sorted(planned - evaluated):
        if last := last_evaluation(instance, key):
            yield last


def _last_views(
    instance: dg.DagsterInstance, events: list[dg.DagsterEvent]
) -> Iterator[dg.AssetMaterialization]:
    planned = [
        event.asset_materialization_planned_data
        for event in events
        if event.event_type is dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED
    ]
    for data in planned:
        # Days keep their own results: Dagster shows a failed day as failed, and the others as they were.
        if data.partition or data.partitions_subset:
            continue
        last = instance.get_latest_materialization_event(data.asset_key)
        if last and last.asset_materialization:
            yield dg.AssetMaterialization(data.asset_key, metadata=last.asset_materialization.metadata)
