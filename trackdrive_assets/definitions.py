"""The whole project on one screen. Dagster loads `defs`; people who embed it call `build_definitions`.

Built explicitly rather than loaded from a folder, so that it can be built with other settings in a test, and
works where only the installed package is there.
"""

import os
from collections.abc import Mapping
from functools import cache
from typing import Any

import dagster as dg

from trackdrive_assets.dagster.asset_checks import build_checks
from trackdrive_assets.dagster.assets.calls import build_calls
from trackdrive_assets.dagster.assets.reports import build_reports
from trackdrive_assets.dagster.assets.stats import build_stats
from trackdrive_assets.dagster.assets.views import build_views
from trackdrive_assets.dagster.executor import one_process
from trackdrive_assets.dagster.io_manager import IO_MANAGER_KEY, LakeIOManager
from trackdrive_assets.dagster.jobs import build_jobs
from trackdrive_assets.dagster.partitions import daily_partitions
from trackdrive_assets.dagster.resources import LakeResource, TrackdriveResource
from trackdrive_assets.dagster.schedules import build_schedules
from trackdrive_assets.dagster.sensors import build_sensors
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.settings import Settings, variable

SECRETS = ("public_key", "private_key", "auth_token")


def build_definitions(settings: Settings, *, resources: Mapping[str, object] | None = None) -> dg.Definitions:
    """Assets, jobs, schedules, sensors and resources of one account and one lake.

    Args:
        settings: What the deployment decides.
        resources: Replace the resource of the same key: `trackdrive`, `lake` or `trackdrive_lake`.

    Raises:
        LakeError: The lake is a place that can never hold one, such as an object store.
    """
    # A lake that can never work is refused here, before the first run.
    Lake(settings.lake)
    partitions = daily_partitions(settings)
    return dg.Definitions(
        assets=[
            build_calls(settings, partitions),
            build_reports(settings, partitions),
            build_stats(settings, partitions),
            build_views(settings),
        ],
        asset_checks=build_checks(settings),
        jobs=build_jobs(settings),
        schedules=build_schedules(settings),
        sensors=build_sensors(settings),
        resources={
            "trackdrive": account(settings),
            "lake": LakeResource(path=settings.lake),
            IO_MANAGER_KEY: LakeIOManager(path=settings.lake),
            **(resources or {}),
        },
        executor=one_process,
    )


def account(settings: Settings) -> TrackdriveResource:
    """The account of the settings. Secrets stay names of variables, which Dagster resolves in a run only."""
    given: dict[str, Any] = {name: dg.EnvVar(variable(name)) for name in SECRETS if getattr(settings, name)}
    return TrackdriveResource(
        subdomain=settings.subdomain,
        base_url=settings.base_url,
        per_page=settings.per_page,
        max_concurrency=settings.max_concurrency,
        requests_per_second=settings.requests_per_second,
        **given,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What `-m trackdrive_assets.definitions` finds: the environment's account and lake."""
    return _built(Settings.read(os.environ))


@cache
def _built(settings: Settings) -> dg.Definitions:
    """Once for the same settings: on its way to a run, Dagster asks for the definitions twice."""
    return build_definitions(settings)
