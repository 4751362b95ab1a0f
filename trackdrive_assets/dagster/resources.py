"""What a run is given: the API's client and the lake. Usable in any Dagster project, without our assets.

Not here: what the settings mean (`settings.py`; the descriptions below come from there), and how users'
assets read the lake as an input (`io_manager.py`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg
from pydantic import Field

from trackdrive_assets.api.client import CONNECT_TIMEOUT, READ_TIMEOUT, RETRY_BUDGET, Client
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.settings import Settings, meaning


def _secret(field_name: str) -> Any:
    return Field(default=None, repr=False, description=f"{meaning(field_name)} Give it as dg.EnvVar.")


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

    subdomain: str | None = Field(default=None, description=meaning("subdomain"))
    base_url: str | None = Field(default=None, description=meaning("base_url"))
    public_key: str | None = _secret("public_key")
    private_key: str | None = _secret("private_key")
    auth_token: str | None = _secret("auth_token")
    per_page: int = Field(default=Settings.per_page, description=meaning("per_page"))
    max_concurrency: int = Field(default=Settings.max_concurrency, description=meaning("max_concurrency"))
    requests_per_second: float = Field(
        default=Settings.requests_per_second, description=meaning("requests_per_second")
    )
    connect_timeout: float = Field(
        default=CONNECT_TIMEOUT, description="Seconds until a connection must stand."
    )
    read_timeout: float = Field(
        default=READ_TIMEOUT, description="Seconds in which the server must send something."
    )
    retry_budget: float = Field(
        default=RETRY_BUDGET, description="Seconds that one request may take with all its retries."
    )

    @contextmanager
    def client(self) -> Iterator[Client]:
        """A client of the account; its connections are closed when the block is left.

        Raises:
            SettingError: No address, no credentials, half a key pair, or a value that cannot be understood.
        """
        settings = Settings(
            subdomain=self.subdomain,
            base_url=self.base_url,
            public_key=self.public_key,
            private_key=self.private_key,
            auth_token=self.auth_token,
            per_page=self.per_page,
            max_concurrency=self.max_concurrency,
            requests_per_second=self.requests_per_second,
        )
        with Client(
            settings.address,
            settings.credentials,
            per_page=settings.per_page,
            requests_per_second=settings.requests_per_second,
            max_concurrency=settings.max_concurrency,
            connect_timeout=self.connect_timeout,
            read_timeout=self.read_timeout,
            retry_budget=self.retry_budget,
        ) as client:
            yield client


class LakeResource(dg.ConfigurableResource):  # type: ignore[type-arg]  # a resource of its own kind
    """The folder of the Parquet files and of trackdrive.duckdb."""

    path: str = Field(default=Settings.lake, description=meaning("lake"))

    def open(self) -> Lake:
        """The lake. Nothing is made before something is written."""
        return Lake(self.path)
