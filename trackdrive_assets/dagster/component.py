"""The Dagster component of an account: the attributes of a `defs.yaml`, and the definitions that it makes.

`dg` imports this module whenever it lists components, so it imports nothing heavy. What the definitions are
is in `definitions.py`. How their names differ between accounts is in `account.py`.
"""

import logging
import os
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

import dagster as dg
from dagster.components.resolved.errors import ResolutionException
from dagster.components.utils.translation import TranslationFn, TranslationFnResolver
from pydantic import BaseModel, Field, PrivateAttr

from trackdrive_assets.dagster.account import ASSET_GROUPS, parts_of_key, qualified_name
from trackdrive_assets.dagster.scaffolder import AccountScaffolder
from trackdrive_assets.lake.errors import LakeError
from trackdrive_assets.settings import SettingError, Settings, project_path, setting_description

ScheduleName = Literal["intraday", "nightly", "look_back", "prune_history"]

_VARIABLE = re.compile(r"\{\{\s*env\.(\w+)\s*\}\}")

_log = logging.getLogger(__name__)


class DuplicateAccount(Exception):
    """Two components that write the same account into the same lake."""


def _resolve_secret(context: dg.ResolutionContext, text: str) -> dg.EnvVar:
    """Return the variable of a secret. Only runs read its value.

    Raises:
        ResolutionException: The text is not a variable. The error does not show it: it may be a secret.
    """
    match = _VARIABLE.fullmatch(text.strip())
    if match is None:
        raise ResolutionException(
            "A key of the account is written in plain text. Put it into an environment variable, and write "
            f"its name: {{{{ env.ACME_PRIVATE_KEY }}}} ({context.path})."
        )
    return dg.EnvVar(match[1])


def _resolve_day(_: dg.ResolutionContext, value: str | date) -> str:
    """Return a date as text. YAML has dates, and a date in quotes is a text."""
    return str(value)


def _resolve_lake(context: dg.ResolutionContext, text: str) -> str:
    """Return the lake with the values of its variables. If one is not set, return the text.

    Dagster replaces such a variable by nothing, and the lake would be another folder.
    """
    is_set = all(os.environ.get(name) for name in _VARIABLE.findall(text))
    return context.resolve_value(text, as_type=str) if is_set else text


def _secret(name: str) -> Any:
    return Field(default=None, repr=False, description=setting_description(name))


def _setting(name: str) -> Any:
    return Field(default=None, description=setting_description(name))


Secret = Annotated[str, dg.Resolver(_resolve_secret, model_field_type=str, inject_before_resolve=False)]
"""A secret in a `defs.yaml`, which must be `{{ env.NAME }}`."""

Day = Annotated[str, dg.Resolver(_resolve_day, model_field_type=str | date)]
"""A date in a `defs.yaml`, with or without quotes."""

LakeFolder = Annotated[str, dg.Resolver(_resolve_lake, model_field_type=str, inject_before_resolve=False)]
"""A lake in a `defs.yaml`, whose variables must be set."""


class TrackdriveAccount(dg.Model, dg.Resolvable):
    """The account of a component: where it is, its keys, and how fast it may be asked."""

    name: str | None = Field(
        default=None, description="The beginning of all keys and names. By default the subdomain."
    )
    subdomain: str | None = _setting("subdomain")
    base_url: str | None = _setting("base_url")
    public_key: Secret | None = _secret("public_key")
    private_key: Secret | None = _secret("private_key")
    auth_token: Secret | None = _secret("auth_token")
    auth_token_in: str | None = _setting("auth_token_in")
    per_page: int | None = _setting("per_page")
    max_concurrency: int | None = _setting("max_concurrency")
    requests_per_second: float | None = _setting("requests_per_second")
    date_precision: str | None = _setting("date_precision")

    @property
    def secrets(self) -> Mapping[str, dg.EnvVar]:
        """The variables of the secrets."""
        found = {
            "public_key": self.public_key,
            "private_key": self.private_key,
            "auth_token": self.auth_token,
        }
        return {name: dg.EnvVar(value) for name, value in found.items() if value is not None}

    @property
    def address(self) -> str | None:
        """The base URL or the subdomain."""
        return self.base_url or self.subdomain

    @property
    def account_name(self) -> str:
        """The name of the account: as given, or the subdomain, or the first part of the host."""
        host = urlsplit(self.base_url or "").hostname or ""
        return self.name or self.subdomain or host.partition(".")[0]


@dg.scaffold_with(AccountScaffolder)
class TrackdriveAccountComponent(dg.Component, dg.Model, dg.Resolvable):
    """A Trackdrive account: its calls, reports and statistics as daily assets, and the views on them."""

    account: TrackdriveAccount
    time_zone: str | None = _setting("time_zone")
    start_date: Day | None = _setting("start_date")
    lake: LakeFolder = Field(description=setting_description("lake"))
    schedules: list[ScheduleName] = Field(
        default_factory=list, description="The schedules that are on from the start. The others are off."
    )
    categories: list[str] | None = _setting("report_categories")
    interval: str | None = _setting("stats_interval")
    intraday_minutes: int | None = _setting("intraday_minutes")
    intraday_tables: list[str] | None = _setting("intraday_tables")
    lookback: int | None = _setting("lookback_days")
    days_per_run: int | None = _setting("days_per_run")
    exclusions: list[str] | None = _setting("exclude_columns")
    webhook_url: Secret | None = _secret("webhook_url")
    ui_url: str | None = _setting("ui_url")
    code_url: str | None = _setting("code_url")
    translation: (
        Annotated[
            TranslationFn[str], TranslationFnResolver[str](lambda table: {"table": table, "data": table})
        ]
        | None
    ) = Field(default=None, description="Attributes of the assets. `{{ table }}` is the table of an asset.")

    _file: Path | None = PrivateAttr(default=None)

    @classmethod
    def load(cls, attributes: BaseModel | None, context: dg.ComponentLoadContext) -> Self:
        """Return the component of a `defs.yaml`."""
        component = super().load(attributes, context)
        component._file = context.path  # noqa: SLF001  its own
        return component

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Return the definitions of the account.

        If its attributes are wrong, they have one asset, which fails with the reason. So the other accounts
        of the code location load.

        Raises:
            DuplicateAccount: Another component has the same account and lake.
        """
        self._refuse_duplicates(context)
        from trackdrive_assets.dagster.build import build_definitions  # noqa: PLC0415  # this module is light

        try:
            settings = self.settings()
            return build_definitions(
                settings,
                account=self.account.account_name,
                secrets=self.account.secrets,
                schedules=self.schedules,
                change_spec=self.get_asset_spec,
            )
        except (ValueError, LakeError) as error:
            _log.error("The account %s of %s: %s", self.account.account_name, context.path, error)
            return _broken_account(self.account.account_name or context.path.stem, str(error))

    def get_asset_spec(self, spec: dg.AssetSpec) -> dg.AssetSpec:
        """Return the spec of an asset. A subclass can override it to change anything but the key."""
        return self.translation(spec, parts_of_key(spec.key)[0]) if self.translation else spec

    def settings(self) -> Settings:
        """Return the settings of the account, without its keys.

        Raises:
            SettingError: An attribute is invalid.
        """
        if unset := _VARIABLE.search(self.lake):
            raise SettingError(
                f"The lake is {self.lake}, but the variable {unset[1]} is not set. Set it for the process "
                "that loads the definitions."
            )
        values = {
            "subdomain": self.account.subdomain,
            "base_url": self.account.base_url,
            "auth_token_in": self.account.auth_token_in,
            "per_page": self.account.per_page,
            "max_concurrency": self.account.max_concurrency,
            "requests_per_second": self.account.requests_per_second,
            "date_precision": self.account.date_precision,
            "time_zone": self.time_zone,
            "start_date": self.start_date,
            "lake": self.lake,
            "report_categories": _tuple(self.categories),
            "stats_interval": self.interval,
            "intraday_minutes": self.intraday_minutes,
            "intraday_tables": _tuple(self.intraday_tables),
            "lookback_days": self.lookback,
            "days_per_run": self.days_per_run,
            "exclude_columns": _tuple(self.exclusions),
            # Only the sensor has it, which no snapshot contains.
            "webhook_url": os.environ.get(self.webhook_url) if self.webhook_url else None,
            "ui_url": self.ui_url,
            "code_url": self.code_url,
        }
        given: dict[str, Any] = {name: value for name, value in values.items() if value is not None}
        settings = Settings(**given)
        # Raises if neither the subdomain nor the base URL is there.
        _ = settings.address
        return settings

    def _refuse_duplicates(self, context: dg.ComponentLoadContext) -> None:
        """Refuse another component that writes the same account into the same lake."""
        place = self._place()
        for other in context.component_tree.get_all_components(TrackdriveAccountComponent):
            is_same = place is not None and other._place() == place  # noqa: SLF001  of this class
            if other is not self and is_same:
                files = f"{other._file} and {self._file}"  # noqa: SLF001  of this class
                raise DuplicateAccount(
                    f"{files} both have the account {self.account.address} and the lake "
                    f"{self.lake}. Remove one of them, or give it a lake of its own."
                )

    def _place(self) -> tuple[str | None, str] | None:
        """Return the host of the account and the path of the lake. None if the account is broken.

        The subdomain and the base URL can name the same host, and two paths the same folder.
        """
        try:
            account = Settings(subdomain=self.account.subdomain, base_url=self.account.base_url)
        except SettingError:
            return None
        return account.host, os.path.normpath(project_path(self.lake, os.environ))


def _tuple(values: list[str] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(values)


def _broken_account(name: str, reason: str) -> dg.Definitions:
    """Return definitions with one asset, which fails with a reason.

    The name can be what is wrong with the account. So the key has it in a form that Dagster accepts.
    """
    usable = re.sub(r"[^A-Za-z0-9_-]+", "_", name)
    # The key is not that of a table.
    prefix = f"{usable}_" if usable in ASSET_GROUPS else usable

    @dg.asset(
        key=[prefix, "broken_account"],
        group_name=qualified_name(prefix, "broken_account"),
        description=f"The account could not be loaded, so its assets are missing. {reason}",
    )
    def broken_account() -> None:
        raise dg.Failure(reason, allow_retries=False)

    return dg.Definitions(assets=[broken_account])
