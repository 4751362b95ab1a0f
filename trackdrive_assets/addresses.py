"""The addresses that credentials may be sent to: any host over https, and this machine over http."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from urllib3.util import Url


def address_fault(url: str) -> str | None:
    """Return why credentials must not be sent to a URL, and what to do; None if they may be."""
    parts = _parsed(url)
    if parts.scheme not in {"http", "https"} or not parts.host:
        return "use a scheme and a host, such as https://acme.trackdrive.com"
    if parts.scheme == "http" and not is_loopback(url):
        return "use https, because every computer on the way can read what http sends"
    return None


def is_loopback(url: str) -> bool:
    """Return whether the host of a URL is this machine."""
    host = (_parsed(url).host or "").strip("[]")
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def account_host(url: str) -> str:
    """Return the host of an account's URL. All names of this machine are `localhost`."""
    return "localhost" if is_loopback(url) else (_parsed(url).host or "").lower().rstrip(".")


def _parsed(url: str) -> Url:
    """Parse a URL as requests does. Another parser may find another host in the same text."""
    # Slow to import, and Dagster's definitions load fast.
    from urllib3.exceptions import LocationParseError  # noqa: PLC0415
    from urllib3.util import Url, parse_url  # noqa: PLC0415

    try:
        return parse_url(url)
    except LocationParseError:
        return Url()
