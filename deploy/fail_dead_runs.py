"""Mark killed runs as failed, before the daemon starts. Otherwise they block its queue."""

from trackdrive_assets.dagster.instance import open_instance
from trackdrive_assets.dagster.locks import fail_dead_runs

with open_instance() as instance:
    fail_dead_runs(instance)
