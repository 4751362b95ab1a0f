"""How the value of each kind of setting is checked: keys, URLs, zones, dates, numbers and lists of names.

A function takes a text, or a value given in code, and returns the value. Which setting has which kind is in
`settings.py`, and so are the names of the variables.
"""

import re
from collections.abc import Callable, Iterable
from datetime import date
from difflib import get_close_matches
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from trackdrive_assets.addresses import address_fault
from trackdrive_assets.days import YEARS
from trackdrive_assets.tables.exclusion import Exclusion

_LABEL = "[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_MAX_HOST_LENGTH = 253
_HIGHEST_RATE = 1000.0  # one request per millisecond

_PLACES = {
    "EST": "America/New_York, or America/Panama, which has no daylight saving time",
    "MST": "America/Denver, or America/Phoenix, which has no daylight saving time",
    "HST": "Pacific/Honolulu",
    "EST5EDT": "America/New_York",
    "CST6CDT": "America/Chicago",
    "MST7MDT": "America/Denver",
    "PST8PDT": "America/Los_Angeles",
    "EDT": "America/New_York",
    "CST": "America/Chicago",
    "CDT": "America/Chicago",
    "MDT": "America/Denver",
    "PST": "America/Los_Angeles",
    "PDT": "America/Los_Angeles",
    "AKST": "America/Anchorage",
    "CET": "Europe/Berlin",
    "MET": "Europe/Berlin",
    "EET": "Europe/Athens",
    "WET": "Europe/Lisbon",
    "GB": "Europe/London",
    "ET": "America/New_York",
    "CT": "America/Chicago",
    "MT": "America/Denver",
    "PT": "America/Los_Angeles",
    "Z": "UTC",
    "UCT": "UTC",
    "ZULU": "UTC",
    "UNIVERSAL": "UTC",
    "GREENWICH": "UTC",
    "GMT0": "UTC",
    "GMT+0": "UTC",
    "GMT-0": "UTC",
}
"""The place to use in place of an abbreviation. Most abbreviations have no daylight saving time."""


class InvalidValue(ValueError):
    """The reason why a value is invalid. The caller adds the name of the variable."""


Parse = Callable[[Any], Any]
"""A function that returns the value of a text or of a value, or raises `InvalidValue`."""


def nearest(name: str, names: Iterable[str]) -> str | None:
    """Return the name that is most similar to another, without regard to case. None if none is similar."""
    by_folded = {known.casefold(): known for known in names}
    found = get_close_matches(name.casefold(), by_folded, n=1)
    return by_folded[found[0]] if found else None


def require_printable(value: Any) -> None:
    """Raise `InvalidValue` for a text with a control character or another one without a picture."""
    if isinstance(value, str) and not value.isprintable():
        raise InvalidValue("it contains a character that is not visible; write it again")


def parse_key(prefix: str | None = None) -> Parse:
    """Return a parser of a key. The two halves of a key pair begin with `tdpub` and `tdprv`."""

    def parse(value: Any) -> str:
        text = str(value)
        if not re.fullmatch(r"[!-~]*", text):
            raise InvalidValue(
                "it contains a character that keys do not have, such as a space; copy it again"
            )
        kinds = {"tdpub": "a public key", "tdprv": "a private key"}
        if (kind := kinds.get(text[:5].lower())) and text[:5].lower() != prefix:
            advice = "exchange the two keys" if prefix else "the key pair has its own variables"
            raise InvalidValue(f"it begins with {text[:5]}, so it is {kind}; {advice}")
        return text

    return parse


def parse_subdomain(value: Any) -> str:
    """Return the first part of the host, in small letters."""
    if not re.fullmatch(_LABEL, str(value)) or "_" in str(value):
        raise InvalidValue("use only the first part of the host: acme for https://acme.trackdrive.com")
    return str(value).lower()


def parse_base_url(value: Any) -> str:
    """Return a scheme and a host, in small letters."""
    parts = _url_parts(value, "use a scheme and a host, such as https://acme.trackdrive.com")
    if "@" in parts.netloc:
        raise InvalidValue("remove the credentials; they have their own variables")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise InvalidValue(f"remove everything after {parts.netloc}; the path /api/v1 is added to it")
    _require_safe(str(value))
    return f"{parts.scheme}://{parts.netloc.lower().removesuffix(':')}"


def parse_url(advice: str, *, is_folder: bool = False) -> Parse:
    """Return a parser of a complete URL."""

    def parse(value: Any) -> str:
        _url_parts(value, advice)
        return str(value).rstrip("/") if is_folder else str(value)

    return parse


def parse_webhook_url(value: Any) -> str:
    """Return a complete URL that may contain a secret."""
    _url_parts(value, "use the complete URL of the webhook, such as https://hooks.example.com/…")
    _require_safe(str(value))
    return str(value)


def _require_safe(url: str) -> None:
    if fault := address_fault(url):
        raise InvalidValue(fault)


def _url_parts(value: Any, advice: str) -> SplitResult:
    text = str(value)
    try:
        parts = urlsplit(text)
        is_complete = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        is_complete = False
    if not is_complete or re.search(r"\s", text):
        raise InvalidValue(advice)
    if not _is_host(parts.hostname or ""):
        raise InvalidValue(
            "its host is not a valid name; use letters, digits, hyphens and single dots, as in "
            "acme.trackdrive.com"
        )
    return parts


def _is_host(host: str) -> bool:
    if ":" in host:
        try:
            ip_address(host)
        except ValueError:
            return False
        return True
    return len(host) <= _MAX_HOST_LENGTH and _HOST.fullmatch(host) is not None


def parse_time_zone(value: Any) -> str:
    """Return the IANA name of a time zone. UTC and GMT are the only names without a place."""
    name = str(value)
    if name in {"UTC", "GMT"}:
        return name
    for folder in ("posix/", "right/"):
        if name.startswith(folder):
            raise InvalidValue(f"use {name.removeprefix(folder)}")
    if name.upper() in _PLACES:
        raise InvalidValue(f"days need the clock of a place; use {_PLACES[name.upper()]}")
    if "/" in name and _is_zone(name):
        return name
    place = nearest(name, (zone for zone in available_timezones() if "/" in zone)) or "America/New_York"
    reason = "this is not a place" if _is_zone(name) else "this time zone does not exist"
    raise InvalidValue(f"{reason}; use an IANA name such as {place}")


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def parse_date(value: Any) -> date:
    """Return a date of the years that an account can have."""
    is_date = re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", str(value))
    try:
        parsed = date.fromisoformat(str(value) if is_date else "")
    except ValueError:
        raise InvalidValue("use a date such as 2024-01-01") from None
    if parsed.year not in YEARS:
        raise InvalidValue(f"use a date of the years {YEARS[0]} to {YEARS[-1]}")
    return parsed


def parse_folder(value: Any) -> str:
    """Return a folder or the URL of an object store. `~` is the home folder; variables are not expanded."""
    text = str(value)
    if not text.strip():
        raise InvalidValue("it is empty; name a folder, such as data")
    if re.match(r"[a-z0-9]{2,}:(?!//)", text):
        # It would be a folder with that name.
        raise InvalidValue("a URL begins like s3://bucket; for a folder with a colon, write ./ before it")
    if "$" in text or re.search("%[A-Za-z_]+%", text):
        raise InvalidValue("variables in it are not expanded; write the whole path, or begin it with ~/")
    try:
        Path(text).expanduser()
    except RuntimeError:
        raise InvalidValue(
            f"the home folder {Path(text).parts[0]} does not exist; write the whole path"
        ) from None
    return text


def parse_integer(lowest: int, highest: int | None = None) -> Parse:
    """Return a parser of a whole number."""

    def parse(value: Any) -> int:
        number = int(value) if re.fullmatch(r"[0-9]{1,9}", str(value)) else -1
        if number < lowest or (highest and number > highest):
            span = f"from {lowest} to {highest}" if highest else f"of {lowest} or more"
            raise InvalidValue(f"use a whole number {span}")
        return number

    return parse


def parse_rate(value: Any) -> float:
    """Return a number of requests per second."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    is_text = isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", value)
    rate = float(value) if is_number or is_text else -1.0
    if not 0 <= rate <= _HIGHEST_RATE:
        raise InvalidValue("use a number from 0 to 1000; 0 means no limit")
    return rate


def parse_choice(choices: Iterable[object]) -> Parse:
    """Return a parser of one of some values."""
    by_text = {str(choice): choice for choice in choices}

    def parse(value: Any) -> object:
        if str(value) not in by_text:
            raise InvalidValue(f"use one of {', '.join(by_text)}")
        return by_text[str(value)]

    return parse


def parse_choices(choices: Iterable[str], *, may_be_none: bool = False) -> Parse:
    """Return a parser of some of the given names, separated by commas. The result has their order.

    Args:
        choices: The names.
        may_be_none: Whether there may be no name.
    """
    names = tuple(choices)

    def parse(value: Any) -> tuple[str, ...]:
        parts = {part.strip() for part in (value.split(",") if isinstance(value, str) else value)}
        if not (parts or may_be_none) or parts - set(names):
            raise InvalidValue(f"use some of {', '.join(names)}, separated by commas")
        return tuple(name for name in names if name in parts)

    return parse


def parse_names(allowed: str, example: str) -> Parse:
    """Return a parser of names that are separated by commas, each once."""

    def parse(value: Any) -> tuple[str, ...]:
        parts = value.split(",") if isinstance(value, str) else value
        names = tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))
        if invalid := [name for name in names if not re.fullmatch(allowed, name, re.ASCII)]:
            raise InvalidValue(f"{invalid[0]!r} is not a name; separate names by commas: {example}")
        return names

    return parse


def parse_exclusions(value: Any) -> tuple[str, ...]:
    """Return the patterns of columns that are never stored."""
    patterns: tuple[str, ...] = parse_names(r"[\w*-]+", "caller_number,token-email")(value)
    try:
        Exclusion(patterns)
    except ValueError as error:
        raise InvalidValue(str(error).rstrip(".")) from None
    return patterns
