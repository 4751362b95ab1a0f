"""Before the daemon starts: mark runs that were killed as failed, or they would hold up its queue."""

import dagster as dg

from trackdrive_assets.dagster.executor import end_killed_runs

with dg.DagsterInstance.get() as instance:
    end_killed_runs(instance)
