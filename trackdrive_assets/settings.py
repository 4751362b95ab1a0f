"""Every TRACKDRIVE_* variable: name, type, default and description.

`Settings` validates itself, whether its values come from the environment or from code. No other module reads
these variables. What a setting does is the subject of the module that uses it.
"""

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from trackdrive_assets.api.auth import AuthToken, Credentials, KeyPair
from trackdrive_assets.api.catalog import REPORT_CATEGORIES
from trackdrive_assets.api.errors import redact
from trackdrive_assets.api.options import DEFAULTS, ClientOptions, option_description

PREFIX = "TRACKDRIVE_"
STATS_INTERVALS = {"5m": 5, "15m": 15, "30m": 30, "1h": 60, "6h": 360, "1d": 1440}
"""Lengths of an interval of the statistics, in minutes."""
INTRADAY_MINUTES = (5, 10, 15, 20, 30, 60)
"""Allowed intervals of the intraday schedule. Each divides an hour, so that runs start at regular times."""

_QUOTES = "\"'`\u201c\u201d\u2018\u2019"


class SettingError(ValueError):
    """A missing or invalid setting. The message names the variable and what to do."""


class _InvalidValue(ValueError):
    """The reason why a value is invalid. The caller adds the name of the variable."""


Parse = Callable[[Any], Any]
"""A function that returns the value of a text or of a value, or raises `_InvalidValue`."""


def _setting(default: object, description: str, parse: Parse, *, is_secret: bool = False) -> Any:
    return dataclasses.field(
        default=default,
        repr=not is_secret,
        metadata={"description": description, "parse": parse, "is_secret": is_secret},
    )


def _client_option(name: str, parse: Parse) -> Any:
    return _setting(getattr(DEFAULTS, name), option_description(name), parse)


def _parse_text(value: Any) -> str:
    return str(value)


def _parse_key(value: Any) -> str:
    if not re.fullmatch(r"[!-~]*", str(value)):
        raise _InvalidValue("it contains a character that keys do not have, such as a space; copy it again")
    return str(value)


def _parse_subdomain(value: Any) -> str:
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?", str(value)):
        raise _InvalidValue("use only the first part of the host: acme for https://acme.trackdrive.com")
    return str(value)


def _parse_base_url(value: Any) -> str:
    try:
        parts = urlsplit(str(value))
        is_complete = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        is_complete = False
    if not is_complete:
        raise _InvalidValue("use a scheme and a host, such as https://acme.trackdrive.com")
    if parts.username or parts.password:
        raise _InvalidValue("remove the credentials; they have their own variables")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise _InvalidValue(f"remove everything after {parts.netloc}; the path /api/v1 is added to it")
    return f"{parts.scheme}://{parts.netloc}"


def _parse_url(advice: str, *, is_folder: bool = False) -> Parse:
    def parse(value: Any) -> str:
        parts = urlsplit(str(value))
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise _InvalidValue(advice)
        return str(value).rstrip("/") if is_folder else str(value)

    return parse


def _parse_time_zone(value: Any) -> str:
    try:
        ZoneInfo(str(value))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        reason = "this time zone does not exist; use an IANA name such as America/New_York"
        raise _InvalidValue(reason) from None
    return str(value)


def _parse_date(value: Any) -> date:
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise _InvalidValue("use a date such as 2024-01-01") from None


def _parse_integer(lowest: int, highest: int | None = None) -> Parse:
    def parse(value: Any) -> int:
        number = int(value) if re.fullmatch(r"\d{1,9}", str(value)) else -1
        if number < lowest or (highest and number > highest):
            span = f"from {lowest} to {highest}" if highest else f"of {lowest} or more"
            raise _InvalidValue(f"use a whole number {span}")
        return number

    return parse


def _parse_rate(value: Any) -> float:
    try:
        rate = float(value)
    except ValueError:
        rate = -1
    if not 0 <= rate <= 1000:  # noqa: PLR2004 (one request per millisecond is the highest rate)
        raise _InvalidValue("use a number from 0 to 1000; 0 means no limit")
    return rate


def _parse_choice(choices: Iterable[object]) -> Parse:
    by_text = {str(choice): choice for choice in choices}

    def parse(value: Any) -> object:
        if str(value) not in by_text:
            raise _InvalidValue(f"use one of {', '.join(by_text)}")
        return by_text[str(value)]

    return parse


def _parse_names(allowed: str, example: str) -> Parse:
    def parse(value: Any) -> tuple[str, ...]:
        parts = value.split(",") if isinstance(value, str) else value
        names = tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))
        if invalid := [name for name in names if not re.fullmatch(allowed, name)]:
            raise _InvalidValue(f"{invalid[0]!r} is not a name; separate names by commas: {example}")
        return names

    return parse


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of a deployment. The variable of a field is `TRACKDRIVE_` and its name in capitals.

    Raises:
        SettingError: A value is invalid.
    """

    subdomain: str | None = _setting(None, "`acme` for https://acme.trackdrive.com.", _parse_subdomain)
    base_url: str | None = _setting(
        None, "Scheme and host, if they differ from those of the subdomain. Without a path.", _parse_base_url
    )
    public_key: str | None = _setting(
        None, "Public key of the key pair (HTTP Basic).", _parse_key, is_secret=True
    )
    private_key: str | None = _setting(
        None, "Private key of the key pair (HTTP Basic).", _parse_key, is_secret=True
    )
    auth_token: str | None = _setting(
        None, "The legacy `auth_token` parameter. Used if no key pair is set.", _parse_key, is_secret=True
    )
    time_zone: str = _setting("UTC", "IANA name of the time zone of the days.", _parse_time_zone)
    start_date: date = _setting(date(2024, 1, 1), "The first partition.", _parse_date)
    lake: str = _setting("data", "Folder of the Parquet files and of trackdrive.duckdb.", _parse_text)
    per_page: int = _client_option("per_page", _parse_integer(1))
    max_concurrency: int = _client_option("max_concurrency", _parse_integer(1, 64))
    requests_per_second: float = _client_option("requests_per_second", _parse_rate)
    report_categories: tuple[str, ...] = _setting(
        REPORT_CATEGORIES,
        "Categories of the reports, comma-separated.",
        _parse_names(r"\w+", "buyer_id,status"),
    )
    stats_interval: str = _setting(
        "1h",
        f"Length of an interval of the statistics: {', '.join(STATS_INTERVALS)}.",
        _parse_choice(STATS_INTERVALS),
    )
    intraday_minutes: int = _setting(
        15,
        f"Minutes between two intraday runs: {', '.join(map(str, INTRADAY_MINUTES))}.",
        _parse_choice(INTRADAY_MINUTES),
    )
    lookback_days: int = _setting(
        30, "Number of finished days that the look-back schedule fetches again.", _parse_integer(1, 366)
    )
    exclude_columns: tuple[str, ...] = _setting(
        (),
        "Columns that are never stored, comma-separated. `token-*` means all tags.",
        _parse_names(r"[\w-]+\*?", "caller_number,token-email"),
    )
    webhook_url: str | None = _setting(
        None,
        "URL to which the sensor `report_failures` posts failed runs, as JSON.",
        _parse_url("use the complete URL of the webhook, such as https://hooks.example.com/…"),
        is_secret=True,
    )
    code_url: str | None = _setting(
        None,
        "URL of the source code for the links in the UI. Without it they name files.",
        _parse_url(
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

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> "Settings":
        """Read the settings of an environment. An empty variable is the same as a missing one."""
        texts: dict[str, Any] = {
            field.name: text
            for field in dataclasses.fields(cls)
            if (text := environ.get(variable(field.name), "").strip())
        }
        return cls(**texts)

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
            return AuthToken(self.auth_token)
        raise SettingError(
            f"No credentials: set {variable('public_key')} and {variable('private_key')} (a Company Access "
            f"Token in the Trackdrive profile), or the legacy {variable('auth_token')}."
        )


def variable(field_name: str) -> str:
    """Return the name of the environment variable of a setting."""
    return PREFIX + field_name.upper()


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
        return field.metadata["parse"](value)
    except _InvalidValue as error:
        raise SettingError(f"{variable(field.name)} is invalid ({shown}): {error}.") from None
