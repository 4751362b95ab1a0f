"""Every TRACKDRIVE_* variable: name, type, default and meaning. The one place that reads them.

A `Settings` checks itself when it is made, whether it comes from the environment or from code. Not here: what
is done with a setting.
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
from trackdrive_assets.api.client import (
    DEFAULT_MAX_CONCURRENCY,
    DEFAULT_PER_PAGE,
    DEFAULT_REQUESTS_PER_SECOND,
)
from trackdrive_assets.api.errors import redact

PREFIX = "TRACKDRIVE_"
STATS_INTERVALS = {"5m": 5, "15m": 15, "30m": 30, "1h": 60, "6h": 360, "1d": 1440}
"""Widths of an interval of the stats series, in minutes."""
INTRADAY_MINUTES = (5, 10, 15, 20, 30, 60)
"""How often the intraday schedule may come round: what an hour divides by, so that the clock shows it."""

_QUOTES = "\"'`\u201c\u201d\u2018\u2019"


class SettingError(ValueError):
    """A variable that is missing or cannot be understood. The message names it and says what to do."""


class _Unfit(ValueError):
    """What is wrong with a value; the caller knows its name."""


Check = Callable[[Any], Any]
"""Takes a text or a value, gives the value, or raises `_Unfit` with the reason."""


def _setting(default: object, meaning: str, check: Check, *, secret: bool = False) -> Any:
    return dataclasses.field(
        default=default,
        repr=not secret,
        metadata={"meaning": meaning, "check": check, "secret": secret},
    )


def _text(value: Any) -> str:
    return str(value)


def _key(value: Any) -> str:
    if not re.fullmatch(r"[!-~]*", str(value)):
        raise _Unfit("it holds a character that no key has, such as a space; copy it anew")
    return str(value)


def _subdomain(value: Any) -> str:
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?", str(value)):
        raise _Unfit("give only the first part of the host: acme for https://acme.trackdrive.com")
    return str(value)


def _base_url(value: Any) -> str:
    try:
        parts = urlsplit(str(value))
        given = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        given = False
    if not given:
        raise _Unfit("give scheme and host, such as https://acme.trackdrive.com")
    if parts.username or parts.password:
        raise _Unfit("leave the credentials out of it; they have variables of their own")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise _Unfit(
            f"leave out what follows the host; the paths that start with /api/v1 are added to {parts.netloc}"
        )
    return f"{parts.scheme}://{parts.netloc}"


def _webhook(value: Any) -> str:
    parts = urlsplit(str(value))
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise _Unfit("give the whole URL of the webhook, such as https://hooks.example.com/…")
    return str(value)


def _code_url(value: Any) -> str:
    parts = urlsplit(str(value))
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise _Unfit(
            "give the URL of the folder with README.md, such as https://git.example.com/acme/blob/main"
        )
    return str(value).rstrip("/")


def _time_zone(value: Any) -> str:
    try:
        ZoneInfo(str(value))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise _Unfit("there is no such zone; give an IANA name such as America/New_York") from None
    return str(value)


def _date(value: Any) -> date:
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise _Unfit("give a date such as 2024-01-01") from None


def _whole_number(least: int, most: int | None = None) -> Check:
    def check(value: Any) -> int:
        span = f"from {least} to {most}" if most else f"of {least} or more"
        if not re.fullmatch(r"\d{1,9}", str(value)) or int(value) < least or (most and int(value) > most):
            raise _Unfit(f"give a whole number {span}")
        return int(value)

    return check


def _rate(value: Any) -> float:
    try:
        rate = float(value)
    except ValueError:
        rate = -1
    if not 0 <= rate <= 1000:  # noqa: PLR2004 (one request a millisecond is the finest pace there is)
        raise _Unfit("give a number from 0 to 1000; 0 is unpaced")
    return rate


def _one_of(choices: Iterable[object]) -> Check:
    by_text = {str(choice): choice for choice in choices}

    def check(value: Any) -> object:
        if str(value) not in by_text:
            raise _Unfit(f"give one of {', '.join(by_text)}")
        return by_text[str(value)]

    return check


def _names(allowed: str, example: str) -> Check:
    def check(value: Any) -> tuple[str, ...]:
        parts = value.split(",") if isinstance(value, str) else value
        names = tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))
        if unfit := [name for name in names if not re.fullmatch(allowed, name)]:
            raise _Unfit(f"{unfit[0]!r} is not a name; give names with commas between, such as {example}")
        return names

    return check


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a deployment decides. The variable of a field is its name in capitals behind `TRACKDRIVE_`.

    Raises:
        SettingError: A value cannot be understood.
    """

    subdomain: str | None = _setting(None, "`acme` for https://acme.trackdrive.com.", _subdomain)
    base_url: str | None = _setting(
        None, "Scheme and host, if not those of the subdomain. Without a path.", _base_url
    )
    public_key: str | None = _setting(None, "Public half of the key pair (HTTP Basic).", _key, secret=True)
    private_key: str | None = _setting(None, "Private half of the key pair (HTTP Basic).", _key, secret=True)
    auth_token: str | None = _setting(
        None, "The older `auth_token` parameter. Used when no key pair is set.", _key, secret=True
    )
    time_zone: str = _setting("UTC", "IANA name of the zone in which a day begins and ends.", _time_zone)
    start_date: date = _setting(date(2024, 1, 1), "The first partition.", _date)
    lake: str = _setting("data", "Folder of the Parquet files and of trackdrive.duckdb.", _text)
    per_page: int = _setting(
        DEFAULT_PER_PAGE, "Rows a page to ask for. A server that gives less is obeyed.", _whole_number(1)
    )
    max_concurrency: int = _setting(
        DEFAULT_MAX_CONCURRENCY, "Requests in flight at most.", _whole_number(1, 64)
    )
    requests_per_second: float = _setting(
        DEFAULT_REQUESTS_PER_SECOND, "RateLimiter of one process. 0 is unpaced.", _rate
    )
    report_categories: tuple[str, ...] = _setting(
        REPORT_CATEGORIES, "Categories of the reports, comma-separated.", _names(r"\w+", "buyer_id,status")
    )
    stats_interval: str = _setting(
        "1h",
        f"Width of an interval of the stats series: {', '.join(STATS_INTERVALS)}.",
        _one_of(STATS_INTERVALS),
    )
    intraday_minutes: int = _setting(
        15,
        f"Minutes from one intraday run to the next: {', '.join(map(str, INTRADAY_MINUTES))}.",
        _one_of(INTRADAY_MINUTES),
    )
    lookback_days: int = _setting(
        30, "How many finished days the look-back schedule reads again.", _whole_number(1, 366)
    )
    exclude_columns: tuple[str, ...] = _setting(
        (),
        "Columns never to store, comma-separated; `token-*` for all tags.",
        _names(r"[\w-]+\*?", "caller_number,token-email"),
    )

    webhook_url: str | None = _setting(
        None, "Where the sensor `report_failures` posts failed runs, as JSON.", _webhook, secret=True
    )
    code_url: str | None = _setting(
        None,
        "Where the code can be read in a browser, for the links of the UI. Else they name files.",
        _code_url,
    )

    def __post_init__(self) -> None:
        """Check every value."""
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value is not None:
                object.__setattr__(self, field.name, _checked(field, value))

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> "Settings":
        """The settings of an environment. A variable that is empty counts as not set."""
        texts: dict[str, Any] = {
            field.name: text
            for field in dataclasses.fields(cls)
            if (text := environ.get(variable(field.name), "").strip())
        }
        return cls(**texts)

    @property
    def address(self) -> str:
        """Scheme and host of the account.

        Raises:
            SettingError: Neither a subdomain nor a base URL is set.
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
    def credentials(self) -> Credentials:
        """The key pair, else the token.

        Raises:
            SettingError: There is neither, or half a pair.
        """
        halves = {"public_key": self.public_key, "private_key": self.private_key}
        missing = [name for name, key in halves.items() if not key]
        if self.public_key and self.private_key:
            return KeyPair(self.public_key, self.private_key)
        if len(missing) == 1:
            (other,) = halves.keys() - missing
            raise SettingError(
                f"{variable(missing[0])} is not set, but {variable(other)} is. A key pair needs both."
            )
        if self.auth_token:
            return AuthToken(self.auth_token)
        raise SettingError(
            f"No credentials: set {variable('public_key')} and {variable('private_key')} (a Company Access "
            f"Token in the Trackdrive profile), or the older {variable('auth_token')}."
        )


def variable(field_name: str) -> str:
    """The name of the environment variable of a field."""
    return PREFIX + field_name.upper()


def meaning(field_name: str) -> str:
    """What a field means, in one sentence."""
    (found,) = (field for field in dataclasses.fields(Settings) if field.name == field_name)
    return str(found.metadata["meaning"])


def _shown(value: object) -> str:
    """A value for the text of an error. A URL may hold a password, or a token."""
    return redact(re.sub(r"//[^/]*@", "//[redacted]@", str(value)), ())


def _checked(field: dataclasses.Field[Any], value: object) -> object:
    shown = "its value is not shown" if field.metadata["secret"] else f"it is {_shown(value)!r}"
    if isinstance(value, str) and value and (value[0] in _QUOTES or value[-1] in _QUOTES):
        raise SettingError(f"{variable(field.name)} has quotes around its value ({shown}): remove them.")
    try:
        return field.metadata["check"](value)
    except _Unfit as unfit:
        raise SettingError(f"{variable(field.name)} cannot be understood ({shown}): {unfit}.") from None
