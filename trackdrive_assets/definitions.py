"""The definitions of the account of the TRACKDRIVE_* variables. Dagster loads `defs`."""

import os
from functools import cache

import dagster as dg

from trackdrive_assets.dagster.build import build_definitions
from trackdrive_assets.settings import Settings, setting_variables


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions of the environment's account, for `-m trackdrive_assets.definitions`."""
    # The secrets are resolved by exact names, and the names of settings are compared without case.
    os.environ.update(setting_variables(os.environ))
    return _cached_definitions(Settings.read(os.environ))


@cache
def _cached_definitions(settings: Settings) -> dg.Definitions:
    """Build the definitions once. Dagster asks for them twice before a run."""
    return build_definitions(settings)
