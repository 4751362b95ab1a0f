"""The resources: the API's client and the lake. They work in any Dagster project, without our assets.

The descriptions of their fields come from `settings.py` and `api/options.py`. `io_manager.py` makes
the lake an input of users' own assets.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from trackdrive_assets.api.options import DEFAULTS, option_description
from trackdrive_assets.settings import Settings, project_path, setting_description

if TYPE_CHECKING:
    from trackdrive_assets.api.client import Client
    from trackdrive_assets.lake.store import Lake


def _secret(name: str) -> Any:
    return Field(default=None, repr=False, description=f"{setting_description(name)} Set it by dg.EnvVar.")


def _option(name: str) -> Any:
    return Field(default=getattr(DEFAULTS, name), description=option_description(name))


class TrackdriveResource(dg.ConfigurableResource):  # type: ignore[type-arg]  # a resource of its own kind
    """A Trackdrive account.

    ```python
    trackdrive = TrackdriveResource(
        subdomain="acme",
        public_key=dg.EnvVar("TRACKDRIVE_PUBLIC_KEY"),
        private_key=dg.EnvVar("TRACKDRIVE_PRIVATE_KEY"),
    )
    with trackdrive.client() as client:
        for call in client.calls(Query(status="finished")):
            ...
    ```
    """

    subdomain: str | None = Field(default=None, description=setting_description("subdomain"))
    base_url: str | None = Field(default=None, description=setting_description("base_url"))
    public_key: str | None = _secret("public_key")
    private_key: str | None = _secret("private_key")
    auth_token: str | None = _secret("auth_token")
    auth_token_in: str = Field(
        default=Settings.auth_token_in, description=setting_description("auth_token_in")
    )
    per_page: int = _option("per_page")
    max_concurrency: int = _option("max_concurrency")
    requests_per_second: float = _option("requests_per_second")
    connect_timeout: float = _option("connect_timeout")
    response_timeout: float = _option("response_timeout")
    retry_budget: float = _option("retry_budget")
    date_precision: str = _option("date_precision")

    @contextmanager
    def client(self) -> Iterator[Client]:
        """Open a client of the account. Its connections are closed at the end of the block.

        Raises:
            SettingError: The address or the credentials are missing, or a value is invalid.
        """
        from trackdrive_assets.api.client import Client  # noqa: PLC0415  # imports requests

        settings = Settings(
            subdomain=self.subdomain,
            base_url=self.base_url,
            public_key=self.public_key,
            private_key=self.private_key,
            auth_token=self.auth_token,
            auth_token_in=self.auth_token_in,  # type: ignore[arg-type]  # the settings validate it
            per_page=self.per_page,
            max_concurrency=self.max_concurrency,
            requests_per_second=self.requests_per_second,
            date_precision=self.date_precision,
        )
        options = replace(
            settings.client_options,
            connect_timeout=self.connect_timeout,
            response_timeout=self.response_timeout,
            retry_budget=self.retry_budget,
        )
        with Client(settings.address, settings.credentials, options) as client:
            yield client


class LakeResource(dg.ConfigurableResource):  # type: ignore[type-arg]  # a resource of its own kind
    """The folder of the Parquet files and of trackdrive.duckdb."""

    path: str = Field(default=Settings.lake, description=setting_description("lake"))
    account: str | None = Field(
        default=None, description="Host of the account. The lake of another one is refused."
    )
    time_zone: str | None = Field(
        default=None, description="Time zone of the days. The lake of another one is refused."
    )

    def open(self) -> Lake:
        """Return the lake.

        Raises:
            LakeError: The lake is that of another account or another time zone.
        """
        from trackdrive_assets.lake.ownership import check  # noqa: PLC0415  # imports Arrow

        lake = self.locate()
        check(lake, account=self.account, time_zone=self.time_zone)
        return lake

    def locate(self) -> Lake:
        """Return the lake without a check of its account and time zone."""
        from trackdrive_assets.lake.store import Lake  # noqa: PLC0415  # imports Arrow

        return Lake(project_path(self.path, os.environ))


def without_launch_config(resource: object) -> object:
    """Return a resource that works like the given one, and that no run config can change.

    The launchpad offers each field of a configurable resource, and puts any environment variable into it. So
    a page that launches a run could send the keys to a server of its own.
    """
    if not isinstance(resource, dg.ConfigurableResource | dg.ConfigurableIOManager):
        return resource
    definition = resource.get_resource_definition()

    def values(_launch_config: object) -> object:
        """Return the values of the resource. Dagster resolves its variables in the run."""
        return definition.config_schema.default_value

    return definition.configured(values, config_schema={})
