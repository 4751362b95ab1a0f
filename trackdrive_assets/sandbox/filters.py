"""Which calls a request asks for: every filter of both documentations.

Parameters that nobody documents are ignored, as the real server does. A documented one with a value that
can't be meant is refused with 422: that, and the words, are assumed. Not here: pages, columns and order
(`wire.py`).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from trackdrive_assets.sandbox.call import Record, milliseconds, timestamp
from trackdrive_assets.sandbox.generator import LONGEST_CALL

FOREVER = 1 << 50
"""Later than any moment that is asked for."""


class Refused(Exception):
    """A parameter that the server answers with 422.

    Attributes:
        parameter: Its name.
        message: What is wrong with it.
    """

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(f"{parameter}: {message}")
        self.parameter = parameter
        self.message = message


@dataclass(frozen=True)
class Criteria:
    """What a request asks for, as a value that can be compared and remembered.

    Attributes:
        start: First moment of `created_at`, in milliseconds.
        end: The moment after the last.
        checks: Name and wanted value of every other filter.
    """

    start: int = 0
    end: int = FOREVER
    checks: tuple[tuple[str, str], ...] = ()

    def matches(self, record: Record) -> bool:
        """Whether a call that begins in [start, end) is asked for."""
        return all(_CHECKS[name](record, wanted) for name, wanted in self.checks)


def criteria(params: Mapping[str, str], now: datetime, *, inclusive_end: bool) -> Criteria:
    """Reads the filters of a request.

    Args:
        params: All its parameters.
        now: For `created_at_label`, whose ranges are relative.
        inclusive_end: Whether a call at `created_at_to` itself is meant too.

    Raises:
        Refused: for a date, zone, flag, number or label that can't be meant.
    """
    zone = parse_zone(params.get("time_zone", "Etc/UTC"))
    start, end = _label_range(params.get("created_at_label"), now.astimezone(zone))
    if "created_at_from" in params:
        start = max(start, _moment(params, "created_at_from", zone))
    if "created_at_to" in params:
        end = min(end, _moment(params, "created_at_to", zone) + inclusive_end)
    checks = []
    for name in _CHECKS:
        if name not in params:
            continue
        if name == "ended_at_from":
            since = _moment(params, name, zone)
            start = max(start, since - LONGEST_CALL)
            checks.append((name, timestamp(since)))
        elif name == "ended_at_to":
            until = _moment(params, name, zone)
            end = min(end, until + 1)
            checks.append((name, timestamp(until + inclusive_end)))
        else:
            checks.append((name, _valid(name, params[name])))
    return Criteria(start, end, tuple(checks))


def parse_moment(text: str, zone: tzinfo) -> datetime:
    """Reads a date in any form that clients were seen to send; without an offset it is in `zone`.

    Raises:
        ValueError: if it can't be read.
    """
    match = _MOMENT.fullmatch(text.strip())
    if not match:
        raise ValueError(f"{text!r} is no date.")
    body, suffix = match[1], match[2] or ""
    read = datetime.fromisoformat(body + suffix if suffix[:1] in {"+", "-"} else body)
    if read.tzinfo is None:
        read = read.replace(tzinfo=parse_zone(suffix) if suffix else zone)
    return read


def parse_zone(name: str) -> tzinfo:
    """A zone by its abbreviation in the older documentation (a fixed offset), or by its IANA name.

    Raises:
        Refused: if there is no such zone.
    """
    if name in _ABBREVIATIONS:
        return timezone(timedelta(hours=_ABBREVIATIONS[name]), name)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Refused("time_zone", "Must be a valid time zone.") from None


def parse_flag(name: str, text: str) -> bool:
    """Reads true/1/yes/on and false/0/no/off.

    Raises:
        Refused: for anything else.
    """
    if text.lower() in {"1", "true", "yes", "on"}:
        return True
    if text.lower() in {"0", "false", "no", "off"}:
        return False
    raise Refused(name, "Must be one of: true, false.")


def _moment(params: Mapping[str, str], name: str, zone: tzinfo) -> int:
    try:
        return milliseconds(parse_moment(params[name], zone))
    except (ValueError, OverflowError):
        raise Refused(name, "Must be a date formatted like 2016-01-01 12:25:15 -0500.") from None


def _valid(name: str, text: str) -> str:
    if name in _FLAGS:
        return "true" if parse_flag(name, text) else "false"
    if name in _NUMBERS and not re.fullmatch(r"\d+", text.strip()):
        raise Refused(name, "Must be a decimal number.")
    return text.strip()


def _label_range(label: str | None, now: datetime) -> tuple[int, int]:
    """The range of a `created_at_label`, in the zone of `now`."""
    if label in {None, "Lifetime", "Custom Range"}:
        return 0, FOREVER
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if match := re.fullmatch(r"Last (\d+ )?(Min|Hour|Day)s?", str(label)):
        amount = int(match[1] or 1)
        unit = {"Min": timedelta(minutes=1), "Hour": timedelta(hours=1), "Day": timedelta(days=1)}[match[2]]
        return milliseconds(now - amount * unit), FOREVER
    month = today.replace(day=1)
    week = today - timedelta(days=today.weekday())
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
        raise Refused("created_at_label", f"Must be one of: {', '.join(ranges)}.")
    start, end = ranges[str(label)]
    return milliseconds(start), milliseconds(end) if end else FOREVER


def _months_before(month: datetime, amount: int) -> datetime:
    years, index = divmod(month.year * 12 + month.month - 1 - amount, 12)
    return month.replace(year=years, month=index + 1)


def _flag(test: Callable[[Record], object]) -> Callable[[Record, str], bool]:
    return lambda record, wanted: bool(test(record)) == (wanted == "true")


def _same(name: str) -> Callable[[Record, str], bool]:
    return lambda record, wanted: str(record[name]) == wanted


def _same_number(name: str) -> Callable[[Record, str], bool]:
    return lambda record, wanted: record[name] is not None and str(record[name]) == str(int(wanted))


def _has_token(record: Record, wanted: str) -> bool:
    """`token_key=state`; or `token_key=state:CO`, as the documentation of `token_value` spells it."""
    key, _, value = wanted.partition(":")
    return f"token-{key}" in record and (not value or record[f"token-{key}"] == value)


def _has_token_value(record: Record, wanted: str) -> bool:
    """`token_value=CO` in any token, or `token_value=state:CO`."""
    key, colon, value = wanted.partition(":")
    if colon and record.get(f"token-{key}") == value:
        return True
    return any(record[name] == wanted for name in record if name.startswith("token-"))


def _in_group(record: Record, wanted: str) -> bool:
    return str(record["buyer_group_ids"]) in re.split(r"\s*,\s*", wanted)


def _contains(record: Record, wanted: str) -> bool:
    return any(isinstance(value, str) and wanted.lower() in value.lower() for value in record.values())


_FLAG_TESTS: dict[str, Callable[[Record], object]] = {
    "offer_repeat_caller": lambda record: record["traffic_source_repeat_caller"],
    "buyer_repeat_caller": lambda record: record["buyer_repeat_caller"],
    "buyer_converted": lambda record: record["buyer_converted"],
    "offer_converted": lambda record: record["traffic_source_converted"],
    "either_converted": lambda record: record["buyer_converted"] or record["traffic_source_converted"],
    "in_progress": lambda record: record["ended_at"] is None,
    "placed_on_hold": lambda record: record["placed_on_hold"],
    "has_recording": lambda record: record["recording_url"],
    "buyer_conversion_duplicated_call": lambda record: record["buyer_conversion_duplicated_call"],
    "offer_conversion_duplicated_call": lambda record: record["offer_conversion_duplicated_call"],
    "no_buyer": lambda record: record["buyer_id"] is None,
}
_FLAGS = frozenset(_FLAG_TESTS)
_NUMBERS = frozenset(
    {
        "id", "number_id", "offer_id", "traffic_source_id", "buyer_id", "ring_pool_id", "contact_id",
        "provider_configuration_id", "schedule_id",
    }
)  # fmt: skip
_CHECKS: dict[str, Callable[[Record, str], bool]] = {
    **{name: _flag(test) for name, test in _FLAG_TESTS.items()},
    **{name: _same_number(name) for name in sorted(_NUMBERS)},
    "status": _same("status"),
    "buyer_group_ids": _in_group,
    "token_key": _has_token,
    "token_value": _has_token_value,
    "fulltext": _contains,
    # Timestamps of one form and one offset compare as text.
    "ended_at_from": lambda record, wanted: record["ended_at"] is not None and record["ended_at"] >= wanted,
    "ended_at_to": lambda record, wanted: record["ended_at"] is not None and record["ended_at"] < wanted,
}

_MOMENT = re.compile(r"(.*?\d)\s*(Z|[A-Za-z][A-Za-z/_]+|[+-]\d\d:?\d\d)?")

# Hours ahead of UTC. Where two places share an abbreviation, the one that the list's neighbours suggest.
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
