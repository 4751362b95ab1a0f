"""Every TRACKDRIVE_* variable: name, type, default and description.

`Settings` validates itself, whether its values come from the environment or from code. No other module reads
these variables. What a setting does is the subject of the module that uses it.
"""

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from trackdrive_assets import clock
from trackdrive_assets.addresses import account_host
from trackdrive_assets.api.auth import TOKEN_PLACES, AuthToken, Credentials, KeyPair
from trackdrive_assets.api.catalog import REFERENCE_LISTS, REPORT_CATEGORIES
from trackdrive_assets.api.errors import redact
from trackdrive_assets.api.options import DEFAULTS, ClientOptions, option_description
from trackdrive_assets.days import DATE_PRECISIONS
from trackdrive_assets.setting_values import (
    InvalidValue,
    Parse,
    nearest,
    parse_base_url,
    parse_choice,
    parse_choices,
    parse_date,
    parse_exclusions,
    parse_folder,
    parse_integer,
    parse_key,
    parse_names,
    parse_rate,
    parse_subdomain,
    parse_time_zone,
    parse_url,
    parse_webhook_url,
    require_printable,
)
from trackdrive_assets.tables.columns import PARTIES
from trackdrive_assets.tables.exclusion import Exclusion

PREFIX = "TRACKDRIVE_"
STATS_INTERVALS = {"5m": 5, "15m": 15, "30m": 30, "1h": 60, "6h": 360, "1d": 1440}
"""Lengths of an interval of the statistics, in minutes."""
INTRADAY_MINUTES = (5, 10, 15, 20, 30, 60)
"""Allowed intervals of the intraday schedule. Each divides an hour, so that runs start at regular times."""

FETCHED_TABLES = ("calls", "reports", "stats")
"""The tables that are fetched from the API. `call_changes` is made with `calls`."""

_QUOTES = "\"'`\u201c\u201d\u2018\u2019"


class SettingError(ValueError):
    """A missing or invalid setting. The message names the variable and what to do."""


def _setting(default: object, description: str, parse: Parse, *, is_secret: bool = False) -> Any:
    return dataclasses.field(
        default=default,
        repr=not is_secret,
        metadata={"description": description, "parse": parse, "is_secret": is_secret},
    )


def _client_option(name: str, parse: Parse) -> Any:
    return _setting(getattr(DEFAULTS, name), option_description(name), parse)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of a deployment. The variable of a field is `TRACKDRIVE_` and its name in capitals.

    Raises:
        SettingError: A value is invalid.
    """

    subdomain: str | None = _setting(None, "`acme` for https://acme.trackdrive.com.", parse_subdomain)
    base_url: str | None = _setting(
        None, "Scheme and host, if they differ from those of the subdomain. Without a path.", parse_base_url
    )
    public_key: str | None = _setting(
        None, "Public key of the key pair (HTTP Basic).", parse_key("tdpub"), is_secret=True
    )
    private_key: str | None = _setting(
        None, "Private key of the key pair (HTTP Basic).", parse_key("tdprv"), is_secret=True
    )
    auth_token: str | None = _setting(
        None,
        "The legacy `auth_token`, or a developer's token. Used if no key pair is set.",
        parse_key(),
        is_secret=True,
    )
    auth_token_in: Literal["query", "header"] = _setting(
        "query",
        "Where the token is sent: `query`, the documented way, or `header`, as `Authorization: Token …`.",
        parse_choice(TOKEN_PLACES),
    )
    time_zone: str = _setting("UTC", "IANA name of the time zone of the days.", parse_time_zone)
    start_date: date = _setting(date(2024, 1, 1), "The first partition: today or an earlier day.", parse_date)
    lake: str = _setting("data", "Folder of the lake, or a URL like s3://bucket/prefix.", parse_folder)
    per_page: int = _client_option("per_page", parse_integer(1))
    max_concurrency: int = _client_option("max_concurrency", parse_integer(1, 64))
    requests_per_second: float = _client_option("requests_per_second", parse_rate)
    date_precision: str = _client_option("date_precision", parse_choice(DATE_PRECISIONS))
    report_categories: tuple[str, ...] = _setting(
        REPORT_CATEGORIES,
        "Categories of the reports, comma-separated.",
        parse_names(r"\w+", "buyer_id,status"),
    )
    stats_interval: str = _setting(
        "1h",
        f"Length of an interval of the statistics: {', '.join(STATS_INTERVALS)}.",
        parse_choice(STATS_INTERVALS),
    )
    intraday_minutes: int = _setting(
        15,
        f"Minutes between two intraday runs: {', '.join(map(str, INTRADAY_MINUTES))}.",
        parse_choice(INTRADAY_MINUTES),
    )
    intraday_tables: tuple[str, ...] = _setting(
        ("calls", "reports"),
        f"Tables of the intraday schedule, comma-separated: {', '.join(FETCHED_TABLES)}. `stats` are most of "
        "the requests of a day.",
        parse_choices(FETCHED_TABLES),
    )
    reference_tables: tuple[str, ...] = _setting(
        (),
        f"Reference lists that are stored every day, comma-separated: {', '.join(REFERENCE_LISTS)}. They "
        "have names and caps, also of what has no calls. None by default. A list whose names "
        "`TRACKDRIVE_EXCLUDE_COLUMNS` excludes is not stored.",
        parse_choices(REFERENCE_LISTS, may_be_none=True),
    )
    lookback_days: int = _setting(
        30, "Number of finished days that the look-back schedule fetches again.", parse_integer(1, 366)
    )
    days_per_run: int = _setting(
        0,
        "Number of days in a run of a backfill; 0 is all of them in one run. A limit is for places that end "
        "long runs, such as spot machines. `--partition-range` needs 0.",
        parse_integer(0, 366),
    )
    page_days: int = _setting(
        0,
        "Number of days of the page that each run of the views writes into the lake as page.html; 0 is no "
        "page.",
        parse_integer(0, 366),
    )
    exclude_columns: tuple[str, ...] = _setting(
        (),
        "Columns that are never stored, comma-separated, in any case. `tokens` or `token-*` means all tags, "
        "`token-email` one tag, `extra-ssn` a key that is not documented, `extra` all such keys. Reports by "
        "an excluded column are not fetched; without `caller_number` there is no report by `contact_id`.",
        parse_exclusions,
    )
    webhook_url: str | None = _setting(
        None,
        "URL to which the sensor `report_failures` posts what failed, as JSON.",
        parse_webhook_url,
        is_secret=True,
    )
    ui_url: str | None = _setting(
        None,
        "URL at which people open the Dagster UI. Messages link to it, and the UI accepts its host.",
        parse_url("use the complete URL, such as https://dagster.example.com", is_folder=True),
    )
    code_url: str | None = _setting(
        None,
        "URL of the source code for the links in the UI. Without it they name files.",
        parse_url(
            "use the URL of the folder with README.md, such as https://git.example.com/acme/blob/main",
            is_folder=True,
        ),
    )

    def __post_init__(self) -> None:
        """Validate every value."""
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value is not None:
                object.__setattr__(self, field.name, _validated(field, value))
        if not self.fetched_categories:
            raise SettingError(
                f"{variable('report_categories')} leaves no report to fetch. Name at least one category that "
                f"{variable('exclude_columns')} does not exclude."
            )
        today = clock.now().astimezone(ZoneInfo(self.time_zone)).date()
        if self.start_date > today:
            raise SettingError(
                f"{variable('start_date')} is invalid (it is '{self.start_date}'): it is after today, "
                f"{today} in {self.time_zone}, so no day could be fetched. Use today or an earlier day."
            )

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> "Settings":
        """Read the settings of an environment. An empty variable is the same as a missing one.

        Raises:
            SettingError: A value is invalid, or a variable with the prefix is no setting.
        """
        given = setting_variables(environ)
        texts: dict[str, Any] = {
            field.name: given[name]
            for field in dataclasses.fields(cls)
            if (name := variable(field.name)) in given
        }
        return cls(**texts)

    @property
    def host(self) -> str | None:
        """The host of the account, as the lake names it. None if no account is set."""
        return account_host(self.address) if self.base_url or self.subdomain else None

    @property
    def exclusion(self) -> Exclusion:
        """The columns, tags and keys that are never stored."""
        return Exclusion(self.exclude_columns)

    @property
    def fetched_categories(self) -> tuple[str, ...]:
        """The categories of the reports, without those that are excluded."""
        return tuple(
            category for category in self.report_categories if not self.exclusion.excludes_report(category)
        )

    @property
    def fetched_lists(self) -> tuple[str, ...]:
        """The reference lists, without those whose names are excluded."""
        return tuple(
            name
            for name in self.reference_tables
            if not self.exclusion.excludes_report(f"{PARTIES[name]}_id")
        )

    @property
    def address(self) -> str:
        """The scheme and host of the account.

        Raises:
            SettingError: Neither the subdomain nor the base URL is set.
        """
        if self.base_url:
            return self.base_url
        if self.subdomain:
            return f"https://{self.subdomain}.trackdrive.com"
        raise SettingError(
            f"{variable('subdomain')} is not set. Set it to acme if the account is at "
            f"https://acme.trackdrive.com, or set {variable('base_url')}."
        )

    @property
    def client_options(self) -> ClientOptions:
        """The options of the client, with the default time limits."""
        return ClientOptions(
            per_page=self.per_page,
            max_concurrency=self.max_concurrency,
            requests_per_second=self.requests_per_second,
            date_precision=self.date_precision,
        )

    @property
    def credentials(self) -> Credentials:
        """The key pair, or else the token.

        Raises:
            SettingError: Both are missing, or half of the key pair is.
        """
        keys = {"public_key": self.public_key, "private_key": self.private_key}
        missing = [name for name, key in keys.items() if not key]
        if self.public_key and self.private_key:
            return KeyPair(self.public_key, self.private_key)
        if len(missing) == 1:
            (other,) = keys.keys() - missing
            raise SettingError(
                f"{variable(missing[0])} is not set, but {variable(other)} is. A key pair needs both."
            )
        if self.auth_token:
            return AuthToken(self.auth_token, self.auth_token_in)
        raise SettingError(
            f"No credentials: set {variable('public_key')} and {variable('private_key')} (a Company Access "
            f"Token in the Trackdrive profile), or the legacy {variable('auth_token')}."
        )


def variable(field_name: str) -> str:
    """Return the name of the environment variable of a setting."""
    return PREFIX + field_name.upper()


def project_path(path: str, environ: Mapping[str, str]) -> str:
    """Return the absolute path of a folder, whatever the current folder of a process is.

    A relative path begins at the folder that has the Dagster home. `trackdrive dev` creates the home in the
    folder of the project, next to `.env`. Without a Dagster home, the path begins at the current folder.
    """
    home = environ.get("DAGSTER_HOME", "").strip()
    folder = Path(home).expanduser().absolute().parent if home else Path.cwd()
    return path if "://" in path else str(folder / Path(path).expanduser())


def setting_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of an environment that are set, under their exact names.

    Names are compared without case.

    Raises:
        SettingError: A variable with the prefix is no setting, or one setting has two values.
    """
    names = [variable(field.name) for field in dataclasses.fields(Settings)]
    given: dict[str, str] = {}
    for spelling, text in environ.items():
        name = spelling.upper()
        if not name.startswith(PREFIX) or not text.strip():
            continue
        if name not in names:
            found = nearest(name, names)
            advice = f"Did you mean {found}?" if found else f"The settings are {', '.join(names)}."
            raise SettingError(f"{spelling} is no setting. {advice} Rename or remove the variable.")
        if given.setdefault(name, text.strip()) != text.strip():
            raise SettingError(
                f"{name} is set twice, in capital and in small letters. Remove one of the two."
            )
    return given


def describe_undocumented(category: str) -> str:
    """Return the sentence about a category of reports that is not documented."""
    found = nearest(category, REPORT_CATEGORIES)
    advice = f" Did you mean {found}?" if found else ""
    return f"{variable('report_categories')} contains {category}, which the API may not know.{advice}"


def setting_description(field_name: str) -> str:
    """Return the description of a setting."""
    (found,) = (field for field in dataclasses.fields(Settings) if field.name == field_name)
    return str(found.metadata["description"])


def _shown(value: object) -> str:
    """Return a value for an error message. A URL may contain a password or a token."""
    return redact(re.sub(r"//[^/]*@", "//[redacted]@", str(value)), ())


def _validated(field: dataclasses.Field[Any], value: object) -> object:
    shown = "its value is not shown" if field.metadata["is_secret"] else f"it is {_shown(value)!r}"
    if isinstance(value, str) and value and (value[0] in _QUOTES or value[-1] in _QUOTES):
        raise SettingError(f"{variable(field.name)} has quotes around its value ({shown}). Remove them.")
    try:
        require_printable(value)
        return field.metadata["parse"](value)
    except InvalidValue as error:
        raise SettingError(f"{variable(field.name)} is invalid ({shown}): {error}.") from None
