"""dlt at its best inside Dagster: the same Arrow tables, by the decorator and the resource of dagster-dlt.

    PEER_ARGUMENTS="BASE_URL FIRST_DAY FOLDER" dagster asset materialize -f dlt_in_dagster.py --partition DAY

The asset is partitioned by day, as ours is. The steps run in the process of the command, which is Dagster's
fastest executor.
"""

import os
from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg
import dlt
from arrow_pages import pages
from dagster_dlt import DagsterDltResource, dlt_assets
from dlt.destinations import filesystem

base_url, first_day, folder = os.environ["PEER_ARGUMENTS"].split()


@dlt.source  # type: ignore[untyped-decorator]  # dlt is not installed when types are checked
def account(day: str) -> object:
    """Return the resource of a day."""
    return dlt.resource(pages(base_url, date.fromisoformat(day)), name="calls")


@dlt_assets(  # type: ignore[untyped-decorator]  # neither is dagster-dlt
    dlt_source=account(first_day),
    dlt_pipeline=dlt.pipeline("calls", destination=filesystem(folder), dataset_name="lake"),
    partitions_def=dg.DailyPartitionsDefinition(start_date=first_day),
)
def calls(context: dg.AssetExecutionContext, dlt_resource: DagsterDltResource) -> Iterator[Any]:
    """Load the day of the run."""
    yield from dlt_resource.run(
        context, dlt_source=account(context.partition_key), loader_file_format="parquet"
    )


definitions = dg.Definitions(
    assets=[calls],
    resources={"dlt_resource": DagsterDltResource()},
    executor=dg.in_process_executor,
)
