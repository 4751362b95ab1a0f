"""The Dagster component of an account: the attributes of a `defs.yaml`, and the definitions that it makes.

`dg` imports this module whenever it lists components, so it imports nothing heavy. What the definitions are
is in `definitions.py`. How their names differ between accounts is in `account.py`.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

import dagster as dg
from dagster.components.utils.translation import TranslationFn, TranslationFnResolver
from pydantic import BaseModel, Field, PrivateAttr

from trackdrive_assets.dagster.account import ASSET_GROUPS, parts_of_key, qualified_name
from trackdrive_assets.dagster.attributes import (
    SECRET_ATTRIBUTES,
    Day,
    Folder,
    Secret,
    refuse_unset_variables,
    without_values,
)
from trackdrive_assets.dagster.scaffolder import AccountScaffolder
from trackdrive_assets.lake.errors import LakeError
from trackdrive_assets.settings import SettingError, Settings, project_path, setting_description, variable

ScheduleName = Literal["intraday", "nightly", "look_back", "reference", "prune_history"]

_OF_ACCOUNT = (
    "subdomain",
    "base_url",
    "auth_token_in",
    "per_page",
    "max_concurrency",
    "requests_per_second",
    "date_precision",
)
_OF_COMPONENT = (
    "time_zone",
    "start_date",
    "lake",
    "report_categories",
    "stats_interval",
    "intraday_minutes",
    "intraday_tables",
    "reference_tables",
    "lookback_days",
    "days_per_run",
    "page_days",
    "exclude_columns",
    "ui_url",
    "code_url",
)
"""The settings that are attributes of the account, and of the component."""

_ATTRIBUTES = {
    "report_categories": "categories",
    "stats_interval": "interval",
    "reference_tables": "reference",
    "lookback_days": "lookback",
    "exclude_columns": "exclusions",
}
"""The attributes that have another name than their setting."""

_log = dg.get_dagster_logger(__name__)


class DuplicateAccount(Exception):
    """Two components with the same name, or with the same account and lake."""


def _secret(name: str) -> Any:
    return Field(default=None, repr=False, description=setting_description(name))


def _setting(name: str) -> Any:
    return Field(default=None, description=setting_description(name))


class TrackdriveAccount(dg.Model, dg.Resolvable):
    """The account of a component: where it is, its keys, and how fast it may be asked."""

    # First, because the error of another attribute can show the lines around it.
    public_key: Secret | None = _secret("public_key")
    private_key: Secret | None = _secret("private_key")
    auth_token: Secret | None = _secret("auth_token")
    name: str | None = Field(
        default=None, description="The beginning of all keys and names. By default the subdomain."
    )
    subdomain: str | None = _setting("subdomain")
    base_url: str | None = _setting("base_url")
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
    lake: Folder = Field(description=setting_description("lake"))
    schedules: list[ScheduleName] = Field(
        default_factory=list, description="The schedules that are on from the start. The others are off."
    )
    categories: list[str] | None = _setting("report_categories")
    interval: str | None = _setting("stats_interval")
    intraday_minutes: int | None = _setting("intraday_minutes")
    intraday_tables: list[str] | None = _setting("intraday_tables")
    reference: list[str] | None = _setting("reference_tables")
    lookback: int | None = _setting("lookback_days")
    days_per_run: int | None = _setting("days_per_run")
    page_days: int | None = _setting("page_days")
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
    _written: Mapping[str, Any] = PrivateAttr(default_factory=dict)

    @classmethod
    def model(cls) -> type[BaseModel]:
        """Return the model of the attributes as they are written."""
        return without_values(super().model())

    @classmethod
    def load(cls, attributes: BaseModel | None, context: dg.ComponentLoadContext) -> Self:
        """Return the component of a `defs.yaml`."""
        component = super().load(attributes, context)
        component._file = context.path  # noqa: SLF001  its own
        component._written = attributes.model_dump() if attributes else {}  # noqa: SLF001  its own
        return component

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Return the definitions of the account.

        If its attributes are wrong, they have one asset, which fails with the reason. So the other accounts
        of the code location load.

        Raises:
            DuplicateAccount: Another component has the same name, or the same account and lake.
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
            reason = _with_attributes(str(error))
            _log.error("The account %s of %s: %s", self.account.account_name, context.path, reason)
            return _broken_account(self.account.account_name or context.path.stem, reason)

    def get_asset_spec(self, spec: dg.AssetSpec) -> dg.AssetSpec:
        """Return the spec of an asset. A subclass can override it to change anything but the key."""
        return self.translation(spec, parts_of_key(spec.key)[0]) if self.translation else spec

    def settings(self) -> Settings:
        """Return the settings of the account, without its keys.

        Raises:
            SettingError: An attribute is invalid.
        """
        refuse_unset_variables(self._written)
        given = {name: getattr(self.account, name) for name in _OF_ACCOUNT}
        given |= {name: getattr(self, _ATTRIBUTES.get(name, name)) for name in _OF_COMPONENT}
        # Only the sensor has it, which no snapshot contains.
        given["webhook_url"] = os.environ.get(self.webhook_url) if self.webhook_url else None
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in given.items()
            if value is not None
        }
        settings = Settings(**values)
        # They raise if the address or keys are missing. The keys themselves are not known here.
        keys: dict[str, Any] = dict.fromkeys(self.account.secrets, "set")
        _ = settings.address, replace(settings, **keys).credentials
        if self.webhook_url and not settings.webhook_url:
            _log.warning(
                "The variable %s is not set, so no failure of the account %s is posted.",
                self.webhook_url,
                self.account.account_name,
            )
        return settings

    def _refuse_duplicates(self, context: dg.ComponentLoadContext) -> None:
        """Refuse another component with the same name, or with the same account and lake."""
        name, place = self.account.account_name, self._place()
        for other in context.component_tree.get_all_components(TrackdriveAccountComponent):
            if other is self:
                continue
            files = f"{other._file} and {self._file}"  # noqa: SLF001  of this class
            if place is not None and other._place() == place:  # noqa: SLF001  of this class
                raise DuplicateAccount(
                    f"{files} both have the account {self.account.address} and the lake "
                    f"{self.lake}. Remove one of them, or give it a lake of its own."
                )
            if name and _folded(other.account.account_name) == _folded(name):
                raise DuplicateAccount(
                    f"{files} both have the name {name} (case, - and _ make no difference). Give one of them "
                    "another account.name."
                )

    def _place(self) -> tuple[str | None, str] | None:
        """Return the host of the account and the path of the lake. None if the account is broken.

        The subdomain and the base URL can name the same host, and two paths the same folder.
        """
        try:
            refuse_unset_variables(self._written)
            account = Settings(subdomain=self.account.subdomain, base_url=self.account.base_url)
        except SettingError:
            return None
        return account.host, os.path.normpath(project_path(self.lake, os.environ))


def _folded(name: str) -> str:
    """Return a name as Dagster's ops and DuckDB's schemas compare it."""
    return qualified_name(name, "").casefold()


def _with_attributes(message: str) -> str:
    """Return a message about settings with the names of attributes in place of those of variables."""
    names = {variable(name): f"account.{name}" for name in (*SECRET_ATTRIBUTES, *_OF_ACCOUNT)}
    names |= {variable(name): _ATTRIBUTES.get(name, name) for name in (*_OF_COMPONENT, "webhook_url")}
    return re.sub(r"\bTRACKDRIVE_\w+", lambda found: names.get(found[0], found[0]), message)


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
