"""Mark killed runs as failed, before the daemon starts. Otherwise they block its queue."""

import dagster as dg

from trackdrive_assets.dagster.locks import fail_dead_runs

with dg.DagsterInstance.get() as instance:
    fail_dead_runs(instance)
