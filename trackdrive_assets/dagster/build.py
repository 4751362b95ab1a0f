"""The Dagster definitions of one account: everything that `assets/` and the other files here build.

A function builds them, and not a folder that is loaded. So tests and other projects can use other settings,
and they work where only the installed package is available.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import dagster as dg

from trackdrive_assets.dagster.account import DagsterAccount
from trackdrive_assets.dagster.asset_checks import build_checks
from trackdrive_assets.dagster.assets.calls import build_calls
from trackdrive_assets.dagster.assets.reference import build_reference
from trackdrive_assets.dagster.assets.reports import build_reports
from trackdrive_assets.dagster.assets.stats import build_stats
from trackdrive_assets.dagster.assets.views import build_views
from trackdrive_assets.dagster.executor import in_process_executor
from trackdrive_assets.dagster.io_manager import IO_MANAGER_KEY, LakeIOManager
from trackdrive_assets.dagster.jobs import build_jobs
from trackdrive_assets.dagster.partitions import daily_partitions
from trackdrive_assets.dagster.resources import LakeResource, TrackdriveResource, without_launch_config
from trackdrive_assets.dagster.schedules import build_schedules
from trackdrive_assets.dagster.sensors import build_sensors
from trackdrive_assets.settings import Settings, variable

SECRETS = ("public_key", "private_key", "auth_token")
"""The settings whose values only runs resolve."""


def build_definitions(
    settings: Settings,
    *,
    account: str | None = None,
    secrets: Mapping[str, dg.EnvVar] | None = None,
    schedules: Collection[str] = (),
    change_spec: Callable[[dg.AssetSpec], dg.AssetSpec] | None = None,
    resources: Mapping[str, object] | None = None,
) -> dg.Definitions:
    """Return the assets, checks, jobs, schedules, sensors and resources of one account and one lake.

    Args:
        settings: The settings of the account.
        account: The name that begins all keys and names, so that several accounts can share a code location
            or an instance: `acme` makes `acme/calls` and `acme_nightly`. None for a single account.
        secrets: The variables of `public_key` and `private_key`, or of `auth_token`. The default is the
            `TRACKDRIVE_*` variables of the secrets that the settings have.
        schedules: The schedules that are on from the start, without the account, such as `nightly`.
        change_spec: A function that changes the specs of assets, and keeps their keys.
        resources: Replacements for the resources `trackdrive`, `lake` or `trackdrive_lake`, by these names.

    Raises:
        LakeError: The lake has an unsupported place, such as an object store.
        ValueError: The account cannot have this name.
    """
    from trackdrive_assets.lake.store import Lake  # noqa: PLC0415  # imports Arrow

    named = DagsterAccount(settings, account, frozenset(schedules))
    # Raises for an unsupported lake before the first run.
    Lake(settings.lake)
    partitions = daily_partitions(settings)
    lake: dict[str, Any] = {"path": settings.lake, "account": settings.host, "time_zone": settings.time_zone}
    configured: dict[str, object] = {
        "trackdrive": trackdrive_resource(settings, secrets),
        "lake": LakeResource(**lake),
        IO_MANAGER_KEY: LakeIOManager(**lake),
        **(resources or {}),
    }
    assets = [
        build_calls(named, partitions),
        build_reports(named, partitions),
        build_stats(named, partitions),
        *build_reference(named, partitions),
        build_views(named),
    ]
    return dg.Definitions(
        assets=[each.map_asset_specs(change_spec) for each in assets] if change_spec else assets,
        asset_checks=build_checks(named),
        jobs=build_jobs(named),
        schedules=build_schedules(named),
        sensors=build_sensors(named),
        resources={
            named.qualified(name): without_launch_config(resource) for name, resource in configured.items()
        },
        executor=in_process_executor,
    )


def trackdrive_resource(
    settings: Settings, secrets: Mapping[str, dg.EnvVar] | None = None
) -> TrackdriveResource:
    """Return the resource of the account. Its secrets are names of variables, which only runs resolve."""
    if secrets is None:
        secrets = {name: dg.EnvVar(variable(name)) for name in SECRETS if getattr(settings, name)}
    values: dict[str, Any] = dict(secrets)
    return TrackdriveResource(
        subdomain=settings.subdomain,
        base_url=settings.base_url,
        auth_token_in=settings.auth_token_in,
        per_page=settings.per_page,
        max_concurrency=settings.max_concurrency,
        requests_per_second=settings.requests_per_second,
        date_precision=settings.date_precision,
        **values,
    )
