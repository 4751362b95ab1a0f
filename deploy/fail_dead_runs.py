"""Before the daemon starts: mark runs that were killed as failed, or they would hold up its queue."""

import dagster as dg

from trackdrive_assets.dagster.executor import fail_dead_runs

with dg.DagsterInstance.get() as instance:
    fail_dead_runs(instance)
