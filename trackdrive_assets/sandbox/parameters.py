"""How the values of parameters are parsed: flags, numbers, dates, time zones, and named ranges of dates.

An invalid value raises `InvalidParameter`, which the server sends as 422. That status and the messages are
assumed. Not here: which parameter filters what (`filters.py`).
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from trackdrive_assets.sandbox.times import milliseconds

FOREVER = 1 << 50
"""A time after every requested one."""

_DATE = re.compile(r"(.*?\d)\s*(Z|[A-Za-z][A-Za-z/_]+|[+-]\d\d:?\d\d)?")


class InvalidParameter(Exception):
    """A parameter that the server refuses with 422, and the server's message."""

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(f"{parameter}: {message}")
        self.parameter = parameter
        self.message = message


def parse_flag(name: str, text: str) -> bool:
    """Return the boolean of true/1/yes/on or false/0/no/off."""
    if text.lower() in {"1", "true", "yes", "on"}:
        return True
    if text.lower() in {"0", "false", "no", "off"}:
        return False
    raise InvalidParameter(name, "Must be one of: true, false.")


def parse_zone(name: str) -> tzinfo:
    """Return the time zone of an IANA name, or of a legacy abbreviation, which is a fixed offset."""
    if name in _ABBREVIATIONS:
        return timezone(timedelta(hours=_ABBREVIATIONS[name]), name)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidParameter("time_zone", "Must be a valid time zone.") from None


def parse_date(
    params: Mapping[str, str], name: str, zone: tzinfo, *, whole_seconds: bool = False
) -> tuple[int, bool]:
    """Return the time of a date in any form of known clients, and whether the date is a bit later.

    A date without an offset is in `zone`. With `whole_seconds`, fractions of a second are ignored.
    """
    try:
        parsed = _parse_datetime(params[name], zone)
        parsed = parsed.replace(microsecond=0) if whole_seconds else parsed
        return milliseconds(parsed), parsed.microsecond % 1000 > 0
    except (ValueError, OverflowError):
        raise InvalidParameter(name, "Must be a date formatted like 2016-01-01 12:25:15 -0500.") from None


def parse_label(label: str | None, now: datetime) -> tuple[int, int]:
    """Return the range of a `created_at_label`, in the zone of `now`."""
    if label in {None, "Lifetime", "Custom Range"}:
        return 0, FOREVER
    if match := re.fullmatch(r"Last (\d+ )?(Min|Hour|Day)s?", str(label)):
        unit = {"Min": timedelta(minutes=1), "Hour": timedelta(hours=1), "Day": timedelta(days=1)}[match[2]]
        return milliseconds(now - int(match[1] or 1) * unit), FOREVER
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    week = today - timedelta(days=today.weekday())
    month = today.replace(day=1)
    quarter = _months_before(month, (month.month - 1) % 3)
    year = month.replace(month=1)
    ranges = {
        "Today": (today, None),
        "Yesterday": (today - timedelta(days=1), today),
        "This Week": (week, None),
        "Last Week": (week - timedelta(days=7), week),
        "This Month": (month, None),
        "Last Month": (_months_before(month, 1), month),
        "This Quarter": (quarter, None),
        "Last Quarter": (_months_before(quarter, 3), quarter),
        "Last 6 Months": (_months_before(month, 6), None),
        "This Year": (year, None),
        "Last Year": (_months_before(year, 12), year),
    }
    if label not in ranges:
        raise InvalidParameter("created_at_label", f"Must be one of: {', '.join(ranges)}.")
    start, end = ranges[str(label)]
    return milliseconds(start), milliseconds(end) if end else FOREVER


def _parse_datetime(text: str, zone: tzinfo) -> datetime:
    match = _DATE.fullmatch(text.strip())
    if not match:
        raise ValueError(text)
    body, suffix = match[1], match[2] or ""
    parsed = datetime.fromisoformat(body + suffix if suffix[:1] in {"+", "-"} else body)
    if parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=parse_zone(suffix) if suffix else zone)
    return parsed


def _months_before(month: datetime, count: int) -> datetime:
    years, index = divmod(month.year * 12 + month.month - 1 - count, 12)
    return month.replace(year=years, month=index + 1)


# Hours ahead of UTC. If two places share an abbreviation, the offset is that of its neighbors in the list.
_ABBREVIATIONS = {
    "Etc/UTC": 0, "UTC": 0, "Z": 0, "SST": -11, "HST": -10, "AKST": -9, "PST": -8, "MST": -7, "CST": -6,
    "EST": -5, "COT": -5, "PET": -5, "AST": -4, "VET": -4, "BOT": -4, "CLST": -3, "NST": -3.5, "BRST": -2,
    "ART": -3, "UYT": -3, "GYT": -4, "WGT": -3, "GST": 4, "AZOT": -1, "CVT": -1, "GMT": 0, "WET": 0,
    "CET": 1, "EET": 2, "MSK": 3, "IST": 5.5, "CAT": 2, "SAST": 2, "EAT": 3, "IRST": 3.5, "AZT": 4,
    "GET": 4, "AMT": 4, "AFT": 4.5, "YEKT": 5, "PKT": 5, "UZT": 5, "NPT": 5.75, "BDT": 6, "NOVT": 7,
    "MMT": 6.5, "ICT": 7, "WIB": 7, "KRAT": 7, "HKT": 8, "XJT": 6, "MYT": 8, "SGT": 8, "AWST": 8,
    "IRKT": 8, "ULAT": 8, "KST": 9, "JST": 9, "YAKT": 9, "ACST": 9.5, "ACDT": 10.5, "AEDT": 11,
    "AEST": 10, "VLAT": 10, "ChST": 10, "PGT": 10, "MAGT": 11, "SBT": 11, "NCT": 11, "FJST": 13,
    "PETT": 12, "MHT": 12, "NZDT": 13, "TOT": 13, "TKT": 13, "CHADT": 13.75, "WSDT": 14,
}  # fmt: skip
