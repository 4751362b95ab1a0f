"""Trackdrive calls, reports and statistics as daily Dagster assets, Parquet files and DuckDB views.

The names in `__all__` are the public interface. They are imported when they are used, so importing this
package imports neither Dagster nor pyarrow, and opens no file and no socket.
"""

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trackdrive_assets.api.client import Client
    from trackdrive_assets.api.query import Query
    from trackdrive_assets.dagster.accounts_component import TrackdriveAccountsComponent
    from trackdrive_assets.dagster.build import build_definitions
    from trackdrive_assets.dagster.component import TrackdriveAccountComponent
    from trackdrive_assets.dagster.io_manager import LakeIOManager
    from trackdrive_assets.dagster.partitions import daily_partitions
    from trackdrive_assets.dagster.resources import LakeResource, TrackdriveResource
    from trackdrive_assets.settings import Settings

__all__ = [
    "Client",
    "LakeIOManager",
    "LakeResource",
    "Query",
    "Settings",
    "TrackdriveAccountComponent",
    "TrackdriveAccountsComponent",
    "TrackdriveResource",
    "build_definitions",
    "daily_partitions",
]

_MODULES = {
    "Client": "api.client",
    "LakeIOManager": "dagster.io_manager",
    "LakeResource": "dagster.resources",
    "Query": "api.query",
    "Settings": "settings",
    "TrackdriveAccountComponent": "dagster.component",
    "TrackdriveAccountsComponent": "dagster.accounts_component",
    "TrackdriveResource": "dagster.resources",
    "build_definitions": "dagster.build",
    "daily_partitions": "dagster.partitions",
}

# A program that uses this package as a library sees its log messages only with a handler of its own.
logging.getLogger(__name__).addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    """Import a public name."""
    if name not in _MODULES:
        raise AttributeError(f"trackdrive_assets has no {name!r}. It has {', '.join(__all__)}.")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__
